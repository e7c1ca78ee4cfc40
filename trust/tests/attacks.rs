//! One case for each attack: what a hostile repository serves, and the exact refusal.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

#[path = "support/repo.rs"]
mod repo;

use repo::{PATH, Repo, TestKey, check, day, delegated, listed, sign, sign_as, start, target};
use sameday_trust::schema::{Delegations, Targets};
use sameday_trust::{Answer, Error, Limits, Policy, Source, Store, Time, Updater};
use serde_json::{Value, json};

/// Changes what the repository serves on `day(5)`; the client has seen its state of `day(0)`.
type Attack = fn(&mut Repo);

fn role(name: &str) -> String {
    name.to_owned()
}

fn malformed(name: &str, detail: &str) -> Error {
    Error::Malformed { role: role(name), detail: detail.to_owned() }
}

fn threshold(name: &str, valid: u64, threshold: u64) -> Error {
    Error::SignatureThreshold { role: role(name), valid, threshold }
}

/// Signs a file again after its JSON was changed, as its honest keys would.
fn tamper(repo: &Repo, path: &str, keys: &str, change: impl Fn(&mut Value)) -> Vec<u8> {
    let mut file: Value = serde_json::from_slice(&repo.files[path]).unwrap();
    change(&mut file["signed"]);
    repo.sign_with_keys_of(&file["signed"], keys)
}

/// Puts a changed snapshot into place, with a timestamp that vouches for it.
fn vouch_snapshot(repo: &mut Repo, bytes: Vec<u8>) {
    let version = repo.snapshot.header.version;
    repo.timestamp.meta.insert("snapshot.json".into(), listed(version, &bytes));
    repo.files.insert(format!("{version}.snapshot.json"), bytes);
    repo.publish_timestamp();
}

/// Puts a changed targets role into place, with a snapshot that vouches for it.
fn vouch_targets(repo: &mut Repo, name: &str, version: u64, bytes: Vec<u8>) {
    repo.snapshot.meta.insert(format!("{name}.json"), listed(version, &bytes));
    repo.files.insert(format!("{version}.{name}.json"), bytes);
    repo.publish_snapshot();
}

fn next_root(repo: &mut Repo, change: impl Fn(&mut Repo)) {
    repo.root.header.version += 1;
    change(repo);
    repo.publish_root();
    let bytes = repo.files[&format!("{}.root.json", repo.root.header.version)].clone();
    repo.files.insert("2.root.json".into(), bytes);
}

