//! How what went wrong in one of the rooms becomes a failure that crosses D-Bus: a kind, a reason, and values.

use sameday_dbus::{ErrorKind, Failure};
use sameday_upgrade::description::BadDescription;
use sameday_upgrade::plan;

use crate::medium::{Parameter, Refusal, StickError};

fn with(mut failure: Failure, parameters: Vec<(&'static str, Parameter)>) -> Failure {
    for (name, value) in parameters {
        failure = match value {
            Parameter::Text(text) => failure.text(name, &text),
            Parameter::Number(number) => failure.number(name, number),
        };
    }
    failure
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        tracing::warn!("{}", Chain(&refusal));
        let kind = match refusal {
            Refusal::Io { .. } => ErrorKind::StickFailed,
            _ => ErrorKind::ManualUpgrade,
        };
        with(Self::new(kind, refusal.reason()), refusal.parameters())
    }
}

impl From<StickError> for Failure {
    fn from(error: StickError) -> Self {
        tracing::warn!("{}", Chain(&error));
        let kind = match &error {
            StickError::CommitUnknown { .. } => ErrorKind::StickFailed,
            StickError::Kept { .. } => ErrorKind::ManualUpgrade,
            StickError::Io { .. } | StickError::ReadOnly | StickError::ReadBack { .. } => ErrorKind::StickFailed,
            StickError::Full { .. } => ErrorKind::NoRoom,
            StickError::Gone | StickError::Changed { .. } => ErrorKind::StickChanged,
            StickError::Stack(_) => ErrorKind::NotVerified,
            StickError::Cancelled => ErrorKind::Cancelled,
            StickError::Misuse(_) => ErrorKind::Internal,
        };
        with(Self::new(kind, error.reason()), error.parameters())
    }
}

/// What a refusal of signed metadata means to the user.
pub(crate) fn of_trust(error: sameday_trust::Error) -> Failure {
    use sameday_trust::{Error as E, Parameter as P};
    tracing::warn!("{error}");
    let kind = match &error {
        E::Expired { .. } => ErrorKind::Expired,
        E::Absent { .. } => ErrorKind::Server,
        E::OutOfTurn => ErrorKind::Internal,
        _ => ErrorKind::NotVerified,
    };
    error.parameters().into_iter().fold(Failure::new(kind, error.reason()), |failure, (name, value)| match value {
        P::Text(text) => failure.text(name, &text),
        P::Number(number) => failure.number(name, number),
    })
}

/// What a plan's refusal means to the user.
pub(crate) fn of_plan(refusal: &plan::Refusal) -> Failure {
    use plan::Refusal as R;
    tracing::warn!("{refusal}");
    let manual = |reason, version: &dyn ToString| {
        Failure::new(ErrorKind::ManualUpgrade, reason).text("version", &version.to_string())
    };
    match refusal {
        R::WrongSoftware { field, found, expected } => Failure::new(ErrorKind::NotVerified, "wrong-software")
            .text("field", field)
            .text("found", found)
            .text("expected", expected),
        R::NoPath { initial, newest } => {
            manual("no-upgrade-for-initial-version", newest).text("initial", initial.as_str())
        }
        R::Manual { version, details_url } => {
            let failure = manual("by-hand", version);
            match details_url {
                Some(url) => failure.text("details-url", url),
                None => failure,
            }
        }
        R::UnknownKind { version } => manual("unknown-kind", version),
        R::Malformed { version, fault } => Failure::new(ErrorKind::NotVerified, "malformed-upgrade")
            .text("version", version.as_str())
            .text("fault", fault),
    }
}

/// What an unreadable description means to the user.
pub(crate) fn of_description(error: &BadDescription) -> Failure {
    tracing::warn!("{}", Chain(error));
    match error {
        BadDescription::UnknownFormat(format) => {
            Failure::new(ErrorKind::ManualUpgrade, "unknown-format").number("format", *format)
        }
        BadDescription::Malformed(_) => Failure::new(ErrorKind::NotVerified, "malformed-description"),
    }
}

/// An error with its causes on one line, for the log.
pub(crate) struct Chain<'a>(pub &'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
