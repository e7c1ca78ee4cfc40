//! The state machine: what the daemon is doing, what may be asked of it then, and where that leads. Pure: no I/O, no time.
//!
//! `docs/states.md` shows the same as a table; a test compares the two.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use sameday_dbus::{ErrorKind, Failure, Offer, Progress};
use sameday_upgrade::names::Version;
use sameday_upgrade::plan::Plan;

use crate::evidence::Keepsake;

/// Where an offer comes from.
#[derive(Debug, Clone)]
pub enum Origin {
    /// The repository, over Tor.
    Repository,
    /// A kit: its descriptor, unread by the daemon.
    Kit(Arc<Kit>),
}

/// A kit's descriptor. Its last close may wait for a file system that never answers, so a thread of its own does it.
#[derive(Debug)]
pub struct Kit(Option<OwnedFd>);

impl Kit {
    /// Takes the descriptor.
    #[must_use]
    pub fn new(descriptor: OwnedFd) -> Self {
        Self(Some(descriptor))
    }

    /// The descriptor, to be handed on.
    #[must_use]
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.0.as_ref().map(AsFd::as_fd)
    }
}

impl Drop for Kit {
    fn drop(&mut self) {
        if let Some(descriptor) = self.0.take() {
            std::thread::spawn(move || drop(descriptor));
        }
    }
}

/// An upgrade that is offered, with all that its installation needs.
#[derive(Debug)]
pub struct Offered {
    /// What clients are shown.
    pub offer: Offer,
    /// What will be done.
    pub plan: Plan,
    /// Where its files come from.
    pub origin: Origin,
    /// The metadata that a consented upgrade keeps on the stick.
    pub keepsake: Keepsake,
}

/// What the daemon is doing.
#[derive(Debug, Clone)]
pub enum State {
    /// Nothing was asked yet.
    Idle,
    /// Looking for an upgrade.
    Checking(Origin, Progress),
    /// Nothing is newer.
    UpToDate,
    /// An upgrade is offered; nothing of it has been fetched.
    Available(Arc<Offered>),
    /// There is something newer, and this stick cannot take it by itself.
    Manual(Failure),
    /// Consented to; files are fetched, verified and written under names that nothing refers to.
    Downloading(Arc<Offered>, Progress),
    /// All files are written; they are read back, the stack is checked, and committed.
    Applying(Arc<Offered>, Progress),
    /// Stopping; what was staged is removed. Holds the offer to go back to.
    Cancelling(Option<Arc<Offered>>),
    /// The stick starts another version next.
    RestartPending(Version),
    /// The last operation failed.
    Failed(Failure),
}

/// What was consented to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// The version that was shown.
    pub version: String,
    /// The digest of the description that was shown.
    pub digest: String,
    /// The signing date that was confirmed, for an old kit.
    pub signed_on: Option<String>,
}

/// What happens to the daemon.
#[derive(Debug)]
pub enum Event {
    /// A client asks for a check.
    Check,
    /// A client hands in a kit.
    OpenKit(Arc<Kit>),
    /// A client consents.
    Install(Consent),
    /// A client cancels.
    Cancel,
    /// The check has come to an end.
    Checked(Verdict),
    /// Work goes on: the phase tells downloading from applying.
    Progressed(Phase, Progress),
    /// The installation has come to an end.
    Installed(Result<Version, Failure>),
}

/// The parts of work that clients can tell apart as states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Connecting, and fetching metadata.
    Check,
    /// Fetching and staging files.
    Download,
    /// From the first read-back to the commit.
    Apply,
}

/// What a check found.
#[derive(Debug)]
pub enum Verdict {
    /// Nothing newer.
    UpToDate,
    /// This.
    Offer(Arc<Offered>),
    /// It failed, or what there is cannot be applied.
    Not(Failure),
}

/// What the engine is to do.
#[derive(Debug)]
pub enum Effect {
    /// Start looking there.
    StartCheck(Origin),
    /// Start installing this.
    StartInstall(Arc<Offered>),
    /// Ask the work under way to stop.
    StopWork,
}

/// The next state and what is to be done, or why the event is refused, which changes nothing.
///
/// # Errors
/// `busy`, `not-offered` or `bad-request`, when the event is not legal now.
pub fn next(state: &State, event: Event) -> Result<(State, Vec<Effect>), Failure> {
    match event {
        Event::Check => check(state),
        Event::OpenKit(kit) => {
            resting(state)?;
            let origin = Origin::Kit(kit);
            Ok((State::Checking(origin.clone(), Progress::default()), vec![Effect::StartCheck(origin)]))
        }
        Event::Install(consent) => install(state, &consent),
        Event::Cancel => cancel(state),
        Event::Checked(verdict) => Ok((checked(state, verdict), vec![])),
        Event::Progressed(phase, progress) => Ok((progressed(state, phase, progress), vec![])),
        Event::Installed(result) => Ok((installed(state, result), vec![])),
    }
}

