//! What can become of an upgrade, brought about by the real daemon, while another disk of the same layout is there.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use sameday_dbus::{Snapshot, State};
use sameday_lab::caller::{Caller, Method};
use sameday_lab::forge::place_of;
use sameday_lab::live::Attached;
use sameday_lab::machine::{Call, Machine, Spec};
use sameday_lab::peer::{Lie, Peer};
use sameday_lab::stick::Stick;

use crate::disks::other;

const PATIENCE: Duration = Duration::from_secs(120);
/// The file that says that a download is half way.
pub const HALF_WAY: &str = "half-way";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Checked,
    Upgraded,
    Cancelled,
    Paused,
    Discarded,
    Failed,
    Killed,
    KilledAndStartedAgain,
    PowerCut,
}

/// Those after which the machine still runs.
pub const FATES: [Fate; 8] = [
    Fate::Checked,
    Fate::Upgraded,
    Fate::Cancelled,
    Fate::Paused,
    Fate::Discarded,
    Fate::Failed,
    Fate::KilledAndStartedAgain,
    Fate::Killed,
];

impl Fate {
    pub fn name(self) -> &'static str {
        match self {
            Self::Checked => "checked",
            Self::Upgraded => "upgraded",
            Self::Cancelled => "cancelled",
            Self::Paused => "paused",
            Self::Discarded => "discarded",
            Self::Failed => "failed",
            Self::Killed => "killed",
            Self::KilledAndStartedAgain => "killed-and-started-again",
            Self::PowerCut => "power-cut",
        }
    }
}

pub fn find(name: &str) -> Option<&'static Fate> {
    FATES.iter().chain(&[Fate::PowerCut]).find(|fate| fate.name() == name)
}

/// The disk beside the stick.
struct Other {
    device: Attached,
    daemon: u32,
    /// What its count of sectors was: the kernel goes on counting from whatever used the same loop device before.
    before: u64,
}

impl Other {
    fn folder(&self) -> PathBuf {
        Path::new("/sys/block").join(self.device.path().file_name().unwrap())
    }

    fn new(device: Attached, daemon: u32) -> Self {
        let mut other = Self { device, daemon, before: 0 };
        other.before = other.written();
        other
    }

    /// Sectors written to it since then: Documentation/block/stat.rst in Linux.
    fn written(&self) -> u64 {
        let text = fs::read_to_string(self.folder().join("stat")).unwrap();
        text.split_whitespace().nth(6).unwrap().parse::<u64>().unwrap() - self.before
    }

    /// The daemon neither has it open for writing nor mounted.
    fn is_left_alone(&self) {
        let name = self.device.path().to_string_lossy().into_owned();
        for entry in fs::read_dir(format!("/proc/{}/fd", self.daemon)).into_iter().flatten() {
            let path = entry.unwrap().path();
            // A descriptor may be closed while we look.
            let Ok(target) = fs::read_link(&path) else { continue };
            if !target.to_string_lossy().starts_with(&name) {
                continue;
            }
            let information =
                fs::read_to_string(path.to_string_lossy().replace("/fd/", "/fdinfo/")).unwrap_or_default();
            let flags = information.lines().find_map(|line| line.strip_prefix("flags:")).unwrap_or("0");
            let flags = u32::from_str_radix(flags.trim(), 8).unwrap();
            assert_eq!(flags & 3, 0, "{} is open for writing", target.display());
        }
        let mounts = fs::read_to_string(format!("/proc/{}/mountinfo", self.daemon)).unwrap_or_default();
        assert!(!mounts.contains(&name), "{mounts}");
    }
}

/// Brings it about. The machine ends with it, but for a power cut.
pub fn meet(fate: Fate, world: &Path, stick: &Stick, room: &Path) {
    let device = Attached::new(&other(stick.image()), false, true).unwrap();
    let mut machine = Machine::start(room, stick, &Spec::default()).unwrap();
    let other = Other::new(device, machine.daemon_id().unwrap());
    let repository = world.join("repository");
    let peer = Peer::start(&repository, &machine.live().path("/run/sameday/fetcher.sock")).unwrap();
    let caller = Caller::new(&machine.bus().address()).unwrap();
    let layer = place_of(&repository, "layer").unwrap();
    wait(&machine, &other, &Call::Check, State::Available);
    match fate {
        Fate::Checked => {}
        Fate::Upgraded => {
            consent(&machine, &other, |now| !now.state.is_busy());
            assert_eq!(machine.snapshot().unwrap().state, State::RestartPending, "{:?}", machine.snapshot());
        }
        Fate::Failed => {
            let length = fs::metadata(repository.join(&layer)).unwrap().len();
            peer.lie(&layer, Lie::Flip(length - 1));
            consent(&machine, &other, |now| !now.state.is_busy());
            assert_eq!(machine.snapshot().unwrap().state, State::Failed);
        }
        Fate::Cancelled => {
            half_way(&machine, &other, &peer, &layer);
            wait(&machine, &other, &Call::Cancel, State::Available);
        }
        Fate::Paused => {
            half_way(&machine, &other, &peer, &layer);
            caller.call(&Method::Pause).unwrap().unwrap();
            settled(&machine, &other, State::Paused);
        }
        Fate::Discarded => {
            half_way(&machine, &other, &peer, &layer);
            caller.call(&Method::Pause).unwrap().unwrap();
            settled(&machine, &other, State::Paused);
            caller.call(&Method::Discard).unwrap().unwrap();
            settled(&machine, &other, State::Available);
        }
        Fate::Killed => {
            half_way(&machine, &other, &peer, &layer);
            machine.kill_daemon();
        }
        Fate::KilledAndStartedAgain => {
            half_way(&machine, &other, &peer, &layer);
            machine.kill_daemon();
            machine.start_daemon().unwrap();
            let again = Other { daemon: machine.daemon_id().unwrap(), ..other };
            assert_eq!(machine.snapshot().unwrap().state, State::LeftOvers);
            again.is_left_alone();
            assert_eq!(again.written(), 0);
            drop((peer, machine));
            return;
        }
        Fate::PowerCut => {
            half_way(&machine, &other, &peer, &layer);
            assert_eq!(other.written(), 0);
            fs::write(world.join(HALF_WAY), "").unwrap();
            // Until the power goes.
            sleep(PATIENCE);
        }
    }
    other.is_left_alone();
    assert_eq!(other.written(), 0, "sectors were written to the other disk");
    drop((peer, machine));
}

fn look(other: &Other, wanted: impl Fn(&Snapshot) -> bool) -> impl Fn(&Snapshot) -> bool {
    move |now| {
        other.is_left_alone();
        wanted(now)
    }
}

fn wait(machine: &Machine, other: &Other, call: &Call<'_>, state: State) {
    machine.call(call).unwrap().unwrap();
    settled(machine, other, state);
}

fn settled(machine: &Machine, other: &Other, state: State) {
    let after = machine.wait(PATIENCE, look(other, |now| !now.state.is_busy())).unwrap();
    assert_eq!(after.state, state, "{after:?}");
}

fn consent(machine: &Machine, other: &Other, wanted: impl Fn(&Snapshot) -> bool) {
    machine.consent().unwrap();
    machine.wait(PATIENCE, look(other, wanted)).unwrap();
}

fn half_way(machine: &Machine, other: &Other, peer: &Peer, layer: &str) {
    peer.lie(layer, Lie::StallAt((2 << 20) + 5));
    consent(machine, other, |now| now.progress.as_ref().is_some_and(|progress| progress.bytes > 2 << 20));
}
