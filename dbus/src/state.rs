//! What the daemon is doing, as clients see it. `docs/states.md` says what may be asked when, and where it leads.

use std::fmt;
use std::str::FromStr;

/// The value of the property `State`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum State {
    /// Nothing was asked yet.
    #[default]
    Idle,
    /// Building a way through Tor, before anything can be looked for; `Progress` tells what blocks it.
    Connecting,
    /// Looking for an upgrade, or reading a kit.
    Checking,
    /// Nothing is newer.
    UpToDate,
    /// An upgrade is offered; nothing of it has been fetched.
    Available,
    /// There is something newer, and this stick cannot take it by itself; `LastFailure` says why.
    Manual,
    /// Consented to; files are fetched, verified and written.
    Downloading,
    /// Stopping; what is verified stays on the stick.
    Pausing,
    /// Stopped on the way, by a user or by what `LastFailure` says; what is verified is kept for `Resume`.
    Paused,
    /// An earlier download was abandoned and lies on the stick: it can be continued or discarded.
    LeftOvers,
    /// All files are written and are being checked, then committed.
    Applying,
    /// Stopping; what was staged is removed.
    Cancelling,
    /// The version that starts next is being changed, without any download.
    Switching,
    /// The stick starts another version next.
    RestartPending,
    /// The last upgrade did not come up and was undone: the version before it runs.
    Undone,
    /// The last operation failed; `LastFailure` says why.
    Failed,
}

impl State {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Idle,
        Self::Connecting,
        Self::Checking,
        Self::UpToDate,
        Self::Available,
        Self::Manual,
        Self::Downloading,
        Self::Pausing,
        Self::Paused,
        Self::LeftOvers,
        Self::Applying,
        Self::Cancelling,
        Self::Switching,
        Self::RestartPending,
        Self::Undone,
        Self::Failed,
    ];

    /// The code that crosses D-Bus.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Connecting => "connecting",
            Self::Checking => "checking",
            Self::UpToDate => "up-to-date",
            Self::Available => "available",
            Self::Manual => "manual",
            Self::Downloading => "downloading",
            Self::Pausing => "pausing",
            Self::Paused => "paused",
            Self::LeftOvers => "left-overs",
            Self::Applying => "applying",
            Self::Cancelling => "cancelling",
            Self::Switching => "switching",
            Self::RestartPending => "restart-pending",
            Self::Undone => "undone",
            Self::Failed => "failed",
        }
    }

    /// Whether something is under way that will end in another state by itself.
    #[must_use]
    pub const fn is_busy(self) -> bool {
        matches!(
            self,
            Self::Connecting
                | Self::Checking
                | Self::Downloading
                | Self::Pausing
                | Self::Applying
                | Self::Cancelling
                | Self::Switching
        )
    }
}

/// Not the code of a state that this client knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown state")]
pub struct UnknownState;

impl FromStr for State {
    type Err = UnknownState;

    fn from_str(code: &str) -> Result<Self, UnknownState> {
        Self::ALL.iter().copied().find(|state| state.code() == code).ok_or(UnknownState)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_stands_for_one_state_and_reads_back() {
        for state in State::ALL {
            assert_eq!(state.to_string().parse(), Ok(*state));
        }
        assert_eq!("Idle".parse::<State>(), Err(UnknownState));
    }

    #[test]
    fn the_contract_lists_the_same_states() {
        let codes: Vec<_> = State::ALL.iter().map(|state| state.code()).collect();
        assert!(crate::INTROSPECTION.contains(&codes.join(", ")));
    }
}
