//! The time from consent to commit, pause or cancel, the only one in which the stick is mounted for writing.
//!
//! A session that ends without a commit or a pause removes what it staged, gives the directories back their times, and mounts the stick
//! read-only again. It does so on drop, too, and then only logs what fails.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sys::stat::{Mode, futimens, mkdirat};
use nix::sys::time::TimeSpec;
use nix::unistd::{UnlinkatFlags, fsync, syncfs, unlinkat};
use sameday_upgrade::boot_env;
use sameday_upgrade::names::Version;

use super::error::StickError;
use super::loader::Loader;
use super::{GOOD_ENV, Medium, kernel_text, mounts, tree, versions, zone};

/// How often, and how far apart, mounting read-only is tried while the kernel still counts a writer that has just closed.
const READ_ONLY_TRIES: u32 = 20;
const READ_ONLY_PAUSE: Duration = Duration::from_millis(50);

/// How far a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Files are being written, or there are none.
    Staging,
    /// All that was staged is on the device.
    Settled,
    /// `boot.env` may choose the new version: nothing is removed any more.
    Committed,
    /// Paused: what is staged stays, though nothing refers to it.
    Paused,
}

/// The stick, mounted for writing.
#[derive(Debug)]
pub struct Session {
    pub(super) medium: Medium,
    /// The version that is staged; none where only what lies on the stick is taken care of.
    pub(super) version: Option<Version>,
    /// The release's time, which everything written carries.
    pub(super) time: TimeSpec,
    pub(super) phase: Phase,
    pub(super) files: Vec<String>,
    pub(super) directories: Vec<String>,
    /// Directories that were there before and change, with their time.
    pub(super) touched: BTreeMap<String, TimeSpec>,
    /// Those of `files` that an earlier download left, not verified yet.
    pub(super) earlier: BTreeSet<String>,
    /// Whether an earlier download left any.
    pub(super) took_over: bool,
    read_only: bool,
}

impl Medium {
    /// Mounts the stick for writing the upgrade to `version`; `time` is the release's, in Unix seconds.
    ///
    /// # Errors
    /// `version-kept` when that version runs or is kept, and when it is not the stick that was found, or cannot be mounted for writing.
    pub fn open(&self, version: &Version, time: i64) -> Result<Session, StickError> {
        self.can_take(version)?;
        // What is on the stick is then the release's time, wherever the stick is read.
        let shift = if self.mount.in_local_time { zone::behind_utc() } else { 0 };
        self.begin(Some(version.clone()), TimeSpec::new(time.saturating_add(shift), 0))
    }

    /// Whether the files of `version` may be written.
    ///
    /// # Errors
    /// `version-kept`, when it runs or is kept.
    pub fn can_take(&self, version: &Version) -> Result<(), StickError> {
        // What the consent gives up makes way for itself.
        if self.keeps(version) && self.gives_up() != Some(version) {
            return Err(StickError::Kept { version: version.clone() });
        }
        Ok(())
    }

    /// Mounts the stick for writing without anything new: to choose among what is there, or to remove what nothing refers to. What is
    /// overwritten keeps the time that it has.
    ///
    /// # Errors
    /// When it is not the stick that was found, or cannot be mounted for writing.
    pub fn open_as_it_is(&self) -> Result<Session, StickError> {
        let metadata = self.tree.metadata(&self.loader.place()).map_err(|e| StickError::io("look at boot.env", e))?;
        let metadata = metadata.ok_or(StickError::Changed { what: "boot.env" })?;
        self.begin(None, TimeSpec::new(metadata.mtime(), metadata.mtime_nsec()))
    }

    fn begin(&self, version: Option<Version>, time: TimeSpec) -> Result<Session, StickError> {
        self.same()?;
        let flags = self.mount.flags.difference(MsFlags::MS_RELATIME) | MsFlags::MS_NOATIME;
        remount(&self.mount.point, flags).map_err(|e| match e {
            Errno::EACCES | Errno::EROFS => StickError::ReadOnly,
            other => StickError::io("mount the stick for writing", other),
        })?;
        let session = Session {
            medium: self.clone(),
            version,
            time,
            phase: Phase::Staging,
            files: Vec::new(),
            directories: Vec::new(),
            touched: BTreeMap::new(),
            earlier: BTreeSet::new(),
            took_over: false,
            read_only: false,
        };
        let now = self.tree.read(&self.loader.place(), boot_env::SIZE as u64);
        let now = now.map_err(|e| StickError::io("read boot.env", e))?;
        if !now.is_some_and(|now| self.loader.says(&now, &self.boot_env)) {
            return Err(StickError::Changed { what: "boot.env" });
        }
        Ok(session)
    }

