//! A public key and a signature by it.

use sameday_trust::{Limits, Policy, Store, Time, Updater};
use serde_json::{Value, json};

use crate::edit::metadata::split;
use crate::seeds::{now, root_of};

/// A key in JSON, a newline, a signature: a root that has this key, with this signature, as the trust anchor.
pub fn keys(bytes: &[u8]) {
    let Some((key, signature)) = split(bytes) else { return };
    let Ok(key) = serde_json::from_str::<Value>(key) else { return };
    let root = json!({"signed": root_of(&key), "signatures": [{"keyid": "k", "sig": signature}]});
    let text = serde_json::to_vec(&root).expect("JSON can be written");
    let updater =
        Updater::new(Store::from_root(text), now(), Time::EARLIEST, Policy::specification(), Limits::product());
    if let Ok(updater) = updater {
        let signers = updater.role("root").expect("there is a root").signers;
        assert_eq!(signers.key_ids, ["k"]);
        assert!(matches!(key["scheme"].as_str(), Some("ed25519" | "ecdsa-sha2-nistp256")));
    }
}
