//! Downloads from sources that break, lie and end early.

use sameday_upgrade::description::{Role, Way};
use tokio::sync::mpsc::unbounded_channel;

use super::*;
use crate::source::Sink;

/// What a get does instead of ending well, and to the bytes that it serves.
type Fault = fn(u32, &mut Vec<u8>) -> Option<Result<Answer, Failure>>;

/// A source that serves `bytes`, and does `fault` at the n-th get.
struct Served {
    bytes: Vec<u8>,
    gets: u32,
    renewed: u32,
    fault: Fault,
}

impl Source for Served {
    fn get(&mut self, _: &str, start: u64, length: u64, sink: &mut Sink<'_>) -> Result<Answer, Failure> {
        self.gets += 1;
        let start = start as usize;
        let end = (start + length as usize).min(self.bytes.len());
        let mut data = self.bytes[start.min(end)..end].to_vec();
        let fault = (self.fault)(self.gets, &mut data);
        for piece in data.chunks(65_536) {
            sink(piece)?;
        }
        fault.unwrap_or(Ok(Answer::Given(Some(self.bytes.len() as u64))))
    }

    fn consensus(&self) -> Option<sameday_trust::ConsensusTime> {
        None
    }

    fn renew(&mut self) -> Result<(), Failure> {
        self.renewed += 1;
        Ok(())
    }
}

#[derive(Default)]
struct Memory(Vec<u8>);

impl Target for Memory {
    fn append(&mut self, chunk: &[u8]) -> Result<(), Failure> {
        self.0.extend_from_slice(chunk);
        Ok(())
    }
}

fn content() -> Vec<u8> {
    (0..2 * CHUNK + 12_345).map(|i| (i % 251) as u8).collect()
}

fn run(fault: Fault) -> (Result<(), Failure>, Memory, Served) {
    let bytes = content();
    let digests = bytes.chunks(CHUNK as usize).map(Digest::of).collect();
    let list = ChunkList::new(bytes.len() as u64, digests).unwrap();
    let raw = list.to_bytes();
    let described = File {
        role: Role::Layer,
        place: "live/2/2.squashfs".into(),
        length: bytes.len() as u64,
        sha256: Digest::of(&bytes),
        chunks: Digest::of(&raw),
        chunks_length: raw.len() as u64,
        ways: vec![Way::Whole],
    };
    let mut source = Served { bytes, gets: 0, renewed: 0, fault };
    let mut target = Memory::default();
    let (events, _keep) = unbounded_channel();
    let mut report = Report::new(events);
    let result = file(&mut source, &described, &list, 0, &mut target, &mut report, &Cancel::default());
    (result, target, source)
}

#[test]
fn a_good_source_is_asked_once() {
    let (result, target, source) = run(|_, _| None);
    assert_eq!(result, Ok(()));
    assert!(target.0 == content());
    assert_eq!((source.gets, source.renewed), (1, 0));
}

#[test]
fn a_broken_transfer_goes_on_after_the_last_good_chunk() {
    let (result, target, source) = run(|n, data| {
        (n == 1).then(|| {
            data.truncate(CHUNK as usize + 5);
            Err(Failure::new(ErrorKind::Server, "closed"))
        })
    });
    assert_eq!(result, Ok(()));
    assert!(target.0 == content());
    assert_eq!((source.gets, source.renewed), (2, 1));
}

#[test]
fn no_unverified_byte_reaches_the_target() {
    let (result, target, source) = run(|_, data| {
        data[CHUNK as usize + 7] ^= 1;
        None
    });
    let failure = result.unwrap_err();
    assert_eq!((failure.kind, failure.reason.as_str()), (ErrorKind::NotVerified, "chunk-mismatch"));
    assert_eq!(target.0.len() as u64, CHUNK, "only the good chunk was written");
    assert_eq!(source.gets, 1, "a lie is not asked for again");
}

#[test]
fn more_than_promised_is_refused() {
    let (result, ..) = run(|_, data| {
        data.push(0);
        None
    });
    assert_eq!(result.unwrap_err().reason, "too-long");
    let (result, ..) = run(|_, data| {
        data.clear();
        Some(Ok(Answer::Given(Some(u64::MAX))))
    });
    assert_eq!(result.unwrap_err().reason, "too-long");
}

#[test]
fn a_file_that_vanished_after_consent_is_superseded() {
    let (result, ..) = run(|_, data| {
        data.clear();
        Some(Ok(Answer::Absent))
    });
    let failure = result.unwrap_err();
    assert_eq!((failure.kind, failure.reason.as_str()), (ErrorKind::NotOffered, "superseded"));
}
