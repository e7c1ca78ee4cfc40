//! What the workflow asks for, keeps and finds when nobody attacks it.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

#[path = "support/repo.rs"]
mod repo;

use repo::{PATH, Repo, TestKey, check, day, delegated, look, sign, start, target};
use sameday_trust::schema::{Delegations, Key, KeyValue, Other, Signature, Signed, Targets};
use sameday_trust::{
    ConsensusTime, Error, Evidence, EvidenceSet, Limits, Policy, Scheme, Source, Store, Time, TimeVerdict, Updater,
};

fn fresh(repo: &Repo) -> Store {
    let (updater, _, result) = check(repo, Store::from_root(repo.anchor()), day(0));
    result.unwrap();
    updater.into_store()
}

#[test]
fn the_first_check_asks_for_each_role_once_and_finds_the_description() {
    let repo = Repo::new();
    let (updater, asked, result) = check(&repo, Store::from_root(repo.anchor()), day(1));
    assert_eq!(result, Ok(()));
    assert_eq!(asked, ["2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json", "1.stable.json"]);
    let found = updater.found().unwrap();
    assert_eq!((found.path.as_str(), found.role.as_str(), found.length), (PATH, "stable", 11));
    let (folder, name) = found.location.rsplit_once('/').unwrap();
    assert_eq!(folder, "stable/demo/amd64");
    assert_eq!(name, format!("{}.upgrade.json", hex::encode(found.digests.sha256.unwrap())));
    found.verify(b"description").unwrap();
    assert_eq!(updater.store().timestamp.as_ref(), repo.files.get("timestamp.json"));
    assert_eq!(updater.store().delegated["stable"], repo.files["1.stable.json"]);
    let stable = updater.role("stable").unwrap();
    assert_eq!((stable.version, stable.signers.keys, stable.signers.threshold), (1, 1, 1));
    assert_eq!(stable.signers.key_ids, [repo.keys["stable"][0].id()]);
    assert_eq!(updater.role("root").unwrap().signers.key_ids.len(), 3);
    assert_eq!(updater.issued(), Some(day(0)));
    assert_eq!(updater.role("alpha"), None);
}

#[test]
fn no_news_costs_two_requests_and_resigned_online_roles_three() {
    let mut repo = Repo::new();
    let store = fresh(&repo);
    let (updater, asked, result) = check(&repo, store, day(1));
    assert_eq!(result, Ok(()));
    assert_eq!(asked, ["2.root.json", "timestamp.json"]);
    assert!(updater.found().is_some());
    let store = updater.into_store();

    repo.raise_online(day(30));
    repo.publish();
    let (updater, asked, result) = check(&repo, store, day(31));
    assert_eq!(result, Ok(()));
    assert_eq!(asked, ["2.root.json", "timestamp.json", "2.snapshot.json"]);
    let (_, asked, _) = check(&repo, updater.into_store(), day(31));
    assert_eq!(asked, ["2.root.json", "timestamp.json"]);
}

#[test]
fn a_release_costs_the_channel_role_and_nothing_that_did_not_change() {
    let mut repo = Repo::new();
    let store = fresh(&repo);
    repo.release(day(5));
    let (updater, asked, result) = check(&repo, store, day(5));
    assert_eq!(result, Ok(()));
    assert_eq!(asked, ["2.root.json", "timestamp.json", "2.snapshot.json", "2.stable.json"]);
    assert_eq!(updater.role("stable").unwrap().version, 2);
}

#[test]
fn a_root_chain_is_walked_to_its_end_and_handed_on() {
    let mut repo = Repo::new();
    repo.rotate("root", vec![TestKey::ed25519(21), TestKey::ed25519(22), TestKey::ed25519(23)]);
    repo.rotate("targets", vec![TestKey::ed25519(24)]);
    repo.rotate("root", vec![TestKey::ed25519(31), TestKey::ed25519(32)]);
    repo.raise_online(day(2));
    repo.publish();
    let (updater, asked, result) = check(&repo, Store::from_root(repo.anchor()), day(2));
    assert_eq!(result, Ok(()));
    assert_eq!(asked[..5], ["2.root.json", "3.root.json", "4.root.json", "5.root.json", "timestamp.json"]);
    let store = updater.into_store();
    assert_eq!(store.chain.keys().copied().collect::<Vec<_>>(), [2, 3, 4]);
    assert_eq!(store.root, repo.files["4.root.json"]);
    let (_, asked, _) = check(&repo, store, day(2));
    assert_eq!(asked, ["5.root.json", "timestamp.json"]);
}

