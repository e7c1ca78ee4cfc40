//! A disk, or a part of one, in memory: every write can be undone, and equal states are told by one number.

use std::collections::hash_map::DefaultHasher;
use std::fs::File;
use std::hash::{Hash as _, Hasher as _};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// Bytes of a sector.
pub const SECTOR: usize = 512;
/// So much is read at once.
const BLOCK: usize = 1 << 20;

/// Sectors that are written together.
#[derive(Debug, Clone)]
pub struct Piece {
    /// The first sector.
    pub sector: usize,
    bytes: Vec<u8>,
    /// What each sector holds, as a number.
    prints: Vec<u64>,
}

impl Piece {
    /// Whole sectors, from this one on.
    #[must_use]
    pub fn new(sector: usize, bytes: &[u8]) -> Self {
        Self { sector, bytes: bytes.to_owned(), prints: bytes.chunks(SECTOR).map(print).collect() }
    }

    /// How many sectors.
    #[must_use]
    pub fn sectors(&self) -> usize {
        self.prints.len()
    }

    /// What is written.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// The disk.
#[derive(Debug)]
pub struct Image {
    bytes: Vec<u8>,
    prints: Vec<u64>,
    /// All sectors' prints, in one.
    whole: u64,
    undo: Vec<Piece>,
    changed: Vec<bool>,
    changes: Vec<usize>,
}

/// A number for what a sector holds; 0 for zeros.
fn print(sector: &[u8]) -> u64 {
    if sector.iter().all(|byte| *byte == 0) {
        return 0;
    }
    let mut hasher = DefaultHasher::new();
    sector.hash(&mut hasher);
    hasher.finish() | 1
}

/// A number for a sector that holds this in this place; what holds zeros counts for nothing.
fn placed(sector: usize, print: u64) -> u64 {
    // SplitMix64's finish.
    let mut z = print ^ (sector as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    if print == 0 { 0 } else { z ^ (z >> 31) }
}

impl Image {
    /// Reads `length` bytes, whole sectors, of a file.
    ///
    /// # Errors
    /// When they are not there.
    pub fn read(path: &Path, start: u64, length: usize) -> io::Result<Self> {
        let file = File::open(path)?;
        // Zeros are not touched: a sparse image takes little memory.
        let mut image = Self {
            bytes: vec![0; length],
            prints: vec![0; length / SECTOR],
            whole: 0,
            undo: Vec::new(),
            changed: vec![false; length / SECTOR],
            changes: Vec::new(),
        };
        let mut block = vec![0; BLOCK];
        for at in (0..length).step_by(BLOCK) {
            let block = &mut block[..BLOCK.min(length - at)];
            file.read_exact_at(block, start + at as u64)?;
            for (sector, bytes) in (at / SECTOR..).zip(block.chunks(SECTOR)) {
                if bytes.iter().any(|byte| *byte != 0) {
                    image.apply(&Piece::new(sector, bytes));
                }
            }
        }
        image.settle();
        Ok(image)
    }

    /// How many sectors.
    #[must_use]
    pub fn sectors(&self) -> usize {
        self.prints.len()
    }

    /// What a sector holds.
    #[must_use]
    pub fn sector(&self, sector: usize) -> Option<&[u8]> {
        self.bytes.get(sector.checked_mul(SECTOR)?..)?.get(..SECTOR)
    }

    /// A number for what a sector holds.
    #[must_use]
    pub fn print_of(&self, sector: usize) -> u64 {
        self.prints.get(sector).copied().unwrap_or_default()
    }

    /// A number for what all sectors hold.
    #[must_use]
    pub fn print(&self) -> u64 {
        self.whole
    }

    /// Writes. What lies behind the end is not written.
    pub fn apply(&mut self, piece: &Piece) {
        let before = self.exchange(piece);
        self.undo.push(before);
    }

    /// Writes, and answers what was there.
    fn exchange(&mut self, piece: &Piece) -> Piece {
        let start = piece.sector.min(self.sectors());
        let end = start.saturating_add(piece.sectors()).min(self.sectors());
        let before = Piece {
            sector: start,
            bytes: self.bytes[start * SECTOR..end * SECTOR].to_owned(),
            prints: self.prints[start..end].to_owned(),
        };
        self.bytes[start * SECTOR..end * SECTOR].copy_from_slice(&piece.bytes[..(end - start) * SECTOR]);
        for (sector, new) in (start..end).zip(&piece.prints) {
            self.whole ^= placed(sector, self.prints[sector]) ^ placed(sector, *new);
            self.prints[sector] = *new;
            if !std::mem::replace(&mut self.changed[sector], true) {
                self.changes.push(sector);
            }
        }
        before
    }

    /// How many writes can be undone.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.undo.len()
    }

    /// Undoes writes until so many are left.
    pub fn undo_to(&mut self, depth: usize) {
        while self.undo.len() > depth {
            if let Some(before) = self.undo.pop() {
                self.exchange(&before);
            }
        }
    }

    /// What was written cannot be undone any more.
    pub fn settle(&mut self) {
        self.undo.clear();
    }

    /// The sectors that were written since this was asked, in order.
    pub fn take_changes(&mut self) -> Vec<usize> {
        let mut changes = std::mem::take(&mut self.changes);
        for sector in &changes {
            self.changed[*sector] = false;
        }
        changes.sort_unstable();
        changes
    }

    /// The first sector that another image of the same length has otherwise.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<usize> {
        (0..self.sectors().max(other.sectors())).find(|sector| self.sector(*sector) != other.sector(*sector))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_undone_leaves_nothing() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().write_all_at(&[7; 3 * SECTOR], 2 * SECTOR as u64).unwrap();
        file.as_file().set_len(20 * SECTOR as u64).unwrap();
        let mut image = Image::read(file.path(), SECTOR as u64, 16 * SECTOR).unwrap();
        assert_eq!(image.take_changes(), [1, 2, 3]);
        let before = image.print();
        image.apply(&Piece::new(0, &[1; 2 * SECTOR]));
        let once = image.print();
        image.apply(&Piece::new(1, &[2; SECTOR]));
        image.apply(&Piece::new(15, &[3; 2 * SECTOR]));
        assert_eq!((image.sector(1).unwrap()[0], image.sector(15).unwrap()[511]), (2, 3));
        assert!(image.print() != once && once != before);
        image.undo_to(1);
        assert_eq!((image.print(), image.take_changes()), (once, vec![0, 1, 15]));
        image.undo_to(0);
        assert_eq!(image.print(), before);
        assert_eq!(image.difference(&Image::read(file.path(), SECTOR as u64, 16 * SECTOR).unwrap()), None);
        assert!(Image::read(file.path(), SECTOR as u64, 20 * SECTOR).is_err());
    }
}
