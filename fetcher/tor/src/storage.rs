//! Where Arti keeps what it learns about the network: a private directory in memory, gone when the system is.

use std::env;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{StatFs, statfs};
use sameday_wire::Reason;

use crate::failure::Failure;

/// `f_type` of the file systems that live in memory (statfs(2)).
const TMPFS_MAGIC: u64 = 0x0102_1994;

/// Two directories that only this process's user can enter.
#[derive(Debug)]
pub struct Storage {
    directory: PathBuf,
}

impl Storage {
    /// Takes the runtime directory that the service manager made, if it is private and in memory.
    pub fn claim() -> Result<Self, Failure> {
        let refused = |detail: String| Failure::new(Reason::StorageRefused, detail);
        let directory = env::var_os("RUNTIME_DIRECTORY").map(PathBuf::from).filter(|d| d.is_absolute());
        let directory = directory.ok_or_else(|| refused("the service manager gave no runtime directory".into()))?;
        let metadata = directory.symlink_metadata().map_err(|e| refused(format!("runtime directory: {e}")))?;
        let ours = metadata.is_dir() && metadata.uid() == rustix::process::geteuid().as_raw();
        if !ours || metadata.mode() & 0o077 != 0 {
            return Err(refused("runtime directory is not private".into()));
        }
        let kind = statfs(&directory).map_err(|e| refused(format!("runtime directory: {e}")))?;
        if !in_memory(&kind) {
            return Err(refused("runtime directory is not in memory".into()));
        }
        let storage = Self { directory };
        for part in [storage.cache(), storage.state()] {
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(part)
                .map_err(|e| refused(format!("runtime directory: {e}")))?;
        }
        Ok(storage)
    }

    pub fn cache(&self) -> PathBuf {
        Path::join(&self.directory, "cache")
    }

    pub fn state(&self) -> PathBuf {
        Path::join(&self.directory, "state")
    }
}

fn in_memory(kind: &StatFs) -> bool {
    u64::try_from(kind.f_type).is_ok_and(|t| t == TMPFS_MAGIC)
}

#[cfg(test)]
impl Storage {
    /// A place that nothing is written to.
    pub fn of_test() -> Self {
        Self { directory: PathBuf::from("/nonexistent") }
    }
}
