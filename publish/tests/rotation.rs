//! Every role's keys can be rotated and revoked; clients follow, and what was taken away signs nothing any more.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

#[path = "ceremony/world.rs"]
mod world;

use std::fs;

use sameday_publish::ceremony::{Error, Rehearsal, gather, prepare_release, rehearse};
use sameday_publish::keys::Passphrase;
use sameday_publish::release::{NewVersion, Release, Way};
use sameday_trust::{Error as Refusal, Store};
use serde_json::{Value, json};
use world::{World, add, check, day, remove, renew, resigned, threshold};

#[test]
fn every_role_rotates_and_old_keys_sign_nothing() {
    struct Case {
        role: &'static str,
        old: &'static str,
        new: &'static str,
        /// Another key of the role that signs with it, where two are needed.
        partner: Option<&'static str>,
        signers: &'static [&'static str],
        /// What is published besides the online roles.
        published: &'static [&'static str],
    }
    let channel = |role, old, new, signers, published| Case { role, old, new, partner: None, signers, published };
    let cases = [
        // The new keys sign too, or nobody would know that they can.
        Case {
            partner: Some("root-2"),
            ..channel("root", "root-1", "root-4", &["root-1", "root-2", "root-4"], &["root 2"])
        },
        Case {
            partner: Some("targets-2"),
            ..channel(
                "targets",
                "targets-1",
                "targets-3",
                &["root-2", "root-3", "targets-2", "targets-3"],
                &["root 2", "targets 2"],
            )
        },
        channel("snapshot", "snapshot-1", "snapshot-2", &["root-1", "root-2"], &["root 2"]),
        channel("timestamp", "timestamp-1", "timestamp-2", &["root-1", "root-2"], &["root 2"]),
        channel("stable", "stable-1", "stable-2", &["targets-1", "targets-2", "stable-2"], &["targets 2", "stable 2"]),
        channel("alpha", "alpha-1", "alpha-2", &["targets-1", "targets-2", "alpha-2"], &["targets 2", "alpha 2"]),
    ];
    for Case { role, old, new, partner, signers, published } in cases {
        let world = World::new();
        let before = world.check(Store::from_root(world.anchor()), day(1)).unwrap();
        let old_key = world.key(old);
        let partner = partner.map(|name| world.key(name));
        let with_partner = |key| [Some(key), partner.as_ref()].into_iter().flatten().collect::<Vec<_>>();
        // What is refused below is accepted here: the key is what makes the difference.
        check(&world.forged(role, &with_partner(&old_key)), before.clone(), day(1)).unwrap();

        let public = world.new_key(new);
        let changes = vec![add(role, &public), remove(role, old_key.id())];
        let versions = world.ceremony(changes, signers, day(2)).unwrap();
        let versions: Vec<_> = versions.0.iter().map(|(role, version)| format!("{role} {version}")).collect();
        let (offline, online) = versions.split_at(published.len());
        assert_eq!(offline, published, "{role}");
        let expected: &[&str] = if role == "root" { &[] } else { &["snapshot 2", "timestamp 2"] };
        assert_eq!(online, expected, "{role}");

        let new_key = world.key(new);
        // Clients follow: one that knows the first root, one that knows all of yesterday.
        for store in [Store::from_root(world.anchor()), before] {
            let after = world.check(store, day(2)).unwrap();
            let refused = check(&world.forged(role, &with_partner(&old_key)), after.clone(), day(2)).unwrap_err();
            assert!(
                matches!(&refused, Refusal::SignatureThreshold { role: found, .. } if found == role),
                "{role}: {refused}"
            );
            check(&world.forged(role, &with_partner(&new_key)), after, day(2)).unwrap();
        }
    }
}

