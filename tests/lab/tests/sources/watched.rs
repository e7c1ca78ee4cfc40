//! A computer whose daemon is asked by somebody else all the while, and whose stick is compared after each attack.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use sameday_dbus::{Snapshot, State};
use sameday_lab::caller::{Caller, Method};
use sameday_lab::case::Case;
use sameday_lab::machine::Spec;
use sameday_upgrade::digest::Digest;

use sameday_lab::given::given;

/// Between two questions.
const POLL: Duration = Duration::from_millis(25);
/// So often the daemon is asked before an attack counts as endless: two minutes.
const POLLS: u32 = 4800;

/// The files that a mounted stick holds, and its free room.
#[derive(Debug, PartialEq, Eq)]
pub struct Held {
    files: BTreeMap<PathBuf, Digest>,
    free: u64,
}

/// The computer, and who asks.
pub struct Watched {
    pub case: Case,
    pub caller: Caller,
    before: Held,
    /// How often the daemon answered while it worked.
    pub answers: u32,
}

impl Watched {
    pub fn start(repository: &Path, spec: &Spec) -> Self {
        let mut case = Case::of(&given().stick, repository, spec);
        let caller = Caller::new(&case.machine().bus().address()).unwrap();
        let before = held(&mut case);
        Self { case, caller, before, answers: 0 }
    }

    /// A daemon that remembers nothing.
    pub fn fresh(&mut self) {
        self.case.machine().kill_daemon();
        // The bus may not know yet.
        while self.case.machine().bus().has_owner(sameday_dbus::BUS_NAME).unwrap() {
            sleep(POLL);
        }
        self.case.machine().start_daemon().unwrap();
    }

    /// Waits until nothing is under way; each question on the way must be answered.
    #[track_caller]
    pub fn settled(&mut self) -> Snapshot {
        for _ in 0..POLLS {
            let now = self.caller.snapshot().unwrap();
            self.answers += 1;
            if !now.state.is_busy() {
                return now;
            }
            sleep(POLL);
        }
        panic!("it never ends: {:?}", self.caller.snapshot());
    }

    #[track_caller]
    pub fn check(&mut self) -> Snapshot {
        self.caller.call(&Method::Check).unwrap().unwrap();
        self.settled()
    }

    #[track_caller]
    pub fn install(&mut self) -> Snapshot {
        let offer = self.caller.snapshot().unwrap().offer.expect("something is offered");
        self.caller.call(&Method::Install(&offer.version, &offer.digest)).unwrap().unwrap();
        self.settled()
    }

    /// A download that broke off keeps what is verified, until it is told not to.
    pub fn discard(&mut self) -> Result<(), String> {
        self.caller.call(&Method::Discard).unwrap().map_err(|refused| refused.to_string())?;
        compare(&self.settled(), (State::Available, "", ""))
    }

    /// The stick must hold what it held at the start.
    pub fn is_as_before(&mut self) -> Result<(), String> {
        let now = held(&mut self.case);
        if now == self.before { Ok(()) } else { Err(format!("the stick holds {now:#?}, not {:#?}", self.before)) }
    }

    /// Ends the computer. The stick's image must be the same, but for what the file system notes of having been mounted.
    pub fn end(self) {
        self.case.end_as_before();
    }
}

fn held(case: &mut Case) -> Held {
    let medium = case.machine().live().path("/run/live/medium");
    let stat = nix::sys::statvfs::statvfs(&medium).unwrap();
    let mut files = BTreeMap::new();
    walk(&medium, &medium, &mut files);
    Held { files, free: stat.blocks_free() * stat.fragment_size() }
}

fn walk(root: &Path, dir: &Path, files: &mut BTreeMap<PathBuf, Digest>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(root, &path, files);
        } else {
            files.insert(path.strip_prefix(root).unwrap().to_owned(), Digest::of(&fs::read(&path).unwrap()));
        }
    }
}

/// What is told: state, kind, reason; empty where there is no failure.
pub type Told = (State, &'static str, &'static str);

pub fn told(snapshot: &Snapshot) -> (State, String, String) {
    let failure = snapshot.failure.as_ref();
    let kind = failure.map(|failure| failure.kind.code().to_owned()).unwrap_or_default();
    (snapshot.state, kind, failure.map(|failure| failure.reason.clone()).unwrap_or_default())
}

/// Whether it was told as expected.
pub fn compare(found: &Snapshot, expected: Told) -> Result<(), String> {
    let (state, kind, reason) = told(found);
    if (state, kind.as_str(), reason.as_str()) == expected {
        return Ok(());
    }
    Err(format!("told {} {kind} {reason}, not {expected:?}: {:?}", state.code(), found.failure))
}
