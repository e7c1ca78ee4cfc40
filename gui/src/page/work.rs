//! A page of what is under way: how far it is, and how to stop it.

use gettextrs::gettext;
use sameday_dbus::{ErrorKind, Failure, Progress, Snapshot, State, phase};
use sameday_text::format::{size, time_left};
use sameday_text::progress::percent;
use sameday_text::{blockage, failure, fill, under_way};

use super::Around;
use super::consent::low_battery;

/// The page.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Work {
    /// What is under way.
    pub title: String,
    /// How much of it is done, from 0 to 1, while that is known.
    pub fraction: Option<f64>,
    /// How much of how much, how fast, how long.
    pub amounts: String,
    /// What holds it up, or has to be known meanwhile.
    pub notices: Vec<String>,
    /// What may be done meanwhile.
    pub note: String,
    /// Whether it can be stopped, keeping what there is.
    pub pause: bool,
    /// Whether it can be stopped.
    pub cancel: bool,
    /// The help page about what holds it up.
    pub help: Option<&'static str>,
}

impl Work {
    /// Nothing is known yet.
    pub fn waiting() -> Self {
        Self { title: gettext("Asking the upgrader"), ..Self::default() }
    }

    /// What a busy daemon does.
    pub fn of(snapshot: &Snapshot, around: &Around) -> Self {
        let nothing = Progress::default();
        let progress = snapshot.progress.as_ref().unwrap_or(&nothing);
        let committing = progress.phase == phase::COMMITTING;
        let state = snapshot.state;
        // Where the daemon stops, the phase is still that of what it stops.
        let code = if matches!(state, State::Pausing | State::Cancelling) { "" } else { progress.phase.as_str() };
        let mut work = Self {
            title: under_way(code, state),
            amounts: amounts(progress, around.speed),
            pause: state == State::Downloading,
            cancel: match state {
                State::Connecting | State::Checking | State::Downloading | State::Pausing => true,
                State::Applying => !committing,
                _ => false,
            },
            ..Self::default()
        };
        if progress.total > 0 {
            #[expect(clippy::cast_precision_loss, reason = "of a bar on a screen")]
            let fraction = progress.bytes.min(progress.total) as f64 / progress.total as f64;
            work.fraction = Some(fraction);
        }
        if !progress.blockage.is_empty() {
            let held_up = gettext("It is held up: {blockage}.");
            work.notices.push(fill(&held_up, &[("blockage", &blockage(&progress.blockage))]));
            work.notices.push(failure(&Failure::new(ErrorKind::TorBlocked, &progress.blockage)));
            work.help = Some("tor-blocked");
        }
        match state {
            State::Downloading | State::Applying => work.notices.extend(around.battery.and_then(low_battery)),
            _ => {}
        }
        work.note = note(state, committing);
        work
    }
}

fn note(state: State, committing: bool) -> String {
    match state {
        State::Connecting | State::Checking => gettext("Nothing is written to the stick."),
        State::Downloading => gettext("You can close this window and go on working. Leave the stick plugged in."),
        State::Applying if committing => gettext("Please leave the stick plugged in. This takes a moment."),
        State::Applying => gettext("Please leave the stick plugged in. You can still cancel."),
        State::Pausing | State::Cancelling | State::Switching => gettext("Please leave the stick plugged in."),
        _ => String::new(),
    }
}

/// `12 MB of 273 MB, 1.2 MB a second, about 4 minutes left`, as far as it is known. A connection is counted in hundredths.
fn amounts(progress: &Progress, speed: Option<u64>) -> String {
    if progress.total == 0 {
        return String::new();
    }
    if progress.phase == phase::CONNECTING {
        return fill(&gettext("{percent} %"), &[("percent", &percent(progress).to_string())]);
    }
    let (bytes, total) = (size(progress.bytes.min(progress.total)), size(progress.total));
    let mut parts = vec![fill(&gettext("{bytes} of {total}"), &[("bytes", &bytes), ("total", &total)])];
    if let Some(speed) = speed {
        parts.push(fill(&gettext("{size} a second"), &[("size", &size(speed))]));
    }
    parts.extend(progress.seconds_left.map(time_left));
    // Translators: between the parts of a list such as “12 MB of 273 MB, 1.2 MB a second”.
    parts.join(&gettext(", "))
}
