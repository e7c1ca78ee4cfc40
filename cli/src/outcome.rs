//! How a command ends: the exit codes, which scripts build on.

use std::process::ExitCode;

use sameday_dbus::{ErrorKind, Failure};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// What was asked for is done. For `check`: an upgrade is offered.
    Done = 0,
    /// It failed, was refused or cancelled.
    Failed = 1,
    /// There is nothing to do.
    Nothing = 2,
    /// There is something newer, and not for this stick.
    NotOffered = 3,
    /// The command line makes no sense (EX_USAGE of sysexits.h).
    Usage = 64,
}

impl From<&Failure> for Outcome {
    fn from(failure: &Failure) -> Self {
        match failure.kind {
            ErrorKind::ManualUpgrade | ErrorKind::KitWrong => Self::NotOffered,
            _ => Self::Failed,
        }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(outcome as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_this_stick_cannot_take_is_not_offered() {
        for kind in ErrorKind::ALL {
            let expected = match kind.code() {
                "manual-upgrade" | "kit-wrong" => 3,
                _ => 1,
            };
            assert_eq!(Outcome::from(&Failure::new(*kind, "r")) as u8, expected, "{kind}");
        }
    }

    #[test]
    fn the_codes_are_those_that_are_promised() {
        use Outcome as O;
        assert_eq!([O::Done, O::Failed, O::Nothing, O::NotOffered, O::Usage].map(|o| o as u8), [0, 1, 2, 3, 64]);
    }
}
