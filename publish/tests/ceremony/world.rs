//! A small repository, its holders of keys, and clients that look at it.
#![allow(clippy::unwrap_used, dead_code, reason = "helpers of tests are tests, and not every test uses all")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sameday_publish::ceremony::{
    Assemble, Change, Error, KeyChange, Prepare, PublicKey, Published, Request, SignatureFile, Signer, gather, prepare,
    sign,
};
use sameday_publish::init::{Init, KeyCount, init};
use sameday_publish::keys::{Passphrase, SigningKey};
use sameday_trust::schema::{Other, Signature, Signed, canonical_form};
use sameday_trust::{Answer, Error as Refusal, Limits, Next, Policy, Source, Store, Time, Updater};
use sameday_upgrade::digest::Digest;
use serde_json::{Value, json};

pub type Files = BTreeMap<String, Vec<u8>>;

pub fn day(days: u32) -> Time {
    "2026-11-22T00:00:00Z".parse::<Time>().unwrap().plus_days(days)
}

pub struct World {
    pub folder: tempfile::TempDir,
    pub passphrase: Passphrase,
}

impl World {
    /// Root 2 of 3, targets 2 of 2, one key each for the online roles and the channels `stable` and `alpha`.
    pub fn new() -> Self {
        let passphrase = Passphrase::new("a passphrase".to_owned()).unwrap();
        let world = Self { folder: tempfile::tempdir().unwrap(), passphrase };
        let mut plan = Init::new(world.repository(), world.keys(), day(0));
        plan.root = KeyCount { keys: 3, threshold: 2 };
        plan.targets = KeyCount { keys: 2, threshold: 2 };
        plan.channels = ["stable", "alpha"].into_iter().map(|name| name.parse().unwrap()).collect();
        init(&plan, &world.passphrase).unwrap();
        world
    }

    pub fn repository(&self) -> PathBuf {
        self.folder.path().join("repo")
    }

    pub fn keys(&self) -> PathBuf {
        self.folder.path().join("keys")
    }

    pub fn anchor(&self) -> Vec<u8> {
        fs::read(self.keys().join("root.json")).unwrap()
    }

    /// A key of the folder, `root-1` for example.
    pub fn key(&self, name: &str) -> SigningKey {
        SigningKey::load(&self.keys().join(format!("{name}.pem")), &self.passphrase).unwrap()
    }

    pub fn new_key(&self, name: &str) -> PublicKey {
        let key = SigningKey::generate().unwrap();
        key.save(&self.keys().join(format!("{name}.pem")), &self.passphrase).unwrap();
        Signer::key(key).unwrap().public().clone()
    }

    pub fn id(&self, name: &str) -> String {
        self.key(name).id().to_owned()
    }

    pub fn prepare(&self, changes: Vec<KeyChange>, now: Time) -> Result<Request, Error> {
        prepare(&Prepare { repository: self.repository(), keys: self.keys(), changes, now })
    }

    pub fn judge(&self, request: &Request) -> Result<Change, Error> {
        request.judge(Some(&self.anchor()))
    }

    pub fn sign(&self, request: &Request, name: &str) -> SignatureFile {
        let change = self.judge(request).unwrap();
        sign(request, &change, &mut Signer::key(self.key(name)).unwrap()).unwrap()
    }

    /// A request and the signatures of these keys on it.
    pub fn signed(&self, request: &Request, names: &[&str], now: Time) -> Assemble {
        let signatures = names.iter().map(|name| (PathBuf::from(name), self.sign(request, name))).collect();
        let (repository, keys) = (self.repository(), self.keys());
        Assemble { repository, keys, request: request.clone(), signatures, now }
    }

    pub fn publish(&self, assemble: &Assemble) -> Result<Published, Error> {
        gather(assemble)?.publish(Some(&self.passphrase))
    }

    pub fn ceremony(&self, changes: Vec<KeyChange>, names: &[&str], now: Time) -> Result<Published, Error> {
        let request = self.prepare(changes, now)?;
        self.publish(&self.signed(&request, names, now))
    }

    /// `metadata/` as it is served.
    pub fn served(&self) -> Files {
        let mut files = Files::new();
        for entry in fs::read_dir(self.repository().join("metadata")).unwrap() {
            let path = entry.unwrap().path();
            files.insert(path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(path).unwrap());
        }
        files
    }

    /// A check of the product from what a client remembers.
    pub fn check(&self, store: Store, now: Time) -> Result<Store, Refusal> {
        check(&self.served(), store, now)
    }

