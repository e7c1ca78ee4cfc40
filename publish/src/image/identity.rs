//! Names of disk and partitions that are the same for the same stick, and others for another: GRUB and live-boot tell sticks apart by them.

use sha2::{Digest as _, Sha256};

use super::ImageError;
use super::contents::Contents;
use super::table::Table;

/// What the numbers of a stick are taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity([u8; 32]);

impl Identity {
    /// The identity of a stick with these contents, this table and this time.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn of(contents: &Contents, table: &Table, time: u32) -> Result<Self, ImageError> {
        let mut hasher = Sha256::new();
        hasher.update(b"sameday stick 1\n");
        hasher.update(format!("{time} {} {}\n", table.length(), table.system().length()));
        for (place, source) in contents.files() {
            hasher.update(place.as_bytes());
            hasher.update([0]);
            hasher.update(source.digest()?);
        }
        Ok(Self(hasher.finalize().into()))
    }

    fn part(&self, what: &str) -> u128 {
        let bytes: [u8; 32] = Sha256::new_with_prefix(self.0).chain_update(what).finalize().into();
        bytes.into_iter().take(16).fold(0, |number, byte| number << 8 | u128::from(byte))
    }

    /// The serial number of the FAT file system.
    pub(super) fn fat_serial(&self) -> u32 {
        (self.part("fat") >> 96) as u32
    }

    /// The serial number as udev and GRUB write it.
    #[must_use]
    pub fn serial(&self) -> String {
        let serial = self.fat_serial();
        format!("{:04X}-{:04X}", serial >> 16, serial & 0xffff)
    }

    /// The GUID of the disk (0) or a partition, marked as one of our own making (RFC 9562, version 8).
    pub(super) fn guid(&self, number: u32) -> String {
        let marked = self.part(&format!("guid {number}")) & !(0xf << 76) & !(0x3 << 62) | 0x8 << 76 | 0x2 << 62;
        let text = format!("{marked:032X}");
        let (a, rest) = text.split_at(8);
        let (b, rest) = rest.split_at(4);
        let (c, rest) = rest.split_at(4);
        let (d, e) = rest.split_at(4);
        format!("{a}-{b}-{c}-{d}-{e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::contents::Source;

    #[test]
    fn another_stick_has_other_numbers() {
        let table = Table::of_mib(64, None).unwrap();
        let with = |bytes: &[u8], time| {
            let mut contents = Contents::default();
            contents.put("a", Source::Bytes(bytes.to_vec()));
            Identity::of(&contents, &table, time).unwrap()
        };
        let one = with(b"x", 1);
        assert_eq!(one, with(b"x", 1));
        assert_ne!(one.serial(), with(b"y", 1).serial());
        assert_ne!(one.serial(), with(b"x", 2).serial());
        assert_ne!(one.guid(0), one.guid(1));
        let guid = one.guid(0);
        assert_eq!((guid.len(), &guid[14..15]), (36, "8"));
        assert!("89AB".contains(&guid[19..20]), "{guid}");
    }
}
