//! What a method of the daemon fails with, for both sides: a failure with all its values, or an error of the bus.
//!
//! On the bus it is an error named `org.sameday.Upgrader1.Error.KIND`. Its body is `s(ssa{sv})`: a line for logs, as D-Bus wants it first,
//! and the failure as in `LastFailure`.

use zbus::DBusError;
use zbus::message::{Header, Message};
use zbus::names::ErrorName;

use crate::dictionary::Dictionary;
use crate::{ErrorKind, Failure, text};

/// Why a method call failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum MethodError {
    /// The daemon refused or failed.
    #[error("{0}")]
    Failure(Failure),
    /// The bus did not bring the call to the daemon, or not its answer back.
    #[error("the call did not get through: {0}")]
    Bus(zbus::Error),
}

impl From<Failure> for MethodError {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<zbus::Error> for MethodError {
    fn from(error: zbus::Error) -> Self {
        match read(&error) {
            Some(failure) => Self::Failure(failure),
            None => Self::Bus(error),
        }
    }
}

/// The failure in an error reply. One whose body is not as above still has its kind, by its name.
fn read(error: &zbus::Error) -> Option<Failure> {
    let zbus::Error::MethodError(name, line, reply) = error else { return None };
    let kind = ErrorKind::ALL.iter().copied().find(|kind| kind.error_name() == name.as_str())?;
    let whole = reply.body().deserialize::<(String, (String, String, Dictionary))>();
    let whole = whole.ok().and_then(|(_, parts)| Failure::read(&parts));
    Some(whole.unwrap_or_else(|| {
        let line = text::line(line.as_deref().unwrap_or_default(), text::LINE);
        Failure::new(kind, "unreadable").text("message", &line)
    }))
}

impl DBusError for MethodError {
    fn create_reply(&self, call: &Header<'_>) -> zbus::Result<Message> {
        match self {
            Self::Failure(failure) => {
                let parts: (String, String, Dictionary) = failure.into();
                Message::error(call, self.name()).build(&(failure.to_string(), parts))
            }
            Self::Bus(error) => Message::error(call, self.name()).build(&error.to_string()),
        }
    }

    fn name(&self) -> ErrorName<'_> {
        match self {
            Self::Failure(failure) => ErrorName::from_static_str_unchecked(failure.kind.error_name()),
            Self::Bus(_) => ErrorName::from_static_str_unchecked("org.freedesktop.DBus.Error.Failed"),
        }
    }

    fn description(&self) -> Option<&str> {
        match self {
            Self::Failure(failure) => Some(&failure.reason),
            Self::Bus(error) => error.description(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call() -> Message {
        Message::method_call(crate::PATH, "Install").destination(":1.1").build(&()).unwrap()
    }

    fn arrived(reply: Message) -> MethodError {
        zbus::Error::from(reply).into()
    }

    #[test]
    fn every_kind_crosses_the_bus_with_its_values() {
        for kind in ErrorKind::ALL {
            let failure = Failure::new(*kind, "some-reason").number("n", 1).text("t", "x");
            let sent = MethodError::from(failure.clone());
            ErrorName::try_from(sent.name().as_str()).unwrap();
            let reply = sent.create_reply(&call().header()).unwrap();
            match arrived(reply) {
                MethodError::Failure(received) => assert_eq!(received, failure),
                MethodError::Bus(error) => panic!("{error}"),
            }
        }
    }

    #[test]
    fn a_reply_without_values_still_has_its_kind() {
        let reply =
            Message::error(&call().header(), "org.sameday.Upgrader1.Error.Busy").build(&"come back later").unwrap();
        match arrived(reply) {
            MethodError::Failure(failure) => {
                assert_eq!(failure, Failure::new(ErrorKind::Busy, "unreadable").text("message", "come back later"));
            }
            MethodError::Bus(error) => panic!("{error}"),
        }
    }

    #[test]
    fn other_errors_stay_the_bus_errors_they_are() {
        let reply = Message::error(&call().header(), "org.freedesktop.DBus.Error.ServiceUnknown").build(&"no").unwrap();
        assert!(matches!(arrived(reply), MethodError::Bus(zbus::Error::FDO(_))));
        let reply = Message::error(&call().header(), "org.sameday.Upgrader1.Error.Newer").build(&"no").unwrap();
        assert!(matches!(arrived(reply), MethodError::Bus(zbus::Error::MethodError(..))));
    }
}
