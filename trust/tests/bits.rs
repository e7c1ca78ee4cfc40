//! Each bit of each signed file, flipped: which flips are harmless is worked out apart from the library, for every single one of them.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

#[path = "support/repo.rs"]
mod repo;

use std::collections::{BTreeMap, BTreeSet};

use repo::{PATH, Repo, TestKey, check, day, look, sign, start};
use sameday_trust::schema::MetaInfo;
use sameday_trust::{Error, RoleFacts, Store, Updater};
use serde_json::Value;

const ROLES: [&str; 5] = ["root", "timestamp", "snapshot", "targets", "stable"];

/// What a flip must lead to.
#[derive(Debug, PartialEq)]
enum Verdict {
    /// The file is not taken.
    Refused,
    /// The file is taken: what is signed is as it was, and these keys have signed, as many as are needed.
    AsItWas(BTreeSet<String>),
}

/// A file, and who may sign it. One bit flips in it: `root` is the second root here, the one that is fetched.
struct Subject {
    role: &'static str,
    path: &'static str,
    threshold: usize,
}

const SUBJECTS: [Subject; 5] = [
    Subject { role: "root", path: "2.root.json", threshold: 2 },
    Subject { role: "timestamp", path: "timestamp.json", threshold: 1 },
    Subject { role: "snapshot", path: "1.snapshot.json", threshold: 1 },
    Subject { role: "targets", path: "1.targets.json", threshold: 2 },
    Subject { role: "stable", path: "1.stable.json", threshold: 1 },
];

/// Two of three sign for the root and all three for the targets; somebody unknown signs too. Written with tabs, for a bit makes a line
/// break of a tab; with an escape, whose digits have two spellings. `listed`: told by length and digest, and not by version alone.
fn repository(listed: bool) -> Repo {
    let mut repo = Repo::new();
    repo.delegated.remove("alpha");
    if let Some(delegations) = repo.targets.delegations.as_mut() {
        delegations.roles.retain(|role| role.name == "stable");
    }
    for (role, seeds) in [("root", [1, 2, 3]), ("targets", [6, 7, 10])] {
        let keys = seeds.map(TestKey::ed25519).to_vec();
        repo.keys.insert(role.to_owned(), keys);
    }
    repo.root.keys.clear();
    for role in ["root", "timestamp", "snapshot", "targets"] {
        repo.set_role_keys(role, if matches!(role, "root" | "targets") { 2 } else { 1 });
    }
    repo.root.other.insert("x".to_owned(), Value::from("\u{1f}"));
    repo.publish_root();
    repo.root.header.version = 2;
    let two = [repo.keys["root"][0].clone(), repo.keys["root"][2].clone()];
    repo.keys.insert("root".to_owned(), two.to_vec());
    repo.publish_root();
    spread(&mut repo, "2.root.json");
    for name in ["stable", "targets"] {
        let path = format!("1.{name}.json");
        let mut keys: Vec<&TestKey> = repo.keys[name].iter().collect();
        let stranger = TestKey::ed25519(99);
        keys.push(&stranger);
        let bytes = if name == "stable" { sign(&repo.delegated[name], &keys) } else { sign(&repo.targets, &keys) };
        repo.files.insert(path.clone(), bytes);
        spread(&mut repo, &path);
        let info = list(&repo, &path, listed);
        repo.snapshot.meta.insert(format!("{name}.json"), info);
    }
    repo.snapshot.meta.remove("alpha.json");
    repo.files.insert("1.snapshot.json".to_owned(), repo.sign_with_keys_of(&repo.snapshot, "snapshot"));
    spread(&mut repo, "1.snapshot.json");
    let info = list(&repo, "1.snapshot.json", listed);
    repo.timestamp.meta.insert("snapshot.json".to_owned(), info);
    repo.publish_timestamp();
    spread(&mut repo, "timestamp.json");
    repo
}

fn list(repo: &Repo, path: &str, listed: bool) -> MetaInfo {
    if listed { repo::listed(1, &repo.files[path]) } else { MetaInfo::version(1) }
}

/// White space between all tokens, half of it tabs.
fn spread(repo: &mut Repo, path: &str) {
    let value: Value = serde_json::from_slice(&repo.files[path]).unwrap();
    let pretty = serde_json::to_string_pretty(&value).unwrap();
    repo.files.insert(path.to_owned(), pretty.replace("  ", "\t").into_bytes());
}

/// What the flipped file must lead to, from the flipped and the honest text alone. A signature is right if it is, byte for byte, the one
/// that was made; whoever could make another one would have broken ed25519.
fn expected(flipped: &[u8], honest: &Value, subject: &Subject, keys: &BTreeSet<String>) -> Verdict {
    let Ok(value) = serde_json::from_slice::<Value>(flipped) else { return Verdict::Refused };
    if value.get("signed") != honest.get("signed") {
        return Verdict::Refused;
    }
    let made = signatures(honest).unwrap();
    let Some(found) = signatures(&value) else { return Verdict::Refused };
    let right = |id: &String| found.get(id).is_some_and(|sig| sig.is_some() && Some(sig) == made.get(id));
    let signers: BTreeSet<String> = keys.iter().filter(|id| right(id)).cloned().collect();
    if signers.len() < subject.threshold { Verdict::Refused } else { Verdict::AsItWas(signers) }
}

