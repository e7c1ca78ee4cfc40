//! The commit: one sector of one file, overwritten in place. The only write that has no state between old and new.

use std::io;
use std::os::unix::fs::FileExt as _;

use nix::fcntl::OFlag;
use nix::sys::stat::futimens;
use nix::sys::time::TimeSpec;
use nix::unistd::fdatasync;
use sameday_upgrade::boot_env::{self, BootEnv};

use super::error::StickError;
use super::session::{Phase, Session};
use super::tree::Tree;
use super::{BOOT_ENV, read_back};

impl Session {
    /// Overwrites `boot.env`: from here on the stick starts what it says.
    ///
    /// # Errors
    /// When the session is not settled or the stick is another one, nothing was written. Any other error leaves open whether it was, so
    /// nothing that was staged is removed after it.
    pub fn commit(&mut self, env: &BootEnv) -> Result<(), StickError> {
        if self.phase != Phase::Settled {
            return Err(StickError::Misuse("commit of what is not settled"));
        }
        // Until it is known that nothing was written, nothing may be removed.
        self.phase = Phase::Committed;
        self.overwrite_boot_env(env).map_err(|(written, error)| {
            if !written {
                self.phase = Phase::Settled;
            }
            error
        })
    }

    /// Overwrites `boot.env`; an error says whether anything may have been written.
    pub(super) fn overwrite_boot_env(&mut self, env: &BootEnv) -> Result<(), (bool, StickError)> {
        self.medium.same().map_err(|error| (false, error))?;
        overwrite(&self.medium.tree, BOOT_ENV, &env.render(), self.time)?;
        self.medium.boot_env = env.clone();
        Ok(())
    }
}

/// Overwrites a block; an error says whether anything may have been written.
fn overwrite(tree: &Tree, place: &str, block: &[u8; boot_env::SIZE], time: TimeSpec) -> Result<(), (bool, StickError)> {
    let failed = |e: io::Error| StickError::io(format!("write {place}"), e);
    let file = tree.file(place, OFlag::O_RDWR).map_err(|e| (false, failed(e)))?;
    let metadata = file.metadata().map_err(|e| (false, failed(e)))?;
    if !metadata.is_file() || metadata.len() != boot_env::SIZE as u64 {
        return Err((false, StickError::Changed { what: "boot.env" }));
    }
    file.write_all_at(block, 0).map_err(|e| (true, failed(e)))?;
    // Before the sync, so that the release's time is what it writes.
    futimens(&file, &time, &time).map_err(|e| (true, failed(e.into())))?;
    fdatasync(&file).map_err(|e| (true, failed(e.into())))?;
    drop(file);
    let back = read_back::small(tree, place, boot_env::SIZE).map_err(|e| (true, failed(e)))?;
    if back != block {
        return Err((true, StickError::ReadBack { place: place.to_owned() }));
    }
    Ok(())
}
