//! What the window shows: a pure function of what is known of the daemon and its properties.

mod consent;
mod failed;
mod kit;
mod rest;
mod story;
mod work;

use jiff::Timestamp;
use sameday_dbus::{Snapshot, State};

pub use consent::{Consent, Old};
pub use kit::Kit;
pub use story::{Action, Story};
pub use work::Work;

/// What is known of the daemon.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Seen {
    /// It was asked, and has not answered yet.
    #[default]
    Waiting,
    /// Its properties.
    Here(Box<Snapshot>),
    /// It does not answer.
    Away(Away),
}

/// Why the daemon is not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Away {
    /// A sentence.
    pub why: String,
    /// For who helps.
    pub details: String,
    /// It was there before and left the bus.
    pub lost: bool,
}

/// What else a page depends on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Around {
    /// The user's languages, the best first.
    pub languages: Vec<String>,
    /// This computer's clock.
    pub now: Timestamp,
    /// The charge in hundredths, while the computer runs on its battery.
    pub battery: Option<u8>,
    /// Bytes a second of what was downloaded last, if anything was since the app was started.
    pub speed: Option<u64>,
}

/// A page.
#[derive(Debug, Clone, PartialEq)]
pub enum Page {
    /// How things stand, and what can be done.
    Story(Story),
    /// An offer, and the question.
    Consent(Box<Consent>),
    /// What is under way.
    Work(Work),
}

impl Page {
    /// The page for what is known.
    #[must_use]
    pub fn of(seen: &Seen, around: &Around) -> Self {
        let snapshot = match seen {
            Seen::Waiting => return Self::Work(Work::waiting()),
            Seen::Away(away) => return Self::Story(rest::away(away)),
            Seen::Here(snapshot) => snapshot,
        };
        let story = match snapshot.state {
            State::Idle => rest::idle(snapshot),
            State::UpToDate => rest::up_to_date(snapshot),
            State::Manual => failed::manual(snapshot),
            State::Paused => rest::paused(snapshot),
            State::LeftOvers => rest::left_overs(snapshot),
            State::RestartPending => rest::restart_pending(snapshot),
            State::Undone => rest::undone(snapshot),
            State::Failed => failed::failed(snapshot),
            State::Available => match &snapshot.offer {
                Some(offer) => return Self::Consent(Box::new(Consent::of(offer, snapshot, around))),
                // The offer is on its way, or of a kind that is not understood: looking again finds out.
                None => rest::idle(snapshot),
            },
            State::Connecting
            | State::Checking
            | State::Downloading
            | State::Pausing
            | State::Applying
            | State::Cancelling
            | State::Switching => return Self::Work(Work::of(snapshot, around)),
        };
        Self::Story(story)
    }

    /// What it is called, for whoever cannot see it.
    #[must_use]
    pub fn title(&self) -> &str {
        match self {
            Self::Story(story) => &story.title,
            Self::Consent(consent) => &consent.title,
            Self::Work(work) => &work.title,
        }
    }
}

/// How much it matters that the user sees a page now, when nobody has asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attention {
    /// Nothing to see.
    None,
    /// A notification.
    Notice,
    /// A notification, and the window.
    Window,
}

/// Whether to call for the user.
#[must_use]
pub fn attention(seen: &Seen) -> Attention {
    use sameday_dbus::ErrorKind as Kind;
    let Seen::Here(snapshot) = seen else { return Attention::None };
    match snapshot.state {
        State::Available | State::Manual | State::Undone | State::LeftOvers => Attention::Window,
        State::RestartPending | State::Paused => Attention::Notice,
        State::Failed => match snapshot.failure.as_ref().map(|failure| failure.kind) {
            // No network yet, or a try that passes: the next one is not far.
            Some(Kind::Server | Kind::TorBlocked | Kind::Cancelled | Kind::Busy) | None => Attention::None,
            Some(Kind::NotConfigured | Kind::NotConfirmedNewest) => Attention::Notice,
            Some(_) => Attention::Window,
        },
        _ => Attention::None,
    }
}

#[cfg(test)]
mod tests;
