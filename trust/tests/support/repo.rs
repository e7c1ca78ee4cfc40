//! A repository for tests: every role can be changed before it is signed, and every file after.
#![allow(dead_code, reason = "each test program uses its own part of this")]
#![allow(clippy::unwrap_used, reason = "a test repository that cannot be made is a failed test")]

use std::collections::BTreeMap;

use ed25519_dalek::Signer as _;
use p256::pkcs8::EncodePublicKey as _;
use sameday_trust::schema::{
    DelegatedRole, Delegations, Key, MetaInfo, Other, RoleKeys, Root, Signature, Signed, Snapshot, TargetInfo, Targets,
    Timestamp, canonical_form, key_id,
};
use sameday_trust::{Answer, Error, Limits, Next, Policy, Source, Store, Time, Updater};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

pub const PATH: &str = "stable/demo/amd64/upgrade.json";

/// The date on which the tests' world begins.
pub fn day(days: i64) -> Time {
    Time::from_unix(1_795_305_600).plus_seconds(days * 86_400)
}

#[derive(Clone)]
pub enum TestKey {
    Ed25519(Box<ed25519_dalek::SigningKey>),
    P256(Box<p256::ecdsa::SigningKey>),
}

impl TestKey {
    pub fn ed25519(seed: u8) -> Self {
        Self::Ed25519(Box::new(ed25519_dalek::SigningKey::from_bytes(&[seed; 32])))
    }

    pub fn p256(seed: u8) -> Self {
        Self::P256(Box::new(p256::ecdsa::SigningKey::from_slice(&[seed; 32]).unwrap()))
    }

    pub fn public(&self) -> Key {
        match self {
            Self::Ed25519(key) => Key::ed25519(key.verifying_key().as_bytes()),
            Self::P256(key) => {
                let pem = key.verifying_key().to_public_key_pem(p256::pkcs8::LineEnding::LF).unwrap();
                Key::ecdsa_p256(&pem)
            }
        }
    }

    pub fn id(&self) -> String {
        key_id(&self.public()).unwrap()
    }

    pub fn sign(&self, message: &[u8]) -> String {
        match self {
            Self::Ed25519(key) => hex::encode(key.sign(message).to_bytes()),
            Self::P256(key) => {
                let signature: p256::ecdsa::DerSignature = key.sign(message);
                hex::encode(signature.as_bytes())
            }
        }
    }
}

pub fn sign<T: Serialize>(signed: &T, keys: &[&TestKey]) -> Vec<u8> {
    sign_as(signed, &keys.iter().map(|key| (key.id(), *key)).collect::<Vec<_>>())
}

/// Signs under key ids of the caller's choice.
pub fn sign_as<T: Serialize>(signed: &T, keys: &[(String, &TestKey)]) -> Vec<u8> {
    let message = canonical_form(signed).unwrap();
    let signatures = keys
        .iter()
        .map(|(id, key)| Signature { keyid: id.clone(), sig: key.sign(&message), other: Other::new() })
        .collect();
    serde_json::to_vec(&Signed { signatures, signed, other: Other::new() }).unwrap()
}

pub fn listed(version: u64, bytes: &[u8]) -> MetaInfo {
    MetaInfo {
        version,
        length: Some(bytes.len() as u64),
        hashes: Some(BTreeMap::from([("sha256".to_owned(), hex::encode(Sha256::digest(bytes)))])),
        other: Other::new(),
    }
}

pub fn target(bytes: &[u8]) -> TargetInfo {
    let hashes = BTreeMap::from([("sha256".to_owned(), hex::encode(Sha256::digest(bytes)))]);
    TargetInfo { length: bytes.len() as u64, hashes, custom: None, other: Other::new() }
}

pub fn delegated(name: &str, key: &TestKey, paths: &[&str], terminating: bool) -> DelegatedRole {
    DelegatedRole {
        name: name.to_owned(),
        keyids: vec![key.id()],
        threshold: 1,
        terminating,
        paths: Some(paths.iter().map(|p| (*p).to_owned()).collect()),
        path_hash_prefixes: None,
        other: Other::new(),
    }
}

