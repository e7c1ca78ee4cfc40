//! Why a server could not serve: stable codes, each with what a person can do about it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The reason in a FAILED frame. The server may lie about it; it decides what people read, never what is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Reason {
    /// No way to reach Tor is configured; nothing was sent. Connect to Tor first.
    Unconfigured,
    /// The configuration is there and cannot be understood; nothing was sent. It has to be mended.
    ConfigurationUnreadable,
    /// The configured way to reach Tor is not built into this version; nothing was sent, and no other way is tried.
    ModeUnsupported,
    /// The configuration changed while the fetcher ran; it ends, and the next connection finds the new one. Try again.
    ConfigurationChanged,
    /// There is no private place in memory for Tor's state. A fault of the installation.
    StorageRefused,
    /// The Tor network cannot be reached: offline, filtered, or the clock is wrong; the detail is the blockage's code.
    TorBlocked,
    /// Tor failed in another way. Try again.
    TorFailed,
    /// An address of the repository that may not be used: plain HTTP to something that is no onion service, or no URL at all.
    BaseRefused,
    /// No address of the repository could be connected to. Try again later.
    ServerUnreachable,
    /// The server answered, with something that is no file.
    ServerError,
    /// The server wanted to send the client elsewhere; no redirect is ever followed.
    Redirected,
    /// The server answered with other bytes than those asked for, or cannot serve parts of a file.
    RangeRefused,
    /// The server took too long. Try again.
    TimedOut,
    /// The server closed the connection in the middle of a file.
    Closed,
    /// The request made no sense: a fault of the program that asked.
    BadRequest,
    /// The kit cannot be read: no regular file, or a read error. Copy it again.
    KitUnreadable,
    /// The kit ends before it should. Copy it again.
    KitTruncated,
    /// The file is no kit, or one with something in it that does not belong there.
    KitFormat,
    /// A code that this version does not know.
    #[serde(other)]
    Unknown,
}

impl Reason {
    /// The stable code, as on the wire.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unconfigured => "unconfigured",
            Self::ConfigurationUnreadable => "configuration-unreadable",
            Self::ModeUnsupported => "mode-unsupported",
            Self::ConfigurationChanged => "configuration-changed",
            Self::StorageRefused => "storage-refused",
            Self::TorBlocked => "tor-blocked",
            Self::TorFailed => "tor-failed",
            Self::BaseRefused => "base-refused",
            Self::ServerUnreachable => "server-unreachable",
            Self::ServerError => "server-error",
            Self::Redirected => "redirected",
            Self::RangeRefused => "range-refused",
            Self::TimedOut => "timed-out",
            Self::Closed => "closed",
            Self::BadRequest => "bad-request",
            Self::KitUnreadable => "kit-unreadable",
            Self::KitTruncated => "kit-truncated",
            Self::KitFormat => "kit-format",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_on_the_wire_are_the_codes_of_the_interface() {
        for code in [
            "unconfigured",
            "configuration-unreadable",
            "mode-unsupported",
            "configuration-changed",
            "storage-refused",
            "tor-blocked",
            "tor-failed",
            "base-refused",
            "server-unreachable",
            "server-error",
            "redirected",
            "range-refused",
            "timed-out",
            "closed",
            "bad-request",
            "kit-unreadable",
            "kit-truncated",
            "kit-format",
        ] {
            let reason: Reason = serde_json::from_str(&format!("\"{code}\"")).unwrap();
            assert_ne!(reason, Reason::Unknown, "{code}");
            assert_eq!(reason.code(), code);
            assert_eq!(serde_json::to_string(&reason).unwrap(), format!("\"{code}\""));
        }
    }

    #[test]
    fn a_code_from_the_future_is_unknown() {
        assert_eq!(serde_json::from_str::<Reason>("\"solar-flare\"").unwrap(), Reason::Unknown);
    }
}