fn table() -> Vec<(&'static str, Attack, Error)> {
    let late = || day(5);
    vec![
        // Arbitrary software: signatures.
        (
            "root without the old keys",
            |r| {
                r.root.header.version += 1;
                r.keys.insert("root".into(), vec![TestKey::ed25519(91), TestKey::ed25519(92)]);
                r.set_role_keys("root", 2);
                r.publish_root();
            },
            threshold("root", 0, 2),
        ),
        (
            "root without its own keys",
            |r| {
                let old = r.keys["root"].clone();
                r.keys.insert("root".into(), vec![TestKey::ed25519(91), TestKey::ed25519(92)]);
                r.set_role_keys("root", 2);
                r.root.header.version += 1;
                let bytes = sign(&r.root, &old.iter().collect::<Vec<_>>());
                r.files.insert("2.root.json".into(), bytes);
            },
            threshold("root", 0, 2),
        ),
        (
            "root below its threshold",
            |r| {
                r.root.header.version += 1;
                let bytes = sign(&r.root, &[&r.keys["root"][0]]);
                r.files.insert("2.root.json".into(), bytes);
            },
            threshold("root", 1, 2),
        ),
        (
            "one key under two ids counts once",
            |r| {
                let key = r.keys["timestamp"][0].clone();
                r.root.keys.insert("other id".into(), key.public());
                let keys = r.root.roles.get_mut("timestamp").unwrap();
                keys.keyids.push("other id".into());
                keys.threshold = 2;
                next_root(r, |_| ());
                let bytes = sign_as(&r.timestamp, &[(key.id(), &key), ("other id".into(), &key)]);
                r.files.insert("timestamp.json".into(), bytes);
            },
            threshold("timestamp", 1, 2),
        ),
        (
            "one key in two spellings counts once",
            |r| {
                let key = r.keys["timestamp"][0].clone();
                let mut public = key.public();
                public.keyval.public = public.keyval.public.to_uppercase();
                r.root.keys.insert("other id".into(), public);
                let keys = r.root.roles.get_mut("timestamp").unwrap();
                keys.keyids.push("other id".into());
                keys.threshold = 2;
                next_root(r, |_| ());
                let bytes = sign_as(&r.timestamp, &[(key.id(), &key), ("other id".into(), &key)]);
                r.files.insert("timestamp.json".into(), bytes);
            },
            threshold("timestamp", 1, 2),
        ),
        (
            "timestamp of a foreign key",
            |r| {
                let bytes = sign(&r.timestamp, &[&TestKey::ed25519(90)]);
                r.files.insert("timestamp.json".into(), bytes);
            },
            threshold("timestamp", 0, 1),
        ),
        (
            "timestamp of a foreign key under the right id",
            |r| {
                let id = r.keys["timestamp"][0].id();
                let bytes = sign_as(&r.timestamp, &[(id, &TestKey::ed25519(90))]);
                r.files.insert("timestamp.json".into(), bytes);
            },
            threshold("timestamp", 0, 1),
        ),
        (
            "snapshot signed by the timestamp's key",
            |r| {
                r.raise_online(day(5));
                let bytes = sign(&r.snapshot, &[&r.keys["timestamp"][0]]);
                vouch_snapshot(r, bytes);
            },
            threshold("snapshot", 0, 1),
        ),
        (
            "targets signed by online keys",
            |r| {
                r.raise_online(day(5));
                r.targets.header.version = 11;
                let bytes = sign(&r.targets, &[&r.keys["snapshot"][0], &r.keys["timestamp"][0]]);
                vouch_targets(r, "targets", 11, bytes);
            },
            threshold("targets", 0, 1),
        ),
        (
            "channel signed by another channel's key",
            |r| {
                r.raise_online(day(5));
                let mut stable = r.delegated["stable"].clone();
                stable.header.version = 11;
                let bytes = sign(&stable, &[&r.keys["alpha"][0]]);
                vouch_targets(r, "stable", 11, bytes);
            },
            threshold("stable", 0, 1),
        ),
        (
            "a stored channel role whose key was taken away",
            |r| {
                r.raise_online(day(5));
                r.targets.header.version = 11;
                r.targets.delegations.as_mut().unwrap().roles.clear();
                let new = TestKey::ed25519(80);
                r.delegate(delegated("stable", &new, &["stable/*/*/upgrade.json"], true), &new);
                let bytes = r.sign_with_keys_of(&r.targets, "targets");
                vouch_targets(r, "targets", 11, bytes);
            },
            threshold("stable", 0, 1),
        ),
        // Rollback.
        (
            "a root of version 0",
            |r| {
                r.root.header.version = 0;
                r.publish_root();
                let bytes = r.files.remove("0.root.json").unwrap();
                r.files.insert("2.root.json".into(), bytes);
            },
            malformed("root", "version is 0"),
        ),
        (
            "an older timestamp",
            |r| {
                r.timestamp.header.version = 9;
                r.publish_timestamp();
            },
            Error::Rollback { role: role("timestamp"), trusted: 10, offered: 9 },
        ),
        (
            "a newer timestamp of an older snapshot",
            |r| {
                r.timestamp.header.version += 1;
                r.timestamp.meta.get_mut("snapshot.json").unwrap().version = 9;
                r.publish_timestamp();
            },
            Error::Rollback { role: role("snapshot"), trusted: 10, offered: 9 },
        ),
        (
            "a newer snapshot of an older channel role",
            |r| {
                r.raise_online(day(5));
                r.snapshot.meta.get_mut("stable.json").unwrap().version = 9;
                r.publish_snapshot();
            },
            Error::Rollback { role: role("stable"), trusted: 10, offered: 9 },
        ),
        (
            "a snapshot that forgets a channel",
            |r| {
                r.raise_online(day(5));
                r.snapshot.meta.remove("alpha.json");
                r.publish_snapshot();
            },
            Error::RoleRemoved { role: role("alpha") },
        ),
        // Freeze.
        (
            "an expired root",
            |r| next_root(r, |r| r.root.header.expires = day(1)),
            Error::Expired { role: role("root"), expires: day(1), at: late() },
        ),
        (
            "an expired timestamp",
            |r| {
                r.timestamp.header.version += 1;
                r.timestamp.header.expires = day(5);
                r.publish_timestamp();
            },
            Error::Expired { role: role("timestamp"), expires: day(5), at: late() },
        ),
        (
            "an expired snapshot",
            |r| {
                r.raise_online(day(4));
                r.snapshot.header.expires = day(5);
                r.publish();
            },
            Error::Expired { role: role("snapshot"), expires: day(5), at: late() },
        ),
        (
            "expired targets",
            |r| {
                r.raise_online(day(4));
                r.targets.header.version += 1;
                r.targets.header.expires = day(4);
                r.publish();
            },
            Error::Expired { role: role("targets"), expires: day(4), at: late() },
        ),
        (
            "an expired channel role",
            |r| {
                r.raise_online(day(4));
                let stable = r.delegated.get_mut("stable").unwrap();
                stable.header.version += 1;
                stable.header.expires = day(4);
                r.publish();
            },
            Error::Expired { role: role("stable"), expires: day(4), at: late() },
        ),
        // Mix-and-match.
        (
            "a root that skips a version",
            |r| next_root(r, |r| r.root.header.version += 1),
            Error::VersionMismatch { role: role("root"), expected: 2, found: 3 },
        ),
        (
            "a snapshot that is not the announced one",
            |r| {
                r.raise_online(day(5));
                r.publish();
                let old = r.files["10.snapshot.json"].clone();
                r.files.insert("11.snapshot.json".into(), old);
            },
            Error::DigestMismatch { role: role("snapshot"), algorithm: "sha256" },
        ),
        (
            "a snapshot of another version, no digest announced",
            |r| {
                r.raise_online(day(5));
                r.timestamp.meta.insert("snapshot.json".into(), sameday_trust::schema::MetaInfo::version(11));
                r.publish_timestamp();
                let old = r.files["10.snapshot.json"].clone();
                r.files.insert("11.snapshot.json".into(), old);
            },
            Error::VersionMismatch { role: role("snapshot"), expected: 11, found: 10 },
        ),
        (
            "targets of another version",
            |r| {
                r.raise_online(day(5));
                let old = r.files["10.targets.json"].clone();
                vouch_targets(r, "targets", 11, old);
            },
            Error::VersionMismatch { role: role("targets"), expected: 11, found: 10 },
        ),
        (
            "a channel role of another version",
            |r| {
                r.raise_online(day(5));
                let old = r.files["10.stable.json"].clone();
                vouch_targets(r, "stable", 11, old);
            },
            Error::VersionMismatch { role: role("stable"), expected: 11, found: 10 },
        ),
        (
            "the snapshot as timestamp",
            |r| {
                let bytes = r.sign_with_keys_of(&r.snapshot, "timestamp");
                r.files.insert("timestamp.json".into(), bytes);
            },
            Error::WrongRole { role: role("timestamp"), found: "snapshot".into() },
        ),
        (
            "the timestamp as root",
            |r| drop(r.files.insert("2.root.json".into(), r.files["timestamp.json"].clone())),
            Error::WrongRole { role: role("root"), found: "timestamp".into() },
        ),
        // Endless data.
        (
            "an endless root",
            |r| drop(r.files.insert("2.root.json".into(), vec![b' '; (512 << 10) + 1])),
            Error::TooLong { role: role("root"), limit: 512 << 10 },
        ),
        (
            "an endless timestamp",
            |r| drop(r.files.insert("timestamp.json".into(), vec![b' '; (16 << 10) + 1])),
            Error::TooLong { role: role("timestamp"), limit: 16 << 10 },
        ),
        (
            "a snapshot longer than announced",
            |r| {
                r.raise_online(day(5));
                r.publish();
                r.files.get_mut("11.snapshot.json").unwrap().push(b' ');
                r.timestamp.meta.get_mut("snapshot.json").unwrap().length = Some(100);
                r.publish_timestamp();
            },
            Error::TooLong { role: role("snapshot"), limit: 100 },
        ),
        (
            "a snapshot that is cut short",
            |r| {
                r.raise_online(day(5));
                r.publish();
                r.files.insert("11.snapshot.json".into(), b"{}".to_vec());
                r.timestamp.meta.get_mut("snapshot.json").unwrap().length = Some(100);
                r.publish_timestamp();
            },
            Error::TooShort { role: role("snapshot"), length: 2, promised: 100 },
        ),
        (
            "endless targets, with an announcement to match",
            |r| {
                r.raise_online(day(5));
                vouch_targets(r, "targets", 11, vec![b' '; (1 << 20) + 1]);
            },
            Error::TooLong { role: role("targets"), limit: 1 << 20 },
        ),
        // Files that are not there.
        ("no timestamp", |r| drop(r.files.remove("timestamp.json")), Error::Absent { role: role("timestamp") }),
        (
            "no channel role",
            |r| {
                r.release(day(5));
                r.files.remove("11.stable.json");
            },
            Error::Absent { role: role("stable") },
        ),
        (
            "a snapshot without targets",
            |r| {
                r.rotate("snapshot", vec![TestKey::ed25519(70)]);
                r.raise_online(day(5));
                r.snapshot.meta.remove("targets.json");
                r.publish_snapshot();
            },
            Error::NotInSnapshot { role: role("targets") },
        ),
        // Malformed.
        (
            "no JSON",
            |r| drop(r.files.insert("timestamp.json".into(), b"<html>".to_vec())),
            malformed("timestamp", "expected value at line 1 column 1"),
        ),
        (
            "a name that stands twice",
            |r| {
                let text = String::from_utf8(r.files["timestamp.json"].clone()).unwrap();
                let twice = text.replacen("\"version\":10", "\"version\":10,\"version\":10", 1);
                r.files.insert("timestamp.json".into(), twice.into_bytes());
            },
            malformed("timestamp", "a name stands twice in one object at line 1 column 309"),
        ),
        (
            "a fraction in the signed part",
            |r| {
                let mut file: Value = serde_json::from_slice(&r.files["timestamp.json"]).unwrap();
                file["signed"]["x"] = json!(1.5);
                r.files.insert("timestamp.json".into(), serde_json::to_vec(&file).unwrap());
            },
            malformed("timestamp", "the signed part holds a number that is not an integer of 64 bits"),
        ),
        (
            "a key id twice among the signatures",
            |r| {
                let key = &r.keys["timestamp"][0];
                let bytes = sign(&r.timestamp, &[key, key]);
                r.files.insert("timestamp.json".into(), bytes);
            },
            malformed("timestamp", "two signatures with one key id"),
        ),
        (
            "a key id twice in a role",
            |r| {
                let ids = &mut r.root.roles.get_mut("timestamp").unwrap().keyids;
                ids.push(ids[0].clone());
                next_root(r, |_| ());
            },
            malformed("root", "timestamp has a key id twice"),
        ),
        (
            "a threshold of 0",
            |r| {
                r.root.roles.get_mut("timestamp").unwrap().threshold = 0;
                next_root(r, |_| ());
            },
            malformed("root", "the threshold of timestamp is 0"),
        ),
        (
            "a root without a role",
            |r| {
                r.root.roles.remove("snapshot");
                next_root(r, |_| ());
            },
            malformed("root", "no keys for snapshot"),
        ),
        (
            "a negative version",
            |r| {
                let bytes = tamper(r, "timestamp.json", "timestamp", |signed| signed["version"] = json!(-1));
                r.files.insert("timestamp.json".into(), bytes);
            },
            malformed("timestamp", "invalid value: integer `-1`, expected u64"),
        ),
        (
            "another specification",
            |r| {
                let bytes = tamper(r, "timestamp.json", "timestamp", |signed| signed["spec_version"] = json!("2.0.0"));
                r.files.insert("timestamp.json".into(), bytes);
            },
            Error::SpecVersion { role: role("timestamp"), found: "2.0.0".into() },
        ),
        (
            "a channel named like a top-level role",
            |r| {
                r.raise_online(day(5));
                r.targets.header.version += 1;
                r.targets.delegations.as_mut().unwrap().roles[1].name = "snapshot".into();
                r.publish();
            },
            malformed("targets", "delegates to a role named \"snapshot\""),
        ),
        (
            "a channel delegated to twice",
            |r| {
                r.raise_online(day(5));
                r.targets.header.version += 1;
                r.targets.delegations.as_mut().unwrap().roles[1].name = "stable".into();
                r.publish();
            },
            malformed("targets", "delegates to \"stable\" twice"),
        ),
        (
            "too many signatures",
            |r| {
                let key = r.keys["timestamp"][0].clone();
                let ids: Vec<_> = (0..65).map(|i| (format!("{i}"), &key)).collect();
                let bytes = sign_as(&r.timestamp, &ids);
                r.files.insert("timestamp.json".into(), bytes);
            },
            Error::TooMany { role: role("timestamp"), what: "signatures", count: 65, limit: 64 },
        ),
        // Dates.
        (
            "a timestamp that does not say when it was signed",
            |r| {
                r.timestamp.header.version += 1;
                r.timestamp.header.issued = None;
                r.publish_timestamp();
            },
            Error::IssuedMissing { role: role("timestamp") },
        ),
        (
            "a timestamp issued after its own expiry",
            |r| {
                r.timestamp.header.version += 1;
                r.timestamp.header.issued = Some(day(8));
                r.publish_timestamp();
            },
            Error::IssuedAfterExpiry { role: role("timestamp"), issued: day(8), expires: day(7) },
        ),
        (
            "a timestamp that would live too long",
            |r| {
                r.tick(day(5));
                r.timestamp.header.expires = day(12).plus_seconds(1);
                r.publish_timestamp();
            },
            Error::Lifetime {
                role: role("timestamp"),
                issued: day(5),
                expires: day(12).plus_seconds(1),
                longest_days: 7,
            },
        ),
        (
            "a snapshot that would live too long",
            |r| {
                r.raise_online(day(5));
                r.snapshot.header.expires = day(96);
                r.publish();
            },
            Error::Lifetime { role: role("snapshot"), issued: day(5), expires: day(96), longest_days: 90 },
        ),
        (
            "a channel role that would live too long",
            |r| {
                r.release(day(5));
                r.delegated.get_mut("stable").unwrap().header.expires = day(66);
                r.publish();
            },
            Error::Lifetime { role: role("stable"), issued: day(5), expires: day(66), longest_days: 60 },
        ),
        (
            "a stolen timestamp key that signs for 2099",
            |r| r.tick(day(27_000)),
            Error::IssuedAfterRoot { role: role("timestamp"), issued: day(27_000), root_expires: day(700) },
        ),
        // Channels.
        (
            "a channel that is not delegated to",
            |r| {
                r.raise_online(day(5));
                r.targets.header.version += 1;
                r.targets.delegations.as_mut().unwrap().roles.remove(0);
                r.publish();
            },
            Error::DelegationMissing { role: role("stable") },
        ),
        (
            "a description under another channel's role",
            |r| {
                r.raise_online(day(5));
                r.targets.header.version += 1;
                let roles = &mut r.targets.delegations.as_mut().unwrap().roles;
                roles.reverse();
                roles[0].paths = Some(vec!["*/*/*/upgrade.json".into()]);
                r.delegated.get_mut("alpha").unwrap().targets.insert(PATH.into(), target(b"evil"));
                r.delegated.get_mut("alpha").unwrap().header.version += 1;
                r.publish();
            },
            Error::OtherChannel { path: PATH.into(), asked: "stable".into(), role: role("alpha") },
        ),
        (
            "a description in the top-level role",
            |r| {
                r.raise_online(day(5));
                r.targets.header.version += 1;
                r.targets.targets.insert(PATH.into(), target(b"evil"));
                r.publish();
            },
            Error::OtherChannel { path: PATH.into(), asked: "stable".into(), role: role("targets") },
        ),
        (
            "a channel whose paths are others",
            |r| {
                r.raise_online(day(5));
                r.targets.header.version += 1;
                r.targets.delegations.as_mut().unwrap().roles[0].paths = Some(vec!["stable/*".into()]);
                r.publish();
            },
            Error::PathNotDelegated { path: PATH.into(), role: role("stable") },
        ),
        (
            "no description for this product",
            |r| {
                r.delegated.get_mut("stable").unwrap().targets.clear();
                r.release(day(5));
                r.delegated.get_mut("stable").unwrap().targets.clear();
                r.publish();
            },
            Error::TargetMissing { path: PATH.into() },
        ),
        (
            "a channel that delegates further",
            |r| {
                r.release(day(5));
                let key = TestKey::ed25519(60);
                let deeper = delegated("deeper", &key, &["*"], false);
                r.delegated.get_mut("stable").unwrap().delegations = Some(Delegations {
                    keys: [(key.id(), key.public())].into(),
                    roles: vec![deeper],
                    other: Default::default(),
                });
                r.publish();
            },
            Error::DelegationTooDeep { role: role("stable") },
        ),
        (
            "a description by an unknown digest only",
            |r| {
                r.release(day(5));
                let info = r.delegated.get_mut("stable").unwrap().targets.get_mut(PATH).unwrap();
                info.hashes = [("md5".to_owned(), "00".to_owned())].into();
                r.publish();
            },
            Error::UnknownDigest { role: PATH.into() },
        ),
    ]
}

