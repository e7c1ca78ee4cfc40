//! Gives back the room of what nothing refers to, and of a version that the consent gave up. `good.env` and `boot.env` are rewritten first,
//! so that at no instant they can choose what is on its way out.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::futimens;
use nix::sys::time::TimeSpec;
use nix::unistd::{UnlinkatFlags, fsync, syncfs};
use sameday_upgrade::boot_env;
use sameday_upgrade::names::Version;

use super::Medium;
use super::error::StickError;
use super::session::{Phase, Session};
use super::tree::{self, Tree};
use super::versions::{self, Removal};

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
    /// that failed and was undone is a left-over: `boot.env` and `good.env` are first set to what runs. All of it is on the device before
    /// anything is staged, or a power cut could leave a new file and an old one in the same clusters.
    ///
    /// Payload that an earlier download of this session's own version left stays for [`Session::go_on`].
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
        let blocks = self.medium.blocks_after(gives_up);
        // This one first: if the power goes before the other, `boot.env` still tells that a version was undone.
        if let Some(good) = blocks.good.as_ref().filter(|good| Some(*good) != self.medium.good_env()) {
            self.overwrite_good_env(good)?;
        }
        if blocks.boot != *self.medium.boot_env() {
            self.overwrite_boot_env(&blocks.boot).map_err(|(_, error)| error)?;
        }
        let removals = self.medium.removals(&blocks).map_err(StickError::of)?;
        let mut cleared = Cleared::default();
        for removal in removals {
            if Some(&removal.version) == self.version.as_ref() && gives_up != Some(&removal.version) {
                self.take_over(&removal)?;
                continue;
            }
            self.give_back(&mut cleared, removal)?;
        }
        self.remove_blank_list()?;
        self.sync_removals()?;
        Ok(cleared)
    }

    /// Removes the versions that nothing refers to any more since the commit: those before the one that runs, which is what is fallen back to.
    /// A stick that is upgraded again and again holds two versions and the base.
    ///
    /// # Errors
    /// When nothing was committed, or the stick fails. The commit stands.
    pub fn clear_superseded(&mut self) -> Result<Cleared, StickError> {
        if self.phase != Phase::Committed {
            return Err(StickError::Misuse("what nothing has taken the place of yet"));
        }
        self.medium.same()?;
        // Nothing gives them back any more the times that they had before the upgrade.
        self.touched.clear();
        let removals = self.medium.removals(&self.medium.blocks()).map_err(StickError::of)?;
        let mut cleared = Cleared::default();
        for removal in removals {
            self.give_back(&mut cleared, removal)?;
        }
        self.sync_removals()?;
        Ok(cleared)
    }

    fn give_back(&mut self, cleared: &mut Cleared, removal: Removal) -> Result<(), StickError> {
        self.remove(&removal)?;
        cleared.bytes = cleared.bytes.saturating_add(removal.bytes);
        cleared.versions.push(removal.version);
        Ok(())
    }

    /// Removes what an earlier download left of a version.
    ///
    /// # Errors
    /// When `boot.env` or `good.env` choose it or it runs, or the stick fails.
    pub fn discard(&mut self, version: &Version) -> Result<(), StickError> {
        if self.phase != Phase::Staging || !self.files.is_empty() {
            return Err(StickError::Misuse("discarding after staging has begun"));
        }
        self.medium.same()?;
        let left = self.medium.removals(&self.medium.blocks()).map_err(StickError::of)?;
        let removal = left.iter().find(|removal| removal.version == *version);
        self.remove(removal.ok_or(StickError::Changed { what: "what was left over" })?)?;
        self.sync_removals()
    }

    /// Keeps the payload of an earlier download and removes everything else of it. What a power cut left allocated beyond a file's end goes
    /// too, before anything new is written.
    fn take_over(&mut self, removal: &Removal) -> Result<(), StickError> {
        let payload = versions::payload(&removal.version);
        let others = removal.files.iter().filter(|(place, _)| !payload.contains(place)).cloned().collect();
        self.remove(&Removal { files: others, directories: Vec::new(), ..removal.clone() })?;
        for directory in &removal.directories {
            self.remember(tree::parent(directory))?;
        }
        self.directories.extend(removal.directories.iter().cloned());
        // The layer first: what is removed in the end is removed in reverse, and while the layer is there the folder is known as ours.
        for place in payload.into_iter().filter(|place| removal.files.iter().any(|(file, _)| file == place)) {
            self.remember(tree::parent(&place))?;
            let metadata = self.medium.tree.metadata(&place);
            let metadata = metadata.map_err(|e| StickError::io(format!("look at {place}"), e))?;
            if metadata.is_none_or(|metadata| metadata.nlink() != 1) {
                // Another name of something that may be needed.
                self.unlink(&place, UnlinkatFlags::NoRemoveDir)?;
                continue;
            }
            self.cut(&place)?;
            self.earlier.insert(place.clone());
            self.files.push(place);
        }
        self.took_over = !self.files.is_empty();
        Ok(())
    }

    /// Frees what a file holds beyond its end. The release's time is what it then carries, not the day.
    pub(super) fn cut(&self, place: &str) -> Result<(), StickError> {
        cut(&self.medium.tree, place, Some(self.time))
    }

    /// Whether nothing of others is where the files have to go.
    ///
    /// # Errors
    /// `stick-changed`, when something is.
    pub fn way_is_free(&self, files: &[(&str, u64)]) -> Result<(), StickError> {
        for (place, _) in files {
            let found = self.medium.tree.metadata(place).map_err(|e| StickError::io(format!("look for {place}"), e))?;
            if found.is_some() && !self.earlier.contains(*place) {
                return Err(StickError::Changed { what: "something is in the way" });
            }
        }
        Ok(())
    }

    fn remove(&mut self, removal: &Removal) -> Result<(), StickError> {
        self.remember("live")?;
        if let Some(list) = &removal.list {
            self.unlink(list, UnlinkatFlags::NoRemoveDir)?;
            // Nothing may be listed whose files are going.
            self.sync_directory("live", self.touched.get("live").copied())?;
        }
        for (file, _) in &removal.files {
            self.remember(tree::parent(file))?;
            self.unlink(file, UnlinkatFlags::NoRemoveDir)?;
        }
        for directory in &removal.directories {
            self.remember(tree::parent(directory))?;
            match self.unlink(directory, UnlinkatFlags::RemoveDir) {
                // Names that are no text are not seen before.
                Err(StickError::Io { error, .. }) if error.raw_os_error() == Some(Errno::ENOTEMPTY as i32) => {
                    tracing::warn!("{directory}/ stays, it holds what is not ours");
                }
                result => {
                    result?;
                    self.touched.remove(directory);
                }
            }
        }
        Ok(())
    }

    /// An empty file that has the name of the list to come is in its way, whoever made it, and nothing of anybody's is in it.
    fn remove_blank_list(&mut self) -> Result<(), StickError> {
        let list = versions::list(self.version()?);
        let place = self.medium.tree.metadata(&list).map_err(|e| StickError::io(format!("look for {list}"), e))?;
        if !place.is_some_and(|metadata| metadata.is_file() && metadata.len() <= boot_env::SIZE as u64) {
            return Ok(());
        }
        let text = self.medium.tree.read(&list, boot_env::SIZE as u64);
        let text = text.map_err(|e| StickError::io(format!("read {list}"), e))?;
        if text.as_deref().is_some_and(versions::is_blank) {
            self.remember("live")?;
            self.unlink(&list, UnlinkatFlags::NoRemoveDir)?;
        }
        Ok(())
    }

    /// Writes every directory that lost something to the device, and those above it.
    fn sync_removals(&self) -> Result<(), StickError> {
        let mut directories = BTreeSet::new();
        for touched in self.touched.keys() {
            let mut directory = touched.as_str();
            while directories.insert(directory) && !directory.is_empty() {
                directory = tree::parent(directory);
            }
        }
        if directories.is_empty() {
            return Ok(());
        }
        // In reverse order of names, a directory comes before its parent.
        for directory in directories.iter().rev() {
            self.sync_directory(directory, self.touched.get(*directory).copied())?;
        }
        syncfs(self.medium.tree.root()).map_err(|e| StickError::io("write the stick's buffers", e))?;
        // vfat's syncfs sends no flush, an fsync does.
        self.sync_directory("", None)
    }
}

