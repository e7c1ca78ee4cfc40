//! Room on the stick, counted as the file system will use it up: to the cluster, directories included.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;

use nix::sys::statfs;
use sameday_upgrade::names::Version;

use super::error::{Refusal, StickError};
use super::session::Session;
use super::versions::{self, Removal, SECTOR};
use super::{FileSystem, Medium, tree};

/// FAT keeps lengths in 32 bits, and fsck.fat (4.2) counts the bytes of a file's clusters in as many: of a file whose last cluster ends there it
/// believes that it has none, and cuts it to nothing.
const FAT_LENGTHS: u64 = 1 << 32;
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
            FileSystem::Vfat => FAT_LENGTHS.saturating_sub(cluster),
            FileSystem::Ext4 => EXT4_LONGEST_FILE,
        };
        Ok(Room { free: stat.blocks_available().saturating_mul(cluster), cluster, file_size_limit })
    }

    /// Judges the room for files of these places and lengths, when left-overs and `gives_up` are removed first. What fits here may still not
    /// fit once they are: [`Session::room_fits`].
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
        let removals = self.removals(&self.blocks_after(gives_up))?;
        let gone: BTreeSet<&str> = removals.iter().flat_map(|r| r.directories.iter().map(String::as_str)).collect();
        let needed = self.needed(files, &gone, room.cluster)?;
        let freed = |bytes: &dyn Fn(&Removal) -> u64| {
            removals.iter().fold(0_u64, |sum, removal| sum.saturating_add(bytes(removal)))
        };
        let plan = RoomPlan { needed, free: room.free, freed: freed(&|removal| removal.bytes) };
        if plan.fits() || self.file_system != FileSystem::Vfat {
            return Ok(plan);
        }
        let most = |removal: &Removal| {
            let hides = removal.list.is_none() && gives_up != Some(&removal.version);
            if hides { most_freed(removal, files, room.cluster) } else { removal.bytes }
        };
        Ok(RoomPlan { freed: freed(&most), ..plan })
    }

    /// Judges the room as [`Medium::plan_room`] does: with every kept version if that fits, otherwise with the one that
    /// [`Medium::gives_up`] names, which is answered too, whether it then fits or not. That one goes in any case if it is the version to be
    /// installed: it lies where the new files have to go.
    ///
    /// # Errors
    /// As [`Medium::plan_room`].
    pub fn needs_room_of(&self, files: &[(&str, u64)]) -> Result<(RoomPlan, Option<Version>), Refusal> {
        let plan = self.plan_room(files, None)?;
        let in_its_place = |version: &Version| files.iter().any(|(place, _)| *place == versions::list(version));
        match self.gives_up() {
            Some(version) if !plan.fits() || in_its_place(version) => {
                Ok((self.plan_room(files, Some(version))?, Some(version.clone())))
            }
            _ => Ok((plan, None)),
        }
    }

    /// The bytes that the files take up when the directories `gone` are no longer there.
    fn needed(&self, files: &[(&str, u64)], gone: &BTreeSet<&str>, cluster: u64) -> Result<u64, Refusal> {
        let mut present = BTreeSet::new();
        for directory in directories(files) {
            let there = self.tree.metadata(directory).map_err(|e| Refusal::io("look for a directory", e))?.is_some();
            if there && !gone.contains(directory) {
                present.insert(directory);
            }
        }
        Ok(needed(files, &present, self.file_system, cluster))
    }
}

impl Session {
    /// Judges the room once more, after [`Session::clear`]: what power cuts left is counted with hope before. Files that an earlier download
    /// left hold a part of it.
    ///
    /// # Errors
    /// `stick-full`, or when the stick cannot be read.
    pub fn room_fits(&self, files: &[(&str, u64)]) -> Result<(), StickError> {
        let room = self.medium.room().map_err(StickError::of)?;
        let needed = self.medium.needed(files, &BTreeSet::new(), room.cluster).map_err(StickError::of)?;
        let mut held = 0_u64;
        for place in &self.earlier {
            let metadata =
                self.medium.tree.metadata(place).map_err(|e| StickError::io(format!("look at {place}"), e))?;
            held = held.saturating_add(metadata.map_or(0, |metadata| metadata.blocks().saturating_mul(SECTOR)));
        }
        let free = room.free.saturating_add(held);
        if needed <= free {
            return Ok(());
        }
        Err(StickError::Full { what: format!("write {needed} bytes, {free} are free") })
    }
}

/// The most that removing a left-over can free. A file that was being written when the power went holds clusters for its whole length, but
/// vfat tells of those only that its present length needs. So it may be as long as the file of its kind that takes its place.
fn most_freed(removal: &Removal, files: &[(&str, u64)], cluster: u64) -> u64 {
    let kind = |place| match tree::name(place) {
        name if name.ends_with(".squashfs") => ".squashfs".to_owned(),
        name => name.to_owned(),
    };
    removal.files.iter().fold(removal.bytes, |sum, (place, bytes)| {
        let planned = files.iter().find(|(other, _)| kind(other) == kind(place)).map_or(0, |(_, length)| *length);
        let planned = planned.div_ceil(cluster).saturating_mul(cluster);
        sum.saturating_add(planned.saturating_sub(*bytes))
    })
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
    fn what_a_power_cut_left_may_hold_as_much_as_what_takes_its_place() {
        let files = [("live/2/2.squashfs", 10_000), ("live/2/vmlinuz", 100), ("live/2/initrd.img", 9_000)];
        let left = |place: &str, bytes| (place.to_owned(), bytes);
        let removal = Removal {
            version: "1".parse().unwrap(),
            list: None,
            files: vec![left("live/1/1.squashfs", 512), left("live/1/vmlinuz", 1024)],
            directories: Vec::new(),
            bytes: 2048,
        };
        assert_eq!(most_freed(&removal, &files, 512), 2048 + 10_240 - 512);
    }

    #[test]
    fn absurd_lengths_fit_nowhere() {
        let files = [("live/1/1.squashfs", u64::MAX), ("live/1/vmlinuz", u64::MAX)];
        let needed = needed(&files, &BTreeSet::new(), FileSystem::Ext4, 512);
        assert!(!RoomPlan { needed, free: 1 << 50, freed: 1 << 50 }.fits());
    }
}
