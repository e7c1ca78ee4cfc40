//! One computer with its stick and a peer in place of the fetcher, started from copies, and what must not have changed at its end.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails, fails the test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sameday_dbus::{ErrorKind, Snapshot, State};
use sameday_upgrade::boot_env::{BootEnv, Choice, GoodEnv};
use sameday_upgrade::digest::Digest;
use tempfile::TempDir;

use crate::machine::{Machine, Spec};
use crate::peer::Peer;
use crate::stick::{Entry, Stick};

/// Room for a tiny base, two versions and something.
pub const STICK: u64 = 96 << 20;
/// The sector that says what starts.
pub const BOOT_ENV: &str = "live/sameday/boot.env";

/// A computer started from a copy of a stick.
#[derive(Debug)]
pub struct Case {
    running: Option<(Peer, Machine)>,
    /// The copy.
    pub stick: Stick,
    repository: PathBuf,
    starts: u32,
    before: Left,
    dir: TempDir,
}

/// All that an operation may not change.
#[derive(Debug, PartialEq, Eq)]
pub struct Left {
    /// The whole image.
    pub image: Digest,
    /// Its files.
    pub tree: BTreeMap<String, Entry>,
    /// Its free room.
    pub free: u64,
}

fn look(stick: &Stick) -> Left {
    Left { image: stick.digest().unwrap(), tree: stick.tree().unwrap(), free: stick.free().unwrap() }
}

impl Case {
    /// Starts a computer from a copy of the stick; its peer serves the repository.
    #[must_use]
    pub fn of(stick: &Stick, repository: &Path, spec: &Spec) -> Self {
        let mut case = Self::prepare(stick, repository);
        case.start_again(spec);
        case
    }

    /// As [`Case::of`], not started yet: the stick can be written to before [`Case::start_again`].
    #[must_use]
    pub fn prepare(stick: &Stick, repository: &Path) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let stick = stick.clone_to(&dir.path().join("stick.img")).unwrap();
        let before = look(&stick);
        Self { running: None, stick, repository: repository.to_owned(), starts: 0, before, dir }
    }

    /// What is on the stick now is what must be there at the end.
    pub fn from_here(&mut self) {
        self.before = look(&self.stick);
    }

    /// Starts the computer once more from its stick.
    pub fn start_again(&mut self, spec: &Spec) {
        self.stop();
        self.starts += 1;
        let machine =
            Machine::start(&self.dir.path().join(format!("start-{}", self.starts)), &self.stick, spec).unwrap();
        let peer = Peer::start(&self.repository, &machine.live().path("/run/sameday/fetcher.sock")).unwrap();
        self.running = Some((peer, machine));
    }

    /// From now on, what the peer serves.
    pub fn serve(&mut self, repository: &Path) {
        repository.clone_into(&mut self.repository);
        if let Some((peer, _)) = &self.running {
            peer.serve(repository);
        }
    }

    /// What the peer serves.
    #[must_use]
    pub fn served(&self) -> &Path {
        &self.repository
    }

    /// The computer.
    pub fn machine(&mut self) -> &mut Machine {
        &mut self.running.as_mut().unwrap().1
    }

    /// The peer.
    #[must_use]
    pub fn peer(&self) -> &Peer {
        &self.running.as_ref().unwrap().0
    }

    /// A folder that goes with the case.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A file on the stick, as the running system sees it.
    #[must_use]
    pub fn read(&self, place: &str) -> Vec<u8> {
        let machine = &self.running.as_ref().unwrap().1;
        fs::read(machine.live().path(&format!("/run/live/medium/{place}"))).unwrap()
    }

    /// Ends the computer and writes what the first good start of a version writes.
    pub fn mark_good(&mut self, of: &str, previous: Choice) {
        self.stop();
        let version = of.parse().unwrap();
        let current = Choice::Version(of.parse().unwrap());
        let env = BootEnv { current, previous, tries: 0, good: true };
        self.stick.write(BOOT_ENV, &env.render()).unwrap();
        let good = GoodEnv { version: Choice::Version(version) };
        self.stick.write("live/sameday/good.env", &good.render()).unwrap();
    }

    /// Ends the computer; nothing of it may be left over.
    pub fn stop(&mut self) {
        let Some((peer, machine)) = self.running.take() else { return };
        // It may have been killed before.
        let daemon = machine.daemon_id().ok();
        drop(peer);
        drop(machine);
        let is_there = |id: u32| Path::new(&format!("/proc/{id}")).exists();
        assert!(!daemon.is_some_and(is_there), "the daemon is left over");
        nothing_is_left(self.dir.path());
        self.stick.fsck().unwrap();
    }

    /// Ends the computer and answers what the stick was and is.
    #[must_use]
    pub fn end(mut self) -> (Left, Left) {
        self.stop();
        let after = look(&self.stick);
        (self.before, after)
    }

    /// Ends the computer; the stick's image must be what it was, to the byte.
    pub fn end_untouched(self) {
        let (before, after) = self.end();
        assert_eq!(before.image, after.image, "the stick's image has changed");
    }

    /// Ends the computer; the stick must hold the same files and free room as before.
    pub fn end_as_before(self) {
        let (before, after) = self.end();
        assert_eq!(before.tree, after.tree);
        assert_eq!(before.free, after.free, "free room has changed");
    }
}

/// No mount and no loop device refers to this folder.
fn nothing_is_left(dir: &Path) {
    let dir = dir.to_string_lossy();
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(dir.as_ref()), "a mount is left over: {mounts}");
    for entry in fs::read_dir("/sys/block").unwrap() {
        let backing: PathBuf = entry.unwrap().path().join("loop/backing_file");
        let file = fs::read_to_string(backing).unwrap_or_default();
        assert!(!file.contains(dir.as_ref()), "a loop device is left over: {file}");
    }
}

/// The daemon must tell this failure.
#[track_caller]
pub fn told(snapshot: &Snapshot, state: State, kind: ErrorKind, reason: &str) {
    let failure = snapshot.failure.as_ref().unwrap_or_else(|| panic!("no failure: {snapshot:?}"));
    assert_eq!((snapshot.state, failure.kind, failure.reason.as_str()), (state, kind, reason), "{failure}");
}
