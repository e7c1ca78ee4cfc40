//! What the work reports, and where that leads. It is always legal; what comes too late says nothing any more.

use std::sync::Arc;

use sameday_dbus::{ErrorKind, Failure, Progress};

use super::{Effect, Installed, Offered, Phase, State, Step, Verdict};
use crate::stick::Stick;

pub(super) fn checked(state: &State, stick: &Stick, verdict: Verdict) -> State {
    match (state, verdict) {
        (State::Checking(..), Verdict::UpToDate) => pending(stick, |_| true).unwrap_or(State::UpToDate),
        (State::Checking(..), Verdict::Offer(offered)) => {
            let same = |version: &str| version == offered.offer.version;
            pending(stick, same).unwrap_or(State::Available(offered))
        }
        (State::Checking(..), Verdict::Not(failure)) => match failure.kind {
            ErrorKind::ManualUpgrade | ErrorKind::NoRoom => State::Manual(failure),
            _ => State::Failed(failure),
        },
        (State::Cancelling(_), _) => State::at_rest(stick),
        (other, _) => other.clone(),
    }
}

/// Nothing is newer than what starts next anyway.
fn pending(stick: &Stick, is_newest: impl Fn(&str) -> bool) -> Option<State> {
    stick.pending().filter(|version| is_newest(version)).map(State::RestartPending)
}

pub(super) fn progressed(state: &State, phase: Phase, progress: Progress) -> State {
    match (state, phase) {
        (State::Checking(origin, _), Phase::Check) => State::Checking(origin.clone(), progress),
        (State::Downloading(offered, _), Phase::Download) => State::Downloading(Arc::clone(offered), progress),
        (State::Downloading(offered, _) | State::Applying(offered, _), Phase::Apply) => {
            State::Applying(Arc::clone(offered), progress)
        }
        // A report that was on its way when the state changed says nothing any more.
        (other, _) => other.clone(),
    }
}

pub(super) fn installed(state: &State, stick: &Stick, result: Installed) -> Step {
    let offered = match state {
        State::Downloading(offered, _)
        | State::Applying(offered, _)
        | State::Pausing(offered)
        | State::Cancelling(Some(offered)) => offered,
        other => return (other.clone(), vec![]),
    };
    match result {
        // A cancel or a pause that came after the commit came too late, and says so by this state.
        Installed::Committed(version) => (State::RestartPending(version.to_string()), vec![]),
        Installed::Kept(why) if matches!(state, State::Cancelling(_)) => given_up(offered, stick, why),
        Installed::Kept(why) => (State::Paused(Arc::clone(offered), why), vec![]),
        Installed::Not(failure) if failure.kind == ErrorKind::Cancelled => {
            (State::Available(Arc::clone(offered)), vec![])
        }
        Installed::Not(failure) => (State::Failed(failure), vec![]),
    }
}

/// Cancelled when the work had already ended by keeping what it had.
fn given_up(offered: &Arc<Offered>, stick: &Stick, why: Option<Failure>) -> Step {
    let own = stick.left_over.as_ref().filter(|left| left.version == offered.plan.upgrade.version);
    match (own, why) {
        (Some(left), _) => {
            (State::Cancelling(Some(Arc::clone(offered))), vec![Effect::StartDiscard(left.version.clone())])
        }
        (None, Some(failure)) => (State::Failed(failure), vec![]),
        (None, None) => (State::Available(Arc::clone(offered)), vec![]),
    }
}

pub(super) fn discarded(state: &State, stick: &Stick, result: Result<(), Failure>) -> State {
    match (state, result) {
        (State::Cancelling(_), Err(failure)) => State::Failed(failure),
        (State::Cancelling(Some(offered)), Ok(())) => State::Available(without_left_over(offered)),
        (State::Cancelling(None), Ok(())) => State::at_rest(stick),
        (other, _) => other.clone(),
    }
}

/// The offer counts what lay on the stick, which is gone.
fn without_left_over(offered: &Arc<Offered>) -> Arc<Offered> {
    if offered.offer.staged == 0 {
        return Arc::clone(offered);
    }
    let mut now = Offered::clone(offered);
    now.offer.staged = 0;
    Arc::new(now)
}

pub(super) fn switched(state: &State, stick: &Stick, result: Result<(), Failure>) -> State {
    match (state, result) {
        (State::Switching(_), Err(failure)) => State::Failed(failure),
        (State::Switching(Some(before)), Ok(())) if !matches!(**before, State::Idle) => State::clone(before),
        (State::Switching(_), Ok(())) => State::at_rest(stick),
        (other, _) => other.clone(),
    }
}
