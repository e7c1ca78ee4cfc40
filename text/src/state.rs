//! States and phases, in words.

use gettextrs::gettext;
use sameday_dbus::{State, phase};

/// A state, as part of `status`.
#[must_use]
pub fn state(state: State) -> String {
    match state {
        State::Idle => gettext("nothing under way; not checked since the start"),
        State::Connecting => gettext("connecting to Tor"),
        State::Checking => gettext("looking for an upgrade"),
        State::UpToDate => gettext("up to date"),
        State::Available => gettext("an upgrade is offered"),
        State::Manual => gettext("there is something newer, which this stick cannot take by itself"),
        State::Downloading => gettext("downloading the upgrade"),
        State::Pausing => gettext("pausing"),
        State::Paused => gettext("the download is paused"),
        State::LeftOvers => gettext("an earlier download was abandoned and lies on the stick"),
        State::Applying => gettext("applying the upgrade"),
        State::Cancelling => gettext("cancelling"),
        State::Switching => gettext("changing the version that starts next"),
        State::RestartPending => gettext("another version is used after a restart"),
        State::Undone => gettext("the last upgrade did not come up and was undone"),
        State::Failed => gettext("the last attempt failed"),
    }
}

/// What is under way: the phase, or the state where the phase says nothing.
#[must_use]
pub fn under_way(code: &str, state: State) -> String {
    match code {
        phase::CONNECTING => gettext("Connecting to Tor"),
        phase::METADATA => gettext("Looking for an upgrade"),
        phase::READING_KIT => gettext("Reading the file"),
        phase::PREPARING => gettext("Preparing the stick"),
        phase::DOWNLOADING => gettext("Downloading"),
        phase::VERIFYING => gettext("Checking what was written"),
        phase::COMMITTING => gettext("Finishing"),
        _ => match state {
            State::Connecting => gettext("Connecting to Tor"),
            State::Checking => gettext("Looking for an upgrade"),
            State::Pausing => gettext("Pausing"),
            State::Switching => gettext("Changing the version that starts next"),
            State::Applying => gettext("Checking what was written"),
            State::Cancelling => gettext("Cancelling"),
            _ => gettext("Downloading"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phase_has_its_words() {
        for (code, state) in phase::ALL.iter().zip([State::Downloading; 16]) {
            let fallback = under_way("of-next-year", state);
            assert!(*code == phase::DOWNLOADING || under_way(code, state) != fallback, "{code}");
        }
    }
}
