//! Loop devices that clear themselves when nobody uses them any more, and their partitions.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use loopdev::{LoopControl, LoopDevice};
use nix::errno::Errno;

use crate::process::run;

/// Free devices are taken by others, too: so often another one is tried.
const TRIES: u32 = 32;

/// A file attached to a loop device. The device stays until this is dropped and nothing is mounted from it.
#[derive(Debug)]
pub struct Attached {
    _device: LoopDevice,
    path: PathBuf,
}

impl Attached {
    /// Attaches a file, with its partitions if so asked.
    ///
    /// # Errors
    /// When there is no free device, or the kernel does not make the partitions.
    pub fn new(file: &Path, read_only: bool, partitions: bool) -> io::Result<Self> {
        let open = File::options().read(true).write(!read_only).open(file)?;
        let control = LoopControl::open()?;
        let mut tries = 0;
        let device = loop {
            let device = control.next_free()?;
            match device.with().read_only(read_only).autoclear(true).part_scan(partitions).attach_fd(open.as_fd()) {
                Ok(()) => break device,
                Err(error) if error.raw_os_error() == Some(Errno::EBUSY as i32) && tries < TRIES => tries += 1,
                Err(error) => return Err(io::Error::new(error.kind(), format!("attach {}: {error}", file.display()))),
            }
        };
        let path = device.path().ok_or_else(|| io::Error::other("the loop device has no path"))?;
        let attached = Self { _device: device, path };
        if partitions && !attached.has_partitions()? {
            // A kernel that does not read GPTs takes partitions from whoever does.
            run(Command::new("partx").arg("--add").arg(&attached.path))?;
        }
        Ok(attached)
    }

    fn has_partitions(&self) -> io::Result<bool> {
        let name = self.path.file_name().unwrap_or_default();
        for entry in fs::read_dir(Path::new("/sys/block").join(name))? {
            if entry?.path().join("partition").exists() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The device's node.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The node of a partition.
    #[must_use]
    pub fn partition(&self, number: u32) -> PathBuf {
        PathBuf::from(format!("{}p{number}", self.path.display()))
    }

    /// What sysfs shows for as long as the device is attached.
    #[must_use]
    pub fn backing_file(&self) -> PathBuf {
        let name = self.path.file_name().unwrap_or_default();
        Path::new("/sys/block").join(name).join("loop/backing_file")
    }
}
