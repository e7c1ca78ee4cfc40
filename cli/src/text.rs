//! Sentences: what codes, kinds and reasons are in the user's language.

mod failure;

use gettextrs::{gettext, ngettext};
use sameday_dbus::{MethodError, Severity, State, phase};

use crate::client::Trouble;

pub use failure::{details, failure};

/// A template with its places (`{name}`) filled in. Done in one pass: what is filled in is never searched for places.
#[must_use]
pub fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let place = after.split_once('}').and_then(|(name, after)| {
            let (_, value) = values.iter().find(|(known, _)| *known == name)?;
            Some((value, after))
        });
        rest = if let Some((value, after)) = place {
            filled.push_str(value);
            after
        } else {
            filled.push('{');
            after
        };
    }
    filled.push_str(rest);
    filled
}

/// A number as plural forms need it: no language looks at more than the last six digits.
#[must_use]
pub fn count(number: u64) -> u32 {
    u32::try_from(number).unwrap_or_else(|_| 1_000_000 + u32::try_from(number % 1_000_000).unwrap_or(0))
}

/// The start of a line.
#[must_use]
pub fn short(line: &str, limit: usize) -> &str {
    line.get(..line.floor_char_boundary(limit)).unwrap_or(line)
}

/// A state, as part of `status`.
#[must_use]
pub fn state(state: State) -> String {
    match state {
        State::Idle => gettext("nothing under way; not checked since the start"),
        State::Connecting | State::Checking => gettext("looking for an upgrade"),
        State::Pausing | State::Paused | State::LeftOvers | State::Switching | State::Undone => state.to_string(),
        State::UpToDate => gettext("up to date"),
        State::Available => gettext("an upgrade is offered"),
        State::Manual => gettext("there is something newer, which this stick cannot take by itself"),
        State::Downloading => gettext("downloading the upgrade"),
        State::Applying => gettext("applying the upgrade"),
        State::Cancelling => gettext("cancelling"),
        State::RestartPending => gettext("an upgrade is installed and used after a restart"),
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
            State::Checking => gettext("Looking for an upgrade"),
            State::Applying => gettext("Checking what was written"),
            State::Cancelling => gettext("Cancelling"),
            _ => gettext("Downloading"),
        },
    }
}

/// A severity, as a heading.
#[must_use]
pub fn severity(severity: Severity) -> String {
    match severity {
        Severity::Critical => gettext("critical"),
        Severity::High => gettext("high"),
        Severity::Medium => gettext("medium"),
        Severity::Low => gettext("low"),
        Severity::Unknown => gettext("of unknown severity"),
    }
}

/// A number of fixes of one severity.
#[must_use]
pub fn fixes(severity: Severity, number: u64) -> String {
    let n = count(number);
    let text = match severity {
        Severity::Critical => ngettext("{number} critical", "{number} critical", n),
        Severity::High => ngettext("{number} high", "{number} high", n),
        Severity::Medium => ngettext("{number} medium", "{number} medium", n),
        Severity::Low => ngettext("{number} low", "{number} low", n),
        Severity::Unknown => ngettext("{number} of unknown severity", "{number} of unknown severity", n),
    };
    fill(&text, &[("number", &number.to_string())])
}

/// Why a command could not be carried out.
#[must_use]
pub fn trouble(trouble: &Trouble) -> String {
    match trouble {
        Trouble::Call(MethodError::Failure(refused)) => format!("{}\n{}", failure(refused), details(refused)),
        Trouble::Call(MethodError::Bus(error)) => bus(error),
        Trouble::DaemonGone => gettext(
            "The upgrader stopped unexpectedly. The stick still starts; look at “sameday status” and try again.",
        ),
    }
}

fn bus(error: &zbus::Error) -> String {
    use zbus::fdo::Error as E;
    let absent = gettext("The upgrader is not installed, or it could not be started.");
    let sentence = match error {
        zbus::Error::FDO(error) => match &**error {
            E::ServiceUnknown(_) | E::NameHasNoOwner(_) | E::SpawnFailed(_) | E::SpawnServiceNotFound(_) => absent,
            E::AccessDenied(_) => gettext("The system bus does not let you talk to the upgrader."),
            _ => gettext("The upgrader does not answer as it should."),
        },
        zbus::Error::Connection(..) | zbus::Error::InputOutput(_) | zbus::Error::Address(_) => {
            gettext("The system bus cannot be reached.")
        }
        _ => gettext("The upgrader does not answer as it should."),
    };
    let details = sameday_dbus::text::line(&error.to_string(), sameday_dbus::text::LINE);
    format!("{sentence}\n{}", fill(&gettext("({details})"), &[("details", &details)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filled_in_is_not_searched_for_places() {
        assert_eq!(fill("{a} and {b}", &[("a", "{b}"), ("b", "{a}")]), "{b} and {a}");
        assert_eq!(fill("{unknown} {a", &[("a", "x")]), "{unknown} {a");
        assert_eq!(fill("{}{{a}}", &[("a", "x")]), "{}{x}");
    }

    #[test]
    fn plurals_of_huge_numbers_follow_their_last_digits() {
        assert_eq!(count(21), 21);
        assert_eq!(count(u64::from(u32::MAX)), u32::MAX);
        assert_eq!(count(5_000_000_000_021), 1_000_021);
        assert_eq!(count(u64::MAX) % 10, 5);
    }

    #[test]
    fn lines_are_cut_between_characters() {
        assert_eq!(short("aéb", 2), "a");
        assert_eq!(short("aéb", 30), "aéb");
    }

    #[test]
    fn every_phase_has_its_words() {
        for (code, state) in phase::ALL.iter().zip([State::Downloading; 16]) {
            let fallback = under_way("of-next-year", state);
            assert!(*code == phase::DOWNLOADING || under_way(code, state) != fallback, "{code}");
        }
    }
}
