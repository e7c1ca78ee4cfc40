//! What went wrong and what the user can do, by kind; and more exactly where the reason allows it.

use gettextrs::gettext;
use sameday_dbus::{ErrorKind, Failure, Param};

use super::fill;
use crate::format::{date, size};

/// One or two sentences.
#[must_use]
pub fn failure(failure: &Failure) -> String {
    exact(failure).unwrap_or_else(|| general(failure.kind))
}

/// The codes, for who helps.
#[must_use]
pub fn details(failure: &Failure) -> String {
    fill(&gettext("({details})"), &[("details", &failure.to_string())])
}

/// A sentence for a reason that says more than its kind, as long as the values that it needs came along.
fn exact(failure: &Failure) -> Option<String> {
    let number = |name| match failure.parameters.get(name) {
        Some(Param::Number(number)) => Some(*number),
        _ => None,
    };
    let text = |name| match failure.parameters.get(name) {
        Some(Param::Text(text)) => Some(text.as_str()),
        _ => None,
    };
    match (failure.kind, failure.reason.as_str()) {
        (ErrorKind::ManualUpgrade, reason) => manual(reason, &text, &number),
        (ErrorKind::NoRoom, _) => {
            let (needed, free) = (size(number("needed")?), size(number("free")?));
            let sentence = gettext("The stick has not enough room: {needed} are needed, {free} are free.");
            Some(fill(&sentence, &[("needed", &needed), ("free", &free)]))
        }
        (ErrorKind::ClockInDoubt, _) => {
            let sentence = gettext("This computer's clock says {date}, which cannot be right. Set it and try again.");
            Some(fill(&sentence, &[("date", &date(text("clock")?))]))
        }
        (ErrorKind::Busy, "restart-pending") => Some(gettext(
            "An upgrade is installed already. Restart the computer to use it, then look for the next one.",
        )),
        (ErrorKind::BadRequest, "nothing-to-cancel") => Some(gettext("There is nothing to cancel.")),
        _ => None,
    }
}

type Text<'a> = dyn Fn(&'static str) -> Option<&'a str> + 'a;
type Number<'a> = dyn Fn(&'static str) -> Option<u64> + 'a;

/// Why this stick needs an upgrade by hand.
fn manual(reason: &str, text: &Text<'_>, number: &Number<'_>) -> Option<String> {
    let why = match reason {
        "optical" => gettext("This system was started from a DVD or a DVD image, which cannot be written to."),
        "read-only" => gettext("The stick is write-protected. Move its switch, if it has one."),
        "toram" => gettext("This system runs from memory (“toram”). Start it without that, and upgrade then."),
        "findiso" => gettext("This system runs from an image file on a disk, which cannot be upgraded in place."),
        "medium-not-found" | "not-our-stick" => {
            gettext("This is not a USB stick that was made for automatic upgrades.")
        }
        "unsupported-file-system" => {
            let sentence = gettext("The stick has the file system {name}, to which upgrades cannot be written.");
            fill(&sentence, &[("name", text("file-system")?)])
        }
        "file-too-big" => {
            let sentence =
                gettext("The upgrade has a file of {length}; the stick's file system holds files of {limit} at most.");
            fill(&sentence, &[("length", &size(number("length")?)), ("limit", &size(number("limit")?))])
        }
        "no-upgrade-for-initial-version" => {
            let sentence =
                gettext("There is {version}, but no automatic way to it for a stick that began with {initial}.");
            fill(&sentence, &[("version", text("version")?), ("initial", text("initial")?)])
        }
        "by-hand" => {
            let sentence = gettext("There is {version}, but no automatic way to it.");
            fill(&sentence, &[("version", text("version")?)])
        }
        "unknown-format" | "unknown-kind" | "boot-env-newer-format" => {
            gettext("There is something newer, of a kind that this version does not understand.")
        }
        _ => return None,
    };
    let mut sentences = fill(&gettext("{why} Upgrade by hand."), &[("why", &why)]);
    if let Some(url) = text("details-url") {
        sentences.push(' ');
        sentences.push_str(&fill(&gettext("How to: {url}"), &[("url", url)]));
    }
    Some(sentences)
}

fn general(kind: ErrorKind) -> String {
    match kind {
        ErrorKind::NotConfigured => {
            gettext("It is not configured how to connect, so nothing was sent. Choose how to connect to Tor first.")
        }
        ErrorKind::TorBlocked => {
            gettext("Tor cannot be reached from this network. Use bridges or another network, or try again later.")
        }
        ErrorKind::Server => {
            gettext("The servers could not be reached, or did not answer as they should. Try again later.")
        }
        ErrorKind::NotVerified => gettext(
            "What came is not what the project signed. Nothing of it is used. Try again; if it stays so, report it.",
        ),
        ErrorKind::Expired => gettext(
            "What came is out of date: somebody may be holding back newer versions. Try again later, or on another network.",
        ),
        ErrorKind::ClockInDoubt => gettext("This computer's clock cannot be right. Set it and try again."),
        ErrorKind::NotConfirmedNewest => {
            gettext("It could not be confirmed that this is the newest version. Try again later.")
        }
        ErrorKind::ManualUpgrade => gettext("This stick cannot be upgraded automatically. Upgrade by hand."),
        ErrorKind::NoRoom => gettext("The stick has not enough room for the upgrade."),
        ErrorKind::StickFailed => gettext(
            "The stick cannot be written to, or does not hold what is written. Back up your data and replace it.",
        ),
        ErrorKind::StickChanged => {
            gettext("The stick was removed, or changed by something else. Leave it plugged in, restart and try again.")
        }
        ErrorKind::KitUnreadable => gettext("The file is damaged or incomplete. Copy or download it again."),
        ErrorKind::KitWrong => gettext(
            "The file is for another system, or for a stick that began with another version. Get the one for this stick.",
        ),
        ErrorKind::NotAllowed => gettext("You are not allowed to do this. Ask an administrator."),
        ErrorKind::Busy => gettext("Something else is under way. Wait for it, or cancel it with “sameday cancel”."),
        ErrorKind::NotOffered => gettext("What is offered has changed. Look at the offer again."),
        ErrorKind::BadRequest => {
            gettext("The upgrader refused the request. This program may be too old or too new for it.")
        }
        ErrorKind::Cancelled => gettext("It was cancelled."),
        ErrorKind::Withdrawn => gettext("This version was withdrawn by the project. Look for another one later."),
        ErrorKind::Internal => gettext("The upgrader itself failed. Report it, with the log."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_kind_has_a_sentence_of_its_own() {
        let sentences: BTreeSet<String> =
            ErrorKind::ALL.iter().map(|kind| failure(&Failure::new(*kind, "some-reason"))).collect();
        assert_eq!(sentences.len(), ErrorKind::ALL.len());
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
            assert_eq!(failure(&told), expected);
        }
    }

    #[test]
    fn a_reason_without_its_values_falls_back_to_its_kind() {
        for kind in [ErrorKind::NoRoom, ErrorKind::ManualUpgrade, ErrorKind::ClockInDoubt] {
            assert_eq!(failure(&Failure::new(kind, "by-hand")), general(kind));
            assert_eq!(failure(&Failure::new(kind, "of-next-year")), general(kind));
        }
    }

    #[test]
    fn the_details_hold_the_codes() {
        let told = Failure::new(ErrorKind::Server, "too-short").number("promised", 7);
        assert_eq!(details(&told), "(server too-short promised=7)");
    }
}
