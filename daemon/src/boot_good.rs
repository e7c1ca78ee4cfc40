//! What a start shows of the version that the stick chooses: looked at when the system is up, told to the daemon, which alone writes.
//!
//! A version on trial is good when the system is up, every image of its list is mounted, and the bytes of its files on the device are those
//! that were signed: a stick may lose, when it is unplugged, what it said it had written. A start that shows otherwise ends in a restart, but
//! only where the stick then starts another version.

use std::ops::ControlFlow;
use std::time::Duration;

use sameday_dbus::{MethodError, State, UpgraderProxy};
use sameday_upgrade::boot_env::Choice;
use sameday_upgrade::description::{Description, File, Role};
use sameday_upgrade::names::Version;
use sameday_upgrade::start::{Shown, Start};

use crate::failure::Chain;
use crate::medium::{Medium, Refusal};

/// The write is looked for so often.
const POLL: Duration = Duration::from_millis(200);
/// A stick that has not taken two sectors by then never will.
const WRITE: u32 = 5 * 60;

/// Why nothing could be told.
#[derive(Debug, thiserror::Error)]
pub enum Untold {
    /// This is no stick that could start anything else.
    #[error("{0}")]
    Stick(#[from] Refusal),
    /// The daemon is not there, or refuses.
    #[error("the upgrader: {0}")]
    Daemon(#[from] MethodError),
    /// The bus is not there, or does not answer.
    #[error("the bus: {0}")]
    Bus(#[from] zbus::Error),
    /// The daemon could not write it.
    #[error("the upgrader has not written it: {0}")]
    NotWritten(String),
}

/// What follows from a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// Nothing.
    GoOn,
    /// The computer is to be restarted: the stick starts another version then.
    Restart,
}

/// Looks at this start, and tells the daemon what it shows.
///
/// # Errors
/// When it could not be told. The version then stays as it is: on trial, if it was.
pub async fn run() -> Result<After, Untold> {
    let medium = Medium::look()?;
    let current = medium.boot_env().current.clone();
    let shown = match medium.start() {
        Start::Settled => return Ok(After::GoOn),
        Start::Lacking => Shown::Lacking,
        Start::Trial => whole(&medium, &current),
    };
    if shown.blocks(medium.boot_env(), medium.good_env()).is_none() {
        tracing::error!("{current} is {shown}, and there is nothing to go back to");
        return Ok(After::GoOn);
    }
    tell(&current, shown).await?;
    // Not what the daemon says counts, but what the stick does.
    let now = Medium::look()?;
    let chosen = now.boot_env();
    if shown == Shown::Good {
        return if chosen.good { Ok(After::GoOn) } else { Err(Untold::NotWritten("not in boot.env".into())) };
    }
    Ok(if *chosen.starts_next() == current { After::GoOn } else { After::Restart })
}

/// Compares the files of the version with what was signed.
fn whole(medium: &Medium, current: &Choice) -> Shown {
    let Choice::Version(version) = current else {
        // The base brings no list of its files.
        return Shown::Good;
    };
    match files(medium, version) {
        Ok(files) => match files.iter().try_for_each(|file| {
            medium.read_back(&file.place, file.length, &file.sha256, &mut |_| ControlFlow::Continue(())).map(drop)
        }) {
            Ok(()) => Shown::Good,
            Err(error) => {
                tracing::error!("{}", Chain(&error));
                Shown::Damaged
            }
        },
        Err(why) => {
            tracing::error!("{why}");
            Shown::Damaged
        }
    }
}

/// The files of a version as its description lists them.
fn files(medium: &Medium, version: &Version) -> Result<Vec<File>, String> {
    let said = |error: &dyn std::error::Error| Chain(error).to_string();
    let initial = medium.initial_os_release().map_err(|e| said(&e))?.version;
    let bytes = medium.description(version).map_err(|e| said(&e))?.ok_or("its description is missing")?;
    let description = Description::parse(&bytes).map_err(|e| said(&e))?;
    let serves = |upgrade: &&sameday_upgrade::description::Upgrade| {
        upgrade.version == *version && upgrade.initial_versions.contains(&initial)
    };
    let upgrade = description.upgrades.iter().find(serves).ok_or("its description has no upgrade to it")?;
    let wanted = |file: &&File| medium.undoes_itself() || file.role == Role::Layer;
    let place = |file: &File| file.role.place(version).as_ref() == Some(&file.place);
    if upgrade.files.is_empty() || !upgrade.files.iter().all(place) {
        return Err("its description lists other files".into());
    }
    Ok(upgrade.files.iter().filter(wanted).cloned().collect())
}

async fn tell(current: &Choice, shown: Shown) -> Result<(), Untold> {
    tracing::info!("{current} is {shown}");
    let connection = zbus::Connection::system().await?;
    let daemon = UpgraderProxy::builder(&connection).cache_properties(zbus::proxy::CacheProperties::No).build().await?;
    daemon.judge_start(&current.to_string(), shown.code()).await?;
    for _ in 0..WRITE {
        let state = daemon.state().await?;
        if state != State::Switching.to_string() {
            return Ok(());
        }
        tokio::time::sleep(POLL).await;
    }
    Err(Untold::NotWritten("it takes too long".into()))
}

/// Restarts the computer, by systemd itself: nobody's wish to stay stands against a version that is not what was signed.
///
/// # Errors
/// When systemd does not take the job.
pub async fn restart() -> zbus::Result<()> {
    let bus = zbus::Connection::system().await?;
    let (service, path, manager) =
        ("org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager");
    let job = ("reboot.target", "replace-irreversibly");
    bus.call_method(Some(service), path, Some(manager), "StartUnit", &job).await.map(drop)
}