    /// The next version of a role, signed by these keys, and the online roles around it signed as they should be.
    pub fn forged(&self, role: &str, by: &[&SigningKey]) -> Files {
        let mut files = self.served();
        let newest = |files: &Files, role: &str| {
            if role == "timestamp" {
                return "timestamp.json".to_owned();
            }
            let version = |name: &str| name.strip_suffix(&format!(".{role}.json"))?.parse::<u64>().ok();
            let version = files.keys().filter_map(|name| version(name)).max().unwrap();
            format!("{version}.{role}.json")
        };
        let read = |files: &Files, role: &str| -> Value {
            let file: Signed<Value> = serde_json::from_slice(&files[&newest(files, role)]).unwrap();
            let mut signed = file.signed;
            signed["version"] = json!(signed["version"].as_u64().unwrap() + 1);
            signed
        };
        let put = |files: &mut Files, role: &str, signed: Value, keys: &[&SigningKey]| {
            let version = signed["version"].clone();
            let bytes = resigned(signed, keys);
            let name = if role == "timestamp" { "timestamp.json".into() } else { format!("{version}.{role}.json") };
            let info = json!({"version": version, "hashes": {"sha256": Digest::of(&bytes).to_string()}});
            files.insert(name, bytes);
            info
        };
        let signed = read(&files, role);
        let mut info = put(&mut files, role, signed, by);
        if !["root", "snapshot", "timestamp"].contains(&role) {
            let mut snapshot = read(&files, "snapshot");
            snapshot["meta"][format!("{role}.json")] = info;
            info = put(&mut files, "snapshot", snapshot, &self.online("snapshot").iter().collect::<Vec<_>>());
        }
        if !["root", "timestamp"].contains(&role) {
            let mut timestamp = read(&files, "timestamp");
            timestamp["meta"]["snapshot.json"] = info;
            put(&mut files, "timestamp", timestamp, &self.online("timestamp").iter().collect::<Vec<_>>());
        }
        files
    }

    /// All keys of a role that the folder has, whether they are still its keys or not.
    fn online(&self, role: &str) -> Vec<SigningKey> {
        let names = (1..).map(|n| format!("{role}-{n}"));
        names.take_while(|name| self.keys().join(format!("{name}.pem")).exists()).map(|name| self.key(&name)).collect()
    }

    /// Every file below the repository and the keys.
    pub fn tree(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        walk(self.folder.path(), &mut found);
        found
    }
}

fn walk(folder: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, found);
        } else {
            found.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
}

/// Signs something anew.
pub fn resigned(signed: Value, keys: &[&SigningKey]) -> Vec<u8> {
    let message = canonical_form(&signed).unwrap();
    let signature =
        |key: &&SigningKey| Signature { keyid: key.id().to_owned(), sig: key.sign(&message), other: Other::new() };
    let signatures = keys.iter().map(signature).collect();
    serde_json::to_vec(&Signed { signatures, signed, other: Other::new() }).unwrap()
}

/// A check of the product over some files: the workflow, and the roles of both channels.
pub fn check(files: &Files, store: Store, now: Time) -> Result<Store, Refusal> {
    let mut client = Updater::new(store, now, day(0), Policy::product(Source::Repository), Limits::product())?;
    let serve = |client: &mut Updater| {
        while let Next::Fetch(request) = client.next() {
            client.supply(files.get(&request.path).map_or(Answer::Absent, |bytes| Answer::Bytes(bytes.clone())))?;
        }
        Ok(())
    };
    serve(&mut client)?;
    for channel in ["stable", "alpha"] {
        let searched = client.target(&format!("{channel}/none/none/upgrade.json"), Some(channel));
        match searched.and_then(|()| serve(&mut client)) {
            Err(Refusal::TargetMissing { .. }) => {}
            other => return other.map(|()| client.store().clone()),
        }
    }
    Ok(client.into_store())
}

pub fn add(role: &str, key: &PublicKey) -> KeyChange {
    KeyChange::Add { role: role.to_owned(), key: key.clone() }
}

pub fn remove(role: &str, id: &str) -> KeyChange {
    KeyChange::Remove { role: role.to_owned(), id: id.to_owned() }
}

pub fn threshold(role: &str, threshold: u64) -> KeyChange {
    KeyChange::Threshold { role: role.to_owned(), threshold }
}

pub fn renew(role: &str) -> KeyChange {
    KeyChange::Renew { role: role.to_owned() }
}
