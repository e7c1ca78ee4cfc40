//! The client workflow (section 5 of the specification) as a loop: [`Updater::next`] asks, [`Updater::supply`] answers.
//!
//! What is asked for, and in which order, is part of the promise: the next root until there is none, the timestamp, then only what
//! the store does not already hold in the version that is now current.

mod facts;
mod lookup;
mod refresh;

use std::collections::BTreeMap;

use crate::document::{self, Rules, Verified};
use crate::error::Error;
use crate::limits::Limits;
use crate::policy::{Dates, Policy};
use crate::schema::{Root, Snapshot, Targets, Timestamp};
use crate::store::Store;
use crate::target::Target;
use crate::time::Time;

pub use facts::{ConsensusTime, RoleFacts, TimeVerdict};
use lookup::{Loaded, Lookup};

/// One run of the workflow over one store.
#[derive(Debug)]
pub struct Updater {
    store: Store,
    now: Time,
    floor: Time,
    policy: Policy,
    limits: Limits,
    root: Verified<Root>,
    root_steps: u32,
    root_bytes: u64,
    timestamp: Option<Verified<Timestamp>>,
    snapshot: Option<Verified<Snapshot>>,
    targets: Option<Verified<Targets>>,
    delegated: BTreeMap<String, Loaded>,
    lookup: Option<Lookup>,
    found: Option<Target>,
    step: Step,
}

/// Where the workflow stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Root,
    Timestamp,
    Snapshot,
    Targets,
    Delegated,
    Idle,
    Failed(Error),
}

/// What the workflow wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// A file.
    Fetch(Request),
    /// Nothing more: it is done, or has failed with the error that [`Updater::supply`] returned.
    Done,
}

/// A file of metadata that the workflow wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its path below the base of all metadata.
    pub path: String,
    /// The most bytes that it may have. One byte more is enough to see that it is too long; nobody need read further.
    pub limit: u64,
    /// The role.
    pub role: String,
}

/// What came of a request. An answer that could not be had (no network, a broken connection) is no answer: the run is given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The file.
    Bytes(Vec<u8>),
    /// There is no such file.
    Absent,
}

impl Updater {
    /// Starts a run over a store whose root is trusted.
    ///
    /// `now` is the time of this run, fixed for all its expiry checks (5.1). `floor` is a date that is known to have passed (the build
    /// date); under [`Dates::Issued`] it rises with the signing dates of all that verifies.
    ///
    /// # Errors
    /// When the store's root is not a root signed by itself.
    pub fn new(store: Store, now: Time, floor: Time, policy: Policy, limits: Limits) -> Result<Self, Error> {
        let root = document::open_anchor(&store.root, Rules { policy: &policy, limits: &limits })?;
        let mut updater = Self {
            store,
            now,
            floor,
            policy,
            limits,
            root,
            root_steps: 0,
            root_bytes: 0,
            timestamp: None,
            snapshot: None,
            targets: None,
            delegated: BTreeMap::new(),
            lookup: None,
            found: None,
            step: Step::Root,
        };
        updater.raise_floor(updater.root.signed.header.issued);
        if updater.next_root().is_none() {
            updater.finish_root()?;
        }
        Ok(updater)
    }

    /// What the workflow wants now. Asking twice changes nothing.
    #[must_use]
    pub fn next(&self) -> Next {
        let versioned = |version: Option<u64>, role: &str| {
            let role = percent_encode(role);
            match version.filter(|_| self.root.signed.consistent_snapshot) {
                Some(version) => format!("{version}.{role}.json"),
                None => format!("{role}.json"),
            }
        };
        let request =
            |path: String, limit: u64, role: &str| Next::Fetch(Request { path, limit, role: role.to_owned() });
        match &self.step {
            Step::Root => {
                let version = self.next_root().unwrap_or(u64::MAX);
                request(format!("{version}.root.json"), self.limits.root, "root")
            }
            Step::Timestamp => request("timestamp.json".to_owned(), self.limits.timestamp, "timestamp"),
            Step::Snapshot => {
                let info = self.timestamp.as_ref().and_then(|timestamp| timestamp.signed.snapshot());
                let limit = info.and_then(|info| info.length).unwrap_or(u64::MAX).min(self.limits.snapshot);
                request(versioned(info.map(|info| info.version), "snapshot"), limit, "snapshot")
            }
            Step::Targets => {
                let (version, limit) = self.listed("targets", self.limits.targets);
                request(versioned(version, "targets"), limit, "targets")
            }
            Step::Delegated => match self.lookup.as_ref().and_then(Lookup::current) {
                Some(role) => {
                    let (version, limit) = self.listed(role, self.limits.delegated);
                    request(versioned(version, role), limit, role)
                }
                None => Next::Done,
            },
            Step::Idle | Step::Failed(_) => Next::Done,
        }
    }

