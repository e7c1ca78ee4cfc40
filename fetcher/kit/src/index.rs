//! Where each file of a kit lies. Built once, from headers read in place; nothing is unpacked, and no more than the headers is read.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use sameday_wire::{MAX_LENGTH, MAX_PATH, Path, Reason};
use tar::{EntryType, Header};

use crate::order::{OrderError, Place};

/// A tar is made of blocks of this size.
const BLOCK: u64 = 512;

/// Most members of a kit. A real one has fewer than 32; a root chain of a hundred years fits. It bounds the index's memory to
/// about 1 MiB.
const MAX_MEMBERS: usize = 2048;

/// Most zeros behind the two blocks that end the archive: tar programs fill up to a record of 10 KiB.
const MAX_PADDING: u64 = 16 * 1024;

/// Where a file lies in the kit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Its first byte, counted from the kit's.
    pub offset: u64,
    /// Its length.
    pub length: u64,
}

/// Why a file is not served as a kit.
#[derive(Debug, thiserror::Error)]
pub enum KitError {
    /// No descriptor came with OPEN.
    #[error("no kit came with the request")]
    Missing,
    /// A directory, a pipe, a socket, a device.
    #[error("not a regular file")]
    NotAFile,
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// The file ends before the archive does.
    #[error("ends within {0}")]
    Truncated(&'static str),
    /// A block that is no header, at this position.
    #[error("no tar header at {0}")]
    Header(u64),
    /// A member that is not a regular file.
    #[error("member {0:?} is no regular file")]
    Kind(String),
    /// A member whose name is no path, or does not fit its header.
    #[error("member {0:?} has a name that members may not have")]
    Name(String),
    /// A long name without the member that it names, or a second one.
    #[error("long name without its member at {0}")]
    LongName(u64),
    /// A member that does not belong, or not there.
    #[error("member {0:?} {1}")]
    Order(String, OrderError),
    /// The same name twice.
    #[error("member {0:?} is there twice")]
    Duplicate(String),
    /// More members than a kit can have.
    #[error("more than {MAX_MEMBERS} members")]
    TooMany,
    /// The archive ends before a kit is complete.
    #[error("ends before it is complete")]
    Incomplete,
    /// Something follows the archive's end.
    #[error("bytes behind its end, at {0}")]
    Trailing(u64),
}

impl KitError {
    /// The reason for the client.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Missing => Reason::BadRequest,
            Self::NotAFile | Self::Io(_) => Reason::KitUnreadable,
            Self::Truncated(_) => Reason::KitTruncated,
            _ => Reason::KitFormat,
        }
    }
}

/// The files of a kit, by name.
#[derive(Debug)]
pub struct Index {
    members: BTreeMap<Path, Member>,
}

impl Index {
    /// Reads the headers of `kit`.
    ///
    /// # Errors
    /// Anything that a kit may not be or hold.
    pub fn read(kit: &File) -> Result<Self, KitError> {
        let metadata = kit.metadata()?;
        if !metadata.is_file() {
            return Err(KitError::NotAFile);
        }
        let mut walk = Walk { kit, size: metadata.len(), at: 0 };
        let mut members = BTreeMap::new();
        let mut place = Place::Start;
        while let Some((name, member)) = walk.next_member()? {
            place = place.after(&name).map_err(|e| KitError::Order(name.to_string(), e))?;
            if members.len() >= MAX_MEMBERS {
                return Err(KitError::TooMany);
            }
            if members.insert(name.clone(), member).is_some() {
                return Err(KitError::Duplicate(name.into()));
            }
        }
        if !place.may_end() {
            return Err(KitError::Incomplete);
        }
        Ok(Self { members })
    }

    /// Where a file lies, if it is there.
    pub fn find(&self, path: &Path) -> Option<Member> {
        self.members.get(path).copied()
    }
}

/// A way through the headers of a tar of known size.
struct Walk<'a> {
    kit: &'a File,
    size: u64,
    at: u64,
}