impl Medium {
    /// Frees what the files of left-overs hold beyond their ends, and leaves them as they are otherwise. The kernel would do it by itself, at
    /// some later time, when the stick is long mounted read-only.
    pub(super) fn cut_left_overs(&self) -> Result<(), StickError> {
        for removal in self.removals(&self.blocks()).map_err(StickError::of)? {
            let payload = versions::payload(&removal.version);
            for (place, _) in removal.files.iter().filter(|(place, _)| payload.contains(place)) {
                cut(&self.tree, place, None)?;
            }
        }
        syncfs(self.tree.root()).map_err(|e| StickError::io("write the stick's buffers", e))
    }
}

/// Frees what a file holds beyond its end; it keeps its time if none is given.
fn cut(tree: &Tree, place: &str, time: Option<TimeSpec>) -> Result<(), StickError> {
    let failed = |e: std::io::Error| StickError::io(format!("cut {place}"), e);
    let file = tree.file(place, OFlag::O_WRONLY).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let time = time.unwrap_or_else(|| TimeSpec::new(metadata.mtime(), metadata.mtime_nsec()));
    file.set_len(metadata.len()).map_err(failed)?;
    futimens(&file, &time, &time).map_err(|e| failed(e.into()))?;
    fsync(&file).map_err(|e| failed(e.into()))
}
