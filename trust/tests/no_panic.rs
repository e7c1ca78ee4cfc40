//! No bytes, at any step, make the workflow panic; a flipped bit never passes as something else than what was signed.

#[path = "support/repo.rs"]
mod repo;

use proptest::prelude::*;
use repo::{PATH, Repo, check, day, start};
use sameday_trust::{Answer, Evidence, EvidenceSet, Limits, Next, Policy, Source, Store, Time};

/// JSON that looks like metadata often enough to get past the first checks.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let word = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"signed\"",
        "\"signatures\"",
        "\"_type\"",
        "\"root\"",
        "\"timestamp\"",
        "\"targets\"",
        "\"version\"",
        "1",
        "-1",
        "18446744073709551615",
        "1e9",
        "\"spec_version\"",
        "\"1.0.0\"",
        "\"expires\"",
        "\"2030-01-01T00:00:00Z\"",
        "\"meta\"",
        "\"keyid\"",
        "\"sig\"",
        "null",
        "\"\\ud83d\"",
        "\u{fffd}",
    ]);
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        prop::collection::vec(word, 0..60).prop_map(|words| words.concat().into_bytes()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_answers_never_panic(answers in prop::collection::vec(text(), 1..8), at in 0usize..6, now in any::<i64>()) {
        let repo = Repo::new();
        let mut updater = start(Store::from_root(repo.anchor()), Time::from_unix(now));
        let mut answers = answers.into_iter();
        for step in 0..40 {
            let Next::Fetch(request) = updater.next() else {
                if updater.target(PATH, Some("stable")).is_err() || updater.next() == Next::Done {
                    break;
                }
                continue;
            };
            let honest = repo.files.get(&request.path).cloned();
            let answer = if step >= at { answers.next().or(honest) } else { honest };
            if updater.supply(answer.map_or(Answer::Absent, Answer::Bytes)).is_err() {
                break;
            }
        }
        prop_assert_eq!(updater.found(), None);
    }

    #[test]
    fn arbitrary_stores_never_panic(root in text(), timestamp in text(), targets in text(), stable in text()) {
        let repo = Repo::new();
        let mut store = Store::from_root(repo.anchor());
        store.timestamp = Some(timestamp.clone());
        store.snapshot = Some(root.clone());
        store.targets = Some(targets.clone());
        store.delegated.insert("stable".into(), stable.clone());
        prop_assert_eq!(check(&repo, store, day(0)).2, Ok(()));
        let set = EvidenceSet {
            roots: [(2, root)].into(),
            timestamp: Some(timestamp),
            snapshot: None,
            targets: Some(targets),
            channel: Some(("stable".into(), stable)),
        };
        let policy = Policy::product(Source::Repository);
        prop_assert!(Evidence::verify(&repo.anchor(), set, &policy, &Limits::product()).is_err());
    }

    #[test]
    fn arbitrary_patterns_never_panic(pattern in "[\\[\\]!*?/a-c-]{0,12}", path in "[a-c/\\]]{0,8}") {
        let matches = sameday_trust::PathPattern::new(&pattern).matches(&path);
        prop_assert!(!matches || pattern.split('/').count() == path.split('/').count());
        prop_assert!(sameday_trust::PathPattern::new(&path.replace(']', "a")).matches(&path.replace(']', "a")));
    }
}

/// Every bit of the channel's file: refused, or the flip left what is signed as it was.
#[test]
fn a_flipped_bit_is_refused_or_changes_nothing() {
    let repo = Repo::new();
    let honest = repo.files["1.stable.json"].clone();
    let set = |bytes: Vec<u8>| EvidenceSet {
        targets: Some(repo.files["1.targets.json"].clone()),
        channel: Some(("stable".into(), bytes)),
        ..EvidenceSet::default()
    };
    let policy = Policy::product(Source::Repository);
    let signed = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).unwrap()["signed"].clone();
    let mut harmless = 0;
    for bit in 0..honest.len() * 8 {
        let mut bytes = honest.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        if Evidence::verify(&repo.anchor(), set(bytes.clone()), &policy, &Limits::product()).is_ok() {
            assert_eq!(signed(&bytes), signed(&honest), "bit {bit}");
            harmless += 1;
        }
    }
    assert!(harmless < honest.len(), "{harmless}");
}
