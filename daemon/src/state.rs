//! The state machine: what the daemon is doing, what may be asked of it then, and where that leads. Pure: no I/O, no time.
//!
//! `docs/states.md` shows the same as a table; a test compares the two.

use std::sync::Arc;

use sameday_dbus::{Failure, Offer, Progress, phase};
use sameday_upgrade::names::{Name, Version};
use sameday_upgrade::plan::Plan;
use sameday_upgrade::start::Shown;

use crate::evidence::Keepsake;
use crate::kit::Kit;
use crate::looking::Choice;
use crate::medium::LeftOver;
use crate::stick::Stick;

mod ask;
mod told;

/// Where an offer comes from.
#[derive(Debug, Clone)]
pub enum Origin {
    /// The repository, over Tor.
    Repository,
    /// A kit: its descriptor, unread by the daemon.
    Kit(Arc<Kit>),
}

/// An upgrade that is offered, with all that its installation needs.
#[derive(Debug, Clone)]
pub struct Offered {
    /// What clients are shown.
    pub offer: Offer,
    /// What will be done.
    pub plan: Plan,
    /// Where its files come from.
    pub origin: Origin,
    /// The base URLs of a repository, as they were looked at.
    pub bases: Vec<String>,
    /// The channel it is from.
    pub channel: Name,
    /// Whether that is not the image's own.
    pub other_channel: bool,
    /// The metadata that a consented upgrade keeps on the stick.
    pub keepsake: Keepsake,
}

/// What the daemon is doing.
#[derive(Debug, Clone)]
pub enum State {
    /// Nothing was asked yet.
    Idle,
    /// Looking for an upgrade, or building the way there: the progress tells which.
    Checking(Origin, Progress),
    /// Nothing is newer.
    UpToDate,
    /// An upgrade is offered; nothing of it has been fetched.
    Available(Arc<Offered>),
    /// There is something newer, and this stick cannot take it by itself.
    Manual(Failure),
    /// Consented to; files are fetched, verified and written under names that nothing refers to.
    Downloading(Arc<Offered>, Progress),
    /// Stopping; what is verified stays.
    Pausing(Arc<Offered>),
    /// Stopped, by a user or by a failure; what is verified lies on the stick.
    Paused(Arc<Offered>, Option<Failure>),
    /// An earlier download was abandoned.
    LeftOvers(LeftOver),
    /// All files are written; they are read back, the stack is checked, and committed.
    Applying(Arc<Offered>, Progress),
    /// Stopping; what was staged is removed. Holds the offer to go back to.
    Cancelling(Option<Arc<Offered>>),
    /// Another version is made the one that starts next, or another place the one that is looked at, or a start is judged. Holds the state
    /// to go back to, if that is not what the stick says.
    Switching(Option<Box<State>>),
    /// The stick starts another version next.
    RestartPending(String),
    /// The upgrade to this version did not come up.
    Undone(String),
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
    /// Whether the caller may install from a channel that is not the image's own.
    pub other_channel: bool,
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
    /// A client pauses, or the daemon has to end.
    Pause,
    /// A client goes on.
    Resume {
        /// Whether it may install from a channel that is not the image's own.
        other_channel: bool,
    },
    /// A client gives up what is paused or left over.
    Discard,
    /// A client goes back to this version.
    Rollback(String),
    /// A client gives a version its tries again.
    TryAgain {
        /// The version that was shown.
        version: String,
        /// Whether the client may install from a channel that is not the image's own.
        other_channel: bool,
    },
    /// An administrator changes what is looked at.
    LookAt(Choice),
    /// The system tells what this start showed of this version.
    JudgeStart(String, Shown),
    /// The check has come to an end.
    Checked(Verdict),
    /// Work goes on: the phase tells downloading from applying.
    Progressed(Phase, Progress),
    /// The installation has come to an end.
    Installed(Installed),
    /// What was left over is removed, or not.
    Discarded(Result<(), Failure>),
    /// Another version starts next, or something else is looked at, or not.
    Switched(Result<(), Failure>),
}

/// What is changed without anything new on the stick. The versions are those that the user was shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Switch {
    /// To the version to go back to.
    Back(String),
    /// To the version that is tried again.
    Again(String),
    /// To another channel or server.
    LookAt(Choice),
    /// Not to another one: this version was started, and showed that.
    Judged(String, Shown),
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

