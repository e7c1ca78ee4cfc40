//! The timestamp (4.6) and the snapshot (4.4): which versions of the other roles are current.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Flaw, Header, Other, Role, at_least_one};
use crate::limits::Limits;
use crate::time::Time;

/// The name of the snapshot in a timestamp.
const SNAPSHOT_FILE: &str = "snapshot.json";

/// Timestamp metadata.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Timestamp {
    /// Type, version, dates.
    #[serde(flatten)]
    pub header: Header,
    /// The current snapshot, under the name `snapshot.json`.
    pub meta: BTreeMap<String, MetaInfo>,
    /// The rest.
    #[serde(flatten)]
    pub other: Other,
}

/// Snapshot metadata.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Type, version, dates.
    #[serde(flatten)]
    pub header: Header,
    /// The current targets roles, by `ROLE.json`.
    pub meta: BTreeMap<String, MetaInfo>,
    /// The rest.
    #[serde(flatten)]
    pub other: Other,
}

/// Which file is current.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetaInfo {
    /// Its version.
    pub version: u64,
    /// Its length in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<u64>,
    /// Its digests by algorithm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hashes: Option<BTreeMap<String, String>>,
    /// The rest.
    #[serde(flatten)]
    pub other: Other,
}

impl Timestamp {
    /// A timestamp for a snapshot.
    #[must_use]
    pub fn new(version: u64, issued: Time, expires: Time, snapshot: MetaInfo) -> Self {
        Self {
            header: Header::new(Self::TYPE, version, issued, expires),
            meta: BTreeMap::from([(SNAPSHOT_FILE.to_owned(), snapshot)]),
            other: Other::new(),
        }
    }

    /// The current snapshot. None only before the timestamp was checked.
    #[must_use]
    pub fn snapshot(&self) -> Option<&MetaInfo> {
        self.meta.get(SNAPSHOT_FILE)
    }
}

impl Snapshot {
    /// A snapshot that lists nothing yet.
    #[must_use]
    pub fn new(version: u64, issued: Time, expires: Time) -> Self {
        Self { header: Header::new(Self::TYPE, version, issued, expires), meta: BTreeMap::new(), other: Other::new() }
    }

    /// The current file of a targets role.
    #[must_use]
    pub fn role(&self, role: &str) -> Option<&MetaInfo> {
        self.meta.get(&format!("{role}.json"))
    }
}

impl MetaInfo {
    /// Told by its version alone.
    #[must_use]
    pub fn version(version: u64) -> Self {
        Self { version, length: None, hashes: None, other: Other::new() }
    }
}

fn check_listing(meta: &BTreeMap<String, MetaInfo>) -> Result<(), Flaw> {
    for (name, info) in meta {
        at_least_one(&format!("the version of {name}"), info.version)?;
        if info.hashes.as_ref().is_some_and(BTreeMap::is_empty) {
            return Flaw::malformed(format!("no digest in the digests of {name}"));
        }
    }
    Ok(())
}

impl Role for Timestamp {
    const TYPE: &'static str = "timestamp";

    fn header(&self) -> &Header {
        &self.header
    }

    fn check(&self, _: &Limits) -> Result<(), Flaw> {
        self.header.check()?;
        check_listing(&self.meta)?;
        if self.snapshot().is_none() {
            return Flaw::malformed("lists no snapshot");
        }
        Ok(())
    }
}

impl Role for Snapshot {
    const TYPE: &'static str = "snapshot";

    fn header(&self) -> &Header {
        &self.header
    }

    fn check(&self, _: &Limits) -> Result<(), Flaw> {
        self.header.check()?;
        check_listing(&self.meta)
    }
}
