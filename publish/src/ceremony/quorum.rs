//! Whose signatures a role needs, and how many of them there are.

use std::collections::BTreeMap;

use sameday_trust::schema::{Key, Signature};

use super::change::Offline;
use super::error::Missing;
use super::public::PublicKey;

/// Keys of which so many must sign.
#[derive(Debug, Clone)]
pub(super) struct Quorum {
    pub whose: &'static str,
    pub keys: Vec<PublicKey>,
    pub threshold: u64,
}

impl Quorum {
    fn new(whose: &'static str, keys: &BTreeMap<String, Key>, ids: &[String], threshold: u64) -> Self {
        // Keys of types that this product does not know verify nothing; clients see them alike.
        let known = |id: &String| keys.get(id).and_then(|key| PublicKey::from_key(id, key).ok());
        let mut distinct: Vec<PublicKey> = Vec::new();
        for key in ids.iter().filter_map(known) {
            if !distinct.iter().any(|other| other.same_as(&key)) {
                distinct.push(key);
            }
        }
        Self { whose, keys: distinct, threshold }
    }

    /// The distinct keys of this quorum that signed a message.
    pub(super) fn count(&self, message: &[u8], signatures: &[Signature]) -> u64 {
        let signed = |key: &&PublicKey| {
            signatures.iter().any(|signature| signature.keyid == key.id() && key.verifies(message, &signature.sig))
        };
        self.keys.iter().filter(signed).count() as u64
    }

    pub(super) fn missing(&self, role: &str, message: &[u8], signatures: &[Signature]) -> Option<Missing> {
        let (found, threshold) = (self.count(message, signatures), self.threshold);
        let missing = Missing { role: role.to_owned(), whose: self.whose, found, threshold };
        (found < threshold).then_some(missing)
    }
}

/// A new root is signed as the published and as the new root demand (5.3.4); every other role as whoever delegates to it then demands.
pub(super) fn of(before: &Offline, after: &Offline, role: &str) -> Vec<Quorum> {
    let top = |whose, roles: &Offline| {
        let root = &roles.root;
        root.roles.get(role).map(|keys| Quorum::new(whose, &root.keys, &keys.keyids, keys.threshold))
    };
    let quorums = match role {
        "root" if before.root.roles.get(role) == after.root.roles.get(role) => [top("the root keys", after), None],
        "root" => [top("the published root keys", before), top("the new root keys", after)],
        "targets" | "snapshot" | "timestamp" => [top("its keys", after), None],
        channel => {
            let delegations = after.targets.delegations.as_ref();
            let found =
                delegations.and_then(|d| d.roles.iter().find(|role| role.name == channel).map(|role| (d, role)));
            [found.map(|(d, role)| Quorum::new("its keys", &d.keys, &role.keyids, role.threshold)), None]
        }
    };
    quorums.into_iter().flatten().collect()
}
