//! What clients ask for: whether it is legal now, and where it leads.

use std::sync::Arc;

use super::{Consent, Effect, Offered, Origin, State, Step, Switch};
use crate::kit::Kit;
use crate::looking::Choice;
use crate::stick::{Other, Stick};
use sameday_dbus::{ErrorKind, Failure, Progress, phase};
use sameday_upgrade::start::Shown;

fn busy(reason: &str) -> Failure {
    Failure::new(ErrorKind::Busy, reason)
}

fn senseless(reason: &str) -> Failure {
    Failure::new(ErrorKind::BadRequest, reason)
}

/// Refuses what may only begin while nothing is under way. That a restart is pending stops nobody: something newer may have come, and a boot
/// loader that cannot write never starts what is on trial.
fn resting(state: &State) -> Result<(), Failure> {
    match state {
        State::Idle
        | State::UpToDate
        | State::Available(_)
        | State::Manual(_)
        | State::LeftOvers(_)
        | State::RestartPending(_)
        | State::Undone(_)
        | State::Failed(_) => Ok(()),
        State::Checking(..) => Err(busy("checking")),
        State::Downloading(..) | State::Applying(..) => Err(busy("installing")),
        State::Pausing(_) => Err(busy("pausing")),
        State::Paused(..) => Err(busy("paused")),
        State::Cancelling(_) => Err(busy("cancelling")),
        State::Switching(_) => Err(busy("switching")),
    }
}

fn look(origin: Origin) -> Step {
    let phase = if matches!(origin, Origin::Kit(_)) { phase::READING_KIT } else { phase::CONNECTING };
    let progress = Progress { phase: phase.to_owned(), ..Progress::default() };
    (State::Checking(origin.clone(), progress), vec![Effect::StartCheck(origin)])
}

pub(super) fn check(state: &State) -> Result<Step, Failure> {
    // A second client that asks for the check under way gets it: all clients see the same state.
    if let State::Checking(Origin::Repository, _) = state {
        return Ok((state.clone(), vec![]));
    }
    resting(state)?;
    Ok(look(Origin::Repository))
}

pub(super) fn open_kit(state: &State, kit: Arc<Kit>) -> Result<Step, Failure> {
    resting(state)?;
    Ok(look(Origin::Kit(kit)))
}

pub(super) fn install(state: &State, consent: &Consent) -> Result<Step, Failure> {
    let State::Available(offered) = state else {
        resting(state)?;
        return Err(Failure::new(ErrorKind::NotOffered, "no-offer"));
    };
    let offer = &offered.offer;
    if offer.version != consent.version || offer.digest != consent.digest {
        return Err(Failure::new(ErrorKind::NotOffered, "other-offer")
            .text("version", &offer.version)
            .text("digest", &offer.digest));
    }
    if offered.other_channel && !consent.other_channel {
        // The offer came up while the caller was asked about another one.
        return Err(not_of_this_channel(offered));
    }
    match &consent.signed_on {
        None if offer.confirm_signed_on => {
            return Err(senseless("signed-on-needed").text("signed-on", &offer.signed_on));
        }
        Some(date) if *date != offer.signed_on => {
            return Err(senseless("signed-on-differs").text("signed-on", &offer.signed_on));
        }
        _ => {}
    }
    Ok(go_on(offered))
}

fn not_of_this_channel(offered: &Offered) -> Failure {
    Failure::new(ErrorKind::NotAllowed, "other-channel").text("channel", &offered.offer.channel)
}

fn go_on(offered: &Arc<Offered>) -> Step {
    let next = State::Downloading(Arc::clone(offered), Progress::default());
    (next, vec![Effect::StartInstall(Arc::clone(offered))])
}