#[test]
fn a_run_takes_only_so_many_roots() {
    let mut repo = Repo::new();
    for _ in 0..4 {
        repo.rotate("targets", vec![TestKey::ed25519(24)]);
    }
    let limits = Limits { root_steps: 2, ..Limits::product() };
    let mut updater =
        Updater::new(Store::from_root(repo.anchor()), day(0), day(0), Policy::product(Source::Repository), limits)
            .unwrap();
    let mut asked = Vec::new();
    let result = repo.serve(&mut updater, &mut asked);
    assert_eq!(asked, ["2.root.json", "3.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"]);
    // The targets file is still signed by the key that root 2 took away.
    assert_eq!(result, Err(Error::SignatureThreshold { role: "targets".into(), valid: 0, threshold: 1 }));
}

#[test]
fn an_equal_root_in_the_place_of_the_next_ends_the_run() {
    let mut repo = Repo::new();
    let store = fresh(&repo);
    repo.files.insert("2.root.json".into(), repo.anchor());
    let (updater, asked, result) = check(&repo, store.clone(), day(1));
    assert_eq!(result, Err(Error::VersionMismatch { role: "root".into(), expected: 2, found: 1 }));
    assert_eq!(asked, ["2.root.json"]);
    assert_eq!(updater.into_store(), store);
}

/// A scheme for tests: the signature is the key's text before the message.
#[derive(Debug)]
struct Prefixed;

impl Scheme for Prefixed {
    fn material(&self, key: &Key) -> Option<Vec<u8>> {
        (key.scheme == "prefixed").then(|| key.keyval.public.to_lowercase().into_bytes())
    }

    fn verifies(&self, key: &Key, message: &[u8], signature: &[u8]) -> bool {
        signature == [key.keyval.public.to_lowercase().as_bytes(), message].concat()
    }
}

