//! What happens to a computer.

use std::fs::File;
use std::io::{self, Write as _};
use std::thread::sleep;
use std::time::Duration;

use nix::errno::Errno;
use sameday_lab::fault::Behaviour;
use sameday_lab::live::Attached;
use sameday_lab::machine::Call;
use sameday_lab::peer::Tor;
use sameday_lab::stick::PARTITION_START;

use crate::plan::{Case, Fault, Place};
use crate::stand::{Feed, Stand, Step, tried};
use sameday_lab::random::Random;

/// What a stick that fails once fails: all that is asked of it for so long.
const ONCE: Duration = Duration::from_millis(30);
/// The new files of an upgrade begin behind the base's, some six MiB into the partition.
const NEW_FILES: u64 = PARTITION_START + (6 << 20);

/// What a fault needs before it strikes, and what is left of it.
pub struct Strike {
    behaviour: Option<Behaviour>,
    other: Option<(Attached, std::path::PathBuf)>,
    /// What it is, in words.
    pub how: String,
}

impl Strike {
    /// Gets ready, so that the strike itself takes no time.
    pub fn prepare(stand: &Stand<'_>, case: &Case, random: &mut Random) -> Step<Self> {
        let end = (NEW_FILES + random.below(4 << 20)) / 512;
        let behaviour = match case.fault {
            Fault::ErrorOnce => Some(random.one_of(&[Behaviour::FailsWrites, Behaviour::Fails])),
            Fault::ErrorsForEver => Some(random.one_of(&[
                Behaviour::FailsWrites,
                Behaviour::DropsWrites,
                Behaviour::Dusty,
                Behaviour::Shrunken(end),
            ])),
            Fault::ReadOnly => Some(Behaviour::FailsWrites),
            Fault::PulledOut | Fault::OtherStick => Some(Behaviour::Fails),
            _ => None,
        };
        let mut other = None;
        if case.fault == Fault::OtherStick {
            let image = stand.dir.join("other.img");
            tried("copy another stick", stand.material.template("new").clone_to(&image))?;
            other = Some((tried("attach another stick", Attached::new(&image, false, true))?, image));
        }
        if let (Some(disk), Some(behaviour)) = (&stand.disk, behaviour) {
            tried("prepare the disk", disk.prepare(behaviour))?;
        }
        let how = behaviour.map_or_else(String::new, |behaviour| format!("the disk: {behaviour:?}"));
        Ok(Self { behaviour, other, how })
    }

    pub fn strike(&mut self, stand: &mut Stand<'_>, fault: Fault, random: &mut Random) -> Step<()> {
        if let Some(disk) = stand.disk.as_ref().filter(|_| self.behaviour.is_some()) {
            tried("the disk", disk.strike())?;
            match (fault, self.behaviour) {
                (Fault::ErrorOnce, _) => {
                    sleep(ONCE);
                    tried("the disk", disk.becomes(Behaviour::Works))?;
                }
                (_, Some(Behaviour::Dusty)) => {
                    let sectors: Vec<u64> = (0..8).map(|_| (NEW_FILES + random.below(4 << 20)) / 512).collect();
                    tried("the disk", disk.spoil(&sectors))?;
                }
                (Fault::ReadOnly, _) => tried("the disk", disk.protect(1, true))?,
                _ => {}
            }
        }
        match fault {
            Fault::KillDaemon => stand.machine.kill_daemon(),
            Fault::ClientLeaves => stand.machine.leave(),
            Fault::Full => fill(stand)?,
            Fault::OtherStick => self.put_in(stand)?,
            Fault::ClockAhead => tried("the clock", stand.machine.set_clock("+10d"))?,
            Fault::ClockBack => tried("the clock", stand.machine.set_clock("-10d"))?,
            Fault::Suspend => {
                tried("suspend", stand.machine.suspend())?;
                tried("the clock", stand.machine.set_clock("+1d"))?;
                sleep(Duration::from_millis(100 + random.below(200)));
                tried("resume", stand.machine.wake())?;
            }
            Fault::TorLost => {
                if let Feed::Peer(peer) = &stand.feed {
                    peer.tor(Tor::Lost);
                }
            }
            Fault::KillFetcher => {
                if let Feed::Real(real) = &mut stand.feed {
                    real.kill();
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Mounts the other stick where the first one was.
    fn put_in(&self, stand: &Stand<'_>) -> Step<()> {
        let Some((other, _)) = &self.other else { return Ok(()) };
        let partition = other.partition(1).display().to_string();
        let kind = stand.stick.file_system().name();
        let arguments = ["-t", kind, "-o", "ro,noatime", &partition, "/run/live/medium"];
        tried("put in another stick", stand.machine.run("mount", &arguments)).map(drop)
    }

    /// The other stick, if there is one, to be compared with what it was.
    pub fn end(self) -> Option<std::path::PathBuf> {
        self.other.map(|(device, image)| {
            drop(device);
            image
        })
    }
}

/// Somebody fills the stick up to its last cluster.
fn fill(stand: &Stand<'_>) -> Step<()> {
    let remount = |how: &str| {
        let option = format!("remount,noatime,{how}");
        tried("remount", stand.machine.run("mount", &["-o", &option, "/run/live/medium"])).map(drop)
    };
    let medium = stand.on_stick("");
    let was_read_only = tried("look at the stick", nix::sys::statvfs::statvfs(&medium).map_err(io::Error::from))?
        .flags()
        .contains(nix::sys::statvfs::FsFlags::ST_RDONLY);
    if was_read_only {
        remount("rw")?;
    }
    // A daemon that has just ended its work may have mounted it read-only again: then it is full of what came before.
    let filled = File::create(medium.join("filler")).and_then(|mut filler| {
        let mut piece = vec![7; 1 << 20];
        while !piece.is_empty() {
            match filler.write_all(&piece) {
                Ok(()) => {}
                Err(error) if error.raw_os_error() == Some(Errno::ENOSPC as i32) => piece.truncate(piece.len() / 2),
                Err(error) => return Err(error),
            }
        }
        filler.sync_all()
    });
    match filled {
        Err(error) if error.raw_os_error() != Some(Errno::EROFS as i32) => {
            return Err(format!("fill the stick: {error}"));
        }
        _ => {}
    }
    if was_read_only { remount("ro") } else { Ok(()) }
}

/// Takes away what filled the stick.
pub fn unfill(stick: &sameday_lab::stick::Stick) -> Step<()> {
    match stick.read("filler") {
        Ok(_) => tried("take the filler away", stick.remove("filler")),
        Err(_) => Ok(()),
    }
}

/// What a user would ask for next. What is refused is refused by name, and no fault.
pub fn poke(stand: &Stand<'_>, place: Place) -> Step<String> {
    let version = stand.now()?.standing_version;
    let call = match place {
        Place::Idle | Place::UpToDate | Place::Manual | Place::Failed | Place::ByHand | Place::RestartPending => {
            Call::Check
        }
        Place::Paused | Place::LeftOvers => Call::Resume,
        Place::Undone | Place::RolledBack => Call::TryAgain(&version),
        Place::Available => {
            return Ok(stand.consent().map_or_else(|refused| format!("install: {refused}"), |()| "install".to_owned()));
        }
        // Something is under way.
        _ => return Ok(String::new()),
    };
    let answer = tried("call", stand.machine.call(&call))?;
    Ok(answer.map_or_else(|refused| format!("{call:?}: {refused}"), |()| format!("{call:?}")))
}
