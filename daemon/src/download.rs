//! One file from a source to the stick: every chunk is verified in memory before it is written.

use std::time::{Duration, Instant};

use sameday_dbus::{ErrorKind, Failure};
use sameday_upgrade::chunks::{CHUNK, ChunkList};
use sameday_upgrade::description::File;
use sameday_upgrade::digest::Digest;
use sameday_wire::MAX_RANGE;

use crate::cancel::Cancel;
use crate::report::Report;
use crate::source::{self, Answer, Source};

/// How often a broken transfer is taken up again without a chunk gained in between.
const TRIES: u32 = 5;
/// A source that takes longer for one chunk is slow on purpose or useless: 2 kB a second.
const SLOWEST_CHUNK: Duration = Duration::from_secs(600);
/// A broken circuit is worth a pause, each time a longer one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The reason of a server that does not have what the description lists.
const FILE_MISSING: &str = "file-missing";

/// Where verified chunks go.
pub trait Target {
    /// Appends a chunk, and has it on the disk when it returns.
    ///
    /// # Errors
    /// When the stick fails.
    fn append(&mut self, chunk: &[u8]) -> Result<(), Failure>;
}

fn path(digest: &Digest) -> String {
    format!("files/{digest}")
}

/// Fetches a file's chunk list.
///
/// # Errors
/// `server` when there is none, `not-verified` when it is not the promised one.
pub fn chunk_list(source: &mut dyn Source, file: &File) -> Result<ChunkList, Failure> {
    let path = path(&file.chunks);
    let bytes = source::whole(source, &path, file.chunks_length)?
        .ok_or_else(|| Failure::new(ErrorKind::Server, FILE_MISSING).text("path", &path))?;
    if bytes.len() as u64 != file.chunks_length || Digest::of(&bytes) != file.chunks {
        return Err(Failure::new(ErrorKind::NotVerified, "chunk-list-mismatch").text("path", &path));
    }
    ChunkList::parse(&bytes, file.length).map_err(|error| {
        tracing::warn!("{path}: {error}");
        Failure::new(ErrorKind::NotVerified, "chunk-list-malformed").text("path", &path)
    })
}

/// Fetches a file chunk by chunk from byte `already` on, the end of a chunk up to which the target has it. A transfer that breaks is taken
/// up again after the last good chunk, over new circuits.
///
/// # Errors
/// What the source fails with at last; `not-verified` when a chunk is not the promised one; what the target fails with.
pub fn file(
    source: &mut dyn Source,
    file: &File,
    list: &ChunkList,
    already: u64,
    target: &mut dyn Target,
    report: &mut Report,
    cancel: &Cancel,
) -> Result<(), Failure> {
    let path = path(&file.sha256);
    let next = usize::try_from(already.div_ceil(CHUNK)).unwrap_or(usize::MAX);
    let mut writer = Writer { file, chunks: list.chunks().collect(), next, buffer: Vec::new(), target };
    if writer.done() == file.length && already > 0 {
        return Ok(());
    }
    let before = report.bytes().saturating_sub(writer.done());
    let mut tries = TRIES;
    let mut pause = FIRST_PAUSE;
    loop {
        cancel.check()?;
        let start = writer.done();
        let asked = file.length.saturating_sub(start).min(MAX_RANGE);
        let mut gained = Instant::now();
        let result = source.get(&path, start, asked, &mut |data| {
            cancel.check()?;
            if writer.take(data)? {
                gained = Instant::now();
            } else if gained.elapsed() > SLOWEST_CHUNK {
                return Err(Failure::new(ErrorKind::Server, "too-slow").text("path", &path));
            }
            report.set(before.saturating_add(writer.done()).saturating_add(writer.buffer.len() as u64));
            Ok(())
        });
        cancel.check()?;
        let failure = match result {
            Ok(Answer::Given(Some(total))) if total > file.length => {
                return Err(Failure::new(ErrorKind::NotVerified, "too-long")
                    .text("path", &path)
                    .number("promised", file.length)
                    .number("found", total));
            }
            Ok(Answer::Given(_)) if writer.done() == file.length => return Ok(()),
            Ok(Answer::Given(_)) if writer.done() == start.saturating_add(asked) => continue,
            Ok(Answer::Given(_)) => {
                Failure::new(ErrorKind::Server, "too-short").text("path", &path).number("promised", file.length)
            }
            Ok(Answer::Absent) => return Err(Failure::new(ErrorKind::NotOffered, "superseded").text("path", &path)),
            Err(failure) => failure,
        };
        if writer.done() > start {
            (tries, pause) = (TRIES, FIRST_PAUSE);
        }
        tries = tries.saturating_sub(1);
        if !may_pass(&failure) || tries == 0 {
            return Err(failure);
        }
        tracing::info!("{path}: {failure:?}, again from {} of {} bytes", writer.done(), file.length);
        writer.buffer.clear();
        cancel.sleep(pause);
        pause = pause.saturating_mul(2);
        source.renew()?;
    }
}

/// Whether trying again, over other circuits or later, may help.
#[must_use]
pub fn may_pass(failure: &Failure) -> bool {
    match failure.kind {
        // A file that is not there will not be there.
        ErrorKind::Server => failure.reason != FILE_MISSING,
        ErrorKind::TorBlocked => true,
        _ => failure.reason == source::FETCHER_UNREACHABLE,
    }
}

/// Collects bytes into chunks and writes those that are the promised ones.
struct Writer<'a> {
    file: &'a File,
    chunks: Vec<(u64, Digest)>,
    /// Index of the chunk that is being collected.
    next: usize,
    buffer: Vec<u8>,
    target: &'a mut dyn Target,
}

impl Writer<'_> {
    /// Bytes written.
    fn done(&self) -> u64 {
        (self.next as u64).saturating_mul(CHUNK).min(self.file.length)
    }

    /// Takes the next bytes; whether they completed a chunk.
    fn take(&mut self, mut data: &[u8]) -> Result<bool, Failure> {
        let before = self.next;
        while !data.is_empty() {
            let Some((length, digest)) = self.chunks.get(self.next).copied() else {
                return Err(Failure::new(ErrorKind::NotVerified, "too-long")
                    .text("path", &path(&self.file.sha256))
                    .number("promised", self.file.length));
            };
            // A chunk is at most CHUNK bytes, so both fit usize.
            let missing = usize::try_from(length).unwrap_or(usize::MAX).saturating_sub(self.buffer.len());
            if self.buffer.capacity() == 0 {
                self.buffer.reserve_exact(usize::try_from(CHUNK).unwrap_or(usize::MAX));
            }
            let (now, rest) = data.split_at(missing.min(data.len()));
            self.buffer.extend_from_slice(now);
            data = rest;
            if self.buffer.len() as u64 == length {
                if Digest::of(&self.buffer) != digest {
                    return Err(Failure::new(ErrorKind::NotVerified, "chunk-mismatch")
                        .text("path", &path(&self.file.sha256))
                        .number("chunk", self.next as u64));
                }
                self.target.append(&self.buffer)?;
                self.buffer.clear();
                self.next = self.next.saturating_add(1);
            }
        }
        Ok(self.next != before)
    }
}

#[cfg(test)]
mod tests;