    /// Compares device number and sequence number with those of the stick that was found.
    pub(super) fn same(&self) -> Result<(), StickError> {
        let mounted = std::fs::metadata(&self.mount.point).map_err(|e| StickError::io("look at the stick", e))?;
        self.device.same(mounted.dev())
    }

    /// Mounts the stick read-only if it is not, as a daemon that died in a session leaves it. Only while there is no session. Answers
    /// whether it did.
    ///
    /// # Errors
    /// When it is not the stick that was found, or cannot be mounted read-only.
    pub fn mend_read_write(&self) -> Result<bool, StickError> {
        self.same()?;
        let mounts = mounts::parse(&kernel_text("/proc/self/mountinfo").map_err(StickError::of)?);
        let mount = mounts::at(&mounts, &self.mount.point).ok_or(StickError::Changed { what: "mount" })?;
        if mount.writable {
            if let Err(error) = self.cut_left_overs() {
                tracing::warn!("{}", crate::failure::Chain(&error));
            }
            self.mount_read_only()?;
        }
        Ok(mount.writable)
    }

    fn mount_read_only(&self) -> Result<(), StickError> {
        let flags = self.mount.flags | MsFlags::MS_RDONLY;
        let mut tries = 0;
        loop {
            match remount(&self.mount.point, flags) {
                Err(Errno::EBUSY) if tries < READ_ONLY_TRIES => {
                    tries += 1;
                    std::thread::sleep(READ_ONLY_PAUSE);
                }
                other => return other.map_err(|e| StickError::io("mount the stick read-only", e)),
            }
        }
    }
}

impl Session {
    /// The medium.
    #[must_use]
    pub fn medium(&self) -> &Medium {
        &self.medium
    }

    /// Ends the session. Without a commit, what it staged is removed.
    ///
    /// # Errors
    /// The first thing that failed; the rest was tried all the same.
    pub fn close(mut self) -> Result<(), StickError> {
        self.end()
    }

    /// Whether an earlier download of this version was taken over.
    #[must_use]
    pub fn took_over(&self) -> bool {
        self.took_over
    }

    /// Whether anything of the version's payload is on the stick.
    #[must_use]
    pub fn holds_payload(&self) -> bool {
        let holds = |place: &String| self.medium.tree.metadata(place).is_ok_and(|m| m.is_some_and(|m| m.len() > 0));
        self.files.iter().any(holds)
    }

    /// Ends the session and keeps what is staged, for a later one to go on with. Nothing refers to it.
    ///
    /// # Errors
    /// When the stick fails or is another one. What is staged then stays as it is.
    pub fn pause(mut self) -> Result<(), StickError> {
        if self.phase == Phase::Committed {
            return Err(StickError::Misuse("a pause after the commit"));
        }
        // What is reserved beyond a file's end would be freed at some later time, when the stick is read-only.
        let cut = self.files.iter().try_for_each(|place| self.cut(place));
        let settled = cut.and(self.settle());
        self.phase = Phase::Paused;
        settled.and(self.end())
    }

    fn end(&mut self) -> Result<(), StickError> {
        let removed = match self.phase {
            Phase::Committed | Phase::Paused => Ok(()),
            Phase::Staging | Phase::Settled => self.remove_staged(),
        };
        let closed = self.mount_read_only();
        removed.and(closed)
    }

    fn mount_read_only(&mut self) -> Result<(), StickError> {
        if !self.read_only {
            self.medium.mount_read_only()?;
            self.read_only = true;
        }
        Ok(())
    }

    /// Removes all that this session made, goes on after errors, and answers the first.
    fn remove_staged(&mut self) -> Result<(), StickError> {
        let mut first = Ok(());
        let mut keep = |result: Result<(), StickError>| {
            if first.is_ok() {
                first = result;
            }
        };
        if self.files.is_empty() && self.directories.is_empty() && self.touched.is_empty() {
            return Ok(());
        }
        for place in std::mem::take(&mut self.files).iter().rev() {
            keep(self.unlink(place, UnlinkatFlags::NoRemoveDir));
        }
        for place in std::mem::take(&mut self.directories).iter().rev() {
            keep(self.unlink(place, UnlinkatFlags::RemoveDir));
        }
        for (place, time) in std::mem::take(&mut self.touched) {
            keep(self.sync_directory(&place, Some(time)));
        }
        keep(syncfs(self.medium.tree.root()).map_err(|e| StickError::io("write the stick's buffers", e)));
        // Only an fsync of something on the stick makes vfat flush the device's own buffer.
        keep(self.sync_directory("", None));
        first
    }