#[test]
fn thresholds_change_and_count_from_the_next_version_on() {
    let world = World::new();
    let new = world.new_key("root-4");
    // 2 of 3 become 3 of 4: the published threshold by the published keys, the new one by the new keys.
    let request = world.prepare(vec![add("root", &new), threshold("root", 3)], day(1)).unwrap();
    let words = world.judge(&request).unwrap().words();
    for said in [
        "root: version 1 -> 2",
        "root signed by 3 of 4 keys (was 2 of 3)",
        &format!("key of root added:      ed25519 {}", new.id()),
        "expires 2028-11-22T00:00:00Z (was 2028-11-21T00:00:00Z), 730 days",
        "needs 2 of 3 signatures by the published root keys",
        "needs 3 of 4 signatures by the new root keys",
        "targets signed by 2 of 2 keys, as before",
    ] {
        assert!(words.contains(said), "{said}:\n{words}");
    }
    for (names, missing) in [
        (&["root-1", "root-4"][..], "root lacks 1 of 2 signatures by the published root keys, root lacks 1 of 3"),
        (&["root-1", "root-2"], "root lacks 1 of 3 signatures by the new root keys"),
    ] {
        let refused = world.publish(&world.signed(&request, names, day(1))).unwrap_err();
        assert!(refused.to_string().contains(missing), "{refused}");
    }
    world.publish(&world.signed(&request, &["root-1", "root-2", "root-4"], day(1))).unwrap();
    let refused = world.ceremony(vec![renew("root")], &["root-1", "root-2"], day(2)).unwrap_err();
    assert!(matches!(refused, Error::Incomplete(_)), "{refused}");
    world.ceremony(vec![renew("root")], &["root-2", "root-3", "root-4"], day(2)).unwrap();
    world.check(Store::from_root(world.anchor()), day(2)).unwrap();

    // A key of a channel that is only added changes nothing about what its old key signed: only targets is signed.
    let second = world.new_key("stable-2");
    let request = world.prepare(vec![add("stable", &second)], day(3)).unwrap();
    assert_eq!(world.judge(&request).unwrap().roles().collect::<Vec<_>>(), ["targets"]);
    world.publish(&world.signed(&request, &["targets-1", "targets-2"], day(3))).unwrap();
    // With both needed, the channel must be signed anew by both.
    let request = world.prepare(vec![threshold("stable", 2)], day(4)).unwrap();
    assert_eq!(world.judge(&request).unwrap().roles().collect::<Vec<_>>(), ["targets", "stable"]);
    let names = ["targets-1", "targets-2", "stable-1", "stable-2"];
    world.publish(&world.signed(&request, &names, day(4))).unwrap();
    world.check(Store::from_root(world.anchor()), day(4)).unwrap();
}

#[test]
fn keys_of_all_roles_can_go_at_once() {
    let world = World::new();
    let mut changes = Vec::new();
    let all = [("root", 3), ("targets", 2), ("snapshot", 1), ("timestamp", 1), ("stable", 1), ("alpha", 1)];
    for (role, count) in all {
        for n in 1..=count {
            changes.push(remove(role, &world.id(&format!("{role}-{n}"))));
            changes.push(add(role, &world.new_key(&format!("{role}-{}", count + n))));
        }
    }
    let names = ["root-1", "root-2", "root-5", "root-6", "targets-3", "targets-4", "stable-2", "alpha-2"];
    let published = world.ceremony(changes, &names, day(1)).unwrap();
    assert_eq!(published.0.len(), 6);
    let before_last = world.check(Store::from_root(world.anchor()), day(1)).unwrap();
    assert_eq!(before_last.chain.len(), 1);
}

/// A thief raises the versions of the online roles as far as clients accept; with the keys gone, so is what they signed.
#[test]
fn versions_that_a_thief_raised_fall_with_the_keys() {
    let world = World::new();
    let raise = |name: &str, key: &str, change: &dyn Fn(&mut Value)| {
        let mut file: Value = serde_json::from_slice(&world.served()[name]).unwrap();
        file["signed"]["version"] = json!(i32::MAX);
        change(&mut file["signed"]);
        resigned(file["signed"].take(), &[&world.key(key)])
    };
    let snapshot = raise("1.snapshot.json", "snapshot-1", &|_| {});
    let timestamp =
        raise("timestamp.json", "timestamp-1", &|t| t["meta"]["snapshot.json"] = json!({"version": i32::MAX}));
    let mut files = world.served();
    files.insert(format!("{}.snapshot.json", i32::MAX), snapshot);
    files.insert("timestamp.json".into(), timestamp);
    let fooled = check(&files, Store::from_root(world.anchor()), day(1)).unwrap();
    assert!(matches!(world.check(fooled.clone(), day(1)), Err(Refusal::Rollback { .. })));

    let mut changes = Vec::new();
    for role in ["snapshot", "timestamp"] {
        changes.push(remove(role, &world.id(&format!("{role}-1"))));
        changes.push(add(role, &world.new_key(&format!("{role}-2"))));
    }
    world.ceremony(changes, &["root-1", "root-3"], day(2)).unwrap();
    world.check(fooled, day(2)).unwrap();
}