/// A repository at version 10 of everything, so that there is room below.
fn honest() -> Repo {
    let mut repo = Repo::new();
    repo.timestamp.header.version = 10;
    repo.snapshot.header.version = 10;
    repo.targets.header.version = 10;
    for role in repo.delegated.values_mut() {
        role.header.version = 10;
    }
    repo.publish();
    repo
}

#[test]
fn every_attack_is_refused_by_its_own_reason() {
    let honest = honest();
    let (updater, _, result) = check(&honest, Store::from_root(honest.anchor()), day(0));
    assert_eq!(result, Ok(()));
    let store = updater.into_store();
    let mut wrong = Vec::new();
    let mut reasons = std::collections::BTreeSet::new();
    for (name, attack, expected) in table() {
        let mut repo = honest.clone();
        attack(&mut repo);
        let (updater, _, result) = check(&repo, store.clone(), day(5));
        if result != Err(expected.clone()) {
            wrong.push(format!("{name}: {result:?}, not {expected:?}"));
        }
        assert_eq!(updater.found(), None, "{name}");
        reasons.insert(expected.reason());
        // Whatever was kept on the way, the honest repository of tomorrow still serves this client, unless the attack took
        // signatures of offline keys.
        let kept = updater.into_store();
        if kept == store {
            let mut tomorrow = honest.clone();
            tomorrow.release(day(6));
            assert_eq!(check(&tomorrow, kept, day(6)).2, Ok(()), "{name}");
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(reasons.len() >= 20, "{reasons:?}");
}

#[test]
fn what_was_accepted_before_the_failing_step_stays() {
    let mut repo = honest();
    let (updater, _, _) = check(&repo, Store::from_root(repo.anchor()), day(0));
    let before = updater.into_store();
    repo.release(day(5));
    repo.files.get_mut("11.stable.json").unwrap().pop();
    let (updater, _, result) = check(&repo, before.clone(), day(5));
    assert_eq!(result.unwrap_err().reason(), "too-short");
    let after = updater.into_store();
    assert_eq!(after.timestamp.as_ref(), repo.files.get("timestamp.json"));
    assert_eq!(after.snapshot.as_ref(), repo.files.get("11.snapshot.json"));
    assert_eq!((&after.targets, &after.delegated), (&before.targets, &before.delegated));
    // The timestamp is known now, and the rest is still fetched when it can be had.
    repo.publish();
    let (_, asked, result) = check(&repo, after, day(5));
    assert_eq!(result, Ok(()));
    assert_eq!(asked, ["2.root.json", "timestamp.json", "11.stable.json"]);
}

#[test]
fn an_equal_timestamp_is_quiet_only_while_the_stored_one_lives() {
    let repo = honest();
    let (updater, _, _) = check(&repo, Store::from_root(repo.anchor()), day(0));
    let store = updater.into_store();
    assert_eq!(check(&repo, store.clone(), day(7).plus_seconds(-1)).2, Ok(()));
    let (_, asked, result) = check(&repo, store, day(7));
    assert_eq!(result, Err(Error::Expired { role: role("timestamp"), expires: day(7), at: day(7) }));
    assert_eq!(asked, ["2.root.json", "timestamp.json"]);
}

#[test]
fn a_wrong_clock_does_not_bring_expired_metadata_back() {
    let mut repo = honest();
    repo.release(day(20));
    let (updater, _, _) = check(&repo, Store::from_root(repo.anchor()), day(20));
    let mut store = updater.into_store();
    // As on the stick: no timestamp, no snapshot. The old timestamp is served again to a clock that is back in its week.
    (store.timestamp, store.snapshot) = (None, None);
    let old = honest();
    let result = check(&old, store.clone(), day(1)).2;
    assert_eq!(result, Err(Error::Rollback { role: role("stable"), trusted: 11, offered: 10 }));
    let mut mixed = repo.clone();
    mixed.snapshot.header.issued = None;
    mixed.timestamp.header.issued = Some(day(0));
    mixed.timestamp.header.expires = day(7);
    mixed.publish_snapshot();
    let result = check(&mixed, store, day(1)).2;
    assert_eq!(result, Err(Error::Expired { role: role("timestamp"), expires: day(7), at: day(20) }));
}

#[test]
fn a_date_falls_with_the_key_that_signed_it() {
    // A stolen channel key dates a release two years ahead, within the root's life.
    let mut repo = honest();
    let mut stolen = repo.clone();
    stolen.release(day(690));
    stolen.timestamp.header.issued = Some(day(5));
    stolen.timestamp.header.expires = day(12);
    stolen.snapshot.header.issued = Some(day(5));
    stolen.snapshot.header.expires = day(95);
    stolen.publish_snapshot();
    let (updater, _, result) = check(&stolen, Store::from_root(repo.anchor()), day(5));
    assert!(matches!(result, Err(Error::Expired { .. })), "it makes the online roles look expired");
    let store = updater.into_store();
    assert!(store.delegated.contains_key("stable"));
    // The owners take the key away and go on, with nobody touching the client.
    let new = TestKey::ed25519(81);
    repo.keys.insert("stable".into(), vec![new.clone()]);
    let delegations = repo.targets.delegations.as_mut().unwrap();
    delegations.keys.insert(new.id(), new.public());
    delegations.roles[0].keyids = vec![new.id()];
    repo.targets.header.version += 1;
    repo.snapshot.header.version += 1;
    repo.timestamp.header.version += 1;
    repo.release(day(6));
    let (updater, _, result) = check(&repo, store, day(6));
    assert_eq!(result, Ok(()));
    assert_eq!(updater.floor(), day(6));
}

#[test]
fn small_order_keys_sign_nothing() {
    // The neutral point as key and as R, with s = 0: a valid signature of every message, unless verification is strict.
    let mut repo = honest();
    let mut neutral = [0u8; 32];
    neutral[0] = 1;
    let key = sameday_trust::schema::Key::ed25519(&neutral);
    repo.root.keys.insert("neutral".into(), key);
    repo.root.roles.get_mut("timestamp").unwrap().keyids = vec!["neutral".into()];
    repo.root.header.version = 2;
    repo.publish_root();
    let mut file: Value = serde_json::from_slice(&repo.files["timestamp.json"]).unwrap();
    let signature = format!("{}{}", hex::encode(neutral), "00".repeat(32));
    file["signatures"] = json!([{"keyid": "neutral", "sig": signature}]);
    repo.files.insert("timestamp.json".into(), serde_json::to_vec(&file).unwrap());
    assert_eq!(check(&repo, Store::from_root(repo.anchor()), day(0)).2, Err(threshold("timestamp", 0, 1)));
}

#[test]
fn keys_that_are_none_are_kept_and_sign_nothing() {
    let mut repo = honest();
    for (id, keytype, scheme, public) in [
        ("a", "rsa", "rsassa-pss-sha256", "PEM"),
        ("b", "ed25519", "ed25519", "00"),
        ("c", "ed25519", "ed25519", "zz"),
        ("d", "ecdsa", "ecdsa-sha2-nistp256", "-----BEGIN PUBLIC KEY-----"),
        ("e", "", "", ""),
    ] {
        let mut key = repo.keys["timestamp"][0].public();
        (key.keytype, key.scheme, key.keyval.public) = (keytype.into(), scheme.into(), public.into());
        repo.root.keys.insert(id.into(), key);
        repo.root.roles.get_mut("timestamp").unwrap().keyids.push(id.into());
    }
    repo.root.header.version = 2;
    repo.publish_root();
    let key = repo.keys["timestamp"][0].clone();
    let mut ids = vec![(key.id(), &key)];
    ids.extend(["a", "b", "c", "d", "e"].map(|id| (id.to_owned(), &key)));
    repo.files.insert("timestamp.json".into(), sign_as(&repo.timestamp, &ids));
    let (updater, _, result) = check(&repo, Store::from_root(repo.anchor()), day(0));
    assert_eq!(result, Ok(()));
    assert_eq!(updater.role("timestamp").unwrap().signers.key_ids, [key.id()]);
}

#[test]
fn misuse_is_named_and_a_failed_run_stays_failed() {
    let repo = honest();
    let store = Store::from_root(repo.anchor());
    let mut updater = start(store.clone(), day(0));
    assert_eq!(updater.target(PATH, Some("stable")), Err(Error::OutOfTurn));
    repo.serve(&mut updater, &mut Vec::new()).unwrap();
    assert_eq!(updater.supply(Answer::Absent), Err(Error::OutOfTurn));
    updater.target(PATH, Some("stable")).unwrap();
    assert_eq!(updater.supply(Answer::Absent), Err(Error::Absent { role: role("stable") }));
    // A search that failed leaves the run usable.
    updater.target(PATH, Some("alpha")).unwrap_err();
    updater.target(PATH, Some("stable")).unwrap();
    repo.serve(&mut updater, &mut Vec::new()).unwrap();
    assert!(updater.found().is_some());

    let mut updater = start(store, day(9_000));
    let failure = updater.supply(Answer::Absent).unwrap_err();
    assert_eq!(updater.supply(Answer::Absent), Err(failure.clone()));
    assert_eq!(updater.target(PATH, None), Err(failure));
    let product = || Policy::product(Source::Repository);
    for anchor in [&b""[..], b"{}", &repo.files["timestamp.json"]] {
        let store = Store::from_root(anchor.to_vec());
        assert!(Updater::new(store, day(0), Time::EARLIEST, product(), Limits::product()).is_err());
    }
}

#[test]
fn an_older_root_is_a_rollback() {
    let mut repo = honest();
    let old = repo.anchor();
    repo.root.header.version = 2;
    repo.publish_root();
    let anchor = repo.files["2.root.json"].clone();
    repo.files.insert("3.root.json".into(), old);
    let result = check(&repo, Store::from_root(anchor), day(0)).2;
    assert_eq!(result, Err(Error::Rollback { role: role("root"), trusted: 2, offered: 1 }));
}

/// A version of 2^64 - 1 leaves no next one to ask for.
#[test]
fn the_last_possible_root_version_ends_the_chain() {
    let mut repo = honest();
    repo.root.header.version = u64::MAX;
    repo.publish_root();
    let anchor = repo.files[&format!("{}.root.json", u64::MAX)].clone();
    let (_, asked, result) = check(&repo, Store::from_root(anchor), day(0));
    assert_eq!(result, Ok(()));
    assert_eq!(asked[0], "timestamp.json");
}

#[test]
fn plain_tuf_judges_neither_issued_nor_depth() {
    let mut repo = honest();
    repo.timestamp.header.issued = None;
    repo.timestamp.header.expires = day(4_000);
    repo.snapshot.header.issued = Some(day(9_000));
    let key = TestKey::ed25519(60);
    let stable = repo.delegated.get_mut("stable").unwrap();
    let info = stable.targets.remove(PATH).unwrap();
    stable.delegations = Some(Delegations {
        keys: [(key.id(), key.public())].into(),
        roles: vec![delegated("deeper", &key, &["stable/*/*/*"], false)],
        other: Default::default(),
    });
    let mut deeper = Targets::new(1, day(0), day(4_000));
    deeper.targets.insert(PATH.into(), info);
    repo.delegated.insert("deeper".into(), deeper);
    repo.keys.insert("deeper".into(), vec![key]);
    repo.publish();
    let store = Store::from_root(repo.anchor());
    let mut updater = Updater::new(store, day(0), day(0), Policy::specification(), Limits::wide()).unwrap();
    assert_eq!(repo::look(&repo, &mut updater, &mut Vec::new(), PATH, None), Ok(()));
    assert_eq!(updater.floor(), day(0));
    assert_eq!(updater.found().unwrap().role, "deeper");
}
