//! What has been accepted so far, byte for byte as served: the only memory between two runs.

use std::collections::BTreeMap;

/// Accepted metadata. Whoever owns it keeps it where it likes; every run verifies all of it anew, so it need not be a safe place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Store {
    /// The newest root.
    pub root: Vec<u8>,
    /// Every root that was accepted after the first one, by version; the last is `root` again. For those who must hand the chain on.
    pub chain: BTreeMap<u64, Vec<u8>>,
    /// The timestamp.
    pub timestamp: Option<Vec<u8>>,
    /// The snapshot.
    pub snapshot: Option<Vec<u8>>,
    /// The top-level targets role.
    pub targets: Option<Vec<u8>>,
    /// Delegated roles by name.
    pub delegated: BTreeMap<String, Vec<u8>>,
}

impl Store {
    /// A store that knows the trust anchor and nothing else.
    #[must_use]
    pub fn from_root(root: Vec<u8>) -> Self {
        Self { root, ..Self::default() }
    }
}
