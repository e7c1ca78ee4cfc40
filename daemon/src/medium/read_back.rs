//! Files as the device has them: read by path, on a fresh descriptor, past the page cache.

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt as _;

use nix::fcntl::{FcntlArg, OFlag, PosixFadviseAdvice, fcntl, posix_fadvise};
use sameday_upgrade::digest::Digest;
use sha2::{Digest as _, Sha256};

use super::Medium;
use super::error::StickError;
use super::staging::Judge;
use super::tree::Tree;

/// Bytes read at a time, as many as a chunk has. A multiple of every block size.
pub(super) const PIECE: usize = 1 << 20;
const _: () = assert!(PIECE as u64 == sameday_upgrade::chunks::CHUNK, "left-overs are judged chunk by chunk");
/// The largest block size of a disk: O_DIRECT wants buffer, offset and length aligned to it (open(2)).
const ALIGNMENT: usize = 4096;

impl Medium {
    /// Reads `place` back from the device and compares its length and digest. `watch` is told the bytes done and may break off.
    ///
    /// Answers the descriptor that was read, so that what is mounted is the file that was hashed; it no longer bypasses the page cache, and
    /// the cache has nothing of the file in it that did not come from the device.
    ///
    /// # Errors
    /// `read-back-mismatch`, `cancelled`, or when the stick fails or is another one.
    pub fn read_back(
        &self,
        place: &str,
        length: u64,
        digest: &Digest,
        watch: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<File, StickError> {
        self.same()?;
        let failed = |e: io::Error| StickError::io(format!("read {place} back"), e);
        let file = self.tree.file(place, OFlag::O_RDONLY | OFlag::O_DIRECT).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let mismatch = || StickError::ReadBack { place: place.to_owned() };
        if !metadata.is_file() || metadata.len() != length {
            return Err(mismatch());
        }
        let mut hasher = Sha256::new();
        let mut done = 0_u64;
        let mut buffer = Aligned::new(PIECE);
        while done < length {
            let piece = buffer.read_at(&file, done).map_err(failed)?;
            if piece.is_empty() {
                return Err(mismatch());
            }
            hasher.update(piece);
            done = done.saturating_add(piece.len() as u64);
            if watch(done).is_break() {
                return Err(StickError::Cancelled);
            }
        }
        if done != length || Digest::from(hasher) != *digest {
            return Err(mismatch());
        }
        posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED).map_err(|e| failed(e.into()))?;
        fcntl(&file, FcntlArg::F_SETFL(OFlag::O_RDONLY)).map_err(|e| failed(e.into()))?;
        Ok(file)
    }
}

/// The bytes at a file's start, of `length` at most, whose pieces are all good. The descriptor bypasses the page cache.
pub(super) fn good_start(file: &File, place: &str, length: u64, judge: &mut Judge<'_>) -> Result<u64, StickError> {
    let failed = |e: io::Error| StickError::io(format!("read {place} back"), e);
    let there = file.metadata().map_err(failed)?.len();
    let mut buffer = Aligned::new(PIECE);
    let (mut good, mut index) = (0_u64, 0_u64);
    while good < length {
        let expected = length.saturating_sub(good).min(PIECE as u64);
        if there.saturating_sub(good) < expected {
            break;
        }
        let piece = buffer.read_at(file, good).map_err(failed)?;
        let piece = usize::try_from(expected).ok().and_then(|expected| piece.get(..expected));
        match piece.map_or(ControlFlow::Continue(false), |piece| judge(index, piece)) {
            ControlFlow::Break(()) => return Err(StickError::Cancelled),
            ControlFlow::Continue(false) => break,
            ControlFlow::Continue(true) => {}
        }
        good = good.saturating_add(expected);
        index = index.saturating_add(1);
    }
    Ok(good)
}

/// A file of a few sectors, past the page cache.
pub(super) fn small(tree: &Tree, place: &str, longest: usize) -> io::Result<Vec<u8>> {
    let file = tree.file(place, OFlag::O_RDONLY | OFlag::O_DIRECT)?;
    let mut buffer = Aligned::new(ALIGNMENT);
    let bytes = buffer.read_at(&file, 0)?;
    if bytes.len() > longest {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("longer than {longest} bytes")));
    }
    // What the cache has may be what failed to be written.
    posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED)?;
    Ok(bytes.to_vec())
}

/// A buffer whose used part begins at an aligned address.
struct Aligned {
    memory: Vec<u8>,
    start: usize,
    length: usize,
}

impl Aligned {
    fn new(length: usize) -> Self {
        let memory = vec![0; length.saturating_add(ALIGNMENT)];
        let start = memory.as_ptr().align_offset(ALIGNMENT);
        Self { memory, start, length }
    }

    /// One read; shorter than the buffer only at the end of the file, which need not be aligned.
    fn read_at(&mut self, file: &File, offset: u64) -> io::Result<&[u8]> {
        let end = self.start.saturating_add(self.length);
        let space = self.memory.get_mut(self.start..end).ok_or_else(|| io::Error::other("no aligned memory"))?;
        loop {
            match file.read_at(space, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(count) => return Ok(space.get(..count).unwrap_or_default()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_buffer_is_aligned_and_as_long_as_asked() {
        for length in [ALIGNMENT, PIECE] {
            let buffer = Aligned::new(length);
            assert!(buffer.memory[buffer.start..].as_ptr().addr().is_multiple_of(ALIGNMENT));
            assert!(buffer.memory.len() - buffer.start >= length);
        }
    }
}
