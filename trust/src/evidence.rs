//! Stored metadata that anybody may have written: verified from the trust anchor on, taken as a whole or ignored as a whole.

use std::collections::BTreeMap;

use crate::document::{Rules, Verified, open, open_anchor, open_next_root};
use crate::error::Error;
use crate::limits::Limits;
use crate::policy::{Kind, Policy};
use crate::schema::{Snapshot, Targets, Timestamp};
use crate::store::Store;
use crate::target::Target;

/// A set of metadata found somewhere: in the image, or on the stick.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EvidenceSet {
    /// Root files by the version in their names. Those up to the anchor's version are not looked at.
    pub roots: BTreeMap<u64, Vec<u8>>,
    /// The timestamp; a stick has none.
    pub timestamp: Option<Vec<u8>>,
    /// The snapshot; a stick has none.
    pub snapshot: Option<Vec<u8>>,
    /// The top-level targets role.
    pub targets: Option<Vec<u8>>,
    /// The channel's role: name and file.
    pub channel: Option<(String, Vec<u8>)>,
}

/// A set that verifies. It proves that these were signed once, and no more: expiry is for the workflow that uses them.
#[derive(Debug, Clone)]
pub struct Evidence {
    store: Store,
    consistent: bool,
    root_version: u64,
    targets_version: Option<u64>,
    channel: Option<(String, Targets)>,
}

impl Evidence {
    /// Replays the root chain from the anchor and verifies every file of the set under the keys that follow from it.
    ///
    /// # Errors
    /// The first thing that is wrong. Then the set says nothing, and is to be ignored as a whole.
    pub fn verify(anchor: &[u8], set: EvidenceSet, policy: &Policy, limits: &Limits) -> Result<Self, Error> {
        let rules = Rules { policy, limits };
        let mut store = Store::from_root(anchor.to_vec());
        let mut root = open_anchor(anchor, rules)?;
        let first = root.signed.header.version;
        let mut bytes_read = 0u64;
        for (version, bytes) in set.roots.into_iter().filter(|(version, _)| *version > first) {
            let trusted = root.signed.header.version;
            let expected = trusted.saturating_add(1);
            if version != expected {
                return Err(Error::RootGap { version: expected });
            }
            let steps = u32::try_from(store.chain.len()).unwrap_or(u32::MAX);
            bytes_read = bytes_read.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            if steps >= limits.root_steps || bytes_read > limits.root_chain {
                return Err(Error::RootChain { limit: limits.root_chain });
            }
            root = open_next_root(&bytes, &root.signed, rules)?;
            let found = root.signed.header.version;
            if found != expected {
                return Err(Error::VersionMismatch { role: "root".to_owned(), expected, found });
            }
            store.root.clone_from(&bytes);
            store.chain.insert(version, bytes);
        }
        let root = root.signed;
        let until = Some(root.header.expires);
        if let Some(bytes) = &set.timestamp {
            open::<Timestamp>(Kind::Timestamp, "timestamp", bytes, root.delegation("timestamp"), until, rules)?;
        }
        if let Some(bytes) = &set.snapshot {
            open::<Snapshot>(Kind::Snapshot, "snapshot", bytes, root.delegation("snapshot"), until, rules)?;
        }
        let targets = match &set.targets {
            Some(bytes) => {
                Some(open::<Targets>(Kind::Targets, "targets", bytes, root.delegation("targets"), until, rules)?)
            }
            None => None,
        };
        let channel = match set.channel {
            Some((name, bytes)) => {
                let delegation = targets.as_ref().and_then(|targets| targets.signed.delegation(&name));
                let role: Verified<Targets> = open(Kind::Delegated, &name, &bytes, delegation, until, rules)?;
                store.delegated.insert(name.clone(), bytes);
                Some((name, role.signed))
            }
            None => None,
        };
        store.timestamp = set.timestamp;
        store.snapshot = set.snapshot;
        store.targets = set.targets;
        Ok(Self {
            store,
            consistent: root.consistent_snapshot,
            root_version: root.header.version,
            targets_version: targets.map(|targets| targets.signed.header.version),
            channel,
        })
    }

    /// Whether this set is newer than another: by its channel's role, then its targets role, then its root.
    #[must_use]
    pub fn is_newer_than(&self, other: &Self) -> bool {
        let rank =
            |e: &Self| (e.channel.as_ref().map(|(_, role)| role.header.version), e.targets_version, e.root_version);
        rank(self) > rank(other)
    }

    /// What the channel's role of this set says about a target, for a file that is stored beside it.
    ///
    /// # Errors
    /// When the role does not describe it, or by no digest that is known.
    pub fn target(&self, path: &str) -> Result<Target, Error> {
        let missing = || Error::TargetMissing { path: path.to_owned() };
        let (name, role) = self.channel.as_ref().ok_or_else(missing)?;
        Target::new(path, role.targets.get(path).ok_or_else(missing)?, name, self.consistent)
    }

    /// The set as a store for [`crate::Updater::new`].
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The set as a store for [`crate::Updater::new`].
    #[must_use]
    pub fn into_store(self) -> Store {
        self.store
    }
}
