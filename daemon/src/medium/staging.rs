//! A file that is being written: under its final name from the first byte on, its room reserved, only ever appended to.

use std::fs::File;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt as _;

use nix::fcntl::{FallocateFlags, OFlag, fallocate};
use nix::sys::stat::futimens;
use nix::sys::time::TimeSpec;
use nix::unistd::{fdatasync, fsync};

use super::error::StickError;
use super::read_back;
use super::session::{Phase, Session, set_time};
use super::tree;

/// Judges a piece of a file that an earlier download left: whether it is the promised one, or that nothing more is to be read.
pub type Judge<'a> = dyn FnMut(u64, &[u8]) -> ControlFlow<(), bool> + 'a;

/// A file under way. It borrows its session, so that none is open when the session removes files or mounts the stick read-only.
#[derive(Debug)]
pub struct Staging<'a> {
    file: File,
    place: String,
    length: u64,
    written: u64,
    time: TimeSpec,
    session: std::marker::PhantomData<&'a mut Session>,
}

impl Session {
    /// Begins a file of exactly `length` bytes at `place`. The layer comes first of a version's files: it marks the folder as ours.
    ///
    /// # Errors
    /// When the place is not the version's or is taken, there is no room, or the stick fails or is another one.
    pub fn stage(&mut self, place: &str, length: u64) -> Result<Staging<'_>, StickError> {
        if self.phase == Phase::Committed {
            return Err(StickError::Misuse("staging after the commit"));
        }
        self.allow(place)?;
        self.medium.same()?;
        self.phase = Phase::Staging;
        self.make_directories(place)?;
        self.remember(tree::parent(place))?;
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL;
        let file = self.medium.tree.file(place, flags).map_err(|e| StickError::io(format!("make {place}"), e))?;
        self.files.push(place.to_owned());
        set_time(&file, &self.time, place)?;
        self.keep_date(tree::parent(place))?;
        self.staging(file, place, length, 0)
    }

    /// Goes on with a file that an earlier download left, or begins it. Its pieces of a chunk each are read past the page cache
    /// and judged, from the first on; what follows the last good one is cut off. Answers the file and the bytes of it that are verified.
    ///
    /// # Errors
    /// As [`Session::stage`], and `cancelled` when the judge breaks off.
    pub fn go_on(&mut self, place: &str, length: u64, judge: &mut Judge<'_>) -> Result<(Staging<'_>, u64), StickError> {
        if !self.earlier.remove(place) {
            return Ok((self.stage(place, length)?, 0));
        }
        self.allow(place)?;
        self.medium.same()?;
        self.phase = Phase::Staging;
        let failed = |e: std::io::Error| StickError::io(format!("go on with {place}"), e);
        let direct = self.medium.tree.file(place, OFlag::O_RDONLY | OFlag::O_DIRECT).map_err(failed)?;
        let good = read_back::good_start(&direct, place, length, judge)?;
        drop(direct);
        let file = self.medium.tree.file(place, OFlag::O_WRONLY).map_err(failed)?;
        file.set_len(good).map_err(failed)?;
        futimens(&file, &self.time, &self.time).map_err(|e| failed(e.into()))?;
        // What is cut off must not be somebody else's before the device knows it.
        fsync(&file).map_err(|e| failed(e.into()))?;
        Ok((self.staging(file, place, length, good)?, good))
    }

    /// The clusters are taken in one go, in a row, and vfat writes its table once instead of with every chunk.
    fn staging(&mut self, file: File, place: &str, length: u64, written: u64) -> Result<Staging<'_>, StickError> {
        let bytes = i64::try_from(length).map_err(|_| StickError::Misuse("a length beyond 2^63"))?;
        if bytes > 0 {
            fallocate(&file, FallocateFlags::FALLOC_FL_KEEP_SIZE, 0, bytes)
                .map_err(|e| StickError::io(format!("reserve {length} bytes for {place}"), e))?;
        }
        let place = place.to_owned();
        Ok(Staging { file, place, length, written, time: self.time, session: std::marker::PhantomData })
    }

    /// Writes a small file whole.
    ///
    /// # Errors
    /// As [`Session::stage`].
    pub fn write_small(&mut self, place: &str, bytes: &[u8]) -> Result<(), StickError> {
        let mut staging = self.stage(place, bytes.len() as u64)?;
        staging.append(bytes)?;
        staging.finish()
    }
}

impl Staging<'_> {
    /// Writes the next bytes to the device. They must have been verified.
    ///
    /// # Errors
    /// When they are more than was announced, or the stick fails.
    pub fn append(&mut self, chunk: &[u8]) -> Result<(), StickError> {
        let end = self.written.checked_add(chunk.len() as u64).filter(|end| *end <= self.length);
        let end = end.ok_or(StickError::Misuse("more bytes than the file has"))?;
        self.file.write_all_at(chunk, self.written).map_err(|e| StickError::io(format!("write {}", self.place), e))?;
        // Before the sync, which writes the entry anyway: whenever the power goes, the release's time is on the stick and not the day.
        set_time(&self.file, &self.time, &self.place)?;
        fdatasync(&self.file).map_err(|e| StickError::io(format!("write {}", self.place), e))?;
        self.written = end;
        Ok(())
    }

    /// Bytes on the device.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Ends the file, which carries the release's time.
    ///
    /// # Errors
    /// When bytes are missing, or the stick fails.
    pub fn finish(self) -> Result<(), StickError> {
        if self.written != self.length {
            return Err(StickError::Misuse("fewer bytes than the file has"));
        }
        set_time(&self.file, &self.time, &self.place)?;
        fsync(&self.file).map_err(|e| StickError::io(format!("write {}", self.place), e))
    }
}
