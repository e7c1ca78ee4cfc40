//! Logs of writes: what reached a disk, in order, as dm-log-writes in Linux and blklogwrites in QEMU note it down.
//!
//! Both hold a write back until the next flush is noted down, and note marks down at once: a mark may stand before writes that came earlier.
//! What lies between two flushes has no order that a power cut would respect, so that changes nothing.

use std::fmt;

use super::image::SECTOR;

/// Documentation/admin-guide/device-mapper/log-writes.rst, drivers/md/dm-log-writes.c.
const MAGIC: u64 = 0x006a_7366_7773_6872;
const VERSION: u64 = 1;
const FLUSH: u64 = 1;
const DISCARD: u64 = 4;
const MARK: u64 = 8;

/// What happened to the disk.
#[derive(Clone, PartialEq, Eq)]
pub enum Step {
    /// Sectors were overwritten. One with FUA is taken as any other: that it may be lost is more than what can happen.
    Write {
        /// The first sector.
        sector: u64,
        /// What was written: whole sectors.
        data: Vec<u8>,
    },
    /// Sectors were given up; what they hold then is anything.
    Discard {
        /// The first sector.
        sector: u64,
        /// How many.
        sectors: u64,
    },
    /// What was written before is on the disk for good.
    Flush,
    /// A word that was put into the log.
    Mark(String),
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write { sector, data } => write!(f, "write {}+{}", sector, data.len() / SECTOR),
            Self::Discard { sector, sectors } => write!(f, "discard {sector}+{sectors}"),
            Self::Flush => write!(f, "flush"),
            Self::Mark(word) => write!(f, "mark {word}"),
        }
    }
}

/// Why something is no log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadLog {
    /// It does not begin as one, or is of another version.
    Header,
    /// It counts in sectors of so many bytes, which no disk of ours has.
    SectorSize(u32),
    /// This entry, by its number, is not there as a whole.
    Cut(u64),
    /// The mark of this entry is no text.
    Mark(u64),
}

impl fmt::Display for BadLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header => write!(f, "no log of writes"),
            Self::SectorSize(size) => write!(f, "a log in sectors of {size} bytes"),
            Self::Cut(number) => write!(f, "the log ends within entry {number}"),
            Self::Mark(number) => write!(f, "the mark of entry {number} is no text"),
        }
    }
}

impl std::error::Error for BadLog {}

/// Reads a log.
///
/// # Errors
/// When it is none, or is not all there.
pub fn parse(log: &[u8]) -> Result<Vec<Step>, BadLog> {
    let header = log.get(..SECTOR).ok_or(BadLog::Header)?;
    if number(header, 0) != Some(MAGIC) || number(header, 1) != Some(VERSION) {
        return Err(BadLog::Header);
    }
    let entries = number(header, 2).ok_or(BadLog::Header)?;
    let size = header.get(24..28).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes);
    match size.ok_or(BadLog::Header)? {
        512 => {}
        other => return Err(BadLog::SectorSize(other)),
    }
    let mut steps = Vec::new();
    let mut rest = log.get(SECTOR..).unwrap_or_default();
    for entry in 0..entries {
        let cut = || BadLog::Cut(entry);
        let (head, behind) = rest.split_at_checked(SECTOR).ok_or_else(cut)?;
        let [sector, sectors, flags, length] = [0, 1, 2, 3].map(|field| number(head, field).unwrap_or_default());
        rest = behind;
        if flags & MARK != 0 {
            let text = usize::try_from(length).ok().and_then(|length| head.get(32..)?.get(..length)).ok_or_else(cut)?;
            let text = std::str::from_utf8(text).map_err(|_| BadLog::Mark(entry))?;
            steps.push(Step::Mark(text.trim_end_matches('\0').to_owned()));
            continue;
        }
        // A flush that comes with a write precedes it.
        if flags & FLUSH != 0 {
            steps.push(Step::Flush);
        }
        if flags & DISCARD != 0 {
            steps.push(Step::Discard { sector, sectors });
            continue;
        }
        let bytes = usize::try_from(sectors).ok().and_then(|sectors| sectors.checked_mul(SECTOR)).ok_or_else(cut)?;
        let (data, behind) = rest.split_at_checked(bytes).ok_or_else(cut)?;
        rest = behind;
        if !data.is_empty() {
            steps.push(Step::Write { sector, data: data.to_owned() });
        }
    }
    Ok(steps)
}

/// The little-endian number in this place.
fn number(bytes: &[u8], place: usize) -> Option<u64> {
    bytes.get(place * 8..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sector(fields: &[u64], rest: &[u8]) -> Vec<u8> {
        let mut bytes: Vec<u8> = fields.iter().flat_map(|field| field.to_le_bytes()).collect();
        bytes.extend_from_slice(rest);
        bytes.resize(SECTOR, 0);
        bytes
    }

    fn log(entries: u64, parts: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = sector(&[MAGIC, VERSION, entries], &512_u32.to_le_bytes());
        bytes.extend(parts.iter().flatten());
        bytes
    }

    #[test]
    fn every_kind_of_entry_is_read() {
        let parts = [
            sector(&[7, 2, 0, 0], &[]),
            vec![1; 2 * SECTOR],
            sector(&[0, 0, FLUSH, 0], &[]),
            sector(&[0, 0, MARK, 3], b"new"),
            sector(&[9, 1, FLUSH | 2, 0], &[]),
            vec![2; SECTOR],
            sector(&[4, 100, DISCARD, 0], &[]),
        ];
        let write = |sector, byte, sectors: usize| Step::Write { sector, data: vec![byte; sectors * SECTOR] };
        let expected = [
            write(7, 1, 2),
            Step::Flush,
            Step::Mark("new".into()),
            Step::Flush,
            write(9, 2, 1),
            Step::Discard { sector: 4, sectors: 100 },
        ];
        assert_eq!(parse(&log(5, &parts)).unwrap(), expected);
    }

    #[test]
    fn what_is_no_log_is_refused() {
        assert_eq!(parse(&[0; 511]), Err(BadLog::Header));
        assert_eq!(parse(&[0; 512]), Err(BadLog::Header));
        assert_eq!(parse(&sector(&[MAGIC, VERSION, 0], &4096_u32.to_le_bytes())), Err(BadLog::SectorSize(4096)));
        let write = |sectors| sector(&[0, sectors, 0, 0], &[]);
        assert_eq!(parse(&log(1, &[])), Err(BadLog::Cut(0)));
        assert_eq!(parse(&log(2, &[write(1), vec![0; SECTOR]])), Err(BadLog::Cut(1)));
        assert_eq!(parse(&log(1, &[write(2), vec![0; SECTOR]])), Err(BadLog::Cut(0)));
        assert_eq!(parse(&log(1, &[write(u64::MAX)])), Err(BadLog::Cut(0)));
        assert_eq!(parse(&log(1, &[sector(&[0, 0, MARK, 481], &[])])), Err(BadLog::Cut(0)));
        assert_eq!(parse(&log(1, &[sector(&[0, 0, MARK, 1], &[0xff])])), Err(BadLog::Mark(0)));
    }
}
