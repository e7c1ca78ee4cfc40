//! Chunk lists: the digests of a file's pieces, so that each piece is verified in memory before it is written.

use crate::digest::Digest;

/// Bytes of a chunk: small enough for any machine's memory, large enough that its digest costs nothing.
pub const CHUNK: u64 = 1 << 20;

/// The longest file a chunk list may speak of: JSON's largest exact integer, as everywhere in the formats.
const LONGEST_FILE: u64 = (1 << 53) - 1;

/// The largest chunk list that is read: a file of 64 GiB. A stick's file system refuses long before.
pub const LARGEST_LIST: u64 = 2 * 1024 * 1024 + 64;

/// The digests of a file's chunks, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkList {
    length: u64,
    digests: Vec<Digest>,
}

/// Why bytes are no chunk list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadChunkList {
    /// The first line is not one of a chunk list.
    #[error("the first line is not that of a chunk list")]
    Header,
    /// A format that this version does not know.
    #[error("chunk list of unknown format {0}")]
    Format(u64),
    /// The digests do not make up the file's length.
    #[error("{found} bytes of digests where a file of {length} bytes needs {needed}")]
    Size {
        /// Bytes after the first line.
        found: u64,
        /// The length that the first line names.
        length: u64,
        /// Bytes that this length needs.
        needed: u64,
    },
    /// The file that it speaks of is not as long as promised.
    #[error("speaks of a file of {found} bytes where {promised} were promised")]
    Length {
        /// The length that the first line names.
        found: u64,
        /// The length promised by the description.
        promised: u64,
    },
}

impl ChunkList {
    /// A list made from the digests of a file's chunks, for the release side.
    ///
    /// # Errors
    /// When the number of digests does not fit the length.
    pub fn new(length: u64, digests: Vec<Digest>) -> Result<Self, BadChunkList> {
        let needed = length.div_ceil(CHUNK).saturating_mul(Digest::LENGTH as u64);
        let found = (digests.len() as u64).saturating_mul(Digest::LENGTH as u64);
        if needed != found || length > LONGEST_FILE {
            return Err(BadChunkList::Size { found, length, needed });
        }
        Ok(Self { length, digests })
    }

    /// Reads a list for a file that is promised to have `promised` bytes.
    ///
    /// # Errors
    /// When it is malformed or speaks of another length.
    pub fn parse(bytes: &[u8], promised: u64) -> Result<Self, BadChunkList> {
        let end = bytes.iter().take(64).position(|b| *b == b'\n').ok_or(BadChunkList::Header)?;
        let (line, rest) = bytes.split_at(end);
        let rest = rest.get(1..).unwrap_or_default();
        let line = std::str::from_utf8(line).map_err(|_| BadChunkList::Header)?;
        let mut words = line.split(' ');
        if words.next() != Some("sameday-chunks") {
            return Err(BadChunkList::Header);
        }
        let mut number = || {
            let word = words.next().ok_or(BadChunkList::Header)?;
            if word.is_empty() || !word.bytes().all(|b| b.is_ascii_digit()) {
                return Err(BadChunkList::Header);
            }
            word.parse::<u64>().map_err(|_| BadChunkList::Header)
        };
        let format = number()?;
        if format != 1 {
            return Err(BadChunkList::Format(format));
        }
        let chunk = number()?;
        let length = number()?;
        if chunk != CHUNK || words.next().is_some() {
            return Err(BadChunkList::Header);
        }
        if length != promised {
            return Err(BadChunkList::Length { found: length, promised });
        }
        let (digests, tail) = rest.as_chunks::<{ Digest::LENGTH }>();
        if !tail.is_empty() {
            let needed = length.div_ceil(CHUNK).saturating_mul(Digest::LENGTH as u64);
            return Err(BadChunkList::Size { found: rest.len() as u64, length, needed });
        }
        Self::new(length, digests.iter().map(|d| Digest::from_bytes(*d)).collect())
    }

    /// The list as it stands in a repository.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = format!("sameday-chunks 1 {CHUNK} {}\n", self.length).into_bytes();
        for digest in &self.digests {
            bytes.extend_from_slice(digest.as_bytes());
        }
        bytes
    }

    /// Length of the file, in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Each chunk's length in bytes and digest, in order.
    pub fn chunks(&self) -> impl Iterator<Item = (u64, Digest)> + '_ {
        self.digests.iter().enumerate().map(|(i, digest)| {
            let start = (i as u64).saturating_mul(CHUNK);
            (self.length.saturating_sub(start).min(CHUNK), *digest)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(length: u64) -> ChunkList {
        let count = length.div_ceil(CHUNK) as usize;
        ChunkList::new(length, (0..count).map(|i| Digest::of(&[i as u8])).collect()).unwrap()
    }

    #[test]
    fn what_is_written_is_read_again() {
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32] {
            let list = list(length);
            let bytes = list.to_bytes();
            assert!(bytes.len() as u64 <= LARGEST_LIST);
            assert_eq!(ChunkList::parse(&bytes, length), Ok(list.clone()));
            assert_eq!(list.chunks().map(|(l, _)| l).sum::<u64>(), length);
        }
    }

    #[test]
    fn every_damage_is_named() {
        let good = list(CHUNK + 5).to_bytes();
        assert_eq!(ChunkList::parse(&good, 5), Err(BadChunkList::Length { found: CHUNK + 5, promised: 5 }));
        assert!(matches!(ChunkList::parse(&good[..good.len() - 1], CHUNK + 5), Err(BadChunkList::Size { .. })));
        assert!(matches!(ChunkList::parse(&good[..good.len() - 32], CHUNK + 5), Err(BadChunkList::Size { .. })));
        assert_eq!(ChunkList::parse(b"", 0), Err(BadChunkList::Header));
        assert_eq!(ChunkList::parse(b"sameday-chunks 2 1 1\n", 1), Err(BadChunkList::Format(2)));
        for bad in [
            "sameday-chunks 1 1 1\n",
            "sameday-chunks 1 1048576 +1\n",
            "sameday-chunks 1 1048576 1 \n",
            "x 1 1048576 1\n",
        ] {
            assert_eq!(ChunkList::parse(bad.as_bytes(), 1), Err(BadChunkList::Header), "{bad}");
        }
    }
}
