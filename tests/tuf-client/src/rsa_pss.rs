//! rsassa-pss-sha256, which the product does not know. Verification only: no secret is ever near this code.

use rsa::RsaPublicKey;
use rsa::pkcs1::DecodeRsaPublicKey as _;
use rsa::pkcs8::{DecodePublicKey as _, EncodePublicKey as _};
use rsa::pss::{Signature, VerifyingKey};
use rsa::sha2::Sha256;
use rsa::signature::Verifier as _;
use rsa::traits::PublicKeyParts as _;
use sameday_trust::Scheme;
use sameday_trust::schema::Key;

/// The scheme, for [`sameday_trust::Policy::extra_scheme`].
pub static RSA_PSS: RsaPss = RsaPss;

/// "All RSA keys MUST be at least 2048 bits" (4.2).
const FEWEST_BITS: usize = 2048;

/// Bytes of a SHA-256 digest.
const DIGEST_LENGTH: usize = 32;

/// RSASSA-PSS with SHA-256, for the digest and for MGF1.
#[derive(Debug)]
pub struct RsaPss;

fn public(key: &Key) -> Option<RsaPublicKey> {
    if (key.keytype.as_str(), key.scheme.as_str()) != ("rsa", "rsassa-pss-sha256") {
        return None;
    }
    let pem = key.keyval.public.trim();
    let public = RsaPublicKey::from_public_key_pem(pem).or_else(|_| RsaPublicKey::from_pkcs1_pem(pem)).ok()?;
    (public.n().bits() >= FEWEST_BITS).then_some(public)
}

impl Scheme for RsaPss {
    fn material(&self, key: &Key) -> Option<Vec<u8>> {
        Some(public(key)?.to_public_key_der().ok()?.into_vec())
    }

    /// The specification names no length of the salt. Two are in use: that of the digest, and the longest that fits.
    fn verifies(&self, key: &Key, message: &[u8], signature: &[u8]) -> bool {
        let (Some(public), Ok(signature)) = (public(key), Signature::try_from(signature)) else { return false };
        let longest = public.n().bits().saturating_sub(1).div_ceil(8).saturating_sub(DIGEST_LENGTH + 2);
        [DIGEST_LENGTH, longest].into_iter().any(|salt| {
            VerifyingKey::<Sha256>::new_with_salt_len(public.clone(), salt).verify(message, &signature).is_ok()
        })
    }
}
