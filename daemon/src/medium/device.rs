//! The partition behind a mount: its numbers in sysfs, the disk that it is on, and what the disk's own partition table says of it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use nix::sys::stat::{major, minor};

use super::error::{Refusal, StickError};
use super::gpt;

/// The unit of sizes in sysfs, whatever the disk's block size.
const SECTOR: u64 = 512;
/// Block sizes that disks have.
const BLOCK_SIZES: std::ops::RangeInclusive<u64> = 512..=4096;

/// A partition of a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Device {
    /// Its number.
    pub number: (u64, u64),
    /// Its folder in sysfs.
    folder: PathBuf,
    /// The disk's sequence number: another for each disk that was ever put in.
    diskseq: u64,
}

impl Device {
    /// The device that files of this `st_dev` lie on.
    pub(super) fn of(dev: u64) -> Result<Self, Refusal> {
        let number = (major(dev), minor(dev));
        let folder = fs::canonicalize(format!("/sys/dev/block/{}:{}", number.0, number.1))
            .map_err(|_| Refusal::NotOurs { why: "no-block-device" })?;
        if !folder.join("partition").exists() {
            return Err(Refusal::NotOurs { why: "not-a-partition" });
        }
        let diskseq = sysfs_number(&disk(&folder)?.join("diskseq"))
            .map_err(|e| Refusal::io("read the disk's sequence number", e))?;
        Ok(Self { number, folder, diskseq })
    }

    /// Whether a device of this `st_dev` is still this one.
    pub(super) fn same(&self, dev: u64) -> Result<(), StickError> {
        if (major(dev), minor(dev)) != self.number {
            return Err(StickError::Changed { what: "device number" });
        }
        let folder = fs::canonicalize(format!("/sys/dev/block/{}:{}", self.number.0, self.number.1))
            .map_err(|_| StickError::Gone)?;
        let disk = folder.parent().ok_or(StickError::Gone)?;
        match sysfs_number(&disk.join("diskseq")) {
            Ok(diskseq) if diskseq == self.diskseq => Ok(()),
            Ok(_) => Err(StickError::Changed { what: "diskseq" }),
            Err(_) => Err(StickError::Gone),
        }
    }

    /// Whether it can be written to.
    pub(super) fn judge_writable(&self) -> Result<(), Refusal> {
        for folder in [&self.folder, &disk(&self.folder)?] {
            let read_only =
                sysfs_number(&folder.join("ro")).map_err(|e| Refusal::io("ask whether the disk is read-only", e))?;
            if read_only != 0 {
                return Err(Refusal::WriteProtected { device: name(folder) });
            }
        }
        Ok(())
    }

    /// Judges what it is: the first partition of a GPT, of the type of an EFI system partition.
    pub(super) fn judge(&self) -> Result<(), Refusal> {
        let disk = disk(&self.folder)?;
        if sysfs_number(&self.folder.join("partition")).ok() != Some(1) {
            return Err(Refusal::NotOurs { why: "not-partition-1" });
        }
        let entry = self.table_entry(&disk).map_err(|e| Refusal::io("read the partition table", e))?;
        let entry = entry.ok_or(Refusal::NotOurs { why: "no-gpt" })?;
        if entry.kind != gpt::EFI_SYSTEM {
            return Err(Refusal::NotOurs { why: "partition-type" });
        }
        Ok(())
    }

    /// The table's first entry, if it is a GPT and the entry lies where the kernel has the partition.
    fn table_entry(&self, disk: &Path) -> io::Result<Option<gpt::Entry>> {
        let device = File::open(Path::new("/dev").join(name(disk)))?;
        let rdev = device.metadata()?.rdev();
        // /dev is made by others; the number is what counts.
        if fs::read_to_string(disk.join("dev"))?.trim() != format!("{}:{}", major(rdev), minor(rdev)) {
            return Err(io::Error::other("the disk's node in /dev is another device"));
        }
        let size = sysfs_number(&disk.join("queue/logical_block_size"))?;
        if !BLOCK_SIZES.contains(&size) {
            return Err(io::Error::other("the disk's block size is unknown"));
        }
        let mut block = vec![0; usize::try_from(size).map_err(io::Error::other)?];
        device.read_exact_at(&mut block, size)?;
        let Some(header) = gpt::header(&block) else { return Ok(None) };
        let Some(place) = header.entries.checked_mul(size) else { return Ok(None) };
        device.read_exact_at(&mut block, place)?;
        let bytes = |blocks: u64| blocks.checked_mul(size);
        let start = sysfs_number(&self.folder.join("start"))?.checked_mul(SECTOR);
        let length = sysfs_number(&self.folder.join("size"))?.checked_mul(SECTOR);
        Ok(gpt::first_entry(&block).filter(|entry| {
            let blocks = entry.last.checked_sub(entry.first).and_then(|n| n.checked_add(1));
            start.is_some() && bytes(entry.first) == start && length.is_some() && blocks.and_then(bytes) == length
        }))
    }
}

fn disk(partition: &Path) -> Result<PathBuf, Refusal> {
    partition.parent().map(Path::to_owned).ok_or(Refusal::NotOurs { why: "not-a-partition" })
}

fn name(folder: &Path) -> String {
    // sysfs writes the slashes of device names as exclamation marks.
    folder.file_name().unwrap_or_default().to_string_lossy().replace('!', "/")
}

fn sysfs_number(file: &Path) -> io::Result<u64> {
    fs::read_to_string(file)?.trim().parse().map_err(io::Error::other)
}