#[derive(Clone)]
pub struct Repo {
    pub root: Root,
    pub timestamp: Timestamp,
    pub snapshot: Snapshot,
    pub targets: Targets,
    pub delegated: BTreeMap<String, Targets>,
    /// Who signs which role.
    pub keys: BTreeMap<String, Vec<TestKey>>,
    /// What is served, by path.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Repo {
    /// The product's repository as of `day(0)`: two channels, one release in `stable`.
    pub fn new() -> Self {
        let now = day(0);
        let keys: BTreeMap<String, Vec<TestKey>> = [
            ("root", vec![TestKey::ed25519(1), TestKey::p256(2), TestKey::ed25519(3)]),
            ("timestamp", vec![TestKey::ed25519(4)]),
            ("snapshot", vec![TestKey::ed25519(5)]),
            ("targets", vec![TestKey::ed25519(6), TestKey::p256(7)]),
            ("stable", vec![TestKey::ed25519(8)]),
            ("alpha", vec![TestKey::p256(9)]),
        ]
        .into_iter()
        .map(|(role, keys)| (role.to_owned(), keys))
        .collect();
        let mut repo = Self {
            root: Root::new(1, now, now.plus_days(700)),
            timestamp: Timestamp::new(1, now, now.plus_days(7), MetaInfo::version(1)),
            snapshot: Snapshot::new(1, now, now.plus_days(90)),
            targets: Targets::new(1, now, now.plus_days(365)),
            delegated: BTreeMap::new(),
            keys,
            files: BTreeMap::new(),
        };
        for role in ["root", "timestamp", "snapshot", "targets"] {
            repo.set_role_keys(role, if role == "root" { 2 } else { 1 });
        }
        repo.targets.delegations = Some(Delegations::default());
        for channel in ["stable", "alpha"] {
            let key = repo.keys[channel][0].clone();
            repo.delegate(delegated(channel, &key, &[&format!("{channel}/*/*/upgrade.json")], true), &key);
            repo.delegated.insert(channel.to_owned(), Targets::new(1, now, now.plus_days(60)));
        }
        repo.delegated.get_mut("stable").unwrap().targets.insert(PATH.to_owned(), target(b"description"));
        repo.publish_root();
        repo.publish();
        repo
    }

    pub fn set_role_keys(&mut self, role: &str, threshold: u64) {
        let keys = &self.keys[role];
        let keyids = keys.iter().map(TestKey::id).collect();
        self.root.keys.extend(keys.iter().map(|key| (key.id(), key.public())));
        self.root.roles.insert(role.to_owned(), RoleKeys { keyids, threshold, other: Other::new() });
    }

    /// Adds a delegation of the top-level targets role.
    pub fn delegate(&mut self, role: DelegatedRole, key: &TestKey) {
        let delegations = self.targets.delegations.get_or_insert_default();
        delegations.keys.insert(key.id(), key.public());
        delegations.roles.push(role);
    }

    pub fn sign_with_keys_of<T: Serialize>(&self, signed: &T, role: &str) -> Vec<u8> {
        sign(signed, &self.keys[role].iter().collect::<Vec<_>>())
    }

    pub fn publish_root(&mut self) {
        let bytes = self.sign_with_keys_of(&self.root, "root");
        self.files.insert(format!("{}.root.json", self.root.header.version), bytes);
    }

    /// Raises the root's version, signs it with `old` keys and its own.
    pub fn rotate(&mut self, role: &str, new: Vec<TestKey>) {
        let signers = self.keys["root"].clone();
        self.keys.insert(role.to_owned(), new);
        let threshold = self.root.roles[role].threshold;
        self.set_role_keys(role, threshold);
        self.root.header.version += 1;
        let mut all = signers;
        for key in &self.keys["root"] {
            if !all.iter().any(|k| k.id() == key.id()) {
                all.push(key.clone());
            }
        }
        let bytes = sign(&self.root, &all.iter().collect::<Vec<_>>());
        self.files.insert(format!("{}.root.json", self.root.header.version), bytes);
    }