impl Walk<'_> {
    /// The next regular file, or `None` at a sound end.
    fn next_member(&mut self) -> Result<Option<(Path, Member)>, KitError> {
        let mut long_name = None;
        loop {
            let start = self.at;
            let Some(header) = self.next_header()? else {
                return if long_name.is_none() { Ok(None) } else { Err(KitError::LongName(start)) };
            };
            let length = header.entry_size().ok().filter(|l| *l <= MAX_LENGTH).ok_or(KitError::Header(start))?;
            match header.entry_type() {
                EntryType::Regular => {
                    let name = long_name.unwrap_or_else(|| header.path_bytes().into_owned());
                    let text = String::from_utf8_lossy(&name).into_owned();
                    let path = Path::new(text.as_str()).map_err(|_| KitError::Name(text))?;
                    let offset = self.at;
                    self.skip(length, "a file")?;
                    return Ok(Some((path, Member { offset, length })));
                }
                EntryType::GNULongName if long_name.is_none() => long_name = Some(self.long_name(length, start)?),
                EntryType::GNULongName => return Err(KitError::LongName(start)),
                _ => return Err(KitError::Kind(String::from_utf8_lossy(&header.path_bytes()).into_owned())),
            }
        }
    }

    /// The next header whose checksum is right, or `None` after the blocks of zeros that end the archive.
    fn next_header(&mut self) -> Result<Option<Header>, KitError> {
        let start = self.at;
        let block = self.next_block("a header")?;
        if block.iter().all(|b| *b == 0) {
            self.end()?;
            return Ok(None);
        }
        let header = Header::from_byte_slice(&block).clone();
        let sound = (header.as_ustar().is_some() || header.as_gnu().is_some())
            && header.cksum().is_ok_and(|claimed| claimed == checksum(&block));
        if sound { Ok(Some(header)) } else { Err(KitError::Header(start)) }
    }

    /// GNU's way to write a name that does not fit its header: as the content of a member before it, ended by a NUL.
    fn long_name(&mut self, length: u64, start: u64) -> Result<Vec<u8>, KitError> {
        let fits = usize::try_from(length).ok().filter(|l| (2..=MAX_PATH.saturating_add(1)).contains(l));
        let mut name = vec![0; fits.ok_or(KitError::LongName(start))?];
        let offset = self.at;
        self.skip(length, "a name")?;
        self.read(&mut name, offset, "a name")?;
        match name.pop() {
            Some(0) if !name.contains(&0) => Ok(name),
            _ => Err(KitError::LongName(start)),
        }
    }

    /// Judges all that follows the first block of zeros.
    fn end(&mut self) -> Result<(), KitError> {
        let start = self.at;
        if self.size.saturating_sub(start) > MAX_PADDING {
            return Err(KitError::Trailing(start));
        }
        // POSIX asks for two blocks; without the second, the file may have been cut.
        loop {
            let at = self.at;
            if self.next_block("its end")?.iter().any(|b| *b != 0) {
                return Err(KitError::Trailing(at));
            }
            if self.at == self.size {
                return Ok(());
            }
        }
    }

    fn next_block(&mut self, what: &'static str) -> Result<[u8; 512], KitError> {
        let mut block = [0; 512];
        let offset = self.at;
        self.skip(BLOCK, what)?;
        self.read(&mut block, offset, what)?;
        Ok(block)
    }

    /// Steps over `length` bytes and what fills their last block, if they are there.
    fn skip(&mut self, length: u64, what: &'static str) -> Result<(), KitError> {
        let filled = length.checked_next_multiple_of(BLOCK);
        let end = filled.and_then(|l| self.at.checked_add(l)).filter(|end| *end <= self.size);
        self.at = end.ok_or(KitError::Truncated(what))?;
        Ok(())
    }

    fn read(&self, buffer: &mut [u8], offset: u64, what: &'static str) -> Result<(), KitError> {
        self.kit.read_exact_at(buffer, offset).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => KitError::Truncated(what),
            _ => KitError::Io(error),
        })
    }
}

/// The sum of a header's bytes, its own field (bytes 148 to 155) counted as blanks.
fn checksum(block: &[u8; 512]) -> u32 {
    let byte = |(i, b): (usize, &u8)| if (148..156).contains(&i) { u32::from(b' ') } else { u32::from(*b) };
    block.iter().enumerate().map(byte).sum()
}

#[cfg(test)]
mod tests;
