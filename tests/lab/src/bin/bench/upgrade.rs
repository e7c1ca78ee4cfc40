//! One upgrade through the real daemon, timed.

use std::cell::Cell;
use std::io;
use std::time::{Duration, Instant};

use sameday_dbus::{Snapshot, State};
use sameday_lab::machine::{Call, Machine};

/// Longer than the largest upgrade here takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(900);

/// How long it took.
#[derive(Debug, Clone, Copy)]
pub struct Took {
    /// From the consent until all files are on the stick.
    pub download: Duration,
    /// From the consent until the stick starts the new version.
    pub whole: Duration,
}

/// Consents to what is offered, and waits for its end; `each` is called many times a second on the way.
pub fn install(machine: &Machine, each: &dyn Fn() -> io::Result<()>) -> io::Result<Took> {
    let begun = Instant::now();
    machine.consent()?;
    let download = Cell::new(None);
    let done = watch(machine, each, &|now| {
        if now.state != State::Downloading && download.get().is_none() {
            download.set(Some(begun.elapsed()));
        }
    })?;
    let whole = begun.elapsed();
    expect(&done, State::RestartPending)?;
    Ok(Took { download: download.get().unwrap_or(whole), whole })
}

/// Checks, and waits for the verdict, which must be this one.
pub fn check(machine: &Machine, verdict: State, each: &dyn Fn() -> io::Result<()>) -> io::Result<Duration> {
    let begun = Instant::now();
    machine.call(&Call::Check)?.map_err(io::Error::other)?;
    let done = watch(machine, each, &|_| {})?;
    expect(&done, verdict)?;
    Ok(begun.elapsed())
}

fn watch(machine: &Machine, each: &dyn Fn() -> io::Result<()>, seen: &dyn Fn(&Snapshot)) -> io::Result<Snapshot> {
    let failed = Cell::new(None);
    let done = machine.wait(LIMIT, |now| {
        seen(now);
        if let Err(error) = each() {
            failed.set(Some(error));
        }
        !now.state.is_busy()
    })?;
    failed.into_inner().map_or(Ok(done), Err)
}

fn expect(now: &Snapshot, state: State) -> io::Result<()> {
    if now.state == state {
        return Ok(());
    }
    Err(io::Error::other(format!("{} instead of {}: {:?}", now.state.code(), state.code(), now.failure)))
}