    /// Signs everything below the root as it stands and serves it.
    pub fn publish(&mut self) {
        let mut meta = BTreeMap::new();
        for (name, role) in &self.delegated {
            let bytes = self.sign_with_keys_of(role, name);
            meta.insert(format!("{name}.json"), listed(role.header.version, &bytes));
            self.files.insert(format!("{}.{name}.json", role.header.version), bytes);
        }
        let bytes = self.sign_with_keys_of(&self.targets, "targets");
        meta.insert("targets.json".to_owned(), listed(self.targets.header.version, &bytes));
        self.files.insert(format!("{}.targets.json", self.targets.header.version), bytes);
        self.snapshot.meta = meta;
        self.publish_snapshot();
    }

    pub fn publish_snapshot(&mut self) {
        let bytes = self.sign_with_keys_of(&self.snapshot, "snapshot");
        let version = self.snapshot.header.version;
        self.timestamp.meta.insert("snapshot.json".to_owned(), listed(version, &bytes));
        self.files.insert(format!("{version}.snapshot.json"), bytes);
        self.publish_timestamp();
    }

    pub fn publish_timestamp(&mut self) {
        let bytes = self.sign_with_keys_of(&self.timestamp, "timestamp");
        self.files.insert("timestamp.json".to_owned(), bytes);
    }

    /// A new timestamp.
    pub fn tick(&mut self, now: Time) {
        self.timestamp.header.version += 1;
        self.timestamp.header.issued = Some(now);
        self.timestamp.header.expires = now.plus_days(7);
        self.publish_timestamp();
    }

    /// New versions of channel, snapshot and timestamp.
    pub fn release(&mut self, now: Time) {
        let stable = self.delegated.get_mut("stable").unwrap();
        stable.header.version += 1;
        stable.header.issued = Some(now);
        stable.header.expires = now.plus_days(60);
        stable.targets.insert(PATH.to_owned(), target(format!("description of {now}").as_bytes()));
        self.raise_online(now);
        self.publish();
    }

    pub fn raise_online(&mut self, now: Time) {
        self.snapshot.header.version += 1;
        self.snapshot.header.issued = Some(now);
        self.snapshot.header.expires = now.plus_days(90);
        self.timestamp.header.version += 1;
        self.timestamp.header.issued = Some(now);
        self.timestamp.header.expires = now.plus_days(7);
    }

    pub fn anchor(&self) -> Vec<u8> {
        self.files["1.root.json"].clone()
    }

    /// Answers an updater until it is done; what was asked for is noted.
    pub fn serve(&self, updater: &mut Updater, asked: &mut Vec<String>) -> Result<(), Error> {
        while let Next::Fetch(request) = updater.next() {
            asked.push(request.path.clone());
            assert!(asked.len() < 10_000, "endless requests");
            updater.supply(match self.files.get(&request.path) {
                Some(bytes) => Answer::Bytes(bytes.clone()),
                None => Answer::Absent,
            })?;
        }
        Ok(())
    }
}

pub fn start(store: Store, now: Time) -> Updater {
    Updater::new(store, now, Time::EARLIEST, Policy::product(Source::Repository), Limits::product()).unwrap()
}

/// A whole check of the product: refresh, then the channel's description.
pub fn check(repo: &Repo, store: Store, now: Time) -> (Updater, Vec<String>, Result<(), Error>) {
    let mut updater = start(store, now);
    let mut asked = Vec::new();
    let result = look(repo, &mut updater, &mut asked, PATH, Some("stable"));
    (updater, asked, result)
}

pub fn look(
    repo: &Repo,
    updater: &mut Updater,
    asked: &mut Vec<String>,
    path: &str,
    only_role: Option<&str>,
) -> Result<(), Error> {
    repo.serve(updater, asked)?;
    updater.target(path, only_role)?;
    repo.serve(updater, asked)
}
