//! Brings everything that was staged to the device: content, entries, the directories up to the root, and the device's own buffer.

use std::collections::BTreeSet;

use nix::fcntl::OFlag;
use nix::sys::stat::futimens;
use nix::unistd::{fsync, syncfs};

use super::error::StickError;
use super::session::{Phase, Session};
use super::tree;

impl Session {
    /// Writes all that is staged to the device. After it, a power cut leaves every staged file whole and reachable.
    ///
    /// # Errors
    /// When the stick fails or is another one.
    pub fn settle(&mut self) -> Result<(), StickError> {
        if self.phase == Phase::Committed {
            return Err(StickError::Misuse("settling after the commit"));
        }
        self.medium.same()?;
        for place in &self.files {
            self.sync_file(place)?;
        }
        let mut directories: BTreeSet<&str> =
            self.touched.keys().chain(&self.directories).map(String::as_str).collect();
        // An fsync in a new directory does not write its parent's entry, so every one up to the root is written.
        for place in &self.files {
            let mut directory = tree::parent(place);
            while !directory.is_empty() {
                directories.insert(directory);
                directory = tree::parent(directory);
            }
        }
        // In reverse order of names, a directory comes before its parent.
        for directory in directories.iter().rev() {
            let changed = self.touched.contains_key(*directory) || self.directories.iter().any(|d| d == directory);
            self.sync_directory(directory, changed.then_some(self.time))?;
        }
        self.sync_directory("", None)?;
        // The rest of a new directory's first cluster is zeroed in memory only until then.
        syncfs(self.medium.tree.root()).map_err(|e| StickError::io("write the stick's buffers", e))?;
        // vfat's syncfs sends no flush, a file's fsync does.
        if let Some(place) = self.files.first() {
            self.sync_file(place)?;
        }
        self.phase = Phase::Settled;
        Ok(())
    }

    fn sync_file(&self, place: &str) -> Result<(), StickError> {
        let failed = |e: std::io::Error| StickError::io(format!("write {place}"), e);
        let file = self.medium.tree.file(place, OFlag::O_RDONLY).map_err(failed)?;
        // One that is not finished carries the time of its last write.
        futimens(&file, &self.time, &self.time).map_err(|e| failed(e.into()))?;
        fsync(&file).map_err(|e| failed(e.into()))
    }
}
