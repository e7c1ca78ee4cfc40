//! The disk under a mounted file system, as sysfs shows it.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::stat::{major, minor};
use sameday_lab::process::run;

/// A disk's folder in sysfs.
#[derive(Debug)]
pub struct Disk(PathBuf);

impl Disk {
    /// The disk that holds the partition at whose file system this file is.
    pub fn under(file: &Path) -> io::Result<Self> {
        let device = fs::metadata(file)?.dev();
        let partition = fs::canonicalize(format!("/sys/dev/block/{}:{}", major(device), minor(device)))?;
        let disk = partition.parent().ok_or_else(|| io::Error::other("a partition without a disk"))?;
        Ok(Self(disk.to_owned()))
    }

    /// Its node.
    pub fn node(&self) -> PathBuf {
        Path::new("/dev").join(self.0.file_name().unwrap_or_default())
    }

    /// Sectors of 512 bytes written to it so far: Documentation/block/stat.rst in Linux.
    pub fn sectors_written(&self) -> io::Result<u64> {
        let text = fs::read_to_string(self.0.join("stat"))?;
        let field = text.split_whitespace().nth(6).and_then(|field| field.parse().ok());
        field.ok_or_else(|| io::Error::other(format!("{}: {text:?}", self.0.display())))
    }
}

/// Makes a loop device read and write its file past this machine's page cache, as a stick would; says whether it does now. Not every file
/// system lets it.
pub fn bypass_cache(node: &Path) -> bool {
    run(Command::new("losetup").arg("--direct-io=on").arg(node)).is_ok()
}
