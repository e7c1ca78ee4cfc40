//! Public keys of roles, in the forms that other tools write them, and whether a signature is theirs.

use std::path::Path;

use ed25519_dalek::pkcs8::DecodePublicKey as _;
use p256::ecdsa::signature::Verifier as _;
use p256::pkcs8::{EncodePublicKey as _, LineEnding};
use sameday_trust::json;
use sameday_trust::schema::{Key, key_id};

use super::error::Error;
use super::{read_capped, ssh};

/// A public key is a few lines of text.
const LARGEST: u64 = 16 << 10;

/// A public key that can verify.
#[derive(Debug, Clone)]
pub struct PublicKey {
    key: Key,
    id: String,
    verifier: Box<Verifier>,
}

#[derive(Debug, Clone)]
enum Verifier {
    Ed25519(ed25519_dalek::VerifyingKey),
    P256(p256::ecdsa::VerifyingKey),
}

impl PublicKey {
    /// Reads a public key: one of this program's, a `.pub` file of `ssh-keygen`, or a PEM file of OpenSSL.
    ///
    /// # Errors
    /// When it is none of these, or of a type that roles cannot have.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let failed = |why| Error::PublicKey { path: path.to_owned(), why };
        let bytes = read_capped(path, LARGEST)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| failed("it is not text"))?.trim();
        Self::parse(text).map_err(failed)
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        if text.contains("PRIVATE KEY-----") {
            return Err("it is a private key");
        }
        if text.starts_with("-----BEGIN PUBLIC KEY-----") {
            return ed25519_dalek::VerifyingKey::from_public_key_pem(text)
                .map_or_else(|_| Self::p256_pem(text), |key| Self::ed25519(&key.to_bytes()));
        }
        if text.starts_with('{') {
            // One key, no lists in lists: more is not a key.
            let key = json::parse(text.as_bytes(), 4, 16).map_err(|_| "it is not JSON")?;
            let key: Key = serde_json::from_value(key).map_err(|_| "it lacks a part")?;
            return match *Self::from_key("", &key)?.verifier {
                Verifier::Ed25519(key) => Self::ed25519(&key.to_bytes()),
                Verifier::P256(key) => Self::p256(&key.to_sec1_bytes()),
            };
        }
        if text.lines().count() != 1 {
            return Err("it is in no form that is known, or holds several keys");
        }
        ssh::public_line(text)
    }

    pub(super) fn ed25519(bytes: &[u8; 32]) -> Result<Self, &'static str> {
        let verifier = ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_| "it is no point of the curve")?;
        if verifier.is_weak() {
            return Err("it is a weak key, for which everybody can sign");
        }
        Self::new(Key::ed25519(bytes), Verifier::Ed25519(verifier))
    }

    pub(super) fn p256(sec1: &[u8]) -> Result<Self, &'static str> {
        let verifier =
            p256::ecdsa::VerifyingKey::from_sec1_bytes(sec1).map_err(|_| "it is no point of the curve P-256")?;
        let pem = verifier.to_public_key_pem(LineEnding::LF).map_err(|_| "it cannot be written as PEM")?;
        Self::new(Key::ecdsa_p256(&pem), Verifier::P256(verifier))
    }

    fn p256_pem(pem: &str) -> Result<Self, &'static str> {
        let key = p256::ecdsa::VerifyingKey::from_public_key_pem(pem)
            .map_err(|_| "only ed25519 and ECDSA P-256 keys can sign")?;
        Self::p256(&key.to_sec1_bytes())
    }

    fn new(key: Key, verifier: Verifier) -> Result<Self, &'static str> {
        let id = key_id(&key).map_err(|_| "it has no canonical form")?;
        Ok(Self { key, id, verifier: Box::new(verifier) })
    }

    /// A key as metadata lists it, under the id that it has there.
    pub(super) fn from_key(id: &str, key: &Key) -> Result<Self, &'static str> {
        let text = key.keyval.public.as_str();
        let verifier = match (key.keytype.as_str(), key.scheme.as_str()) {
            ("ed25519", "ed25519") => {
                let mut bytes = [0; 32];
                hex::decode_to_slice(text, &mut bytes).map_err(|_| "it is not 64 hexadecimal digits")?;
                Self::ed25519(&bytes)?.verifier
            }
            ("ecdsa" | "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256") => Self::p256_pem(text)?.verifier,
            _ => return Err("only ed25519 and ECDSA P-256 keys can sign"),
        };
        Ok(Self { key: key.clone(), id: id.to_owned(), verifier })
    }

    /// The key, as in metadata.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Its id in metadata.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What kind of key it is, for people.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match *self.verifier {
            Verifier::Ed25519(_) => "ed25519",
            Verifier::P256(_) => "ECDSA P-256",
        }
    }

    /// The form that it is kept and passed on in.
    #[must_use]
    pub fn to_text(&self) -> String {
        // A key is made of texts only, which always can be written.
        serde_json::to_string(&self.key).map_or_else(|_| String::new(), |text| text + "\n")
    }

    /// Whether two are one key, whatever their ids and spellings.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        match (&*self.verifier, &*other.verifier) {
            (Verifier::Ed25519(a), Verifier::Ed25519(b)) => a == b,
            (Verifier::P256(a), Verifier::P256(b)) => a == b,
            _ => false,
        }
    }

    /// Whether a hexadecimal signature over exactly this message is by this key.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &str) -> bool {
        let Ok(bytes) = hex::decode(signature) else { return false };
        match &*self.verifier {
            Verifier::Ed25519(key) => {
                ed25519_dalek::Signature::from_slice(&bytes).is_ok_and(|s| key.verify_strict(message, &s).is_ok())
            }
            Verifier::P256(key) => p256::ecdsa::DerSignature::try_from(bytes.as_slice())
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SSH: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea a comment";
    /// The same key: RFC 8032, section 7.1, test 1.
    const PEM: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----";

    #[test]
    fn one_key_in_three_forms_is_one_key() {
        let key = PublicKey::parse(SSH).unwrap();
        assert_eq!(key.key().keyval.public, "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        for form in [PEM.to_owned(), key.to_text()] {
            let other = PublicKey::parse(form.trim()).unwrap();
            assert!(key.same_as(&other) && key.id() == other.id(), "{form}");
        }
        let upper = key.to_text().replace("d75a98", "D75A98");
        assert_eq!(PublicKey::parse(&upper).unwrap().id(), key.id());
        // RFC 8032, section 7.1, test 1: the empty message.
        let signature = "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b";
        assert!(key.verifies(b"", signature));
        assert!(!key.verifies(b"x", signature));
        assert!(!key.verifies(b"", "00"));
        assert!(!key.verifies(b"", "not hexadecimal"));
    }

    #[test]
    fn what_cannot_be_a_roles_key_is_refused() {
        for (text, why) in [
            ("", "no form"),
            ("ssh-ed25519", "no key"),
            ("ssh-ed25519 ####", "base64"),
            (&format!("{SSH}\n{SSH}"), "several"),
            ("-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----", "private"),
            ("-----BEGIN OPENSSH PRIVATE KEY-----\nAA==", "private"),
            ("{\"keytype\":\"ed25519\"}", "lacks"),
            (
                r#"{"keytype":"rsa","scheme":"rsassa-pss-sha256","keyval":{"public":"x"}}"#,
                "only ed25519 and ECDSA P-256",
            ),
            (
                &format!(r#"{{"keytype":"ed25519","scheme":"ed25519","keyval":{{"public":"01{}"}}}}"#, "00".repeat(31)),
                "weak",
            ),
        ] {
            let refusal = PublicKey::parse(text).unwrap_err();
            assert!(refusal.contains(why), "{text}: {refusal}");
        }
    }
}
