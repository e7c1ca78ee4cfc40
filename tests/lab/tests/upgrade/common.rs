//! A world for all tests of this program, and a computer for each.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use sameday_dbus::{ErrorKind, Snapshot, State};
use sameday_lab::machine::{Machine, Spec};
use sameday_lab::peer::Peer;
use sameday_lab::stick::{Entry, FileSystem, Stick};
use sameday_lab::world::{self, World};
use sameday_upgrade::digest::Digest;
use tempfile::TempDir;

/// Room for the base, two versions and something.
pub const STICK: u64 = 96 << 20;

/// A world in which 2.0 is released, and a new stick of it.
pub struct Given {
    pub world: World,
    pub stick: Stick,
    _dir: TempDir,
}

/// Made once; the tests only copy from it.
pub fn given() -> &'static Given {
    static GIVEN: OnceLock<Given> = OnceLock::new();
    GIVEN.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let world = World::tiny(&dir.path().join("world"), world::Spec::default()).unwrap();
        world.release("2.0").unwrap();
        let stick = world.stick("stick", FileSystem::of_this_kernel().unwrap(), STICK).unwrap();
        Given { world, stick, _dir: dir }
    })
}

/// A computer started from a copy of the stick, with a peer in place of the fetcher.
pub struct Case {
    running: Option<(Peer, Machine)>,
    pub stick: Stick,
    repository: PathBuf,
    starts: u32,
    before: Left,
    dir: TempDir,
}

/// All that an operation may not change.
#[derive(PartialEq, Eq)]
pub struct Left {
    pub image: Digest,
    pub tree: BTreeMap<String, Entry>,
    pub free: u64,
}

fn look(stick: &Stick) -> Left {
    Left { image: stick.digest().unwrap(), tree: stick.tree().unwrap(), free: stick.free().unwrap() }
}

impl Case {
    pub fn start() -> Self {
        Self::with(&given().world.repository(), &Spec::default())
    }

    pub fn serving(repository: &Path) -> Self {
        Self::with(repository, &Spec::default())
    }

    pub fn with(repository: &Path, spec: &Spec) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let stick = given().stick.clone_to(&dir.path().join("stick.img")).unwrap();
        let before = look(&stick);
        let mut case = Self { running: None, stick, repository: repository.to_owned(), starts: 0, before, dir };
        case.start_again(spec);
        case
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

    /// From the next start on, what the peer serves.
    pub fn serve(&mut self, repository: &Path) {
        self.repository = repository.to_owned();
    }

    pub fn machine(&mut self) -> &mut Machine {
        &mut self.running.as_mut().unwrap().1
    }

    pub fn peer(&self) -> &Peer {
        &self.running.as_ref().unwrap().0
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A file on the stick, as the running system sees it.
    pub fn read(&self, place: &str) -> Vec<u8> {
        let machine = &self.running.as_ref().unwrap().1;
        fs::read(machine.live().path(&format!("/run/live/medium/{place}"))).unwrap()
    }

    /// Ends the computer; nothing of it may be left over.
    pub fn stop(&mut self) {
        let Some((peer, machine)) = self.running.take() else { return };
        let daemon = machine.daemon_id().unwrap();
        drop(peer);
        drop(machine);
        assert!(!Path::new(&format!("/proc/{daemon}")).exists(), "the daemon is left over");
        nothing_is_left(self.dir.path());
        self.stick.fsck().unwrap();
    }

    /// Ends the computer and answers what the stick was and is.
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
