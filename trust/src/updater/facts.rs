//! What a run found out, for people to read: versions, dates, signers, and whether the clock can be believed.

use super::Updater;
use crate::document::Verified;
use crate::schema::Header;
use crate::signature::Signers;
use crate::time::Time;

/// A timestamp is renewed every six hours; one that is older than a day and a half has missed five renewals.
const STALE_SECONDS: i64 = 36 * 3600;

/// The clock and Tor's consensus may differ by less than this: the consensus itself is hours old.
const DOUBT_SECONDS: i64 = 24 * 3600;

/// Facts about an accepted role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleFacts {
    /// Version.
    pub version: u64,
    /// When it expires.
    pub expires: Time,
    /// When it was signed, if it says so.
    pub issued: Option<Time>,
    /// Who signed.
    pub signers: Signers,
}

/// The validity of Tor's consensus, told by whoever fetches: a hint from an untrusted process, never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsensusTime {
    /// Valid from.
    pub valid_after: Time,
    /// Valid until.
    pub valid_until: Time,
}

/// What is to be said about time, beside any verdict on the metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeVerdict {
    /// Nothing.
    Fine,
    /// The clock is before a date that is known to have passed, or a day away from Tor's. To be said instead of "up to date" and
    /// "expired"; an offer that verifies stands.
    ClockInDoubt {
        /// The clock.
        clock: Time,
        /// The latest date that is known to have passed.
        floor: Time,
    },
    /// The timestamp was signed so long ago that this may not be the newest state.
    NotConfirmedNewest {
        /// When it was signed.
        issued: Time,
    },
}

impl Updater {
    /// Facts about a role that verifies under those who delegate to it now: accepted in this run, or from the store.
    #[must_use]
    pub fn role(&self, name: &str) -> Option<RoleFacts> {
        fn facts(header: &Header, signers: &Signers) -> RoleFacts {
            let signers = signers.clone();
            RoleFacts { version: header.version, expires: header.expires, issued: header.issued, signers }
        }
        fn of<T>(role: Option<&Verified<T>>, header: impl Fn(&T) -> &Header) -> Option<RoleFacts> {
            role.map(|role| facts(header(&role.signed), &role.signers))
        }
        match name {
            "root" => of(Some(&self.root), |r| &r.header),
            "timestamp" => of(self.timestamp.as_ref(), |t| &t.header),
            "snapshot" => of(self.snapshot.as_ref(), |s| &s.header),
            "targets" => of(self.targets.as_ref(), |t| &t.header),
            _ => of(self.delegated.get(name).map(super::Loaded::role), |t| &t.header),
        }
    }

    /// When the timestamp was signed.
    #[must_use]
    pub fn issued(&self) -> Option<Time> {
        self.timestamp.as_ref().and_then(|timestamp| timestamp.signed.header.issued)
    }

    /// The latest date that is known to have passed, whatever the clock says.
    #[must_use]
    pub fn floor(&self) -> Time {
        self.floor
    }

    /// Whether time is to be doubted; to be asked after a run, also after one that failed.
    #[must_use]
    pub fn time_verdict(&self, hint: Option<ConsensusTime>) -> TimeVerdict {
        let (clock, floor) = (self.now, self.floor);
        let apart = hint.is_some_and(|hint| {
            hint.valid_after.seconds_since(clock) >= DOUBT_SECONDS
                || clock.seconds_since(hint.valid_until) >= DOUBT_SECONDS
        });
        if clock < floor || apart {
            return TimeVerdict::ClockInDoubt { clock, floor };
        }
        match self.issued() {
            Some(issued) if clock.seconds_since(issued) > STALE_SECONDS => TimeVerdict::NotConfirmedNewest { issued },
            _ => TimeVerdict::Fine,
        }
    }
}
