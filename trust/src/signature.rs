//! Signatures and thresholds: who signed, counted by key and never by key id.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use p256::ecdsa::signature::Verifier as _;
use p256::pkcs8::DecodePublicKey as _;

use crate::error::Error;
use crate::schema::{Key, Signature, canonical_form};

/// Who signed a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signers {
    /// One key id for each distinct key with a valid signature, in the order of the delegation.
    pub key_ids: Vec<String>,
    /// How many are needed.
    pub threshold: u64,
    /// How many keys could sign.
    pub keys: usize,
}

/// The keys that may sign a role, and how many of them must.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Delegation<'a> {
    pub keys: &'a BTreeMap<String, Key>,
    pub key_ids: &'a [String],
    pub threshold: u64,
}

/// A signature scheme that this library does not bring along, for programs that need it. The product has none.
pub trait Scheme: fmt::Debug + Sync {
    /// The key itself, free of its spelling; two keys with the same bytes are one. None, if it is not of this scheme.
    fn material(&self, key: &Key) -> Option<Vec<u8>>;

    /// Whether a key of this scheme signed `message`.
    fn verifies(&self, key: &Key, message: &[u8], signature: &[u8]) -> bool;
}

/// A public key that can verify. Its bytes tell whether two keys are one, whatever ids and spellings they have.
enum Public<'a> {
    Ed25519(ed25519_dalek::VerifyingKey),
    P256(p256::ecdsa::VerifyingKey),
    Extra { scheme: &'static dyn Scheme, key: &'a Key, material: Vec<u8> },
}

impl<'a> Public<'a> {
    /// None: a type that is not known, or no key at all. Such a key is kept, it just verifies nothing.
    fn from_key(key: &'a Key, extra: Option<&'static dyn Scheme>) -> Option<Self> {
        match (key.keytype.as_str(), key.scheme.as_str()) {
            ("ed25519", "ed25519") => {
                let mut bytes = [0; 32];
                hex::decode_to_slice(&key.keyval.public, &mut bytes).ok()?;
                ed25519_dalek::VerifyingKey::from_bytes(&bytes).ok().map(Self::Ed25519)
            }
            ("ecdsa" | "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256") => {
                p256::ecdsa::VerifyingKey::from_public_key_pem(key.keyval.public.trim()).ok().map(Self::P256)
            }
            _ => {
                let scheme = extra?;
                scheme.material(key).map(|material| Self::Extra { scheme, key, material })
            }
        }
    }

    /// The key itself, free of its spelling.
    fn material(&self) -> Vec<u8> {
        match self {
            Self::Ed25519(key) => key.to_bytes().to_vec(),
            Self::P256(key) => key.to_sec1_bytes().into_vec(),
            Self::Extra { material, .. } => material.clone(),
        }
    }

    fn verifies(&self, message: &[u8], signature: &str) -> bool {
        let Ok(bytes) = hex::decode(signature) else { return false };
        match self {
            Self::Ed25519(key) => ed25519_dalek::Signature::from_slice(&bytes)
                .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok()),
            Self::P256(key) => p256::ecdsa::DerSignature::try_from(bytes.as_slice())
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            Self::Extra { scheme, key, .. } => scheme.verifies(key, message, &bytes),
        }
    }
}

/// Counts the distinct keys of a delegation that signed `message`.
pub(crate) fn verify(
    role: &str,
    message: &[u8],
    signatures: &[Signature],
    delegation: Delegation<'_>,
    extra: Option<&'static dyn Scheme>,
) -> Result<Signers, Error> {
    let mut key_ids = Vec::new();
    let mut seen = BTreeSet::new();
    for key_id in delegation.key_ids {
        let Some(key) = delegation.keys.get(key_id) else { continue };
        let Some(public) = Public::from_key(key, extra) else { continue };
        let Some(signature) = signatures.iter().find(|s| s.keyid == *key_id) else { continue };
        if public.verifies(message, &signature.sig) && seen.insert(public.material()) {
            key_ids.push(key_id.clone());
        }
    }
    let valid = u64::try_from(key_ids.len()).unwrap_or(u64::MAX);
    if valid < delegation.threshold {
        return Err(Error::SignatureThreshold { role: role.to_owned(), valid, threshold: delegation.threshold });
    }
    Ok(Signers { key_ids, threshold: delegation.threshold, keys: delegation.key_ids.len() })
}

/// Whether a key of `old` is no longer one of `new`: a rotation, after which what the old key signed must not bind (5.3.11).
pub(crate) fn lost_a_key(old: Delegation<'_>, new: Delegation<'_>, extra: Option<&'static dyn Scheme>) -> bool {
    let material = |key: &Key| match Public::from_key(key, extra) {
        Some(public) => public.material(),
        // A key that verifies nothing is told by its text; what has no canonical form was refused before.
        None => canonical_form(key).unwrap_or_default(),
    };
    let materials = |delegation: Delegation<'_>| -> BTreeSet<Vec<u8>> {
        delegation.key_ids.iter().filter_map(|id| delegation.keys.get(id)).map(material).collect()
    };
    !materials(old).is_subset(&materials(new))
}