/// A run that ends between the new root and the new timestamp leaves what no run can open; the same request finishes it.
#[test]
fn an_interrupted_publication_is_finished_by_the_same_request() {
    let world = World::new();
    let old_timestamp = world.served()["timestamp.json"].clone();
    let changes =
        || vec![remove("timestamp", &world.id("timestamp-1")), add("timestamp", &world.new_key("timestamp-2"))];
    let request = world.prepare(changes(), day(1)).unwrap();
    let signed = world.signed(&request, &["root-1", "root-2"], day(1));
    world.publish(&signed).unwrap();
    fs::write(world.repository().join("metadata/timestamp.json"), &old_timestamp).unwrap();
    assert!(world.check(Store::from_root(world.anchor()), day(1)).is_err());
    assert!(matches!(world.prepare(vec![renew("root")], day(1)), Err(Error::Publish(_))));
    // Fewer signatures finish nothing.
    let mut few = signed.clone();
    few.signatures.pop();
    assert!(matches!(gather(&few), Err(Error::Incomplete(_))));
    world.publish(&signed).unwrap();
    world.check(Store::from_root(world.anchor()), day(1)).unwrap();
    // Whole again, it is not done once more.
    assert!(matches!(gather(&signed), Err(Error::Stale { .. })));
}

#[test]
fn a_release_can_be_signed_apart() {
    let world = World::new();
    let layer = world.folder.path().join("layer");
    fs::write(&layer, "layer").unwrap();
    let release = |version: &str, now| Release {
        repository: world.repository(),
        keys: world.keys(),
        channel: "stable".parse().unwrap(),
        product: "demo".parse().unwrap(),
        architecture: "amd64".parse().unwrap(),
        new: Some(NewVersion {
            version: version.parse().unwrap(),
            from: vec![("1.0".parse().unwrap(), Way::Layer(layer.clone()))],
            kernel: None,
            initrd: None,
            notes: [].into(),
            fixes: Vec::new(),
            details_url: None,
            test_record: None,
        }),
        withdraw: Vec::new(),
        now,
    };
    let before = world.served();
    let request = prepare_release(&release("1.2", day(1))).unwrap();
    assert_eq!(world.served(), before, "nothing is published yet");
    let words = world.judge(&request).unwrap().words();
    assert!(words.contains("target added: stable/demo/amd64/upgrade.json"), "{words}");
    let digest = words.lines().find(|line| line.contains("sha256")).unwrap().rsplit(' ').next().unwrap().to_owned();
    let description = format!("targets/stable/demo/amd64/{digest}.upgrade.json");
    assert!(world.repository().join(description).exists(), "the words name the description by its digest");
    assert!(matches!(world.publish(&world.signed(&request, &[], day(1))), Err(Error::Incomplete(_))));
    let published = world.publish(&world.signed(&request, &["stable-1"], day(1))).unwrap();
    assert_eq!(published.0, [("stable".into(), 2), ("snapshot".into(), 2), ("timestamp".into(), 2)]);
    world.check(Store::from_root(world.anchor()), day(1)).unwrap();
    let words = world.judge(&prepare_release(&release("1.3", day(2))).unwrap()).unwrap().words();
    for said in ["stable: version 2 -> 3", "target changed: stable/demo/amd64/upgrade.json", "was ", &digest] {
        assert!(words.contains(said), "{said}:\n{words}");
    }
}

#[test]
fn an_expired_timestamp_does_not_keep_a_root_from_being_renewed() {
    let world = World::new();
    let published = world.ceremony(vec![renew("root")], &["root-1", "root-2"], day(8)).unwrap();
    assert_eq!(published.0, [("root".into(), 2), ("snapshot".into(), 2), ("timestamp".into(), 2)]);
    world.check(Store::from_root(world.anchor()), day(8)).unwrap();
    // Nothing that clients would refuse is published: by then the targets role has expired.
    let refused = world.ceremony(vec![renew("root")], &["root-1", "root-2"], day(800)).unwrap_err();
    assert!(matches!(refused, Error::Publish(_)), "{refused}");
    assert!(!world.served().contains_key("3.root.json"));
}

#[test]
fn a_rehearsal_touches_nothing() {
    let world = World::new();
    let before = world.tree();
    let elsewhere = tempfile::tempdir().unwrap();
    let passphrase = Passphrase::new("rehearsal".to_owned()).unwrap();
    let rehearsal = Rehearsal { repository: world.repository(), into: elsewhere.path().to_owned(), now: day(1) };
    let mut said = String::new();
    rehearse(&rehearsal, &passphrase, &mut |words| said.push_str(words)).unwrap();
    assert_eq!(world.tree(), before);
    for role in ["root", "targets", "snapshot", "timestamp", "stable", "alpha"] {
        assert!(said.contains(&format!("new keys for {role}\n")), "{said}");
        assert!(said.contains(&format!("key of {role} taken away")), "{said}");
    }
    // The twin is a repository that one can go on practising with, and not a second time over.
    let chain = fs::read_dir(elsewhere.path().join("repository/metadata")).unwrap();
    assert_eq!(chain.filter(|e| e.as_ref().unwrap().path().to_string_lossy().contains(".root.")).count(), 5);
    let again = rehearse(&rehearsal, &passphrase, &mut |_| {}).unwrap_err();
    assert!(again.to_string().contains("exists already"), "{again}");
}