#[test]
fn a_further_scheme_counts_only_where_the_policy_names_it() {
    let key = |public: &str| {
        let keyval = KeyValue { public: public.into(), other: Other::new() };
        Key { keytype: "test".into(), scheme: "prefixed".into(), keyval, other: Other::new() }
    };
    for (second, expected) in [("other", Ok(())), ("KEY", Err(1))] {
        let mut repo = Repo::new();
        repo.root.keys.extend([("a".to_owned(), key("key")), ("b".to_owned(), key(second))]);
        let role = repo.root.roles.get_mut("timestamp").unwrap();
        (role.keyids, role.threshold) = (vec!["a".into(), "b".into()], 2);
        repo.publish_root();
        let message = sameday_trust::schema::canonical_form(&repo.timestamp).unwrap();
        let sign = |id: &str, key: &str| {
            let sig = hex::encode([key.to_lowercase().as_bytes(), &message].concat());
            Signature { keyid: id.into(), sig, other: Other::new() }
        };
        let signatures = vec![sign("a", "key"), sign("b", second)];
        let file = Signed { signatures, signed: repo.timestamp.clone(), other: Other::new() };
        repo.files.insert("timestamp.json".into(), serde_json::to_vec(&file).unwrap());
        let refused = |valid| Error::SignatureThreshold { role: "timestamp".into(), valid, threshold: 2 };
        for (extra_scheme, expected) in
            [(None, Err(refused(0))), (Some(&Prefixed as &'static dyn Scheme), expected.map_err(refused))]
        {
            let policy = Policy { extra_scheme, ..Policy::product(Source::Repository) };
            let store = Store::from_root(repo.anchor());
            let mut updater = Updater::new(store, day(0), day(0), policy, Limits::product()).unwrap();
            assert_eq!(repo.serve(&mut updater, &mut Vec::new()), expected);
        }
    }
}

#[test]
fn keys_of_unknown_types_are_kept_whatever_their_values() {
    for keyval in [
        serde_json::json!({"identity": "somebody", "issuer": "https://example.org"}),
        serde_json::json!({"public": {"n": "1", "e": 3}}),
        serde_json::json!({"public": ""}),
        serde_json::json!({}),
    ] {
        let text = serde_json::json!({"keytype": "new", "scheme": "newer", "keyval": keyval, "more": 1});
        let key: Key = serde_json::from_value(text.clone()).unwrap();
        assert_eq!(serde_json::to_value(&key).unwrap(), text);
        let mut repo = Repo::new();
        repo.root.keys.insert("odd".into(), key);
        repo.root.roles.get_mut("timestamp").unwrap().keyids.push("odd".into());
        repo.publish_root();
        repo.publish();
        assert_eq!(check(&repo, Store::from_root(repo.anchor()), day(0)).2, Ok(()));
    }
}

#[test]
fn a_delegation_with_neither_kind_of_paths_speaks_for_none() {
    let mut repo = graph(&[("targets", "A", false), ("targets", "B", false)], &["A", "B"]);
    repo.targets.delegations.as_mut().unwrap().roles[0].paths = None;
    repo.publish();
    let store = Store::from_root(repo.anchor());
    let mut updater = Updater::new(store, day(0), day(0), Policy::specification(), Limits::wide()).unwrap();
    look(&repo, &mut updater, &mut Vec::new(), "file", None).unwrap();
    assert_eq!(updater.found().unwrap().role, "B");
}

#[test]
fn fast_forwarded_online_roles_are_forgotten_with_their_keys() {
    let mut repo = Repo::new();
    let honest = repo.clone();
    for (role, end) in [("timestamp", (1 << 31) - 1), ("snapshot", u64::MAX)] {
        repo.snapshot.header.version = end;
        repo.timestamp.header.version = end;
        repo.publish();
        let (updater, _, result) = check(&repo, Store::from_root(repo.anchor()), day(0));
        assert_eq!(result, Ok(()));
        let store = updater.into_store();
        let mut recovered = honest.clone();
        recovered.rotate(role, vec![TestKey::ed25519(41)]);
        recovered.raise_online(day(1));
        recovered.publish();
        let (updater, asked, result) = check(&recovered, store, day(1));
        assert_eq!(result, Ok(()), "{role}");
        assert_eq!(asked, ["2.root.json", "3.root.json", "timestamp.json", "2.snapshot.json"]);
        assert_eq!(updater.role("timestamp").unwrap().version, 2);
    }
}

#[test]
fn a_rotation_counts_even_if_the_run_breaks_off_right_after_it() {
    let mut repo = Repo::new();
    let store = fresh(&repo);
    repo.rotate("snapshot", vec![TestKey::ed25519(41)]);
    let mut updater = start(store, day(1));
    updater.supply(sameday_trust::Answer::Bytes(repo.files["2.root.json"].clone())).unwrap();
    let store = updater.into_store();
    assert_eq!((store.timestamp, store.snapshot), (None, None));
    assert!(store.targets.is_some() && store.delegated.contains_key("stable"));
}

#[test]
fn a_key_that_is_only_added_takes_nothing_back() {
    let mut repo = Repo::new();
    let store = fresh(&repo);
    let old = repo.keys["timestamp"][0].clone();
    repo.rotate("timestamp", vec![old, TestKey::ed25519(42)]);
    let (_, asked, result) = check(&repo, store, day(1));
    assert_eq!(result, Ok(()));
    assert_eq!(asked, ["2.root.json", "3.root.json", "timestamp.json"]);
}

#[test]
fn unknown_fields_are_signed_kept_and_harmless() {
    let mut repo = Repo::new();
    let odd = serde_json::json!({"deep": [1, null, {"é": "\"\\\n"}], "big": u64::MAX});
    repo.root.other.insert("x-odd".into(), odd.clone());
    repo.timestamp.other.insert("x-odd".into(), odd.clone());
    repo.snapshot.other.insert("x-odd".into(), odd.clone());
    repo.targets.other.insert("x-odd".into(), odd.clone());
    repo.delegated.get_mut("stable").unwrap().other.insert("x-odd".into(), odd.clone());
    repo.publish_root();
    repo.publish();
    let (_, _, result) = check(&repo, Store::from_root(repo.anchor()), day(1));
    assert_eq!(result, Ok(()));
    let read: sameday_trust::schema::Signed<Targets> = serde_json::from_slice(&repo.files["1.targets.json"]).unwrap();
    assert_eq!(read.signed.other["x-odd"], odd);
    assert_eq!(read.signed, repo.targets);
}

#[test]
fn a_kit_tells_old_online_roles_and_refuses_an_old_channel() {
    let repo = Repo::new();
    for (now, expected) in
        [(day(59), Ok(())), (day(60), Err(Error::Expired { role: "stable".into(), expires: day(60), at: day(60) }))]
    {
        let mut updater = Updater::new(
            Store::from_root(repo.anchor()),
            now,
            Time::EARLIEST,
            Policy::product(Source::Kit),
            Limits::product(),
        )
        .unwrap();
        assert_eq!(look(&repo, &mut updater, &mut Vec::new(), PATH, Some("stable")), expected);
        assert_eq!(updater.issued(), Some(day(0)));
    }
    let (_, _, result) = check(&repo, Store::from_root(repo.anchor()), day(59));
    assert_eq!(result, Err(Error::Expired { role: "timestamp".into(), expires: day(7), at: day(59) }));
}

#[test]
fn doubts_about_time_are_told_apart() {
    let repo = Repo::new();
    let hint = |at: Time| ConsensusTime { valid_after: at, valid_until: at.plus_seconds(3 * 3600) };
    for (now, hint, expected) in [
        (day(1), None, TimeVerdict::Fine),
        (day(1), Some(hint(day(1))), TimeVerdict::Fine),
        (day(1), Some(hint(day(2).plus_seconds(-1))), TimeVerdict::Fine),
        (day(1), Some(hint(day(2))), TimeVerdict::ClockInDoubt { clock: day(1), floor: day(0) }),
        (day(2), Some(hint(day(2))), TimeVerdict::NotConfirmedNewest { issued: day(0) }),
        (day(1), Some(hint(Time::EARLIEST)), TimeVerdict::ClockInDoubt { clock: day(1), floor: day(0) }),
        (day(1), Some(hint(day(30_000))), TimeVerdict::ClockInDoubt { clock: day(1), floor: day(0) }),
        (day(-1), None, TimeVerdict::ClockInDoubt { clock: day(-1), floor: day(0) }),
        (day(0).plus_seconds(36 * 3600), None, TimeVerdict::Fine),
        (day(0).plus_seconds(36 * 3600 + 1), None, TimeVerdict::NotConfirmedNewest { issued: day(0) }),
    ] {
        let (updater, _, result) = check(&repo, Store::from_root(repo.anchor()), now);
        assert_eq!(result, Ok(()), "an offer that verifies stands");
        assert_eq!(updater.time_verdict(hint), expected, "{now} {hint:?}");
    }
}

#[test]
fn a_clock_in_2099_spoils_one_check_and_no_other() {
    let repo = Repo::new();
    let store = fresh(&repo);
    let (updater, _, result) = check(&repo, store.clone(), day(27_000));
    assert!(matches!(result, Err(Error::Expired { .. })));
    assert_eq!(updater.into_store(), store);
    assert_eq!(check(&repo, store, day(1)).2, Ok(()));
}

fn stick_set(store: &Store) -> EvidenceSet {
    EvidenceSet {
        roots: store.chain.clone(),
        timestamp: None,
        snapshot: None,
        targets: store.targets.clone(),
        channel: Some(("stable".into(), store.delegated["stable"].clone())),
    }
}

fn evidence(anchor: &[u8], set: EvidenceSet) -> Result<Evidence, Error> {
    Evidence::verify(anchor, set, &Policy::product(Source::Repository), &Limits::product())
}

#[test]
fn evidence_is_taken_or_ignored_as_a_whole() {
    let mut repo = Repo::new();
    let image = fresh(&repo);
    repo.rotate("root", vec![TestKey::ed25519(21), TestKey::ed25519(22)]);
    repo.rotate("timestamp", vec![TestKey::ed25519(23)]);
    repo.release(day(10));
    let (updater, _, result) = check(&repo, image.clone(), day(10));
    assert_eq!(result, Ok(()));
    let store = updater.into_store();

    let stick = evidence(&repo.anchor(), stick_set(&store)).unwrap();
    assert_eq!(stick.target(PATH).unwrap().verify(format!("description of {}", day(10)).as_bytes()), Ok(()));
    let old = EvidenceSet { timestamp: image.timestamp.clone(), snapshot: image.snapshot.clone(), ..stick_set(&image) };
    let old = evidence(&repo.anchor(), old).unwrap();
    assert!(stick.is_newer_than(&old) && !old.is_newer_than(&stick));

    // Online roles re-signed since: exactly the next root, timestamp, snapshot; and the channel is not asked for.
    repo.tick(day(12));
    let (_, asked, result) = check(&repo, stick.into_store(), day(12));
    assert_eq!(result, Ok(()));
    assert_eq!(asked, ["4.root.json", "timestamp.json", "2.snapshot.json"]);

    let attacker = TestKey::ed25519(66);
    let mut planted_root = repo.root.clone();
    planted_root.header.version = 4;
    let mut foreign = Targets::new(9, day(0), day(10));
    foreign.delegations = Some(Delegations::default());
    let threshold = |role: &str, valid, threshold| Error::SignatureThreshold { role: role.into(), valid, threshold };
    type Plant = fn(&mut EvidenceSet, Vec<u8>, Vec<u8>);
    let cases: [(&str, Plant, Error); 6] = [
        ("a planted root", |set, root, _| drop(set.roots.insert(4, root)), threshold("root", 0, 2)),
        ("a gap in the chain", |set, _, _| drop(set.roots.remove(&2)), Error::RootGap { version: 2 }),
        (
            "roots in each other's place",
            |set, _, _| drop(set.roots.insert(2, set.roots[&3].clone())),
            threshold("root", 0, 2),
        ),
        ("foreign targets", |set, _, targets| set.targets = Some(targets), threshold("targets", 0, 1)),
        (
            "a flipped byte",
            |set, _, _| set.channel.as_mut().unwrap().1[20] ^= 1,
            Error::SignatureThreshold { role: "stable".into(), valid: 0, threshold: 1 },
        ),
        ("no targets", |set, _, _| set.targets = None, Error::DelegationMissing { role: "stable".into() }),
    ];
    for (name, plant, expected) in cases {
        let mut set = stick_set(&store);
        plant(&mut set, sign(&planted_root, &[&attacker]), sign(&foreign, &[&attacker]));
        let error = evidence(&repo.anchor(), set).map(drop).unwrap_err();
        if name == "a flipped byte" {
            assert!(["signature-threshold", "malformed"].contains(&error.reason()), "{name}: {error}");
        } else {
            assert_eq!(error, expected, "{name}");
        }
    }
}

#[test]
fn roots_below_the_anchor_are_not_looked_at() {
    let mut repo = Repo::new();
    let mut set = stick_set(&fresh(&repo));
    repo.rotate("root", vec![TestKey::ed25519(21), TestKey::ed25519(22)]);
    set.roots.insert(1, b"junk".to_vec());
    set.roots.insert(2, b"junk".to_vec());
    evidence(&repo.files["2.root.json"], set).unwrap();
}

/// Delegation graphs of the library: names are also the paths' first parts.
fn graph(edges: &[(&str, &str, bool)], holders: &[&str]) -> Repo {
    let mut repo = Repo::new();
    repo.targets.delegations = None;
    repo.delegated.clear();
    let key = TestKey::ed25519(50);
    for (from, to, terminating) in edges {
        repo.keys.insert((*to).to_owned(), vec![key.clone()]);
        repo.delegated.entry((*to).to_owned()).or_insert_with(|| Targets::new(1, day(0), day(60)));
        let role = if *from == "targets" { &mut repo.targets } else { repo.delegated.get_mut(*from).unwrap() };
        let delegations = role.delegations.get_or_insert_default();
        delegations.keys.insert(key.id(), key.public());
        delegations.roles.push(delegated(to, &key, &["*"], *terminating));
    }
    for holder in holders {
        repo.delegated.get_mut(*holder).unwrap().targets.insert("file".into(), target(holder.as_bytes()));
    }
    repo.publish();
    repo
}

#[test]
fn the_search_goes_depth_first_and_stops_where_it_must() {
    let missing = Err(Error::TargetMissing { path: "file".into() });
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str, bool)], &'a [&'a str], &'a [&'a str], Result<&'a str, Error>);
    let cases: [Case<'_>; 7] = [
        (
            "pre-order",
            &[("targets", "A", false), ("targets", "B", false), ("A", "C", false)],
            &["B"],
            &["A", "C", "B"],
            Ok("B"),
        ),
        ("first in order wins", &[("targets", "A", false), ("targets", "B", false)], &["A", "B"], &["A"], Ok("A")),
        (
            "terminating ends the search",
            &[("targets", "A", true), ("targets", "B", false)],
            &["B"],
            &["A"],
            missing.clone(),
        ),
        (
            "terminating still goes deeper",
            &[("targets", "A", true), ("targets", "B", false), ("A", "C", false)],
            &["C"],
            &["A", "C"],
            Ok("C"),
        ),
        (
            "a terminating child of a child ends all",
            &[("targets", "A", false), ("targets", "B", false), ("A", "C", true)],
            &["B"],
            &["A", "C"],
            missing.clone(),
        ),
        (
            "a cycle",
            &[("targets", "A", false), ("A", "B", false), ("B", "A", false)],
            &[],
            &["A", "B"],
            missing.clone(),
        ),
        (
            "two ways to one role",
            &[("targets", "A", false), ("targets", "B", false), ("A", "C", false), ("B", "C", false)],
            &[],
            &["A", "C", "B"],
            missing.clone(),
        ),
    ];
    for (name, edges, holders, visited, expected) in cases {
        let repo = graph(edges, holders);
        let store = Store::from_root(repo.anchor());
        let mut updater = Updater::new(store, day(0), day(0), Policy::specification(), Limits::wide()).unwrap();
        let mut asked = Vec::new();
        let result = look(&repo, &mut updater, &mut asked, "file", None);
        let expected_asked: Vec<_> = visited.iter().map(|role| format!("1.{role}.json")).collect();
        assert_eq!(asked[4..], expected_asked, "{name}");
        assert_eq!(result.map(|()| updater.found().unwrap().role.clone()), expected.map(str::to_owned), "{name}");
        // A second search in the same run asks for nothing.
        let before = asked.len();
        look(&repo, &mut updater, &mut asked, "file", None).err();
        assert_eq!(asked.len(), before, "{name}");
    }
}

