//! Where the product is stricter than the specification, and the one place where a kit is judged more mildly.

use crate::signature::Scheme;

/// How the workflow judges.
#[derive(Debug, Clone)]
pub struct Policy {
    /// How deep delegations may go.
    pub depth: Depth,
    /// Which dates are judged.
    pub dates: Dates,
    /// What stored targets roles say about newer ones.
    pub stored: StoredRoles,
    /// Where the metadata comes from.
    pub source: Source,
    /// A signature scheme beyond ed25519 and ecdsa-sha2-nistp256.
    pub extra_scheme: Option<&'static dyn Scheme>,
}

/// How deep delegations may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// The top-level targets role delegates, nobody else.
    OneLevel,
    /// As deep as [`crate::Limits::delegations`] lets a search go.
    Any,
}

/// Which dates are judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dates {
    /// `expires` alone.
    Expiry,
    /// `issued` too: the timestamp must have it; no role is issued after its own expiry or that of the root, or lives longer than
    /// it may; and what was accepted as issued then holds time from running backwards.
    Issued(Lifetimes),
}

/// The longest life of each role, in days from `issued` to `expires`. A longer one would make a stolen key useful for longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// The root.
    pub root: u32,
    /// The timestamp.
    pub timestamp: u32,
    /// The snapshot.
    pub snapshot: u32,
    /// The top-level targets role.
    pub targets: u32,
    /// A delegated role: a channel.
    pub delegated: u32,
}

impl Lifetimes {
    /// The product's, as in the documented formats.
    pub const PRODUCT: Self = Self { root: 732, timestamp: 7, snapshot: 90, targets: 732, delegated: 60 };

    pub(crate) const fn of(&self, kind: Kind) -> u32 {
        match kind {
            Kind::Root => self.root,
            Kind::Timestamp => self.timestamp,
            Kind::Snapshot => self.snapshot,
            Kind::Targets => self.targets,
            Kind::Delegated => self.delegated,
        }
    }
}

/// What stored targets roles, top-level and delegated, say about newer ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredRoles {
    /// Nothing, as in the specification, which guards their versions by the stored snapshot alone.
    NoFloor,
    /// A version below the stored one is a rollback, as long as the stored one verifies under those who delegate to it now. An
    /// amnesic system has stored targets roles where it has no stored snapshot.
    Floor,
}

/// Where the metadata comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A repository that is reached now: every role is judged by its expiry.
    Repository,
    /// A file carried by hand: an expired timestamp or snapshot is no refusal, their dates are for people to judge.
    Kit,
}

impl Policy {
    /// The product's.
    #[must_use]
    pub const fn product(source: Source) -> Self {
        Self {
            depth: Depth::OneLevel,
            dates: Dates::Issued(Lifetimes::PRODUCT),
            stored: StoredRoles::Floor,
            source,
            extra_scheme: None,
        }
    }

    /// Plain TUF 1.0.34.
    #[must_use]
    pub const fn specification() -> Self {
        Self {
            depth: Depth::Any,
            dates: Dates::Expiry,
            stored: StoredRoles::NoFloor,
            source: Source::Repository,
            extra_scheme: None,
        }
    }
}

/// The five kinds of metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Root,
    Timestamp,
    Snapshot,
    Targets,
    Delegated,
}
