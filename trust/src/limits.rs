//! Every ceiling in one place: what a hostile repository, mirror or stick can make this library read, keep and do.

use crate::policy::Kind;

/// The ceilings. Sizes are bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// One root file (W of 5.3.3). Endless data.
    pub root: u64,
    /// Root files accepted in one run (Y of 5.3.3). After these the workflow goes on with the newest one.
    pub root_steps: u32,
    /// All root files accepted in one run together: they are kept in memory.
    pub root_chain: u64,
    /// The timestamp (X of 5.4.1). Endless data.
    pub timestamp: u64,
    /// The snapshot, whatever length the timestamp promises. Endless data.
    pub snapshot: u64,
    /// The top-level targets role, whatever length the snapshot promises. Endless data.
    pub targets: u64,
    /// A delegated targets role, whatever length the snapshot promises. Endless data.
    pub delegated: u64,
    /// Delegated roles visited in one search (5.6.7.1).
    pub delegations: usize,
    /// Keys in one file, and key ids of one role: each can cost a signature check.
    pub keys: usize,
    /// Signatures on one file: each can cost a signature check.
    pub signatures: usize,
    /// Nesting of JSON: a deep one exhausts the stack.
    pub json_depth: usize,
    /// Values in one JSON text: `[0,0,…]` takes sixteen times its length in memory.
    pub json_values: usize,
}

impl Limits {
    /// For the product, whose metadata is small: 20 channels with 3 keys each stay below a tenth of every one of these.
    #[must_use]
    pub const fn product() -> Self {
        Self {
            root: 512 << 10,
            root_steps: 1024,
            root_chain: 8 << 20,
            timestamp: 16 << 10,
            snapshot: 1 << 20,
            targets: 1 << 20,
            delegated: 1 << 20,
            delegations: 32,
            keys: 64,
            signatures: 64,
            json_depth: 32,
            json_values: 1 << 16,
        }
    }

    /// For repositories of any kind, with ten thousands of targets.
    #[must_use]
    pub const fn wide() -> Self {
        Self {
            snapshot: 16 << 20,
            targets: 64 << 20,
            delegated: 64 << 20,
            keys: 1024,
            signatures: 1024,
            json_values: 1 << 23,
            ..Self::product()
        }
    }

    pub(crate) const fn of(&self, kind: Kind) -> u64 {
        match kind {
            Kind::Root => self.root,
            Kind::Timestamp => self.timestamp,
            Kind::Snapshot => self.snapshot,
            Kind::Targets => self.targets,
            Kind::Delegated => self.delegated,
        }
    }
}