/// Signatures by key id; none inside for what is not hexadecimal. None at all for a list of another form, or with an id twice.
fn signatures(file: &Value) -> Option<BTreeMap<String, Option<Vec<u8>>>> {
    let mut all = BTreeMap::new();
    for signature in file.get("signatures")?.as_array()? {
        let (id, sig) = (signature.get("keyid")?.as_str()?, signature.get("sig")?.as_str()?);
        if all.insert(id.to_owned(), hex::decode(sig).ok()).is_some() {
            return None;
        }
    }
    Some(all)
}

fn run(repo: &Repo) -> (Updater, Result<(), Error>) {
    let mut updater = start(Store::from_root(repo.anchor()), day(0));
    let result = look(repo, &mut updater, &mut Vec::new(), PATH, Some("stable"));
    (updater, result)
}

fn facts(updater: &Updater) -> Vec<Option<RoleFacts>> {
    let mut facts: Vec<_> = ROLES.iter().map(|role| updater.role(role)).collect();
    facts.iter_mut().flatten().for_each(|facts| facts.signers.key_ids.clear());
    facts
}

/// Flips every bit of a file. Returns how many flips are refused, and how many leave all as it was.
fn flip_each(subject: &Subject) -> [usize; 2] {
    let mut repo = repository(false);
    let (updater, result) = run(&repo);
    assert_eq!(result, Ok(()));
    let (before, target) = (facts(&updater), updater.found().cloned());
    let honest_bytes = repo.files[subject.path].clone();
    let honest: Value = serde_json::from_slice(&honest_bytes).unwrap();
    let keys = match subject.role {
        "root" => [1, 2, 3].map(|seed| TestKey::ed25519(seed).id()).into(),
        role => repo.keys[role].iter().map(TestKey::id).collect(),
    };
    let mut counts = [0; 2];
    for bit in 0..honest_bytes.len() * 8 {
        let mut bytes = honest_bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let expected = expected(&bytes, &honest, subject, &keys);
        repo.files.insert(subject.path.to_owned(), bytes);
        let (updater, result) = run(&repo);
        let found = match result {
            Ok(()) => {
                assert_eq!((facts(&updater), updater.found()), (before.clone(), target.as_ref()), "bit {bit}");
                Verdict::AsItWas(updater.role(subject.role).unwrap().signers.key_ids.into_iter().collect())
            }
            Err(_) => Verdict::Refused,
        };
        assert_eq!(found, expected, "bit {bit} of {}", subject.path);
        counts[usize::from(expected != Verdict::Refused)] += 1;
    }
    counts
}

#[test]
fn a_flipped_bit_of_the_next_root_is_judged_as_worked_out() {
    let [refused, harmless] = flip_each(&SUBJECTS[0]);
    // Two signatures, both needed: only letters of hexadecimal digits and white space have a second spelling.
    assert!(refused > 10_000 && harmless > 50, "{refused} refused, {harmless} harmless");
}

#[test]
fn a_flipped_bit_of_the_timestamp_or_snapshot_is_judged_as_worked_out() {
    for subject in &SUBJECTS[1..3] {
        let [refused, harmless] = flip_each(subject);
        assert!(refused > 3_000 && harmless > 20, "{refused} refused, {harmless} harmless in {}", subject.path);
    }
}

#[test]
fn a_flipped_bit_of_the_targets_role_is_judged_as_worked_out() {
    let [refused, harmless] = flip_each(&SUBJECTS[3]);
    // Three signatures of which two are needed, and a stranger's: whichever one breaks, the threshold is still met.
    assert!(refused > 10_000 && harmless > 3_000, "{refused} refused, {harmless} harmless");
}

#[test]
fn a_flipped_bit_of_a_channel_is_judged_as_worked_out() {
    let [refused, harmless] = flip_each(&SUBJECTS[4]);
    assert!(refused > 3_000 && harmless > 800, "{refused} refused, {harmless} harmless");
}

/// What is listed by its digest, as the product lists it, has no harmless bit; one bit of each byte is tried.
#[test]
fn a_flipped_bit_of_a_file_listed_by_its_digest_is_always_refused() {
    let mut repo = repository(true);
    assert_eq!(check(&repo, Store::from_root(repo.anchor()), day(0)).2, Ok(()));
    for subject in &SUBJECTS[2..] {
        let honest = repo.files[subject.path].clone();
        for bit in (0..honest.len()).map(|byte| byte * 8 + byte % 8) {
            let mut bytes = honest.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            repo.files.insert(subject.path.to_owned(), bytes);
            let result = check(&repo, Store::from_root(repo.anchor()), day(0)).2;
            let expected = Error::DigestMismatch { role: subject.role.to_owned(), algorithm: "sha256" };
            assert_eq!(result, Err(expected), "bit {bit} of {}", subject.path);
        }
        repo.files.insert(subject.path.to_owned(), honest);
    }
}