pub(super) fn cancel(state: &State, stick: &Stick) -> Result<Step, Failure> {
    match state {
        State::Checking(..) => Ok((State::Cancelling(None), vec![Effect::StopWork])),
        State::Downloading(offered, _) | State::Applying(offered, _) | State::Pausing(offered) => {
            Ok((State::Cancelling(Some(Arc::clone(offered))), vec![Effect::StopWork]))
        }
        State::Paused(..) => discard(state, stick),
        State::Cancelling(_) => Ok((state.clone(), vec![])),
        _ => Err(senseless("nothing-to-cancel")),
    }
}

pub(super) fn pause(state: &State) -> Result<Step, Failure> {
    match state {
        State::Downloading(offered, _) => Ok((State::Pausing(Arc::clone(offered)), vec![Effect::PauseWork])),
        State::Pausing(_) => Ok((state.clone(), vec![])),
        State::Applying(..) => Err(busy("applying")),
        _ => Err(senseless("nothing-to-pause")),
    }
}

pub(super) fn resume(state: &State, other_channel: bool) -> Result<Step, Failure> {
    match state {
        State::Paused(offered, _) if offered.other_channel && !other_channel => Err(not_of_this_channel(offered)),
        State::Paused(offered, _) => Ok(go_on(offered)),
        // Whoever consented to it may be gone, and so may be what was offered: it is looked for anew.
        State::LeftOvers(_) => Ok(look(Origin::Repository)),
        State::Downloading(..) => Ok((state.clone(), vec![])),
        _ => Err(senseless("nothing-to-resume")),
    }
}

pub(super) fn discard(state: &State, stick: &Stick) -> Result<Step, Failure> {
    let back_to = match state {
        State::Paused(offered, _) | State::Available(offered) => Some(Arc::clone(offered)),
        other => {
            resting(other)?;
            None
        }
    };
    let own = |offered: &Arc<Offered>| stick.staged(&offered.plan.upgrade.version) > 0;
    match (&stick.left_over, back_to) {
        // Paused before anything was written; what else is left over is not its.
        (_, Some(offered)) if matches!(state, State::Paused(..)) && !own(&offered) => {
            Ok((State::Available(offered), vec![]))
        }
        (Some(left), back_to) => Ok((State::Cancelling(back_to), vec![Effect::StartDiscard(left.version.clone())])),
        (None, _) => Err(senseless("nothing-to-discard")),
    }
}

pub(super) fn rollback(state: &State, stick: &Stick, version: String) -> Result<Step, Failure> {
    resting(state)?;
    shown(stick.back.as_ref(), &version, "nothing-to-go-back-to")?;
    Ok(switch(Switch::Back(version)))
}

pub(super) fn try_again(state: &State, stick: &Stick, version: String, other_channel: bool) -> Result<Step, Failure> {
    resting(state)?;
    let again = shown(stick.again.as_ref(), &version, "nothing-to-try-again")?;
    if again.other_channel && !other_channel {
        return Err(Failure::new(ErrorKind::NotAllowed, "other-channel").text("version", &version));
    }
    Ok(switch(Switch::Again(version)))
}

/// Only the version that the user was shown.
fn shown<'s>(other: Option<&'s Other>, version: &str, nothing: &str) -> Result<&'s Other, Failure> {
    match other {
        None => Err(senseless(nothing)),
        Some(other) if other.version != version => {
            Err(Failure::new(ErrorKind::NotOffered, "other-version").text("version", &other.version))
        }
        Some(other) => Ok(other),
    }
}

fn switch(to: Switch) -> Step {
    (State::Switching(None), vec![Effect::StartSwitch(to)])
}

/// What clients see stays as it is: nothing of it depends on how a start is judged.
pub(super) fn judge_start(state: &State, version: String, shown: Shown) -> Result<Step, Failure> {
    if !matches!(state, State::Paused(..)) {
        resting(state)?;
    }
    let before = Some(Box::new(state.clone()));
    Ok((State::Switching(before), vec![Effect::StartSwitch(Switch::Judged(version, shown))]))
}

pub(super) fn look_at(state: &State, choice: Choice) -> Result<Step, Failure> {
    resting(state)?;
    Ok(switch(Switch::LookAt(choice)))
}
