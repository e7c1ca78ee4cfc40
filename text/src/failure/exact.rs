//! Sentences for reasons that say more than their kind, as long as the values that they need came along.

mod manual;

use gettextrs::{gettext, ngettext};
use sameday_dbus::{ErrorKind, Failure, Param};

use crate::format::{date, size};
use crate::{count, fill};

type Text<'a> = dyn Fn(&'static str) -> Option<&'a str> + 'a;
type Number<'a> = dyn Fn(&'static str) -> Option<u64> + 'a;

/// The sentence, if there is one for this reason.
pub fn sentence(failure: &Failure) -> Option<String> {
    let number = |name| match failure.parameters.get(name) {
        Some(Param::Number(number)) => Some(*number),
        _ => None,
    };
    let text = |name| match failure.parameters.get(name) {
        Some(Param::Text(text)) => Some(text.as_str()),
        _ => None,
    };
    let reason = failure.reason.as_str();
    match failure.kind {
        ErrorKind::ManualUpgrade => manual::sentences(reason, &text, &number),
        ErrorKind::KitWrong => kit(reason, &text),
        ErrorKind::NoRoom => {
            let (needed, free) = (size(number("needed")?), size(number("free")?));
            let sentence = gettext("The stick has not enough room: {needed} are needed, {free} are free.");
            Some(fill(&sentence, &[("needed", &needed), ("free", &free)]))
        }
        ErrorKind::Expired => {
            let sentence = gettext(
                "What came was valid until {expires}, and this computer's clock says {clock}. If the clock is wrong, set it. If it is right, somebody may be holding back newer versions: try again later, or on another network.",
            );
            Some(fill(&sentence, &[("expires", &date(text("expires")?)), ("clock", &date(text("clock")?))]))
        }
        ErrorKind::ClockInDoubt => clock(&date(text("clock")?), text("floor").map(date)),
        ErrorKind::NotConfirmedNewest => {
            let sentence = gettext(
                "It could not be confirmed that this is the newest version: the last confirmation is of {issued}. Try again later.",
            );
            Some(fill(&sentence, &[("issued", &date(text("issued")?))]))
        }
        ErrorKind::Withdrawn => {
            let sentence = gettext("Version {version} was withdrawn by the project. Look for another one later.");
            Some(fill(&sentence, &[("version", text("version")?)]))
        }
        ErrorKind::NotOffered => match reason {
            "superseded" => Some(gettext(
                "The servers have replaced this version by a newer one meanwhile. Look at what is offered now.",
            )),
            "other-version" => Some(gettext("Which version this is about has changed. Look at the status again.")),
            _ => None,
        },
        ErrorKind::NotAllowed if reason == "other-channel" => {
            Some(gettext("Only an administrator may install from a channel that is not this system's own."))
        }
        ErrorKind::NotConfigured => elsewhere(reason, &text),
        ErrorKind::Busy => busy(reason, &number),
        ErrorKind::BadRequest => senseless(reason, &text),
        _ => None,
    }
}

/// What cannot be right about the clock. Its date alone says nothing where it is that of the newest signature.
fn clock(clock: &str, floor: Option<String>) -> Option<String> {
    let sentence = match &floor {
        Some(floor) if clock < floor.as_str() => gettext(
            "This computer's clock says {clock}, but what the project signed is of {floor}. Set the clock and try again.",
        ),
        _ => gettext("This computer's clock says {clock}, which cannot be right. Set it and try again."),
    };
    Some(fill(&sentence, &[("clock", clock), ("floor", &floor.unwrap_or_default())]))
}

fn busy(reason: &str, number: &Number<'_>) -> Option<String> {
    match reason {
        "too-soon" => {
            let seconds = number("seconds")?;
            let sentence = ngettext(
                "It was looked for upgrades often just now. Try again in {seconds} second.",
                "It was looked for upgrades often just now. Try again in {seconds} seconds.",
                count(seconds),
            );
            Some(fill(&sentence, &[("seconds", &seconds.to_string())]))
        }
        "too-many-calls" => Some(gettext("Too much is asked of the upgrader at once. Try again in a moment.")),
        "restart-pending" => Some(gettext(
            "Another version starts next already. Restart the computer to use it, then look for the next one.",
        )),
        "applying" => Some(gettext("It is too late to pause: the upgrade is being finished.")),
        "paused" => Some(gettext("A download is paused. Go on with it first, or remove what it left.")),
        _ => None,
    }
}

/// What was asked to be stopped, continued or changed is not there, or no name or address.
fn senseless(reason: &str, text: &Text<'_>) -> Option<String> {
    let (sentence, value) = match reason {
        "nothing-to-cancel" => (gettext("There is nothing to cancel."), ""),
        "nothing-to-pause" => (gettext("Nothing is being downloaded."), ""),
        "nothing-to-resume" => (gettext("There is no paused or abandoned download to go on with."), ""),
        "nothing-to-discard" => (gettext("There is nothing on the stick that a download left."), ""),
        "nothing-to-go-back-to" => (gettext("There is no earlier version on the stick to go back to."), ""),
        "nothing-to-try-again" => (gettext("There is no whole version on the stick that could be tried again."), ""),
        "bad-channel" => (gettext("“{value}” is no name of a channel."), text("channel")?),
        "bad-base-url" => (gettext("“{value}” is no address of a server that can be asked."), text("url")?),
        _ => return None,
    };
    Some(fill(&sentence, &[("value", value)]))
}

