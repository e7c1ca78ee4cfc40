//! One computer under test: its stick on a disk that can fail, its source of bytes, its daemon, and a client that notices how long things take.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sameday_dbus::{Dictionary, Snapshot};
use sameday_lab::fault::FaultyDisk;
use sameday_lab::live::Disk;
use sameday_lab::machine::{Call, Machine, Spec};
use sameday_lab::peer::{Lie, Peer, Tor};
use sameday_lab::stick::{FileSystem, Stick};

use crate::material::{Material, Served};
use crate::real::Real;

/// The longest that anything here takes by itself, many times over.
pub const PATIENCE: Duration = Duration::from_secs(150);
/// How often the state is looked at.
const LOOK: Duration = Duration::from_millis(4);

/// Where the bytes come from.
pub enum Feed {
    /// The lab's own, that does as told.
    Peer(Peer),
    /// The real fetcher over a private Tor network.
    Real(Real),
}

/// A computer.
pub struct Stand<'a> {
    pub material: &'a Material,
    pub machine: Machine,
    pub feed: Feed,
    pub disk: Option<FaultyDisk>,
    pub stick: Stick,
    pub dir: PathBuf,
    /// The longest start of a daemon up to its state.
    pub started: Duration,
}

/// What a failing step says.
pub type Step<T> = Result<T, String>;

/// Adds what was tried to an error.
pub fn tried<T>(what: &str, result: io::Result<T>) -> Step<T> {
    result.map_err(|error| format!("{what}: {error}"))
}

impl<'a> Stand<'a> {
    /// Starts a computer from `stick`, on a disk that can fail if this kernel has the real file system.
    pub fn start(material: &'a Material, dir: &Path, stick: Stick, spec: &Spec, real: Option<Real>) -> Step<Self> {
        let disk = match stick.file_system() {
            FileSystem::Vfat => Some(tried("make the disk", FaultyDisk::new("stick", stick.image()))?),
            FileSystem::Ext4 => None,
        };
        let on = match &disk {
            Some(disk) => Disk::Partition(disk.partition(1)),
            None => Disk::image(stick.image()),
        };
        Self::on(material, dir, stick, disk, on, spec, real)
    }

    /// Starts a computer from a sound disk.
    pub fn sound(material: &'a Material, dir: &Path, stick: Stick, spec: &Spec) -> Step<Self> {
        let on = Disk::Image { image: stick.image().to_owned(), write_protected: spec.write_protected };
        Self::on(material, dir, stick, None, on, spec, None)
    }

    fn on(
        material: &'a Material,
        dir: &Path,
        stick: Stick,
        disk: Option<FaultyDisk>,
        on: Disk,
        spec: &Spec,
        real: Option<Real>,
    ) -> Step<Self> {
        tried("make a folder", fs::create_dir_all(dir))?;
        let machine = tried("start the computer", Machine::start_on(dir, on, stick.file_system(), spec))?;
        let feed = match real {
            Some(mut real) => {
                tried("start the fetcher", real.attach(&machine))?;
                Feed::Real(real)
            }
            None => {
                let socket = machine.live().path("/run/sameday/fetcher.sock");
                Feed::Peer(tried("start the peer", Peer::start(&material.repository(Served::Released), &socket))?)
            }
        };
        let dir = dir.to_owned();
        Ok(Self { material, machine, feed, disk, stick, dir, started: Duration::ZERO })
    }

    pub fn now(&self) -> Step<Snapshot> {
        tried("ask for the state", self.machine.snapshot())
    }

    /// Waits for a state, looking often.
    pub fn until(&self, what: &str, wanted: impl Fn(&Snapshot) -> bool) -> Step<Snapshot> {
        let end = Instant::now() + PATIENCE;
        loop {
            let now = self.now()?;
            if wanted(&now) {
                return Ok(now);
            }
            if Instant::now() > end {
                return Err(format!("not {what} after {PATIENCE:?}: {}", text(&now)));
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Waits until nothing is under way.
    pub fn settled(&self) -> Step<Snapshot> {
        self.until("at rest", |now| !now.state.is_busy())
    }

    pub fn call(&self, call: &Call<'_>) -> Step<()> {
        tried("call", self.machine.call(call))?.map_err(|error| format!("{call:?}: {error}"))
    }

    /// Checks and waits for what that finds.
    pub fn check(&self) -> Step<Snapshot> {
        self.call(&Call::Check)?;
        self.settled()
    }

    /// Consents to what is offered.
    pub fn consent(&self) -> Step<()> {
        let offer = self.now()?.offer.ok_or("nothing is offered")?;
        self.call(&Call::Install { version: &offer.version, digest: &offer.digest, options: Dictionary::new() })
    }

    /// A daemon that starts where one was killed, up to its state.
    pub fn start_daemon(&mut self) -> Step<Snapshot> {
        let begin = Instant::now();
        tried("start the daemon", self.machine.start_daemon())?;
        let now = self.settled()?;
        self.started = self.started.max(begin.elapsed());
        Ok(now)
    }

    /// From now on, what the repository says.
    pub fn serve(&mut self, served: Served) -> Step<()> {
        let repository = self.material.repository(served);
        match &mut self.feed {
            Feed::Peer(peer) => {
                peer.serve(&repository);
                Ok(())
            }
            Feed::Real(real) => tried("serve something else", real.serve(&repository)),
        }
    }

    /// From now on, Tor does not come to a connection.
    pub fn hold_connecting(&mut self) -> Step<()> {
        match &mut self.feed {
            Feed::Peer(peer) => peer.tor(Tor::Connecting),
            Feed::Real(real) => tried("stop the fetcher", real.freeze())?,
        }
        Ok(())
    }

    /// From now on, a file is given only up to here.
    pub fn hold(&mut self, path: &str, at: u64) {
        match &mut self.feed {
            Feed::Peer(peer) => peer.lie(path, Lie::HoldAt(at)),
            Feed::Real(real) => real.hold(path),
        }
    }

    /// From now on, there is no such file.
    pub fn lack(&mut self, path: &str) {
        match &mut self.feed {
            Feed::Peer(peer) => peer.lie(path, Lie::Absent),
            Feed::Real(real) => real.lack(path),
        }
    }

    /// From now on, the source does what it should.
    pub fn release(&mut self) -> Step<()> {
        match &mut self.feed {
            Feed::Peer(peer) => {
                peer.honest();
                peer.tor(Tor::Ready);
                Ok(())
            }
            Feed::Real(real) => tried("let the fetcher go on", real.release(&self.machine)),
        }
    }

    /// A file or folder of the stick, as the computer sees it.
    pub fn on_stick(&self, place: &str) -> PathBuf {
        self.machine.live().path(&format!("/run/live/medium/{place}"))
    }

    /// Ends the computer; answers its stick.
    pub fn end(self) -> Step<Stick> {
        let Self { machine, feed, disk, stick, .. } = self;
        drop(feed);
        drop(machine);
        // Whoever maps the disk has gone; what it holds is written to the image.
        drop(disk);
        tried("write the image", fs::File::open(stick.image()).and_then(|image| image.sync_all()))?;
        Ok(stick)
    }
}

/// A state in one line.
pub fn text(now: &Snapshot) -> String {
    let mut text = now.state.to_string();
    if let Some(failure) = &now.failure {
        text += &format!(" ({}: {})", failure.kind.code(), failure.reason);
    }
    if !now.pending_version.is_empty() {
        text += &format!(" -> {}", now.pending_version);
    }
    text
}
