//! What a daemon must tell when it starts, by what is on the stick: the table of `docs/states.md`, judged without the daemon's code.

use std::fs;

use sameday_dbus::{Snapshot, Standing, State};
use sameday_upgrade::boot_env::{BootEnv, Choice};

use crate::stand::{Stand, Step, text};

/// Whether state and standing are those of the table.
pub fn agrees(now: &Snapshot, env: &BootEnv, stand: &Stand<'_>) -> Step<()> {
    let running = stand.machine.live().choice();
    let whole = complete(stand, &env.current);
    let standing = if env.current == *running {
        match (is_newer(&env.previous, running) && complete(stand, &env.previous), env.good) {
            (true, _) => Standing::RolledBack,
            (false, true) => Standing::Good,
            (false, false) => Standing::OnTrial,
        }
    } else {
        match (whole, env.good, env.tries) {
            (false, ..) | (true, false, 0) => Standing::Undone,
            (true, false, 3) => Standing::RestartPending,
            _ => Standing::ByHand,
        }
    };
    let state = match standing {
        Standing::RestartPending => State::RestartPending,
        Standing::Undone => State::Undone,
        _ if left_over(stand, env, running)? => State::LeftOvers,
        _ => State::Idle,
    };
    if (now.state, now.standing) == (state, standing) {
        return Ok(());
    }
    Err(format!(
        "the stick says {env:?} and {running} runs, which is {state}, {standing}; the daemon says {}, {}",
        text(now),
        now.standing
    ))
}

fn is_newer(than: &Choice, running: &Choice) -> bool {
    match (than, running) {
        (Choice::Version(than), Choice::Version(running)) => than.debian_cmp(running).is_gt(),
        // Every version is newer than its base.
        (Choice::Version(_), Choice::Base) => true,
        (Choice::Base, _) => false,
    }
}

/// List, layer, kernel and initial RAM disk are there.
fn complete(stand: &Stand<'_>, choice: &Choice) -> bool {
    let Choice::Version(version) = choice else { return true };
    let places = [
        format!("live/{version}.module"),
        format!("live/{version}/{version}.squashfs"),
        format!("live/{version}/vmlinuz"),
        format!("live/{version}/initrd.img"),
    ];
    places.iter().all(|place| stand.on_stick(place).is_file())
}

/// Bytes of a version newer than what runs lie there, and nothing refers to it.
fn left_over(stand: &Stand<'_>, env: &BootEnv, running: &Choice) -> Step<bool> {
    let names = fs::read_dir(stand.on_stick("live")).map_err(|error| format!("read the stick: {error}"))?;
    for name in names {
        let name = name.map_err(|error| format!("read the stick: {error}"))?.file_name();
        let Some(version) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        let choice = Choice::Version(version);
        let has = |file: String| fs::metadata(stand.on_stick(&file)).is_ok_and(|file| file.len() > 0);
        let files = [format!("{choice}.squashfs"), "vmlinuz".to_owned(), "initrd.img".to_owned()];
        if files.iter().any(|file| has(format!("live/{choice}/{file}")))
            && is_newer(&choice, running)
            && choice != env.current
            && choice != env.previous
        {
            return Ok(true);
        }
    }
    Ok(false)
}