#[test]
fn a_search_visits_only_so_many_roles() {
    let names: Vec<String> = (0..40).map(|i| format!("r{i}")).collect();
    for (count, expected) in [(32, Ok(())), (33, Err(Error::TooManyDelegations { limit: 32 }))] {
        let mut edges = vec![("targets", names[0].as_str(), false)];
        edges.extend((1..count).map(|i| (names[i - 1].as_str(), names[i].as_str(), false)));
        let repo = graph(&edges, &[names[count - 1].as_str()]);
        let store = Store::from_root(repo.anchor());
        let mut updater = Updater::new(store, day(0), day(0), Policy::specification(), Limits::wide()).unwrap();
        assert_eq!(look(&repo, &mut updater, &mut Vec::new(), "file", None), expected);
    }
}

#[test]
fn hash_prefixes_delegate_too() {
    let mut repo = graph(&[("targets", "A", false), ("targets", "B", false)], &["A", "B"]);
    let digest = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(b"file"));
    let delegations = repo.targets.delegations.as_mut().unwrap();
    delegations.roles[0].paths = None;
    delegations.roles[0].path_hash_prefixes = Some(vec!["zz".into()]);
    delegations.roles[1].paths = None;
    delegations.roles[1].path_hash_prefixes = Some(vec![digest[..3].into()]);
    repo.publish();
    let store = Store::from_root(repo.anchor());
    let mut updater = Updater::new(store, day(0), day(0), Policy::specification(), Limits::wide()).unwrap();
    look(&repo, &mut updater, &mut Vec::new(), "file", None).unwrap();
    assert_eq!(updater.found().unwrap().role, "B");
}

