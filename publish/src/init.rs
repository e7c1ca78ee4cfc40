//! A new repository: its keys, its roots and its still empty channels.

use std::fs;
use std::path::PathBuf;

use sameday_trust::Time;
use sameday_trust::schema::{DelegatedRole, Delegations, Other, RoleKeys, Root, Targets};
use sameday_upgrade::names::Name;

use crate::error::Error;
use crate::keys::{KeyFolder, Passphrase, SigningKey};
use crate::repository::{Repository, days, sign};

/// How many keys a role has, and how many must sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyCount {
    /// Keys.
    pub keys: u32,
    /// How many must sign.
    pub threshold: u32,
}

/// What a new repository shall be.
#[derive(Debug, Clone)]
pub struct Init {
    /// Its folder: empty, or still to be made.
    pub repository: PathBuf,
    /// The folder for its keys, outside of it.
    pub keys: PathBuf,
    /// Its channels.
    pub channels: Vec<Name>,
    /// Keys of the root.
    pub root: KeyCount,
    /// Keys of the targets role.
    pub targets: KeyCount,
    /// Keys of the snapshot.
    pub snapshot: KeyCount,
    /// Keys of the timestamp.
    pub timestamp: KeyCount,
    /// Keys of each channel.
    pub channel: KeyCount,
    /// The time that it is signed at.
    pub now: Time,
}

/// More keys than this for one role are a typing error: clients refuse 64.
const MOST_KEYS: u32 = 32;

impl Init {
    /// A repository with the default channels, keys and thresholds.
    #[must_use]
    pub fn new(repository: PathBuf, keys: PathBuf, now: Time) -> Self {
        let channel = |name: &str| name.parse().expect("default channels are valid names");
        let one = KeyCount { keys: 1, threshold: 1 };
        Self {
            repository,
            keys,
            channels: ["stable", "alpha", "test"].into_iter().map(channel).collect(),
            root: KeyCount { keys: 5, threshold: 3 },
            targets: KeyCount { keys: 3, threshold: 2 },
            snapshot: one,
            timestamp: one,
            channel: one,
            now,
        }
    }
}

/// Makes the keys and signs the first version of every role.
///
/// # Errors
/// When a name or count is impossible, when there is a repository or a key already, or a file cannot be written.
pub fn init(init: &Init, passphrase: &Passphrase) -> Result<Repository, Error> {
    check(init)?;
    let folder = KeyFolder::new(&init.keys, &init.repository)?;
    let metadata = init.repository.join("metadata");
    if metadata.join("1.root.json").exists() {
        return Err(Error::Exists(init.repository.clone()));
    }
    for name in ["metadata", "targets", "files"] {
        let path = init.repository.join(name);
        fs::create_dir_all(&path).map_err(Error::io("make the folder", &path))?;
    }
    folder.create()?;

    let now = init.now;
    let mut root = Root::new(1, now, now.plus_days(days::ROOT));
    let mut root_keys = Vec::new();
    let top_level =
        [("root", init.root), ("targets", init.targets), ("snapshot", init.snapshot), ("timestamp", init.timestamp)];
    for (role, count) in top_level {
        let keys = folder.generate(role, count.keys, passphrase)?;
        root.keys.extend(keys.iter().map(|key| (key.id().to_owned(), key.public().clone())));
        let threshold = u64::from(count.threshold);
        root.roles.insert(role.to_owned(), RoleKeys { keyids: ids(&keys), threshold, other: Other::new() });
        if role == "root" {
            root_keys = keys;
        }
    }
    // All root keys sign the first root, so that each is known to work before it goes to its holder.
    let anchor = sign(&root, &root_keys)?;
    folder.save_anchor(&anchor)?;

    let mut repository = Repository::first(&init.repository, anchor.clone(), root, now)?;
    let mut delegations = Delegations::default();
    for channel in &init.channels {
        let keys = folder.generate(channel.as_str(), init.channel.keys, passphrase)?;
        delegations.keys.extend(keys.iter().map(|key| (key.id().to_owned(), key.public().clone())));
        delegations.roles.push(DelegatedRole {
            name: channel.to_string(),
            keyids: ids(&keys),
            threshold: u64::from(init.channel.threshold),
            terminating: true,
            paths: Some(vec![format!("{channel}/*/*/upgrade.json")]),
            path_hash_prefixes: None,
            other: Other::new(),
        });
        repository.channels.insert(channel.to_string(), Targets::new(1, now, now.plus_days(days::CHANNEL)));
    }
    repository.targets.delegations = Some(delegations);

    repository.write_metadata("1.root.json", &anchor)?;
    for channel in &init.channels {
        repository.publish_targets(channel.as_str(), &folder, passphrase)?;
    }
    repository.publish_targets("targets", &folder, passphrase)?;
    repository.publish_snapshot(&folder, passphrase)?;
    repository.publish_timestamp(&folder, passphrase)?;
    Ok(repository)
}

fn ids(keys: &[SigningKey]) -> Vec<String> {
    keys.iter().map(|key| key.id().to_owned()).collect()
}

fn check(init: &Init) -> Result<(), Error> {
    let counts = [
        ("root", init.root),
        ("targets", init.targets),
        ("snapshot", init.snapshot),
        ("timestamp", init.timestamp),
        ("channel", init.channel),
    ];
    for (role, KeyCount { keys, threshold }) in counts {
        if threshold == 0 || threshold > keys || keys > MOST_KEYS {
            return Err(Error::KeyCount { role: role.to_owned(), keys, threshold });
        }
    }
    for (i, channel) in init.channels.iter().enumerate() {
        if !channel.may_be_channel() {
            return Err(Error::ChannelName(channel.clone()));
        }
        if init.channels.iter().take(i).any(|earlier| earlier == channel) {
            return Err(Error::ChannelTwice(channel.clone()));
        }
    }
    Ok(())
}
