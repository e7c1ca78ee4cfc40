//! What clients ask for: whether it is legal now, and where it leads.

use std::sync::Arc;

use sameday_dbus::{ErrorKind, Failure, Progress, phase};
use sameday_upgrade::boot_env::BootEnv;

use super::{Consent, Effect, Kit, Offered, Origin, State, Step};
use crate::stick::Stick;

fn busy(reason: &str) -> Failure {
    Failure::new(ErrorKind::Busy, reason)
}

fn senseless(reason: &str) -> Failure {
    Failure::new(ErrorKind::BadRequest, reason)
}

/// Refuses what may only begin while nothing is under way.
fn resting(state: &State) -> Result<(), Failure> {
    match state {
        State::Idle
        | State::UpToDate
        | State::Available(_)
        | State::Manual(_)
        | State::LeftOvers(_)
        | State::Undone(_)
        | State::Failed(_) => Ok(()),
        State::RestartPending(version) => Err(busy("restart-pending").text("version", version)),
        State::Checking(..) => Err(busy("checking")),
        State::Downloading(..) | State::Applying(..) => Err(busy("installing")),
        State::Pausing(_) => Err(busy("pausing")),
        State::Paused(..) => Err(busy("paused")),
        State::Cancelling(_) => Err(busy("cancelling")),
        State::Switching => Err(busy("switching")),
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
        return Err(Failure::new(ErrorKind::NotAllowed, "other-channel").text("channel", &offer.channel));
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

pub(super) fn resume(state: &State) -> Result<Step, Failure> {
    match state {
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
    match (&stick.left_over, back_to) {
        (Some(left), back_to) => Ok((State::Cancelling(back_to), vec![Effect::StartDiscard(left.version.clone())])),
        // Paused before anything was written.
        (None, Some(offered)) if matches!(state, State::Paused(..)) => Ok((State::Available(offered), vec![])),
        (None, _) => Err(senseless("nothing-to-discard")),
    }
}

pub(super) fn rollback(state: &State, stick: &Stick, version: &str) -> Result<Step, Failure> {
    if !matches!(state, State::RestartPending(_)) {
        resting(state)?;
    }
    switch(stick.back.as_ref(), version, "nothing-to-go-back-to")
}

pub(super) fn try_again(state: &State, stick: &Stick, version: &str) -> Result<Step, Failure> {
    resting(state)?;
    switch(stick.again.as_ref(), version, "nothing-to-try-again")
}

/// Only to the version that the user was shown.
fn switch(to: Option<&(String, BootEnv)>, version: &str, nothing: &str) -> Result<Step, Failure> {
    match to {
        None => Err(senseless(nothing)),
        Some((offered, _)) if offered != version => {
            Err(Failure::new(ErrorKind::NotOffered, "other-version").text("version", offered))
        }
        Some((_, env)) => Ok((State::Switching, vec![Effect::StartSwitch(env.clone())])),
    }
}

pub(super) fn look_at(state: &State, stick: &Stick) -> Result<Step, Failure> {
    resting(state)?;
    Ok((State::at_rest(stick), vec![]))
}
