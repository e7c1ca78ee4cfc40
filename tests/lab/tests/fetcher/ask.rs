//! A client as the daemon has one, for tests: what it got, and what it was told on the way.

use std::convert::Infallible;
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use sameday_wire::{Client, Error, GetError, Outcome, Path, Patience, Status};

pub struct Asker {
    pub client: Client,
    pub heard: Vec<Status>,
}

/// What a GET brought.
#[derive(Debug)]
pub struct Got {
    pub outcome: Outcome,
    pub bytes: Vec<u8>,
}

impl Asker {
    /// Opens a source, or answers the code of its refusal.
    pub fn open(stream: UnixStream, bases: &[String], kit: Option<BorrowedFd<'_>>) -> Result<Self, &'static str> {
        let patience = Patience { frame: Duration::from_secs(30), progress: Duration::from_secs(120) };
        let mut asker = Self { client: Client::new(stream, patience), heard: Vec::new() };
        let heard = &mut asker.heard;
        asker.client.open(bases, kit, &mut |status| heard.push(status)).map_err(|e| e.code())?;
        Ok(asker)
    }

    /// Gets bytes, or answers the code of what went wrong and the bytes that came before.
    pub fn get(&mut self, path: &str, start: u64, length: u64) -> Result<Got, (&'static str, Vec<u8>)> {
        let mut bytes = Vec::new();
        let heard = &mut self.heard;
        let result = self.client.get::<Infallible>(
            &Path::new(path).unwrap(),
            start,
            length,
            &mut |piece| {
                bytes.extend_from_slice(piece);
                Ok(())
            },
            &mut |status| heard.push(status),
        );
        match result {
            Ok(outcome) => Ok(Got { outcome, bytes }),
            Err(GetError::Wire(error)) => {
                if let Error::Refused(failed) = &error {
                    eprintln!("{path}: {}: {}", failed.reason, failed.detail);
                }
                Err((error.code(), bytes))
            }
        }
    }
}
