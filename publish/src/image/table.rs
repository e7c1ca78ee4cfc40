//! The partition table: the system is number 1, for Windows and macOS show a stick's first partition only. GRUB's place for BIOS lies before
//! it and has number 2.

use std::fs::File;
use std::path::Path;

use super::tool::Tool;
use super::{Identity, ImageError};

/// Bytes of a sector.
pub const SECTOR: u64 = 512;
/// Bytes of a mebibyte.
pub const MIB: u64 = 1 << 20;
/// Where the system's partition begins: 1 MiB, as every tool aligns it.
pub const SYSTEM_START: u64 = MIB;
/// GRUB's place for BIOS: the first sector behind the table, and the last before the system.
pub(super) const BIOS_FIRST: u64 = 34;
const BIOS_LAST: u64 = SYSTEM_START / SECTOR - 1;
/// Sectors of the table's copy at the end of the disk.
const COPY: u64 = 33;
/// The smallest system partition in MiB, as FAT32 wants it, and the largest.
const SYSTEM_MIB: std::ops::RangeInclusive<u64> = 34..=2 * 1024 * 1024;

/// A part of the disk, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Where it begins.
    pub start: u64,
    /// Where it ends, exclusive.
    pub end: u64,
}

impl Extent {
    /// Bytes of it.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }
}

/// The sizes of a disk and its partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    length: u64,
    system: Extent,
    luks: Option<Extent>,
}

impl Table {
    /// The table of a disk with a system partition of so many MiB and, behind it, one for an encrypted file system.
    ///
    /// # Errors
    /// When FAT32 cannot have that size.
    pub fn of_mib(system_mib: u64, luks_mib: Option<u64>) -> Result<Self, ImageError> {
        if !SYSTEM_MIB.contains(&system_mib) {
            return Err(ImageError::SystemSize(system_mib));
        }
        if let Some(mib) = luks_mib.filter(|mib| *mib == 0 || mib > SYSTEM_MIB.end()) {
            return Err(ImageError::LuksSize(mib));
        }
        let system = Extent { start: SYSTEM_START, end: SYSTEM_START + system_mib * MIB };
        let luks = luks_mib.map(|mib| Extent { start: system.end, end: system.end + mib * MIB });
        Ok(Self { length: luks.map_or(system.end, |luks| luks.end) + MIB, system, luks })
    }

    /// The table of a disk of so many bytes, all of which the system takes.
    ///
    /// # Errors
    /// When FAT32 cannot have that size.
    pub fn of_disk(length: u64) -> Result<Self, ImageError> {
        let end = (length / SECTOR).saturating_sub(COPY) * SECTOR;
        let system = Extent { start: SYSTEM_START, end };
        match system.length() / MIB {
            mib if SYSTEM_MIB.contains(&mib) => Ok(Self { length, system, luks: None }),
            mib => Err(ImageError::SystemSize(mib)),
        }
    }

    /// Bytes of the disk.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The system's partition.
    #[must_use]
    pub fn system(&self) -> Extent {
        self.system
    }

    /// Makes the disk at `image`, where an empty file is, and writes the table.
    ///
    /// # Errors
    /// When sgdisk fails.
    pub fn write(&self, image: &Path, identity: &Identity) -> Result<(), ImageError> {
        let file = File::options().write(true).open(image).map_err(ImageError::io("open", image))?;
        file.set_len(self.length).map_err(ImageError::io("write", image))?;
        let mut tool = Tool::new("sgdisk", "gdisk");
        tool.command.args(["--set-alignment=1".to_owned(), format!("--disk-guid={}", identity.guid(0))]);
        let system = ("EF00", "System", self.system.start / SECTOR, self.system.end / SECTOR - 1);
        let bios = ("EF02", "GRUB", BIOS_FIRST, BIOS_LAST);
        let luks = self.luks.map(|luks| ("8309", "Persistent", luks.start / SECTOR, luks.end / SECTOR - 1));
        for (number, (kind, name, first, last)) in (1..).zip([system, bios].into_iter().chain(luks)) {
            tool.command.args([
                format!("--new={number}:{first}:{last}"),
                format!("--typecode={number}:{kind}"),
                format!("--change-name={number}:{name}"),
                format!("--partition-guid={number}:{}", identity.guid(number)),
            ]);
        }
        tool.command.arg(image);
        tool.run()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_follow_each_other_and_leave_the_tables_their_room() {
        let table = Table::of_mib(100, Some(8)).unwrap();
        assert_eq!(table.system(), Extent { start: MIB, end: 101 * MIB });
        assert_eq!(table.luks, Some(Extent { start: 101 * MIB, end: 109 * MIB }));
        assert_eq!(table.length(), 110 * MIB);
        let whole = Table::of_disk(64 * MIB).unwrap();
        assert_eq!((whole.length(), whole.system().end), (64 * MIB, 64 * MIB - 33 * 512));
    }

    #[test]
    fn sizes_that_fat32_cannot_have_are_refused() {
        for system in [0, 33, u64::MAX] {
            assert!(matches!(Table::of_mib(system, None), Err(ImageError::SystemSize(_))), "{system}");
        }
        for luks in [0, u64::MAX] {
            assert!(matches!(Table::of_mib(100, Some(luks)), Err(ImageError::LuksSize(_))), "{luks}");
        }
        for length in [0, MIB, 34 * MIB, u64::MAX] {
            assert!(Table::of_disk(length).is_err(), "{length}");
        }
    }
}
