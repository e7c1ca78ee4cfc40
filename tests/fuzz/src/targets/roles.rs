//! Each role of signed metadata: verified by itself as evidence, and if its signatures hold, through the whole workflow.

use sameday_trust::{
    Answer, Evidence, EvidenceSet, Limits, Next, Policy, Source, Store, TargetVerifier, Time, Updater,
};

use crate::seeds::{WORLD, now, path};

/// As a trust anchor, and as the root that follows the trusted one.
pub fn root(bytes: &[u8]) {
    let alone = Updater::new(Store::from_root(bytes.to_vec()), now(), Time::EARLIEST, product(), Limits::product());
    if let Ok(updater) = alone {
        assert_eq!(updater.store().root, bytes);
        thresholds_are_met(&updater);
    }
    let set = EvidenceSet { roots: [(2, bytes.to_vec())].into(), ..EvidenceSet::default() };
    if verify(set) {
        check("2.root.json", bytes);
    }
}

/// The timestamp.
pub fn timestamp(bytes: &[u8]) {
    if verify(EvidenceSet { timestamp: Some(bytes.to_vec()), ..EvidenceSet::default() }) {
        check("timestamp.json", bytes);
    }
}

/// The snapshot.
pub fn snapshot(bytes: &[u8]) {
    if verify(EvidenceSet { snapshot: Some(bytes.to_vec()), ..EvidenceSet::default() }) {
        check("1.snapshot.json", bytes);
    }
}

/// The top-level targets role, with the search through its delegations.
pub fn targets(bytes: &[u8]) {
    if verify(EvidenceSet { targets: Some(bytes.to_vec()), ..EvidenceSet::default() }) {
        check("1.targets.json", bytes);
    }
}

/// A delegated role, with the target that it describes.
pub fn delegated(bytes: &[u8]) {
    let set = EvidenceSet {
        targets: Some(WORLD.files["1.targets.json"].clone()),
        channel: Some(("stable".to_owned(), bytes.to_vec())),
        ..EvidenceSet::default()
    };
    if verify(set) {
        check("1.stable.json", bytes);
    }
}

fn product() -> Policy {
    Policy::product(Source::Repository)
}

fn verify(set: EvidenceSet) -> bool {
    let channel = set.channel.clone();
    let verified = Evidence::verify(&WORLD.anchor, set, &product(), &Limits::product());
    if let (Ok(evidence), Some((name, bytes))) = (&verified, channel) {
        assert_eq!(evidence.store().delegated.get(&name), Some(&bytes));
        if let Ok(target) = evidence.target(path()) {
            assert!(target.verify(b"not it").is_err());
        }
    }
    verified.is_ok()
}

/// A check by the product's rules and one by the specification's, with one served file replaced, from an empty store and then from
/// what the first one left.
fn check(replaced: &str, bytes: &[u8]) {
    for (policy, only) in [(product(), Some("stable")), (Policy::specification(), None)] {
        let mut store = Store::from_root(WORLD.anchor.clone());
        for _ in 0..2 {
            let mut updater = Updater::new(store, now(), Time::EARLIEST, policy.clone(), Limits::product())
                .expect("the anchor and what follows from it verify");
            let refreshed = serve(&mut updater, replaced, bytes);
            if refreshed && updater.target(path(), only).is_ok() && serve(&mut updater, replaced, bytes) {
                let pieces: Option<TargetVerifier> = updater.found().map(sameday_trust::Target::verifier);
                if let Some(mut verifier) = pieces {
                    let taken = verifier.update(b"description").is_ok();
                    assert!(!taken || verifier.finish().is_ok() || replaced != "timestamp.json");
                }
            }
            thresholds_are_met(&updater);
            store = updater.into_store();
        }
    }
}

fn serve(updater: &mut Updater, replaced: &str, bytes: &[u8]) -> bool {
    // A chain of a thousand roots and 32 delegations are the most that the limits let a run ask for.
    for _ in 0..1100 {
        let Next::Fetch(request) = updater.next() else { return true };
        let answer =
            if request.path == replaced { Some(bytes) } else { WORLD.files.get(&request.path).map(Vec::as_slice) };
        if updater.supply(answer.map_or(Answer::Absent, |bytes| Answer::Bytes(bytes.to_vec()))).is_err() {
            return false;
        }
    }
    panic!("the workflow asks without end");
}

fn thresholds_are_met(updater: &Updater) {
    for role in ["root", "timestamp", "snapshot", "targets", "stable", "alpha"] {
        if let Some(facts) = updater.role(role) {
            let signers = u64::try_from(facts.signers.key_ids.len()).expect("few signers");
            assert!(signers >= facts.signers.threshold && facts.signers.threshold > 0, "{role}: {facts:?}");
        }
    }
}
