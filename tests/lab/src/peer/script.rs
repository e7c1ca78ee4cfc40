//! An answer told word by word, for lies that no honest server could tell by mistake.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::Duration;

use sameday_wire::{Answer, Failed, Get, Head, Opened, Reason, ServeError, Server};

/// Bytes of one DATA frame.
const PIECE: u64 = 65_536;

/// The length that HEAD claims.
#[derive(Debug, Clone, Copy)]
pub enum Total {
    /// None.
    Unsaid,
    /// The true one.
    True,
    /// So many more or fewer.
    Off(i64),
    /// This one.
    Exactly(u64),
}

/// One word of an answer.
#[derive(Debug, Clone)]
pub enum Word {
    /// OPENED with this version.
    Opened(u32),
    /// HEAD.
    Head(Total),
    /// The bytes that were asked for, but from so many bytes further on, and so many more or fewer. Behind the file's end are zeros.
    Bytes {
        /// Where they begin, against what was asked for.
        shift: i64,
        /// How many, against what was asked for.
        more: i64,
    },
    /// The bytes that were asked for one at a time, with this pause after each.
    Drip(Duration),
    /// These bytes as they are, which may be no frame.
    Raw(Vec<u8>),
    /// The bytes as they are, one at a time, with this pause after each.
    RawDrip(Vec<u8>, Duration),
    /// These bytes as they are, again and again.
    Endless(Vec<u8>),
    /// END.
    End,
    /// ABSENT.
    Absent,
    /// FAILED.
    Failed(Reason),
    /// The whole answer to the same request for another path.
    AnswerFor(String),
    /// The connection ends.
    Close,
    /// Nothing more, until the client leaves.
    Silence,
}

/// Where words go.
pub(super) struct Mouth<'a> {
    pub server: &'a mut Server,
    pub raw: &'a UnixStream,
    pub root: &'a Path,
}

impl Mouth<'_> {
    /// Says the words in answer to `get`, which is none for OPEN; whether the connection goes on.
    pub(super) fn say(&mut self, words: &[Word], get: Option<&Get>) -> Result<bool, ServeError> {
        for word in words {
            match word {
                Word::Opened(version) => self.opened(*version)?,
                Word::Head(total) => self.head(*total, get)?,
                Word::Bytes { shift, more } => self.bytes(*shift, *more, get)?,
                Word::Drip(pause) => self.drip(*pause, get)?,
                Word::Raw(bytes) => self.raw(bytes)?,
                Word::RawDrip(bytes, pause) => {
                    for byte in bytes {
                        self.raw(&[*byte])?;
                        thread::sleep(*pause);
                    }
                }
                Word::Endless(bytes) => loop {
                    self.raw(bytes)?;
                },
                Word::End => self.server.answer(&Answer::End)?,
                Word::Absent => self.server.answer(&Answer::Absent)?,
                Word::Failed(reason) => self.server.answer(&Answer::Failed(Failed::new(*reason, "the lab says so")))?,
                Word::AnswerFor(path) => {
                    let Some(get) = get else { continue };
                    let other = path.parse().map(|path| Get { path, ..get.clone() }).map_err(io::Error::other)?;
                    self.head(Total::True, Some(&other))?;
                    self.bytes(0, 0, Some(&other))?;
                    self.server.answer(&Answer::End)?;
                }
                Word::Close => return Ok(false),
                Word::Silence => {
                    while self.server.next_request()?.is_some() {}
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn opened(&mut self, version: u32) -> Result<(), ServeError> {
        if version == sameday_wire::VERSION {
            return self.server.answer(&Answer::Opened);
        }
        let payload = serde_json::to_vec(&Opened { version }).map_err(io::Error::other)?;
        self.raw(&frame(OPENED, &payload))
    }

    fn head(&mut self, total: Total, get: Option<&Get>) -> Result<(), ServeError> {
        let truth = self.length(get);
        let total = match total {
            Total::Unsaid => None,
            Total::True => Some(truth),
            Total::Off(more) => Some(truth.saturating_add_signed(more)),
            Total::Exactly(total) => Some(total),
        };
        self.server.answer(&Answer::Head(Head { total }))
    }

    fn length(&self, get: Option<&Get>) -> u64 {
        get.and_then(|get| self.root.join(get.path.as_str()).metadata().ok()).map_or(0, |found| found.len())
    }

    fn bytes(&mut self, shift: i64, more: i64, get: Option<&Get>) -> Result<(), ServeError> {
        let Some(get) = get else { return Ok(()) };
        let there = self.length(Some(get)).saturating_sub(get.start).min(get.length);
        let (mut at, end) = (get.start.saturating_add_signed(shift), there.saturating_add_signed(more));
        let end = at.saturating_add(end);
        while at < end {
            let piece = self.piece(get, at, (end - at).min(PIECE))?;
            at += piece.len() as u64;
            self.server.data(&piece)?;
        }
        Ok(())
    }

    fn drip(&mut self, pause: Duration, get: Option<&Get>) -> Result<(), ServeError> {
        let Some(get) = get else { return Ok(()) };
        let there = self.length(Some(get)).saturating_sub(get.start).min(get.length);
        for at in get.start..get.start.saturating_add(there) {
            let piece = self.piece(get, at, 1)?;
            self.server.data(&piece)?;
            thread::sleep(pause);
        }
        Ok(())
    }

    /// Bytes of a file; zeros where it has none.
    fn piece(&self, get: &Get, at: u64, length: u64) -> io::Result<Vec<u8>> {
        let mut piece = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        if let Ok(file) = File::open(self.root.join(get.path.as_str())) {
            let mut filled = 0;
            while let Some(rest) = piece.get_mut(filled..).filter(|rest| !rest.is_empty()) {
                match file.read_at(rest, at + filled as u64)? {
                    0 => break,
                    count => filled += count,
                }
            }
        }
        Ok(piece)
    }

    fn raw(&mut self, bytes: &[u8]) -> Result<(), ServeError> {
        let mut stream = self.raw;
        Ok(stream.write_all(bytes)?)
    }
}

/// Kinds of frames that tests write by hand (`docs/formats.md`).
pub const OPENED: u8 = 16;
/// STATUS.
pub const STATUS: u8 = 17;
/// HEAD.
pub const HEAD: u8 = 18;
/// DATA.
pub const DATA: u8 = 19;
/// END.
pub const END: u8 = 20;

/// A frame as it stands on the wire, whatever its payload.
#[must_use]
pub fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![kind];
    frame.extend(u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes());
    frame.extend(payload);
    frame
}
