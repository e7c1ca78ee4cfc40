//! Payloads: files in the repository under the name of their digest, each with its chunk list.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use sameday_upgrade::chunks::{CHUNK, ChunkList};
use sameday_upgrade::description::{File as Entry, Role, Way};
use sameday_upgrade::digest::Digest;
use sameday_upgrade::names::Version;
use sha2::{Digest as _, Sha256};

use crate::error::Error;
use crate::repository::{put, write_whole};

/// Copies a payload and its chunk list into the repository and says how a description lists it.
pub(crate) fn add(repository: &Path, source: &Path, role: Role, version: &Version) -> Result<Entry, Error> {
    let folder = repository.join("files");
    std::fs::create_dir_all(&folder).map_err(Error::io("make the folder", &folder))?;
    let mut input = File::open(source).map_err(Error::io("read", source))?;
    let mut copy = tempfile::NamedTempFile::new_in(&folder).map_err(Error::io("make a file in", &folder))?;
    let mut whole = Sha256::new();
    let mut chunks = Vec::new();
    let mut length = 0u64;
    let mut chunk = Vec::new();
    loop {
        chunk.clear();
        let read = Read::by_ref(&mut input).take(CHUNK).read_to_end(&mut chunk).map_err(Error::io("read", source))?;
        if read == 0 {
            break;
        }
        length = length.saturating_add(read as u64);
        whole.update(&chunk);
        chunks.push(Digest::of(&chunk));
        copy.write_all(&chunk).map_err(Error::io("write a copy of", source))?;
    }
    if length == 0 {
        return Err(Error::Empty(source.to_owned()));
    }
    let sha256 = Digest::from(whole);
    let list = ChunkList::new(length, chunks)
        .map_err(|error| Error::Chunks { path: source.to_owned(), source: error })?
        .to_bytes();
    let chunks = Digest::of(&list);
    put(copy, &folder.join(sha256.to_string()))?;
    write_whole(&folder, &chunks.to_string(), &list)?;
    // Roles of payloads that are made here all have a place.
    let place = role.place(version).unwrap_or_default();
    Ok(Entry { role, place, length, sha256, chunks, chunks_length: list.len() as u64, ways: vec![Way::Whole] })
}
