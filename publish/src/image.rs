//! The image of a stick that starts on BIOS, UEFI and Secure Boot and can upgrade itself (docs/formats.md, *The stick image*). Nothing is
//! attached or mounted, so nobody has to be root. Same files, same time, same bytes.

mod boot;
pub mod contents;
mod error;
pub mod fat;
mod identity;
pub mod table;
mod tool;

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::Serialize;

use contents::Contents;
pub use error::ImageError;
pub use identity::Identity;
use table::{MIB, Table};

/// Beside what is on a new stick there is room for this many times as much: the version that runs and the one before it.
const VERSIONS_BESIDE_THE_BASE: u64 = 2;
/// Room for metadata and for the file system itself, in MiB. FAT32 has no fewer than 65,525 clusters.
const SPARE_MIB: u64 = 64;
/// The kernel takes a command line of 2,048 bytes, with our own parameters.
const LONGEST_PARAMETERS: usize = 1024;

/// What UEFI starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Efi {
    /// shim and the distribution's signed GRUB: with and without Secure Boot.
    #[default]
    Signed,
    /// A GRUB made here, unsigned.
    Own,
}

/// What a stick is made of.
#[derive(Debug, Clone)]
pub struct StickImage {
    /// The squashfs of the whole system, as first installed.
    pub base: PathBuf,
    /// Its kernel.
    pub kernel: PathBuf,
    /// The initramfs of the kernel.
    pub initrd: PathBuf,
    /// The time of all files, in Unix seconds. FAT knows none before 1980.
    pub time: u32,
    /// Further kernel parameters, for every version.
    pub parameters: String,
    /// What UEFI starts.
    pub efi: Efi,
    /// The size of the system's partition; without one there is room for two versions beside the base.
    pub system_mib: Option<u64>,
    /// The size of a partition behind it for an encrypted file system, if there is to be one. It is left empty.
    pub luks_mib: Option<u64>,
}

/// The image that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageSummary {
    /// Bytes of the whole disk.
    pub length: u64,
    /// Bytes of the system's partition.
    pub system_length: u64,
    /// The serial number of its file system, as udev writes it.
    pub serial: String,
}

/// Makes the image and puts it at `out`, complete or not at all.
///
/// # Errors
/// When something is there already, a file is missing or too large, the files do not fit, or a tool fails.
pub fn image(stick: &StickImage, out: &Path) -> Result<ImageSummary, ImageError> {
    check_parameters(&stick.parameters)?;
    let mut contents = Contents::live(&stick.base, &stick.kernel, &stick.initrd);
    let programs = boot::Programs::make(stick.efi)?;
    programs.put_into(&mut contents, &stick.parameters)?;

    let needed = contents.length()?.div_ceil(MIB);
    let system_mib =
        stick.system_mib.unwrap_or(needed.saturating_mul(1 + VERSIONS_BESIDE_THE_BASE).saturating_add(SPARE_MIB));
    let table = Table::of_mib(system_mib, stick.luks_mib)?;
    fat::check(&table.system(), &contents, stick.time)?;
    let identity = Identity::of(&contents, &table, stick.time)?;

    let folder = match out.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let file = tempfile::Builder::new().prefix(".image-").tempfile_in(folder);
    let file = file.map_err(ImageError::io("make a file in", folder))?;
    table.write(file.path(), &identity)?;
    fat::fill(file.path(), &table.system(), &identity, &contents, stick.time)?;
    programs.install(file.path())?;
    fs::set_permissions(file.path(), fs::Permissions::from_mode(0o644)).map_err(ImageError::io("write", out))?;
    file.as_file().sync_all().map_err(ImageError::io("write", out))?;
    file.persist_noclobber(out).map_err(|error| ImageError::io("make", out)(error.error))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(ImageError::io("write", folder))?;
    Ok(ImageSummary { length: table.length(), system_length: table.system().length(), serial: identity.serial() })
}

/// They stand in GRUB's script between single quotes, and are split at spaces.
fn check_parameters(text: &str) -> Result<(), ImageError> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b" ._,:;=/+@%-".contains(&b);
    if text.len() > LONGEST_PARAMETERS || !text.bytes().all(allowed) {
        return Err(ImageError::Parameters(text.chars().take(LONGEST_PARAMETERS).collect()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_cannot_end_the_quotes_that_they_stand_in() {
        for good in ["", "quiet splash", "console=ttyS0,115200 a.b=/c:d"] {
            check_parameters(good).unwrap();
        }
        for bad in ["'", "a\nb", "$a", "\"", "\\", "{", "ä", &"a".repeat(1025)] {
            assert!(check_parameters(bad).is_err(), "{bad:?}");
        }
    }
}
