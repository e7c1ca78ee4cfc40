//! What the targets start from: a small signed repository of the test builder, whose keys are known and can sign again.

mod published;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use sameday_trust::Time;
use sameday_trust::schema::{DelegatedRole, MetaInfo, Other};
use serde_json::{Value, json};

use crate::edit;
use crate::repo::{PATH, Repo, TestKey, day, sign};

pub use published::{Published, publish};

/// One key for each role: a change is signed, and checked, a hundred thousand times a minute.
#[allow(missing_debug_implementations, reason = "holds signing keys")]
pub struct World {
    /// The root that everything is verified from.
    pub anchor: Vec<u8>,
    /// What is served, by path. Nothing is listed by length or digest, so that a role that was signed again still is the one listed.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// The repository that the roles' targets run in.
pub static WORLD: LazyLock<World> = LazyLock::new(|| {
    let mut repo = Repo::new();
    repo.root.keys.clear();
    for role in ["root", "timestamp", "snapshot", "targets"] {
        repo.keys.insert(role.to_owned(), vec![key_of(role)]);
        repo.set_role_keys(role, 1);
    }
    repo.targets.delegations = None;
    for name in ["stable", "alpha"] {
        let key = TestKey::ed25519(8);
        repo.keys.insert(name.to_owned(), vec![key.clone()]);
        let role = DelegatedRole {
            name: name.to_owned(),
            keyids: vec![key.id()],
            threshold: 1,
            terminating: true,
            paths: Some(vec![format!("{name}/*/*/upgrade.json")]),
            path_hash_prefixes: None,
            other: Other::new(),
        };
        repo.delegate(role, &key);
    }
    repo.publish_root();
    repo.publish();
    let anchor = repo.anchor();
    let versions =
        |meta: &mut BTreeMap<String, MetaInfo>| meta.values_mut().for_each(|m| *m = MetaInfo::version(m.version));
    versions(&mut repo.snapshot.meta);
    versions(&mut repo.timestamp.meta);
    let bytes = sign(&repo.snapshot, &[&key_of("snapshot")]);
    repo.files.insert("1.snapshot.json".to_owned(), bytes);
    repo.publish_timestamp();
    // The next root has the same keys.
    repo.rotate("snapshot", vec![key_of("snapshot")]);
    World { anchor, files: repo.files }
});

/// When checks run.
#[must_use]
pub fn now() -> Time {
    day(0)
}

/// The target that is looked for.
#[must_use]
pub fn path() -> &'static str {
    PATH
}

fn key_of(role: &str) -> TestKey {
    TestKey::ed25519(match role {
        "root" => 1,
        "timestamp" => 4,
        "snapshot" => 5,
        _ => 6,
    })
}

/// A key with its id, both of which take longer to make than a signature.
pub(crate) struct Signer {
    pub id: String,
    pub key: TestKey,
}

/// Who signs a file of this `_type`.
pub(crate) fn signers(role_type: &str) -> &'static [Signer] {
    static SIGNERS: LazyLock<[Vec<Signer>; 4]> = LazyLock::new(|| {
        let signers = |keys: Vec<TestKey>| keys.into_iter().map(|key| Signer { id: key.id(), key }).collect();
        [
            signers(vec![key_of("root"), TestKey::ed25519(4)]),
            signers(vec![key_of("timestamp")]),
            signers(vec![key_of("snapshot")]),
            // A delegated role is a targets role too: both sign, and the signature that is not asked for is ignored.
            signers(vec![key_of("targets"), TestKey::ed25519(8)]),
        ]
    });
    let [root, timestamp, snapshot, targets] = &*SIGNERS;
    match role_type {
        "root" => root,
        "timestamp" => timestamp,
        "snapshot" => snapshot,
        _ => targets,
    }
}

/// One key of each kind that verifies, and another.
pub(crate) fn test_keys() -> &'static [TestKey; 3] {
    static KEYS: LazyLock<[TestKey; 3]> = LazyLock::new(|| [TestKey::ed25519(1), TestKey::p256(2), TestKey::p256(9)]);
    &KEYS
}

/// The signed part of a root whose one key, for every role, is this one.
#[must_use]
pub fn root_of(key: &Value) -> Value {
    let role = json!({"keyids": ["k"], "threshold": 1});
    json!({
        "_type": "root", "spec_version": "1.0.34", "version": 1, "expires": "2030-01-01T00:00:00Z", "consistent_snapshot": true,
        "keys": {"k": key}, "roles": {"root": role, "timestamp": role, "snapshot": role, "targets": role},
    })
}

/// A served file, and the same with white space.
pub(crate) fn metadata(path: &str) -> Vec<Vec<u8>> {
    let bytes = WORLD.files[path].clone();
    let value: Value = serde_json::from_slice(&bytes).expect("served files are JSON");
    vec![serde_json::to_vec_pretty(&value).expect("JSON can be written"), bytes]
}

/// Keys of all kinds with their signatures.
pub(crate) fn signed_keys() -> Vec<Vec<u8>> {
    let seed = |key: &TestKey| {
        let (key, signature) = edit::metadata::signed_key(key);
        format!("{key}\n{signature}").into_bytes()
    };
    test_keys().iter().map(seed).collect()
}
