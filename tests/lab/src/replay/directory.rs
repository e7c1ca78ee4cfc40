//! Directories of FAT with long names, and the tree that they make. What is no entry is passed over, as GRUB and Linux pass it over: a directory
//! that was cut off by a power cut holds anything.

use std::collections::{BTreeMap, BTreeSet};

use super::fat::Volume;
use super::image::SECTOR;

const ENTRY: usize = 32;
/// UTF-16 units of a name in one entry, and in all of them.
const UNITS: usize = 13;
const LONGEST: usize = 255;
/// Kinds of entries.
const LABEL: u8 = 0x08;
const FOLDER: u8 = 0x10;
const LONG: u8 = 0x0f;
/// Folders in folders; what rubbish leads to ends somewhere.
const DEEPEST: u32 = 12;
/// The longest directory that FAT has, in bytes.
const LARGEST: usize = 2 << 20;

/// A file or a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name; a short one in lower case, as GRUB takes it.
    pub name: String,
    /// Whether it is a folder.
    pub folder: bool,
    /// Its first cluster.
    pub first: u32,
    /// Its length in bytes.
    pub length: u32,
}

/// A long name that is being put together, from its end.
#[derive(Default)]
struct Long {
    units: Vec<u16>,
    /// The number of the entry that comes next, and the sum of the short name that comes in the end.
    next: u8,
    sum: u8,
}

impl Long {
    /// Takes one of its entries.
    fn take(&mut self, entry: &[u8]) {
        let (order, sum) = (entry[0], entry[13]);
        let number = order & 0x3f;
        if order & 0x40 != 0 {
            *self = Self { units: Vec::new(), next: number, sum };
        }
        if number == 0 || number != self.next || sum != self.sum {
            *self = Self::default();
            return;
        }
        let places = [1..11, 14..26, 28..32];
        let mut units: Vec<u16> = places
            .into_iter()
            .flat_map(|place| entry[place].chunks(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]])))
            .collect();
        debug_assert_eq!(units.len(), UNITS);
        units.append(&mut self.units);
        (self.units, self.next) = (units, number - 1);
    }

    /// The name, if all of it is there and it is that of this short one.
    fn finish(&mut self, short: &[u8]) -> Option<String> {
        let Self { units, next, sum } = std::mem::take(self);
        let found = short.iter().fold(0_u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte));
        if units.is_empty() || next != 0 || found != sum {
            return None;
        }
        let end = units.iter().position(|unit| *unit == 0).unwrap_or(units.len()).min(LONGEST);
        Some(String::from_utf16_lossy(&units[..end]))
    }
}

/// The name that every entry has, such as `FILE.TXT`.
fn short_name(bytes: &[u8]) -> String {
    let part = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_lowercase();
    let (name, extension) = (part(&bytes[..8]), part(&bytes[8..]));
    if extension.is_empty() { name } else { format!("{name}.{extension}") }
}

/// The entries in these bytes, without `.` and `..`.
#[must_use]
pub fn entries(bytes: &[u8]) -> Vec<Entry> {
    let mut found = Vec::new();
    let mut long = Long::default();
    for entry in bytes.chunks_exact(ENTRY) {
        match (entry[0], entry[11]) {
            (0, _) => break,
            (0xe5, _) => long = Long::default(),
            (_, kind) if kind & 0x3f == LONG => long.take(entry),
            (_, kind) if kind & LABEL != 0 => long = Long::default(),
            (first, kind) => {
                let name = long.finish(&entry[..11]).unwrap_or_else(|| short_name(&entry[..11]));
                let short = |at: usize| u32::from(u16::from_le_bytes([entry[at], entry[at + 1]]));
                if first != b'.' {
                    found.push(Entry {
                        name,
                        folder: kind & FOLDER != 0,
                        first: short(26) | short(20) << 16,
                        length: short(28) | short(30) << 16,
                    });
                }
            }
        }
    }
    found
}

/// All that can be reached.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// Files by their place. Of several of one name the first counts.
    pub files: BTreeMap<String, Entry>,
    /// The sectors of all directories.
    pub directories: Vec<usize>,
}

impl Tree {
    /// Reads all directories.
    #[must_use]
    pub fn of(volume: &Volume<'_>) -> Self {
        let mut tree = Self::default();
        let mut seen = BTreeSet::new();
        tree.enter(volume, volume.geometry.root, "", DEEPEST, &mut seen);
        tree
    }

