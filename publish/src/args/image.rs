//! The command line of `image`.

use std::path::PathBuf;

use crate::image::Efi;
use clap::Args as ClapArgs;
use sameday_trust::Time;

#[derive(Debug, ClapArgs)]
pub struct ImageArgs {
    /// The squashfs of the whole system, with live-boot in it
    #[arg(long, value_name = "FILE")]
    pub base: PathBuf,
    /// Its kernel
    #[arg(long, value_name = "FILE")]
    pub kernel: PathBuf,
    /// The initramfs of the kernel
    #[arg(long, value_name = "FILE")]
    pub initrd: PathBuf,
    /// The image to write
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// The time of all files (YYYY-MM-DDTHH:MM:SSZ) [default: that of SOURCE_DATE_EPOCH]
    #[arg(long, value_name = "TIME")]
    pub time: Option<Time>,
    /// Further kernel parameters, for every version
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true, allow_hyphen_values = true)]
    pub parameters: String,
    /// What UEFI starts: shim and the signed GRUB, for Secure Boot and without it, or a GRUB of its own, without it only
    #[arg(long, value_enum, default_value_t)]
    pub efi: Efi,
    /// MiB of the system's partition [default: room for two versions beside the base]
    #[arg(long, value_name = "N")]
    pub system_mib: Option<u64>,
    /// MiB of a partition behind it for an encrypted file system, left empty
    #[arg(long, value_name = "N")]
    pub luks_mib: Option<u64>,
}
