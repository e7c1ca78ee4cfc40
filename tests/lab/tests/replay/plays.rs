//! What happens on the computers that are recorded.

use std::io;

use sameday_dbus::State;
use sameday_lab::fault::Behaviour;
use sameday_lab::machine::Call;
use sameday_lab::process::run;
use sameday_lab::replay::states::Allowed;

use crate::computer::Computer;
use crate::material::SAME_KERNEL;
use crate::sticks;

/// Somewhere in a layer of seven chunks.
const MIDDLE: u64 = (3 << 20) + 100_000;

fn upgrade(computer: &Computer<'_>, repository: &str) -> io::Result<()> {
    computer.offered(repository)?;
    computer.mark(Allowed::Either)?;
    computer.machine.consent()?;
    computer.committed()
}

pub fn to_2(computer: &mut Computer<'_>) -> io::Result<()> {
    upgrade(computer, "2.0")
}

pub fn to_3(computer: &mut Computer<'_>) -> io::Result<()> {
    upgrade(computer, "3.0")
}

pub fn to_4(computer: &mut Computer<'_>) -> io::Result<()> {
    upgrade(computer, "4.0")
}

pub fn with_the_same_kernel(computer: &mut Computer<'_>) -> io::Result<()> {
    upgrade(computer, SAME_KERNEL)
}

/// The version came up, for the first time.
pub fn marked_good(computer: &mut Computer<'_>) -> io::Result<()> {
    computer.mark(Allowed::Either)?;
    run(&mut computer.machine.boot_good()?)?;
    computer.mark(Allowed::New)
}

pub fn cancelled(computer: &mut Computer<'_>) -> io::Result<()> {
    computer.downloads("2.0", MIDDLE)?;
    computer.call(&Call::Cancel)?;
    computer.rests(State::Available).map(drop)
}

/// All files are there by then.
pub fn cancelled_late(computer: &mut Computer<'_>) -> io::Result<()> {
    computer.offered("2.0")?;
    computer.mark(Allowed::Either)?;
    computer.machine.consent()?;
    computer.until(State::Applying)?;
    computer.call(&Call::Cancel)?;
    computer.rests(State::Available)?;
    computer.mark(Allowed::Old)
}

pub fn paused_and_resumed(computer: &mut Computer<'_>) -> io::Result<()> {
    computer.downloads("2.0", MIDDLE)?;
    computer.call(&Call::Pause)?;
    computer.rests(State::Paused)?;
    computer.release();
    computer.mark(Allowed::Either)?;
    computer.call(&Call::Resume)?;
    computer.committed()
}

pub fn paused_and_discarded(computer: &mut Computer<'_>) -> io::Result<()> {
    computer.downloads("2.0", MIDDLE)?;
    computer.call(&Call::Pause)?;
    computer.rests(State::Paused)?;
    computer.call(&Call::Discard)?;
    computer.rests(State::Available).map(drop)
}

/// A daemon that was killed leaves a stick that is mounted for writing, and what it had.
pub fn killed_and_resumed(computer: &mut Computer<'_>) -> io::Result<()> {
    computer.downloads("2.0", MIDDLE)?;
    computer.machine.kill_daemon();
    computer.release();
    computer.machine.start_daemon()?;
    computer.rests(State::LeftOvers)?;
    computer.call(&Call::Resume)?;
    computer.rests(State::Available)?;
    computer.mark(Allowed::Either)?;
    computer.machine.consent()?;
    computer.committed()
}

pub fn error_while_downloading(computer: &mut Computer<'_>) -> io::Result<()> {
    computer.downloads("2.0", MIDDLE)?;
    computer.disk.becomes(Behaviour::FailsWrites)?;
    computer.release();
    computer.rests(State::Failed)?;
    // It was a loose contact. What the kernel still has is written late.
    computer.disk.becomes(Behaviour::Works)?;
    computer.machine.kill_daemon();
    computer.machine.start_daemon()?;
    let now = computer.wait(|now| !now.state.is_busy())?;
    if now.state == State::LeftOvers {
        computer.call(&Call::Discard)?;
        computer.wait(|now| !now.state.is_busy())?;
    }
    Ok(())
}

/// Everything can be written but the sector that decides, and that cannot be read back either: nobody knows which version starts.
pub fn error_at_the_commit(computer: &mut Computer<'_>) -> io::Result<()> {
    let sector = sticks::sector_of(&computer.stick, "live/sameday/boot.env")?;
    computer.disk.becomes(Behaviour::FailsAt(sector))?;
    computer.offered("2.0")?;
    computer.mark(Allowed::Either)?;
    computer.machine.consent()?;
    let failed = computer.rests(State::Failed)?;
    match failed.failure.map(|failure| failure.reason).as_deref() {
        Some("commit-unknown") => computer.disk.becomes(Behaviour::Works),
        other => Err(io::Error::other(format!("the commit failed by {other:?}"))),
    }
}

pub fn rolled_back(computer: &mut Computer<'_>) -> io::Result<()> {
    computer.mark(Allowed::Either)?;
    computer.call(&Call::Rollback(&computer.machine.snapshot()?.previous_version))?;
    computer.committed()
}

/// What was committed is taken back before it was ever started.
pub fn taken_back(computer: &mut Computer<'_>) -> io::Result<()> {
    upgrade(computer, "3.0")?;
    computer.mark(Allowed::Either)?;
    computer.call(&Call::Rollback(&computer.machine.snapshot()?.previous_version))?;
    computer.wait(|now| !now.state.is_busy() && now.pending_version.is_empty())?;
    computer.mark(Allowed::Old)
}

pub fn tried_again(computer: &mut Computer<'_>) -> io::Result<()> {
    computer.mark(Allowed::Either)?;
    computer.call(&Call::TryAgain("2.0"))?;
    computer.committed()
}