#[test]
fn odd_role_names_are_encoded_in_requests() {
    let repo = {
        let mut repo = graph(&[("targets", "../a b", false)], &["../a b"]);
        let bytes = repo.files.remove("1.../a b.json").unwrap();
        repo.files.insert("1...%2Fa%20b.json".into(), bytes);
        repo
    };
    let store = Store::from_root(repo.anchor());
    let mut updater = Updater::new(store, day(0), day(0), Policy::specification(), Limits::wide()).unwrap();
    let mut asked = Vec::new();
    assert_eq!(look(&repo, &mut updater, &mut asked, "file", None), Ok(()));
    assert_eq!(asked.last().unwrap(), "1...%2Fa%20b.json");
}

#[test]
fn a_pem_key_may_end_as_it_likes() {
    type Spell = fn(&str) -> String;
    let spellings: [Spell; 3] =
        [|pem| pem.trim_end().to_owned(), |pem| format!("\n{pem}\n\n"), |pem| pem.replace('\n', "\r\n")];
    for spell in spellings {
        let mut repo = Repo::new();
        repo.keys.insert("timestamp".into(), vec![TestKey::p256(60)]);
        let mut key = TestKey::p256(60).public();
        key.keyval.public = spell(&key.keyval.public);
        repo.root.keys.insert(TestKey::p256(60).id(), key);
        repo.root.roles.get_mut("timestamp").unwrap().keyids = vec![TestKey::p256(60).id()];
        repo.publish_root();
        repo.publish_timestamp();
        assert_eq!(check(&repo, Store::from_root(repo.anchor()), day(0)).2, Ok(()));
    }
}
