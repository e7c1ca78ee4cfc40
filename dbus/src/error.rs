//! The kinds of failure: what the user can do. At most 20, so that a client can have an answer to each.

use std::fmt;
use std::str::FromStr;

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal,)+) => {
        /// What the user can do about a failure. Which case it was stands in [`Failure::reason`](crate::Failure::reason).
        ///
        /// Crosses D-Bus as its code in `LastFailure`, and as its name in the name of a method's error.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ErrorKind {
            $($(#[doc = $doc])+ $name,)+
        }

        impl ErrorKind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The code, in lower case with hyphens.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// The name of the D-Bus error of this kind.
            pub(crate) const fn error_name(self) -> &'static str {
                match self { $(Self::$name => concat!("org.sameday.Upgrader1.Error.", stringify!($name)),)+ }
            }
        }
    };
}

kinds! {
    /// No way to connect is configured: configure one (direct Tor, bridges, or a Tor that runs already).
    NotConfigured = "not-configured",
    /// Tor cannot be reached from this network: use bridges, another network, or wait.
    TorBlocked = "tor-blocked",
    /// The servers cannot be reached or do not serve what they should: try again later.
    Server = "server",
    /// What came is not what the project signed, and nothing of it was used: try again, and report it if it stays so.
    NotVerified = "not-verified",
    /// What the project signed is out of date: try again later; somebody may be holding back newer versions.
    Expired = "expired",
    /// This computer's clock cannot be right: set it and try again.
    ClockInDoubt = "clock-in-doubt",
    /// What is offered is authentic, but whether it is the newest could not be confirmed: try again later.
    NotConfirmedNewest = "not-confirmed-newest",
    /// There is something newer that this stick cannot take by itself: upgrade by hand.
    ManualUpgrade = "manual-upgrade",
    /// The stick has not enough room: make some, or use a bigger stick.
    NoRoom = "no-room",
    /// The stick does not hold what is written to it, or cannot be written: back up, and replace it.
    StickFailed = "stick-failed",
    /// The stick was removed or changed by something else: leave it plugged in, and start the computer anew.
    StickChanged = "stick-changed",
    /// The kit is damaged or incomplete: copy or download it again.
    KitUnreadable = "kit-unreadable",
    /// The kit is for another system, or for a stick that began with another version: get the one for this stick.
    KitWrong = "kit-wrong",
    /// The caller may not do this: ask an administrator.
    NotAllowed = "not-allowed",
    /// Something else is under way: wait for it, or cancel it.
    Busy = "busy",
    /// What was consented to is not what is offered now: look at the offer again.
    NotOffered = "not-offered",
    /// The client asked for something that makes no sense: upgrade the client, or report it.
    BadRequest = "bad-request",
    /// The user cancelled: nothing to do.
    Cancelled = "cancelled",
    /// The version was withdrawn by the project: check again for another one.
    Withdrawn = "withdrawn",
    /// The upgrader itself failed: report it, with the log.
    Internal = "internal",
}

/// Not the code of a kind that this client knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown kind of failure")]
pub struct UnknownKind;

impl FromStr for ErrorKind {
    type Err = UnknownKind;

    fn from_str(code: &str) -> Result<Self, UnknownKind> {
        Self::ALL.iter().copied().find(|kind| kind.code() == code).ok_or(UnknownKind)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_stands_for_one_kind_and_reads_back() {
        assert!(ErrorKind::ALL.len() <= 20);
        for kind in ErrorKind::ALL {
            assert_eq!(kind.code().parse(), Ok(*kind));
            let camel = kind.error_name().rsplit('.').next().unwrap();
            let kebab: String = camel
                .char_indices()
                .flat_map(|(at, c)| [(at > 0 && c.is_uppercase()).then_some('-'), Some(c.to_ascii_lowercase())])
                .flatten()
                .collect();
            assert_eq!(kebab, kind.code());
        }
        assert_eq!("Server".parse::<ErrorKind>(), Err(UnknownKind));
    }
}