/// Somebody has chosen to look elsewhere, and it cannot be understood where.
fn elsewhere(reason: &str, text: &Text<'_>) -> Option<String> {
    let (sentence, value) = match reason {
        "drop-in-unreadable" => (
            gettext("Nothing was sent: {value} says where to look for upgrades, and cannot be understood."),
            text("file")?,
        ),
        "bad-channel" => {
            (gettext("Nothing was sent: the boot menu names the channel “{value}”, which is none."), text("channel")?)
        }
        _ => return None,
    };
    Some(fill(&sentence, &[("value", value)]))
}

/// Why this file is not for this stick, and which one is.
fn kit(reason: &str, text: &Text<'_>) -> Option<String> {
    match reason {
        "for-another-stick" => {
            let sentence = gettext("The file is another stick's: {kit}. This stick needs the one called {right}.");
            Some(fill(&sentence, &[("kit", text("kit")?), ("right", text("right")?)]))
        }
        "not-newer" => {
            let sentence = gettext("The file holds nothing newer than {running}, which runs.");
            Some(fill(&sentence, &[("running", text("running")?)]))
        }
        "older-than-known" => {
            Some(gettext("The file is older than what this stick has seen already. Get a newer one."))
        }
        "unknown-format" => Some(gettext("The file is of a kind that this version does not understand.")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(failure: &Failure) -> String {
        sentence(failure).unwrap()
    }

    #[test]
    fn reasons_tell_their_numbers_and_names() {
        for (told, expected) in [
            (
                Failure::new(ErrorKind::NoRoom, "stick-too-small")
                    .number("needed", 2_000_000)
                    .number("free", 1_000_000),
                "The stick has not enough room: 2.0 MB are needed, 1.0 MB are free.",
            ),
            (
                Failure::new(ErrorKind::ManualUpgrade, "by-hand")
                    .text("version", "2.0")
                    .text("details-url", "https://x.org"),
                "There is 2.0, but no automatic way to it. Upgrade by hand. How to: https://x.org",
            ),
            (
                Failure::new(ErrorKind::ManualUpgrade, "file-too-big")
                    .number("length", 1 << 32)
                    .number("limit", (1 << 32) - 1),
                "The upgrade has a file of 4.2 GB; the stick's file system holds files of 4.2 GB at most. Upgrade by hand.",
            ),
        ] {
            assert_eq!(super::tests::told(&told), expected);
        }
    }

    #[test]
    fn doubts_about_time_show_the_date_of_the_clock() {
        let doubt = |clock: &str| {
            told(
                &Failure::new(ErrorKind::ClockInDoubt, "clock")
                    .text("clock", clock)
                    .text("floor", "2026-11-20T08:00:00Z"),
            )
        };
        assert!(
            doubt("2019-01-02T03:04:05Z")
                .starts_with("This computer's clock says 2019-01-02, but what the project signed is of 2026-11-20.")
        );
        for clock in ["2026-11-20T07:00:00Z", "2031-01-01T00:00:00Z"] {
            let expected =
                format!("This computer's clock says {}, which cannot be right. Set it and try again.", date(clock));
            assert_eq!(doubt(clock), expected);
        }
        let expired = Failure::new(ErrorKind::Expired, "expired").text("expires", "2026-11-20T08:00:00Z");
        assert_eq!(sentence(&expired), None);
        let expired = told(&expired.text("clock", "2027-01-01T00:00:00Z"));
        assert!(
            expired.starts_with("What came was valid until 2026-11-20, and this computer's clock says 2027-01-01."),
            "{expired}"
        );
        let old = Failure::new(ErrorKind::NotConfirmedNewest, "timestamp-old").text("issued", "2026-11-20T08:00:00Z");
        assert!(told(&old).contains("of 2026-11-20"));
    }

    #[test]
    fn who_asks_too_often_is_told_how_long_to_wait() {
        let soon = |seconds| told(&Failure::new(ErrorKind::Busy, "too-soon").number("seconds", seconds));
        assert!(soon(1).ends_with("in 1 second.") && soon(30).ends_with("in 30 seconds."));
        assert_eq!(sentence(&Failure::new(ErrorKind::Busy, "too-soon")), None);
    }

    #[test]
    fn a_wrong_kit_names_the_right_one() {
        let wrong = Failure::new(ErrorKind::KitWrong, "for-another-stick").text("kit", "a.kit").text("right", "b.kit");
        assert_eq!(told(&wrong), "The file is another stick's: a.kit. This stick needs the one called b.kit.");
    }
}
