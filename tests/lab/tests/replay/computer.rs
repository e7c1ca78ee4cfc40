//! A computer whose stick is recorded: the daemon on real vfat, and marks in the log where it has said something.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use sameday_dbus::{Snapshot, State};
use sameday_lab::fault::FaultyDisk;
use sameday_lab::live::Disk;
use sameday_lab::machine::{Call, Machine, Spec};
use sameday_lab::peer::{Lie, Peer};
use sameday_lab::replay::states::Allowed;
use sameday_lab::stick::{FileSystem, Stick};

use crate::material::Material;

/// Many times over what anything here takes.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(4);
/// All that is written to a stick here, and as much again.
const LOG: u64 = 128 << 20;

/// The disk that is recorded.
pub fn recorded(name: &str, stick: &Stick, log: &Path) -> io::Result<FaultyDisk> {
    FaultyDisk::logged(name, stick.image(), log, LOG)
}

/// The computer. Its parts end in the order of the fields.
pub struct Computer<'a> {
    pub machine: Machine,
    peer: Peer,
    pub disk: FaultyDisk,
    pub stick: Stick,
    material: &'a Material,
}

fn not(wanted: State, now: &Snapshot) -> io::Error {
    io::Error::other(format!("not {wanted} but {now:?}"))
}

impl<'a> Computer<'a> {
    /// Starts it from a stick. `room` is a new folder for it.
    pub fn start(name: &str, stick: &Stick, log: &Path, room: &Path, material: &'a Material) -> io::Result<Self> {
        let disk = recorded(name, stick, log)?;
        let on = Disk::Partition(disk.partition(1));
        std::fs::create_dir_all(room)?;
        let machine = Machine::start_on(room, on, FileSystem::Vfat, &Spec::default())?;
        let socket = machine.live().path("/run/sameday/fetcher.sock");
        let peer = Peer::start(&material.repository("2.0"), &socket)?;
        Ok(Self { machine, peer, disk, stick: stick.clone(), material })
    }

    /// From here on the stick may start this.
    pub fn mark(&self, allowed: Allowed) -> io::Result<()> {
        self.disk.mark(allowed.mark())
    }

    /// Waits for this state.
    pub fn until(&self, wanted: State) -> io::Result<Snapshot> {
        self.wait(|now| now.state == wanted)
    }

    /// Waits until nothing is under way, which must be in this state.
    pub fn rests(&self, wanted: State) -> io::Result<Snapshot> {
        let now = self.wait(|now| !now.state.is_busy())?;
        if now.state == wanted { Ok(now) } else { Err(not(wanted, &now)) }
    }

    /// Waits until it is so.
    pub fn wait(&self, so: impl Fn(&Snapshot) -> bool) -> io::Result<Snapshot> {
        let end = Instant::now() + PATIENCE;
        loop {
            let now = self.machine.snapshot()?;
            if so(&now) {
                return Ok(now);
            }
            if Instant::now() > end {
                return Err(io::Error::other(format!("after {PATIENCE:?} still {now:?}")));
            }
            std::thread::sleep(LOOK);
        }
    }

    pub fn call(&self, call: &Call<'_>) -> io::Result<()> {
        self.machine.call(call)?.map_err(|error| io::Error::other(format!("{call:?}: {error}")))
    }

    /// Has a version released, by the name of the repository, and it is offered.
    pub fn offered(&self, repository: &str) -> io::Result<()> {
        self.peer.serve(&self.material.repository(repository));
        self.call(&Call::Check)?;
        self.rests(State::Available).map(drop)
    }

    /// Consents to this version and waits until so many bytes of its layer are on the stick, and no more come.
    pub fn downloads(&self, version: &str, bytes: u64) -> io::Result<()> {
        self.offered(version)?;
        self.peer.lie(&self.material.layers[version], Lie::HoldAt(bytes));
        self.machine.consent()?;
        let whole_chunks = bytes >> 20 << 20;
        let so = |now: &Snapshot| now.progress.as_ref().is_some_and(|progress| progress.bytes >= whole_chunks);
        self.wait(|now| now.state == State::Downloading && so(now)).map(drop)
    }

    /// The rest comes.
    pub fn release(&self) {
        self.peer.honest();
    }

    /// Waits for the commit, and notes it down.
    pub fn committed(&self) -> io::Result<()> {
        self.rests(State::RestartPending)?;
        self.mark(Allowed::New)
    }
}
