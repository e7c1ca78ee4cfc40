//! The metadata as types (section 4 of the specification). Fields that are not known are kept, and written again.

mod listing;
mod root;
mod targets;

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

pub use crate::json::{NotCanonical, canonical, canonical_form};
pub use crate::time::Time;
pub use listing::{MetaInfo, Snapshot, Timestamp};
pub use root::{RoleKeys, Root};
pub use targets::{DelegatedRole, Delegations, TargetInfo, Targets};

use crate::limits::Limits;
use crate::signature::Delegation;

/// What this library writes as `spec_version`.
pub const SPEC_VERSION: &str = "1.0.34";

/// The names that no delegated role may have.
pub const TOP_LEVEL_ROLES: [&str; 4] = ["root", "snapshot", "targets", "timestamp"];

/// Fields that are not known.
pub type Other = BTreeMap<String, Value>;

/// A file of metadata.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Signed<T> {
    /// Signatures over the canonical form of `signed`.
    pub signatures: Vec<Signature>,
    /// What is signed.
    pub signed: T,
    /// The rest.
    #[serde(flatten)]
    pub other: Other,
}

/// One signature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Signature {
    /// The key's id in the delegation.
    pub keyid: String,
    /// Hexadecimal: 64 bytes for ed25519, DER for ecdsa. Empty where a signature is still to come.
    pub sig: String,
    /// The rest.
    #[serde(flatten)]
    pub other: Other,
}

/// What every role's signed part begins with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// `root`, `timestamp`, `snapshot` or `targets`.
    #[serde(rename = "_type")]
    pub role_type: String,
    /// The specification that it follows.
    pub spec_version: String,
    /// From 1 upwards.
    pub version: u64,
    /// From this second on it is expired.
    pub expires: Time,
    /// When it was signed; ours, not TUF's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued: Option<Time>,
}

/// A public key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Key {
    /// `ed25519` or `ecdsa`; others are kept, but verify nothing.
    pub keytype: String,
    /// `ed25519` or `ecdsa-sha2-nistp256`.
    pub scheme: String,
    /// The key itself.
    pub keyval: KeyValue,
    /// The rest.
    #[serde(flatten)]
    pub other: Other,
}

/// The value of a public key. Key types that are not known may have values of any shape (4.2): these are kept in `other`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Other")]
pub struct KeyValue {
    /// 64 hexadecimal digits for ed25519, PEM for ecdsa and rsa. Empty if there is no such text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub public: String,
    /// The rest.
    #[serde(flatten)]
    pub other: Other,
}

impl From<Other> for KeyValue {
    fn from(mut other: Other) -> Self {
        const PUBLIC: &str = "public";
        let public = match other.remove(PUBLIC) {
            Some(Value::String(text)) if !text.is_empty() => text,
            Some(another) => {
                other.insert(PUBLIC.to_owned(), another);
                String::new()
            }
            None => String::new(),
        };
        Self { public, other }
    }
}

impl Key {
    /// An ed25519 key.
    #[must_use]
    pub fn ed25519(public: &[u8; 32]) -> Self {
        let keyval = KeyValue { public: hex::encode(public), other: Other::new() };
        Self { keytype: "ed25519".into(), scheme: "ed25519".into(), keyval, other: Other::new() }
    }

    /// An ECDSA key on P-256, in PEM (SubjectPublicKeyInfo).
    #[must_use]
    pub fn ecdsa_p256(pem: &str) -> Self {
        let keyval = KeyValue { public: pem.to_owned(), other: Other::new() };
        Self { keytype: "ecdsa".into(), scheme: "ecdsa-sha2-nistp256".into(), keyval, other: Other::new() }
    }
}

/// The key's id as this project makes it: the SHA-256 digest of its canonical form. Readers take an id as an opaque word.
///
/// # Errors
/// When the key has a field with a number that is not an integer.
pub fn key_id(key: &Key) -> Result<String, NotCanonical> {
    Ok(hex::encode(Sha256::digest(canonical_form(key)?)))
}

impl Header {
    /// The header of a role's file.
    #[must_use]
    pub fn new(role_type: &str, version: u64, issued: Time, expires: Time) -> Self {
        Self {
            role_type: role_type.to_owned(),
            spec_version: SPEC_VERSION.to_owned(),
            version,
            expires,
            issued: Some(issued),
        }
    }

    fn check(&self) -> Result<(), Flaw> {
        at_least_one("version", self.version)
    }
}

/// What is wrong with a file that is well-formed JSON of the right shape.
#[derive(Debug)]
pub(crate) enum Flaw {
    Malformed(String),
    TooMany { what: &'static str, count: usize, limit: usize },
}

impl Flaw {
    fn malformed<T>(text: impl Into<String>) -> Result<T, Self> {
        Err(Self::Malformed(text.into()))
    }
}

/// A role's signed part.
pub(crate) trait Role: DeserializeOwned {
    /// The value of its `_type`.
    const TYPE: &'static str;

    fn header(&self) -> &Header;

    /// The rules that types alone do not enforce.
    fn check(&self, limits: &Limits) -> Result<(), Flaw>;
}

fn at_least_one(what: &str, number: u64) -> Result<(), Flaw> {
    if number == 0 { Flaw::malformed(format!("{what} is 0")) } else { Ok(()) }
}

fn at_most(what: &'static str, count: usize, limit: usize) -> Result<(), Flaw> {
    if count > limit { Err(Flaw::TooMany { what, count, limit }) } else { Ok(()) }
}

/// Key ids are unique, so that a signature can belong to one key only; a threshold of 0 would be met by nobody's signature.
fn check_delegation(role: &str, delegation: Delegation<'_>, limits: &Limits) -> Result<(), Flaw> {
    at_least_one(&format!("the threshold of {role}"), delegation.threshold)?;
    at_most("key ids of a role", delegation.key_ids.len(), limits.keys)?;
    if delegation.key_ids.iter().collect::<BTreeSet<_>>().len() != delegation.key_ids.len() {
        return Flaw::malformed(format!("{role} has a key id twice"));
    }
    Ok(())
}