/// Refuses what may only begin while nothing is under way.
fn resting(state: &State) -> Result<(), Failure> {
    match state {
        State::Idle | State::UpToDate | State::Available(_) | State::Manual(_) | State::Failed(_) => Ok(()),
        State::RestartPending(version) => {
            Err(Failure::new(ErrorKind::Busy, "restart-pending").text("version", version.as_str()))
        }
        State::Checking(..) => Err(Failure::new(ErrorKind::Busy, "checking")),
        State::Downloading(..) | State::Applying(..) => Err(Failure::new(ErrorKind::Busy, "installing")),
        State::Cancelling(_) => Err(Failure::new(ErrorKind::Busy, "cancelling")),
    }
}

fn check(state: &State) -> Result<(State, Vec<Effect>), Failure> {
    // A second client that asks for the check under way gets it: all clients see the same state.
    if let State::Checking(Origin::Repository, _) = state {
        return Ok((state.clone(), vec![]));
    }
    resting(state)?;
    Ok((State::Checking(Origin::Repository, Progress::default()), vec![Effect::StartCheck(Origin::Repository)]))
}

fn install(state: &State, consent: &Consent) -> Result<(State, Vec<Effect>), Failure> {
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
    match &consent.signed_on {
        None if offer.confirm_signed_on => {
            return Err(Failure::new(ErrorKind::BadRequest, "signed-on-needed").text("signed-on", &offer.signed_on));
        }
        Some(date) if *date != offer.signed_on => {
            return Err(Failure::new(ErrorKind::BadRequest, "signed-on-differs").text("signed-on", &offer.signed_on));
        }
        _ => {}
    }
    let next = State::Downloading(Arc::clone(offered), Progress::default());
    Ok((next, vec![Effect::StartInstall(Arc::clone(offered))]))
}

fn cancel(state: &State) -> Result<(State, Vec<Effect>), Failure> {
    match state {
        State::Checking(..) => Ok((State::Cancelling(None), vec![Effect::StopWork])),
        State::Downloading(offered, _) | State::Applying(offered, _) => {
            Ok((State::Cancelling(Some(Arc::clone(offered))), vec![Effect::StopWork]))
        }
        State::Cancelling(_) => Ok((state.clone(), vec![])),
        _ => Err(Failure::new(ErrorKind::BadRequest, "nothing-to-cancel")),
    }
}

fn checked(state: &State, verdict: Verdict) -> State {
    match (state, verdict) {
        (State::Checking(..), Verdict::UpToDate) => State::UpToDate,
        (State::Checking(..), Verdict::Offer(offered)) => State::Available(offered),
        (State::Checking(..), Verdict::Not(failure)) => match failure.kind {
            ErrorKind::ManualUpgrade | ErrorKind::NoRoom => State::Manual(failure),
            _ => State::Failed(failure),
        },
        (State::Cancelling(_), _) => State::Idle,
        (other, _) => other.clone(),
    }
}

fn progressed(state: &State, phase: Phase, progress: Progress) -> State {
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

fn installed(state: &State, result: Result<Version, Failure>) -> State {
    match (state, result) {
        // A cancel that came after the commit came too late, and says so by this state.
        (State::Downloading(..) | State::Applying(..) | State::Cancelling(_), Ok(version)) => {
            State::RestartPending(version)
        }
        (State::Cancelling(Some(offered)), Err(failure)) if failure.kind == ErrorKind::Cancelled => {
            State::Available(Arc::clone(offered))
        }
        (State::Downloading(..) | State::Applying(..) | State::Cancelling(_), Err(failure)) => State::Failed(failure),
        (other, _) => other.clone(),
    }
}

impl State {
    /// The state's code on D-Bus.
    #[must_use]
    pub fn code(&self) -> sameday_dbus::State {
        use sameday_dbus::State as Code;
        match self {
            Self::Idle => Code::Idle,
            Self::Checking(..) => Code::Checking,
            Self::UpToDate => Code::UpToDate,
            Self::Available(_) => Code::Available,
            Self::Manual(_) => Code::Manual,
            Self::Downloading(..) => Code::Downloading,
            Self::Applying(..) => Code::Applying,
            Self::Cancelling(_) => Code::Cancelling,
            Self::RestartPending(_) => Code::RestartPending,
            Self::Failed(_) => Code::Failed,
        }
    }

    /// The offer that the state is about.
    #[must_use]
    pub fn offered(&self) -> Option<&Arc<Offered>> {
        match self {
            Self::Available(offered) | Self::Downloading(offered, _) | Self::Applying(offered, _) => Some(offered),
            _ => None,
        }
    }

    /// How far the work is.
    #[must_use]
    pub fn progress(&self) -> Option<&Progress> {
        match self {
            Self::Checking(_, progress) | Self::Downloading(_, progress) | Self::Applying(_, progress) => {
                Some(progress)
            }
            _ => None,
        }
    }

    /// The failure or refusal that the state tells.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Manual(failure) | Self::Failed(failure) => Some(failure),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
