//! Room on the stick, counted as the file system will use it up: to the cluster, directories included.

use std::collections::{BTreeMap, BTreeSet};

use nix::sys::statfs;
use sameday_upgrade::names::Version;

use super::error::Refusal;
use super::{FileSystem, Medium, tree};

/// FAT keeps lengths in 32 bits.
const FAT_LONGEST_FILE: u64 = u32::MAX as u64;
/// ext4 with blocks of 4 KiB.
const EXT4_LONGEST_FILE: u64 = 1 << 44;
/// A FAT directory entry; a name takes one for itself and one for each 13 characters.
const FAT_ENTRY: u64 = 32;
const FAT_NAME_PART: u64 = 13;
/// One block of extents for each so many bytes of a file: more than ext4 needs unless the free room is in crumbs.
const EXT4_BYTES_PER_BLOCK_OF_EXTENTS: u64 = 64 << 20;
/// Blocks that an ext4 directory may grow by for a handful of names, when a full one is split.
const EXT4_DIRECTORY_GROWTH: u64 = 2;

/// What the file system says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Free bytes.
    pub free: u64,
    /// The unit in which files take room, in bytes.
    pub cluster: u64,
    /// The longest file that it can hold.
    pub file_size_limit: u64,
}

/// What an upgrade needs and what there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoomPlan {
    /// Bytes that the files and their directories take up.
    pub needed: u64,
    /// Free bytes now.
    pub free: u64,
    /// Bytes that become free first: left-overs, and the version that is given up.
    pub freed: u64,
}

impl RoomPlan {
    /// Whether it fits.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.needed <= self.free.saturating_add(self.freed)
    }
}

impl Medium {
    /// How much room there is.
    ///
    /// # Errors
    /// When the file system does not say.
    pub fn room(&self) -> Result<Room, Refusal> {
        let stat = statfs::fstatfs(self.tree.root()).map_err(|e| Refusal::io("ask for the free room", e.into()))?;
        let cluster = u64::try_from(stat.block_size()).unwrap_or(0).max(1);
        let file_size_limit = match self.file_system {
            FileSystem::Vfat => FAT_LONGEST_FILE,
            FileSystem::Ext4 => EXT4_LONGEST_FILE,
        };
        Ok(Room { free: stat.blocks_available().saturating_mul(cluster), cluster, file_size_limit })
    }

    /// Judges the room for files of these places and lengths, when left-overs and `gives_up` are removed first.
    ///
    /// # Errors
    /// `file-too-big` for a file that the file system cannot hold at all, or when the medium cannot be read.
    pub fn plan_room(&self, files: &[(&str, u64)], gives_up: Option<&Version>) -> Result<RoomPlan, Refusal> {
        let room = self.room()?;
        if let Some((place, length)) = files.iter().find(|(_, length)| *length > room.file_size_limit) {
            return Err(Refusal::FileTooBig {
                place: (*place).to_owned(),
                length: *length,
                limit: room.file_size_limit,
            });
        }
        let removals = self.removals(&self.env_after(gives_up))?;
        let gone: BTreeSet<&str> = removals.iter().flat_map(|r| r.directories.iter().map(String::as_str)).collect();
        let mut present = BTreeSet::new();
        for directory in directories(files) {
            let there = self.tree.metadata(directory).map_err(|e| Refusal::io("look for a directory", e))?.is_some();
            if there && !gone.contains(directory) {
                present.insert(directory);
            }
        }
        let needed = needed(files, &present, self.file_system, room.cluster);
        let freed = removals.iter().fold(0_u64, |sum, removal| sum.saturating_add(removal.bytes));
        Ok(RoomPlan { needed, free: room.free, freed })
    }
}

/// All directories of the places, up to but without the root.
fn directories<'a>(files: &[(&'a str, u64)]) -> BTreeSet<&'a str> {
    let mut all = BTreeSet::new();
    for (place, _) in files {
        let mut directory = tree::parent(place);
        while !directory.is_empty() {
            all.insert(directory);
            directory = tree::parent(directory);
        }
    }
    all
}

/// The most bytes that the files can take up, given the directories that are there already. Lengths near 2^64 saturate and fit nowhere.
fn needed(files: &[(&str, u64)], present: &BTreeSet<&str>, file_system: FileSystem, cluster: u64) -> u64 {
    let clusters = |bytes: u64| bytes.div_ceil(cluster);
    let mut sum = 0_u64;
    // What each directory gains, by name.
    let mut gains: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (place, length) in files {
        gains.entry(tree::parent(place)).or_default().push(tree::name(place));
        let extents = match file_system {
            FileSystem::Vfat => 0,
            FileSystem::Ext4 => (length / EXT4_BYTES_PER_BLOCK_OF_EXTENTS).saturating_add(1),
        };
        sum = sum.saturating_add(clusters(*length)).saturating_add(extents);
    }
    let new: Vec<&str> = directories(files).into_iter().filter(|directory| !present.contains(directory)).collect();
    for directory in &new {
        gains.entry(tree::parent(directory)).or_default().push(tree::name(directory));
    }
    for (directory, names) in &gains {
        let own = if new.contains(directory) { 2 } else { 0 };
        let growth = match file_system {
            FileSystem::Vfat => {
                let entries = names.iter().fold(own, |sum: u64, name| {
                    sum.saturating_add(1).saturating_add((name.len() as u64).div_ceil(FAT_NAME_PART))
                });
                clusters(entries.saturating_mul(FAT_ENTRY))
            }
            FileSystem::Ext4 if own > 0 => 1,
            FileSystem::Ext4 => EXT4_DIRECTORY_GROWTH,
        };
        sum = sum.saturating_add(growth);
    }
    sum.saturating_mul(cluster)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_counted_in_clusters_with_its_directories() {
        let present = BTreeSet::from(["live"]);
        let count = |files: &[(&str, u64)]| needed(files, &present, FileSystem::Vfat, 4096) / 4096;
        assert_eq!(count(&[("live/1.2.module", 1)]), 1 + 1, "a cluster, and one that live/ may grow by");
        assert_eq!(count(&[("live/1.2/1.2.squashfs", 4096)]), 1 + 1 + 1, "and the new directory");
        assert_eq!(count(&[("live/1.2/1.2.squashfs", 4097)]), 2 + 1 + 1);
        assert_eq!(count(&[("live/1.2/a", 0)]), 2);
    }

    #[test]
    fn absurd_lengths_fit_nowhere() {
        let files = [("live/1/1.squashfs", u64::MAX), ("live/1/vmlinuz", u64::MAX)];
        let needed = needed(&files, &BTreeSet::new(), FileSystem::Ext4, 512);
        assert!(!RoomPlan { needed, free: 1 << 50, freed: 1 << 50 }.fits());
    }
}
