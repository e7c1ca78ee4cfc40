//! A failure as it crosses the bus: a kind (what the user can do), a reason (which case), and its values.

use std::collections::BTreeMap;
use std::fmt;

use zbus::Variant;

use crate::dictionary::{Dictionary, as_line, owned};
use crate::{ErrorKind, text};

/// More values than this no failure of ours has.
const PARAMETERS: usize = 32;

/// A value that belongs to a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Param {
    /// A name, a version, a path.
    Text(String),
    /// A size in bytes, a count.
    Number(u64),
}

/// What went wrong, for programs. Made into a sentence by clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What the user can do.
    pub kind: ErrorKind,
    /// Which case: a stable code, lower case with hyphens.
    pub reason: String,
    /// Its values by name, lower case with hyphens.
    pub parameters: BTreeMap<String, Param>,
}

impl Failure {
    /// A failure without values.
    #[must_use]
    pub fn new(kind: ErrorKind, reason: &str) -> Self {
        Self { kind, reason: reason.to_owned(), parameters: BTreeMap::new() }
    }

    /// The same with one more text.
    #[must_use]
    pub fn text(mut self, name: &str, value: &str) -> Self {
        self.parameters.insert(name.to_owned(), Param::Text(text::line(value, text::LINE)));
        self
    }

    /// The same with one more number.
    #[must_use]
    pub fn number(mut self, name: &str, value: u64) -> Self {
        self.parameters.insert(name.to_owned(), Param::Number(value));
        self
    }

    /// The value of the property `LastFailure`, or none if it is empty. A kind that is not known (from a newer daemon) counts as
    /// [`ErrorKind::Internal`]; its reason still says what it was.
    #[must_use]
    pub fn read((kind, reason, values): &(String, String, Dictionary)) -> Option<Self> {
        if kind.is_empty() {
            return None;
        }
        let mut parameters = BTreeMap::new();
        for (name, value) in values.iter().take(PARAMETERS) {
            let value = match &**value {
                Variant::U64(number) => Param::Number(*number),
                other => match as_line(other, text::LINE) {
                    Some(line) => Param::Text(line),
                    None => continue,
                },
            };
            parameters.insert(text::line(name, text::NAME), value);
        }
        Some(Self {
            kind: kind.parse().unwrap_or(ErrorKind::Internal),
            reason: text::line(reason, text::NAME),
            parameters,
        })
    }
}

impl From<&Failure> for (String, String, Dictionary) {
    fn from(failure: &Failure) -> Self {
        let values = failure.parameters.iter().map(|(name, value)| {
            let value = match value {
                Param::Text(text) => owned(text.clone()),
                Param::Number(number) => owned(*number),
            };
            (name.clone(), value)
        });
        (failure.kind.code().to_owned(), failure.reason.clone(), values.collect())
    }
}

impl fmt::Display for Param {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Number(number) => write!(f, "{number}"),
        }
    }
}

/// For logs and error messages: `kind reason name=value …`.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.reason)?;
        self.parameters.iter().try_for_each(|(name, value)| write!(f, " {name}={value}"))
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    fn no_room() -> Failure {
        Failure::new(ErrorKind::NoRoom, "not-enough-room").number("needed", u64::MAX).text("path", "live/1.2")
    }

    #[test]
    fn a_failure_crosses_the_bus_whole() {
        assert_eq!(Failure::read(&(&no_room()).into()), Some(no_room()));
        assert_eq!(no_room().to_string(), "no-room not-enough-room needed=18446744073709551615 path=\"live/1.2\"");
    }

    #[test]
    fn no_failure_is_empty() {
        assert_eq!(Failure::read(&Default::default()), None);
    }

    #[test]
    fn what_a_newer_or_hostile_daemon_sends_is_survived() {
        let many: Dictionary = (0..1000_u64).map(|n| (n.to_string(), owned(n))).collect();
        let failure = Failure::read(&("newer-kind".into(), "r\u{1b}[2J".into(), many)).unwrap();
        assert_eq!((failure.kind, failure.reason.as_str()), (ErrorKind::Internal, "r[2J"));
        assert_eq!(failure.parameters.len(), PARAMETERS);
        let mut values = Dictionary::new();
        values.insert("list".into(), owned(vec!["a"]));
        values.insert("long".into(), owned("x".repeat(1 << 20)));
        let failure = Failure::read(&("server".into(), "r".into(), values)).unwrap();
        assert_eq!(failure.parameters, BTreeMap::from([("long".into(), Param::Text("x".repeat(text::LINE)))]));
    }
}
