//! What is known from before a check: the metadata of the image and of the stick, verified anew each time; and what an upgrade leaves behind of it.

use std::path::Path;

use sameday_dbus::{ErrorKind, Failure};
use sameday_trust::{Evidence, EvidenceSet, Limits, Policy, Source, Store};
use sameday_upgrade::boot_env::Choice;
use sameday_upgrade::description;
use sameday_upgrade::names::Name;

use crate::failure::Chain;
use crate::files::read_capped;
use crate::medium::Medium;
use crate::system::System;

/// The description's name beside the metadata of an image.
const DESCRIPTION: &str = "upgrade.json";
/// The format of the evidence on a stick.
const FORMAT: (&str, &[u8]) = ("format", b"1\n");

/// Metadata that was accepted by this daemon, byte for byte. It dies with the process: an amnesic system keeps no other trace of a check.
#[derive(Debug, Default)]
pub struct Memory {
    /// The channel and base URLs that all this is from.
    pub of: Option<(Name, Vec<String>)>,
    /// The store of the last check of the repository.
    pub store: Option<Store>,
    /// The last description that verified.
    pub description: Option<Vec<u8>>,
}

/// What a consented upgrade keeps on the stick: never timestamp or snapshot, which would tell the day.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Keepsake {
    /// The description, as served.
    pub description: Vec<u8>,
    /// Name and content of each file of metadata.
    pub metadata: Vec<(String, Vec<u8>)>,
}

impl Keepsake {
    /// From the store of a finished run.
    #[must_use]
    pub fn new(store: &Store, channel: &Name, description: Vec<u8>) -> Self {
        let mut metadata = vec![(FORMAT.0.to_owned(), FORMAT.1.to_vec())];
        metadata.extend(store.chain.iter().map(|(version, bytes)| (format!("{version}.root.json"), bytes.clone())));
        metadata.extend(store.targets.iter().map(|bytes| ("targets.json".to_owned(), bytes.clone())));
        let role = store.delegated.get(channel.as_str());
        metadata.extend(role.map(|bytes| (format!("{channel}.json"), bytes.clone())));
        Self { description, metadata }
    }
}

/// What is known: the store to begin with, and descriptions that need not be fetched if they are the one that is asked for.
#[derive(Debug)]
pub struct Known {
    /// The newest set that verifies, or the anchor alone.
    pub store: Store,
    /// Descriptions that lie in the image and on the stick, unverified.
    pub descriptions: Vec<Vec<u8>>,
}

/// Gathers what image and stick know of a channel. A set that does not verify is ignored as a whole and reported; it stops nobody.
///
/// # Errors
/// `manual-upgrade`, when the image's anchor itself is broken.
pub fn gather(system: &System, channel: &Name, medium: Option<&Medium>) -> Result<Known, Failure> {
    let (policy, limits) = (Policy::product(Source::Repository), Limits::product());
    let verify = |set| Evidence::verify(&system.anchor, set, &policy, &limits);
    let anchor = verify(EvidenceSet::default()).map_err(|error| {
        tracing::error!("the image's root: {}", Chain(&error));
        Failure::new(ErrorKind::ManualUpgrade, "image-incomplete").text("file", "root.json")
    })?;
    let mut best = anchor;
    let mut descriptions = Vec::new();
    for (place, files, description) in [image(&system.metadata), stick(medium)].into_iter().flatten() {
        match verify(set(&files, channel)) {
            Ok(evidence) if evidence.is_newer_than(&best) => best = evidence,
            Ok(_) => {}
            Err(error) => tracing::warn!("the metadata {place} is ignored: {}", Chain(&error)),
        }
        descriptions.extend(description);
    }
    Ok(Known { store: best.into_store(), descriptions })
}

type Found = (&'static str, Vec<(String, Vec<u8>)>, Option<Vec<u8>>);

fn image(folder: &Path) -> Option<Found> {
    let limits = Limits::product();
    let mut files = Vec::new();
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            tracing::warn!("the image's metadata: {error}");
            return None;
        }
    };
    let mut description = None;
    for entry in entries.flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let cap = if name == DESCRIPTION { description::LARGEST } else { limits.root_chain };
        match read_capped(&entry.path(), cap) {
            Ok(Some(bytes)) if name == DESCRIPTION => description = Some(bytes),
            Ok(Some(bytes)) => files.push((name, bytes)),
            Ok(None) => {}
            Err(error) => tracing::warn!("the image's {name}: {error}"),
        }
    }
    Some(("of the image", files, description))
}

fn stick(medium: Option<&Medium>) -> Option<Found> {
    let medium = medium?;
    let Choice::Version(version) = &medium.running().choice else { return None };
    match medium.evidence(version) {
        Ok(evidence) if evidence.files.iter().any(|(n, b)| (n.as_str(), b.as_slice()) == FORMAT) => {
            Some(("on the stick", evidence.files, evidence.description))
        }
        Ok(_) => {
            tracing::warn!("the stick keeps no metadata of {version} in a format that is known");
            None
        }
        Err(refusal) => {
            tracing::warn!("the metadata on the stick: {}", Chain(&refusal));
            None
        }
    }
}

fn set(files: &[(String, Vec<u8>)], channel: &Name) -> EvidenceSet {
    let one = |name: &str| files.iter().find(|(n, _)| n == name).map(|(_, bytes)| bytes.clone());
    let root = |(name, bytes): &(String, Vec<u8>)| {
        Some((name.strip_suffix(".root.json")?.parse::<u64>().ok()?, bytes.clone()))
    };
    EvidenceSet {
        roots: files.iter().filter_map(root).collect(),
        timestamp: one("timestamp.json"),
        snapshot: one("snapshot.json"),
        targets: one("targets.json"),
        channel: one(&format!("{channel}.json")).map(|bytes| (channel.to_string(), bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keepsake_tells_no_day() {
        let mut store = Store::from_root(b"root 2".to_vec());
        store.chain.insert(2, b"root 2".to_vec());
        store.timestamp = Some(b"timestamp".to_vec());
        store.snapshot = Some(b"snapshot".to_vec());
        store.targets = Some(b"targets".to_vec());
        store.delegated.insert("stable".into(), b"stable".to_vec());
        store.delegated.insert("alpha".into(), b"alpha".to_vec());
        let keepsake = Keepsake::new(&store, &"stable".parse().unwrap(), vec![]);
        let names: Vec<&str> = keepsake.metadata.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["format", "2.root.json", "targets.json", "stable.json"]);
        let set = set(&keepsake.metadata, &"stable".parse().unwrap());
        assert_eq!(set.roots.len(), 1);
        assert_eq!((set.timestamp, set.snapshot), (None, None));
        assert_eq!(set.channel, Some(("stable".into(), b"stable".to_vec())));
    }
}