/// How an installation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Installed {
    /// The stick starts this version next.
    Committed(Version),
    /// What is verified is kept: because of this failure, or because that was asked for.
    Kept(Option<Failure>),
    /// The stick is as it was, but for what the consent gave up.
    Not(Failure),
}

/// What the engine is to do.
#[derive(Debug)]
pub enum Effect {
    /// Start looking there.
    StartCheck(Origin),
    /// Start installing this.
    StartInstall(Arc<Offered>),
    /// Ask the work under way to stop and give the room back.
    StopWork,
    /// Ask the work under way to stop and keep what is verified.
    PauseWork,
    /// Remove what a download of this version left.
    StartDiscard(Version),
    /// Make another version start next, or look elsewhere.
    StartSwitch(Switch),
}

/// The next state and what is to be done.
pub type Step = (State, Vec<Effect>);

/// The next state and what is to be done, or why the event is refused, which changes nothing. `stick` is as it is now.
///
/// # Errors
/// `busy`, `not-offered`, `not-allowed` or `bad-request`, when the event is not legal now.
pub fn next(state: &State, stick: &Stick, event: Event) -> Result<Step, Failure> {
    match event {
        Event::Check => ask::check(state),
        Event::OpenKit(kit) => ask::open_kit(state, kit),
        Event::Install(consent) => ask::install(state, &consent),
        Event::Cancel => ask::cancel(state, stick),
        Event::Pause => ask::pause(state),
        Event::Resume { other_channel } => ask::resume(state, other_channel),
        Event::Discard => ask::discard(state, stick),
        Event::Rollback(version) => ask::rollback(state, stick, version),
        Event::TryAgain { version, other_channel } => ask::try_again(state, stick, version, other_channel),
        Event::LookAt(choice) => ask::look_at(state, choice),
        Event::JudgeStart(version, shown) => ask::judge_start(state, version, shown),
        Event::Checked(verdict) => Ok((told::checked(state, stick, verdict), vec![])),
        Event::Progressed(phase, progress) => Ok((told::progressed(state, phase, progress), vec![])),
        Event::Installed(result) => Ok(told::installed(state, stick, result)),
        Event::Discarded(result) => Ok((told::discarded(state, stick, result), vec![])),
        Event::Switched(result) => Ok((told::switched(state, stick, result), vec![])),
    }
}

impl State {
    /// The state of a daemon that is asked nothing, read off the stick.
    #[must_use]
    pub fn at_rest(stick: &Stick) -> Self {
        if let Some(version) = stick.pending() {
            return Self::RestartPending(version);
        }
        if let Some(version) = stick.undone() {
            return Self::Undone(version);
        }
        stick.left_over.clone().map_or(Self::Idle, Self::LeftOvers)
    }

    /// The state's code on D-Bus.
    #[must_use]
    pub fn code(&self) -> sameday_dbus::State {
        use sameday_dbus::State as Code;
        match self {
            Self::Idle => Code::Idle,
            Self::Checking(_, progress) if progress.phase == phase::CONNECTING => Code::Connecting,
            Self::Checking(..) => Code::Checking,
            Self::UpToDate => Code::UpToDate,
            Self::Available(_) => Code::Available,
            Self::Manual(_) => Code::Manual,
            Self::Downloading(..) => Code::Downloading,
            Self::Pausing(_) => Code::Pausing,
            Self::Paused(..) => Code::Paused,
            Self::LeftOvers(_) => Code::LeftOvers,
            Self::Applying(..) => Code::Applying,
            Self::Cancelling(_) => Code::Cancelling,
            Self::Switching(_) => Code::Switching,
            Self::RestartPending(_) => Code::RestartPending,
            Self::Undone(_) => Code::Undone,
            Self::Failed(_) => Code::Failed,
        }
    }

    /// The offer that the state is about.
    #[must_use]
    pub fn offered(&self) -> Option<&Arc<Offered>> {
        match self {
            Self::Available(offered)
            | Self::Downloading(offered, _)
            | Self::Pausing(offered)
            | Self::Paused(offered, _)
            | Self::Applying(offered, _) => Some(offered),
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
            Self::Manual(failure) | Self::Failed(failure) | Self::Paused(_, Some(failure)) => Some(failure),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
