//! How far something under way has come.

use crate::dictionary::{Dictionary, line, number, owned};
use crate::text;

/// The value of the property `Progress`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Which part of the work: a code of [`phase`]. Clients show one that they do not know as the state alone.
    pub phase: String,
    /// Bytes done in this phase.
    pub bytes: u64,
    /// Bytes to be done in this phase; 0 while unknown.
    pub total: u64,
    /// Time left, in seconds, while it can be told.
    pub seconds_left: Option<u64>,
    /// What keeps Tor from connecting, as the fetcher says: a code of [`blockage`], or empty.
    pub blockage: String,
}

/// The codes of phases.
pub mod phase {
    /// Building a way through Tor.
    pub const CONNECTING: &str = "connecting";
    /// Fetching and verifying signed metadata.
    pub const METADATA: &str = "metadata";
    /// Reading a kit.
    pub const READING_KIT: &str = "reading-kit";
    /// Making room on the stick and opening it for writing.
    pub const PREPARING: &str = "preparing";
    /// Fetching, verifying and writing files.
    pub const DOWNLOADING: &str = "downloading";
    /// Reading the files back from the stick, mounting the new stack and looking inside.
    pub const VERIFYING: &str = "verifying";
    /// Making the new version the one that starts next.
    pub const COMMITTING: &str = "committing";
    /// All of them.
    pub const ALL: &[&str] = &[CONNECTING, METADATA, READING_KIT, PREPARING, DOWNLOADING, VERIFYING, COMMITTING];
}

/// The codes of what can keep Tor from connecting (`fetcher/wire`). Nobody vouches for them: they are what Tor makes of the network.
pub mod blockage {
    /// There is no network.
    pub const OFFLINE: &str = "offline";
    /// Connections are made, and what goes through them seems to be filtered.
    pub const FILTERED: &str = "filtered";
    /// No relay or bridge can be reached.
    pub const CANNOT_REACH_TOR: &str = "cannot-reach-tor";
    /// The clock is so wrong that Tor's directory looks invalid.
    pub const CLOCK_SKEWED: &str = "clock-skewed";
    /// Tor's directory of relays cannot be had.
    pub const CANNOT_BOOTSTRAP: &str = "cannot-bootstrap";
    /// Something else.
    pub const OTHER: &str = "other";
    /// All of them.
    pub const ALL: &[&str] = &[OFFLINE, FILTERED, CANNOT_REACH_TOR, CLOCK_SKEWED, CANNOT_BOOTSTRAP, OTHER];
}

impl Progress {
    /// The property's value, or none if it is empty.
    #[must_use]
    pub fn read(from: &Dictionary) -> Option<Self> {
        let value = Self {
            phase: line(from, "phase", text::NAME),
            bytes: number(from, "bytes").unwrap_or(0),
            total: number(from, "total").unwrap_or(0),
            seconds_left: number(from, "seconds-left"),
            blockage: line(from, "blockage", text::NAME),
        };
        (!from.is_empty()).then_some(value)
    }
}

impl From<&Progress> for Dictionary {
    fn from(progress: &Progress) -> Self {
        let mut dictionary = Self::from([
            ("phase".to_owned(), owned(progress.phase.clone())),
            ("bytes".to_owned(), owned(progress.bytes)),
            ("total".to_owned(), owned(progress.total)),
        ]);
        if let Some(seconds) = progress.seconds_left {
            dictionary.insert("seconds-left".to_owned(), owned(seconds));
        }
        if !progress.blockage.is_empty() {
            dictionary.insert("blockage".to_owned(), owned(progress.blockage.clone()));
        }
        dictionary
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_crosses_the_bus_whole() {
        for seconds_left in [None, Some(0), Some(u64::MAX)] {
            let progress = Progress {
                phase: phase::DOWNLOADING.into(),
                bytes: 1 << 32,
                total: u64::MAX,
                seconds_left,
                blockage: blockage::OFFLINE.into(),
            };
            assert_eq!(Progress::read(&(&progress).into()), Some(progress));
        }
        assert_eq!(Progress::read(&Dictionary::new()), None);
        assert!(crate::INTROSPECTION.contains(&phase::ALL.join(", ")));
        assert!(crate::INTROSPECTION.contains(&blockage::ALL.join(", ")));
    }
}