    /// Makes the directories of `place` that are missing. Only those of this session's version can be.
    pub(super) fn make_directories(&mut self, place: &str) -> Result<(), StickError> {
        let directory = tree::parent(place).to_owned();
        if directory.is_empty() {
            return Ok(());
        }
        self.make_directories(&directory)?;
        if self.directories.contains(&directory) {
            return Ok(());
        }
        let found =
            self.medium.tree.metadata(&directory).map_err(|e| StickError::io(format!("look for {directory}"), e))?;
        if found.is_some() {
            return Ok(());
        }
        self.remember(tree::parent(&directory))?;
        let parent = self.directory(tree::parent(&directory))?;
        let mode = Mode::from_bits_truncate(0o755);
        mkdirat(&parent, tree::name(&directory), mode).map_err(|e| StickError::io(format!("make {directory}"), e))?;
        self.keep_date(tree::parent(&directory))?;
        self.keep_date(&directory)?;
        self.directories.push(directory);
        Ok(())
    }

    /// A directory in which something was just made gets its date back, the release's if it is new, before the kernel writes the day's to the
    /// stick: the power can go at any time.
    pub(super) fn keep_date(&self, directory: &str) -> Result<(), StickError> {
        if directory.is_empty() {
            return Ok(());
        }
        let time = self.touched.get(directory).unwrap_or(&self.time);
        set_time(&self.directory(directory)?, time, &format!("{directory}/"))
    }

    /// Notes the time of a directory that is about to change, so that a cancel can give it back.
    pub(super) fn remember(&mut self, directory: &str) -> Result<(), StickError> {
        if directory.is_empty()
            || self.touched.contains_key(directory)
            || self.directories.iter().any(|d| d == directory)
        {
            return Ok(());
        }
        let metadata =
            self.medium.tree.metadata(directory).map_err(|e| StickError::io(format!("look at {directory}"), e))?;
        let metadata =
            metadata.ok_or_else(|| StickError::io(format!("look at {directory}"), io::Error::from(Errno::ENOENT)))?;
        self.touched.insert(directory.to_owned(), TimeSpec::new(metadata.mtime(), metadata.mtime_nsec()));
        Ok(())
    }

    pub(super) fn directory(&self, place: &str) -> Result<std::os::fd::OwnedFd, StickError> {
        self.medium.tree.directory(place).map_err(|e| StickError::io(format!("open {place}/"), e))
    }

    pub(super) fn unlink(&self, place: &str, flag: UnlinkatFlags) -> Result<(), StickError> {
        let parent = self.directory(tree::parent(place))?;
        match unlinkat(&parent, tree::name(place), flag) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(error) => Err(StickError::io(format!("remove {place}"), error)),
        }
    }

    /// Writes a directory to the device, with `time` if one is given.
    pub(super) fn sync_directory(&self, place: &str, time: Option<TimeSpec>) -> Result<(), StickError> {
        let directory = self.directory(place)?;
        if let Some(time) = time {
            set_time(&directory, &time, &format!("{place}/"))?;
        }
        fsync(directory.as_fd()).map_err(|e| StickError::io(format!("write {place}/"), e))
    }

    /// The version that is staged.
    pub(super) fn version(&self) -> Result<&Version, StickError> {
        self.version.as_ref().ok_or(StickError::Misuse("staging where nothing is installed"))
    }

    /// The places of this session's version are the only ones where it makes files.
    pub(super) fn allow(&self, place: &str) -> Result<(), StickError> {
        let version = self.version()?;
        let folders = [versions::folder(version), versions::metadata_folder(version)];
        let in_folder = folders.iter().any(|folder| tree::parent(place) == folder);
        let good_env = place == GOOD_ENV && self.medium.loader != Loader::Ours;
        if (in_folder && versions::in_alphabet(tree::name(place))) || place == versions::list(version) || good_env {
            Ok(())
        } else {
            Err(StickError::Misuse("a place that is not the version's"))
        }
    }
}

/// Gives an open file or directory this date of modification and of access.
pub(super) fn set_time(open: &impl AsFd, time: &TimeSpec, place: &str) -> Result<(), StickError> {
    futimens(open, time, time).map_err(|e| StickError::io(format!("set the time of {place}"), e))
}

impl Drop for Session {
    fn drop(&mut self) {
        if !self.read_only
            && let Err(error) = self.end()
        {
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            tracing::warn!("the stick could not be left as it was found: {error}: {cause}");
        }
    }
}

fn remount(point: &Path, flags: MsFlags) -> Result<(), Errno> {
    mount(None::<&str>, point, None::<&str>, flags | MsFlags::MS_REMOUNT, None::<&str>)
}
