//! What went wrong and what the user can do, by kind; and more exactly where the reason allows it.

mod exact;

use gettextrs::gettext;
use sameday_dbus::{ErrorKind, Failure};

/// One or two sentences.
#[must_use]
pub fn failure(failure: &Failure) -> String {
    exact::sentence(failure).unwrap_or_else(|| general(failure.kind))
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
        ErrorKind::Busy => gettext("Something else is under way. Wait for it, or cancel it."),
        ErrorKind::NotOffered => gettext("What is offered has changed. Look at the offer again."),
        ErrorKind::BadRequest => {
            gettext("The upgrader refused the request. This program may be too old or too new for it.")
        }
        ErrorKind::Cancelled => gettext("It was cancelled."),
        ErrorKind::Withdrawn => gettext("This version was withdrawn by the project. Look for another one later."),
        ErrorKind::Internal => gettext("The upgrader itself failed. Report it, and send along what its report says."),
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
    fn a_reason_without_its_values_falls_back_to_its_kind() {
        for kind in [ErrorKind::NoRoom, ErrorKind::ManualUpgrade, ErrorKind::ClockInDoubt] {
            assert_eq!(failure(&Failure::new(kind, "by-hand")), general(kind));
            assert_eq!(failure(&Failure::new(kind, "of-next-year")), general(kind));
        }
    }
}
