//! Gives back the room of what nothing refers to, and of a version that the consent gave up. `boot.env` is rewritten first, so that at no
//! instant it can choose what is on its way out.

use nix::unistd::UnlinkatFlags;
use sameday_upgrade::names::Version;

use super::error::{Refusal, StickError};
use super::session::{Phase, Session};
use super::versions::Removal;

/// What was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cleared {
    /// The versions that were gone or in pieces, or given up.
    pub versions: Vec<Version>,
    /// Bytes given back, directories included.
    pub bytes: u64,
}

impl Session {
    /// Removes left-overs and, if told, the previous version. Never what runs, what `boot.env` or `good.env` choose, or the base. A version
    /// that failed and was undone is a left-over: `boot.env` is first set to what runs.
    ///
    /// # Errors
    /// When `gives_up` is not the version that [`super::Medium::gives_up`] names, something is staged already, or the stick fails.
    pub fn clear(&mut self, gives_up: Option<&Version>) -> Result<Cleared, StickError> {
        if self.phase != Phase::Staging || !self.files.is_empty() {
            return Err(StickError::Misuse("clearing after staging has begun"));
        }
        if gives_up.is_some() && gives_up != self.medium.gives_up() {
            return Err(StickError::Misuse("this version cannot be given up"));
        }
        self.medium.same()?;
        let env = self.medium.env_after(gives_up);
        if env != *self.medium.boot_env() {
            self.overwrite_boot_env(&env).map_err(|(_, error)| error)?;
        }
        let removals = self.medium.removals(&env).map_err(|refusal| match refusal {
            Refusal::Io { what, error } => StickError::io(what, error),
            other => StickError::io(other.to_string(), std::io::Error::other("unexpected")),
        })?;
        let mut cleared = Cleared::default();
        for removal in removals {
            self.remove(&removal)?;
            cleared.bytes = cleared.bytes.saturating_add(removal.bytes);
            cleared.versions.push(removal.version);
        }
        Ok(cleared)
    }

    fn remove(&mut self, removal: &Removal) -> Result<(), StickError> {
        self.remember("live")?;
        if let Some(list) = &removal.list {
            self.unlink(list, UnlinkatFlags::NoRemoveDir)?;
            // Nothing may be listed whose files are going.
            self.sync_directory("live", None)?;
        }
        for file in &removal.files {
            let directory = super::tree::parent(file);
            if !removal.directories.iter().any(|d| d == directory) {
                self.remember(directory)?;
            }
            self.unlink(file, UnlinkatFlags::NoRemoveDir)?;
        }
        for directory in &removal.directories {
            self.remember(super::tree::parent(directory))?;
            self.unlink(directory, UnlinkatFlags::RemoveDir)?;
        }
        self.sync_directory("live", None)
    }
}