    fn enter(&mut self, volume: &Volume<'_>, first: u32, place: &str, deeper: u32, seen: &mut BTreeSet<u32>) {
        if deeper == 0 || !seen.insert(first) {
            return;
        }
        // What comes before a break counts.
        let most = LARGEST / (volume.geometry.per_cluster * SECTOR);
        let (sectors, _) = volume.chain(first, Some(most));
        let mut names = BTreeSet::new();
        for entry in entries(&volume.bytes(&sectors, u32::MAX)) {
            // To FAT two names that differ in case are one.
            if !names.insert(entry.name.to_lowercase()) {
                continue;
            }
            let inside = if place.is_empty() { entry.name.clone() } else { format!("{place}/{}", entry.name) };
            if entry.folder {
                self.enter(volume, entry.first, &inside, deeper - 1, seen);
            } else {
                self.files.insert(inside, entry);
            }
        }
        self.directories.extend(sectors);
    }
}

#[cfg(test)]
mod tests {
    use sameday_upgrade::digest::Digest;

    use super::*;
    use crate::replay::fat::Broken;
    use crate::replay::image::Piece;
    use crate::replay::sample::{image, stick};

    #[test]
    fn a_stick_is_read_as_mtools_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let stick = stick(dir.path());
        let image = image(&stick);
        let volume = Volume::of(&image).unwrap();
        let found: BTreeMap<_, _> = Tree::of(&volume)
            .files
            .into_iter()
            .map(|(place, entry)| {
                let sectors = volume.file(entry.first, entry.length).unwrap();
                (place.to_lowercase(), (u64::from(entry.length), Digest::of(&volume.bytes(&sectors, entry.length))))
            })
            .collect();
        let expected: BTreeMap<_, _> = stick
            .tree()
            .unwrap()
            .into_iter()
            .map(|(place, entry)| (place.to_lowercase(), (entry.length, entry.digest)))
            .collect();
        assert!(expected.len() > 65, "{expected:?}");
        assert_eq!(found, expected);
    }

    #[test]
    fn chains_that_are_broken_are_told_and_end() {
        let dir = tempfile::tempdir().unwrap();
        let mut image = image(&stick(dir.path()));
        let geometry = Volume::of(&image).unwrap().geometry;
        let base = Tree::of(&Volume::of(&image).unwrap()).files["live/filesystem.squashfs"].clone();
        let second = usize::try_from(base.first).unwrap() + 1;
        let sector = geometry.table + second / 128;
        for (entry, broken) in
            [(0_u32, Broken::Leads(2, 0)), (u32::MAX, Broken::Ends(2)), (geometry.end, Broken::Leads(2, geometry.end))]
        {
            let depth = image.depth();
            let mut table = image.sector(sector).unwrap().to_owned();
            table[second % 128 * 4..][..4].copy_from_slice(&entry.to_le_bytes());
            image.apply(&Piece::new(sector, &table));
            let volume = Volume::of(&image).unwrap();
            assert_eq!(volume.file(base.first, base.length), Err(broken));
            assert!(volume.file(base.first, 600).is_ok(), "what lies before the break can be read");
            image.undo_to(depth);
        }
        // A directory that leads to itself.
        let mut table = image.sector(sector).unwrap().to_owned();
        table[second % 128 * 4..][..4].copy_from_slice(&base.first.to_le_bytes());
        image.apply(&Piece::new(sector, &table));
        assert_eq!(Volume::of(&image).unwrap().chain(base.first, None).1, Some(Broken::Loops));
    }

    #[test]
    fn rubbish_is_read_to_an_end() {
        let dir = tempfile::tempdir().unwrap();
        let mut image = image(&stick(dir.path()));
        let directories = Tree::of(&Volume::of(&image).unwrap()).directories;
        let mut random = crate::random::Random::new(1, "rubbish");
        for round in 0..200 {
            let depth = image.depth();
            for sector in directories.iter().skip(round % 3).step_by(2) {
                let rubbish: Vec<u8> = (0..SECTOR).map(|_| random.below(256) as u8).collect();
                image.apply(&Piece::new(*sector, &rubbish));
            }
            let volume = Volume::of(&image).unwrap();
            for entry in Tree::of(&volume).files.values() {
                if let Ok(sectors) = volume.file(entry.first, entry.length) {
                    assert!(sectors.len() * SECTOR >= entry.length as usize);
                }
            }
            image.undo_to(depth);
        }
        image.apply(&Piece::new(0, &[0; SECTOR]));
        assert_eq!(Volume::of(&image).unwrap_err(), Broken::BootSector("signature"));
    }
}