    /// Judges what came of the request that [`Updater::next`] made.
    ///
    /// # Errors
    /// Why the run ends here. What was accepted before stays in the store. After a failed refresh nothing more can be asked of
    /// this run; after a failed search for a target another search can be begun.
    pub fn supply(&mut self, answer: Answer) -> Result<(), Error> {
        let searching = self.step == Step::Delegated;
        let result = match (&self.step, answer) {
            (Step::Root, Answer::Absent) => self.finish_root(),
            (Step::Root, Answer::Bytes(bytes)) => self.accept_root(bytes),
            (Step::Timestamp, Answer::Bytes(bytes)) => self.accept_timestamp(bytes),
            (Step::Snapshot, Answer::Bytes(bytes)) => self.accept_snapshot(bytes),
            (Step::Targets, Answer::Bytes(bytes)) => self.accept_targets(bytes),
            (Step::Delegated, Answer::Bytes(bytes)) => self.accept_delegated(bytes),
            (Step::Timestamp, Answer::Absent) => Err(Error::Absent { role: "timestamp".to_owned() }),
            (Step::Snapshot, Answer::Absent) => Err(Error::Absent { role: "snapshot".to_owned() }),
            (Step::Targets, Answer::Absent) => Err(Error::Absent { role: "targets".to_owned() }),
            (Step::Delegated, Answer::Absent) => {
                let role = self.lookup.as_ref().and_then(Lookup::current).unwrap_or_default().to_owned();
                Err(Error::Absent { role })
            }
            (Step::Idle, _) => return Err(Error::OutOfTurn),
            (Step::Failed(error), _) => return Err(error.clone()),
        };
        if let Err(error) = &result {
            self.lookup = None;
            self.step = if searching { Step::Idle } else { Step::Failed(error.clone()) };
        }
        result
    }

    /// What has been accepted so far, as it stands after every step.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Ends the run and hands the store back.
    #[must_use]
    pub fn into_store(self) -> Store {
        self.store
    }

    fn rules(&self) -> Rules<'_> {
        Rules { policy: &self.policy, limits: &self.limits }
    }

    /// Version, and most bytes, of a targets role as the snapshot lists it.
    fn listed(&self, role: &str, ceiling: u64) -> (Option<u64>, u64) {
        let info = self.snapshot.as_ref().and_then(|snapshot| snapshot.signed.role(role));
        let limit = info.and_then(|info| info.length).unwrap_or(u64::MAX).min(ceiling);
        (info.map(|info| info.version), limit)
    }

    /// The time that expiry is judged by.
    fn moment(&self) -> Time {
        self.now.max(self.floor)
    }

    /// A verified signing date has passed, whatever the clock says.
    fn raise_floor(&mut self, issued: Option<Time>) {
        if let (Dates::Issued(_), Some(issued)) = (&self.policy.dates, issued) {
            self.floor = self.floor.max(issued);
        }
    }
}

/// Role names in paths: everything but RFC 3986's unreserved characters is encoded, `/` too.
fn percent_encode(role: &str) -> String {
    let mut out = String::with_capacity(role.len());
    for byte in role.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&hex::encode_upper([byte]));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_names_are_percent_encoded_whole() {
        for (role, expected) in [
            ("stable", "stable"),
            ("a/b", "a%2Fb"),
            ("../x", "..%2Fx"),
            ("ä b%", "%C3%A4%20b%25"),
            ("~_-.", "~_-."),
            ("?#\n", "%3F%23%0A"),
        ] {
            assert_eq!(percent_encode(role), expected);
        }
    }
}
