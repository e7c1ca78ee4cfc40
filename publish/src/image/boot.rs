//! GRUB for BIOS and UEFI, and the files that it reads. They are written when the stick is made and never again: no upgrade touches them.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::contents::{Contents, Source};
use super::table::{BIOS_FIRST, SECTOR};
use super::tool::Tool;
use super::{Efi, ImageError};

const GRUB_CFG: &str = include_str!("grub/grub.cfg");
const DECIDE_CFG: &str = include_str!("grub/decide.cfg");
const START_CFG: &str = include_str!("grub/start.cfg");
/// The signed GRUB looks here, on the partition that it was started from.
const SIGNED_CFG: &str = include_str!("grub/signed.cfg");

/// Where Debian's packages put GRUB for BIOS, the signed GRUB, and shim.
const BIOS_FOLDER: &str = "/usr/lib/grub/i386-pc";
const SIGNED_GRUB: &str = "/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed";
const SIGNED_SHIM: &str = "/usr/lib/shim/shimx64.efi.signed";
const SIGNED_KEY_MANAGER: &str = "/usr/lib/shim/mmx64.efi.signed";
/// What UEFI starts from a removable disk.
const EFI_DEFAULT: &str = "EFI/BOOT/BOOTX64.EFI";

/// All that our files use, and what a person at GRUB's prompt needs. Built in, for none could be loaded under Secure Boot.
const MODULES: [&str; 21] = [
    "all_video",
    "boot",
    "configfile",
    "echo",
    "fat",
    "halt",
    "keystatus",
    "linux",
    "loadenv",
    "ls",
    "minicmd",
    "normal",
    "part_gpt",
    "probe",
    "reboot",
    "regexp",
    "serial",
    "sleep",
    "terminal",
    "test",
    "true",
];

/// The boot sector's code, before the disk's signature and the partition table (grub-core/boot/i386/pc/boot.S).
const BOOT_CODE: usize = 440;
/// Where it holds the sector that it goes on with, 64 bits.
const KERNEL_SECTOR: usize = 0x5c;
/// Where GRUB's first sector holds the sector of what follows it (diskboot.S: the last block list), 64 bits.
const REST_SECTOR: usize = 500;

/// The programs that firmware starts.
#[derive(Debug)]
pub struct Programs {
    boot_sector: Vec<u8>,
    core: Vec<u8>,
    efi: Vec<(&'static str, Source)>,
}

impl Programs {
    /// Makes them of what is installed.
    pub fn make(efi: Efi) -> Result<Self, ImageError> {
        let boot_image = Path::new(BIOS_FOLDER).join("boot.img");
        let mut boot_sector = fs::read(&boot_image).map_err(ImageError::io("read", &boot_image))?;
        boot_sector.truncate(BOOT_CODE);
        put_sector(&mut boot_sector, KERNEL_SECTOR, BIOS_FIRST, &boot_image)?;
        // The disk is the one that the BIOS started, whatever its number; a search would find another stick's GRUB, too.
        let mut core = grub_mkimage("i386-pc", "(,gpt1)/grub", &["biosdisk"])?;
        put_sector(&mut core, REST_SECTOR, BIOS_FIRST + 1, Path::new(BIOS_FOLDER))?;
        let efi = match efi {
            Efi::Signed => vec![
                (EFI_DEFAULT, Source::File(SIGNED_SHIM.into())),
                ("EFI/BOOT/grubx64.efi", Source::File(SIGNED_GRUB.into())),
                ("EFI/BOOT/mmx64.efi", Source::File(SIGNED_KEY_MANAGER.into())),
                ("EFI/debian/grub.cfg", Source::Bytes(SIGNED_CFG.into())),
            ],
            Efi::Own => vec![(EFI_DEFAULT, Source::Bytes(grub_mkimage("x86_64-efi", "/grub", &[])?))],
        };
        Ok(Self { boot_sector, core, efi })
    }

    /// Adds the files of the system's partition.
    pub fn put_into(&self, contents: &mut Contents, parameters: &str) -> Result<(), ImageError> {
        for (place, source) in &self.efi {
            contents.put(place, source.clone());
        }
        let settings = format!("set parameters='{parameters}'\n");
        for (name, text) in [
            ("grub.cfg", GRUB_CFG),
            ("decide.cfg", DECIDE_CFG),
            ("start.cfg", START_CFG),
            ("settings.cfg", settings.as_str()),
        ] {
            contents.put(&format!("grub/{name}"), Source::Bytes(text.into()));
        }
        Ok(())
    }

    /// Writes what lies outside of the file system: the boot sector's code, and GRUB in its partition.
    pub fn install(&self, image: &Path) -> Result<(), ImageError> {
        let write = || {
            let file = File::options().write(true).open(image)?;
            file.write_all_at(&self.boot_sector, 0)?;
            file.write_all_at(&self.core, BIOS_FIRST * SECTOR)
        };
        write().map_err(ImageError::io("write GRUB to", image))
    }
}

fn put_sector(code: &mut [u8], offset: usize, sector: u64, source: &Path) -> Result<(), ImageError> {
    let place = code.get_mut(offset..offset.saturating_add(8)).ok_or_else(|| ImageError::NotGrub(source.to_owned()))?;
    place.copy_from_slice(&sector.to_le_bytes());
    Ok(())
}

fn grub_mkimage(format: &'static str, prefix: &str, more: &[&str]) -> Result<Vec<u8>, ImageError> {
    let out = tempfile::NamedTempFile::new().map_err(ImageError::io("make", Path::new("a temporary file")))?;
    let mut tool = Tool::new("grub-mkimage", if format == "i386-pc" { "grub-pc-bin" } else { "grub-efi-amd64-bin" });
    tool.command.args(["--format", format, "--prefix", prefix, "--output"]).arg(out.path());
    tool.command.args(MODULES).args(more);
    tool.run()?;
    fs::read(out.path()).map_err(ImageError::io("read", out.path()))
}
