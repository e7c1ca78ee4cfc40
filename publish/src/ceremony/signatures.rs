//! The signatures of one key on one request, in a file that travels back alone.

use std::path::Path;

use sameday_upgrade::digest::Digest;
use serde::{Deserialize, Serialize};

use super::change::Change;
use super::error::Error;
use super::request::Request;
use super::signer::Signer;
use super::{LARGEST_SIGNATURE_FILE, is_plain, read_capped};

const FORMAT: u64 = 1;
const KIND: &str = "sameday-signatures";

/// Signatures by one key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SignatureFile {
    format: u64,
    kind: String,
    /// Digest of the request.
    pub request: Digest,
    /// One for each role that the key is asked to sign.
    pub signatures: Vec<RoleSignature>,
}

/// A signature on a role's document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleSignature {
    /// The role.
    pub role: String,
    /// The key's id there.
    pub keyid: String,
    /// Hexadecimal.
    pub sig: String,
}

impl SignatureFile {
    /// Reads a file of signatures. What they are worth is for the assembly to say.
    ///
    /// # Errors
    /// When it cannot be read or is none.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let not = |why: String| Error::NotSignatures { path: path.to_owned(), why };
        let file: Self =
            serde_json::from_slice(&read_capped(path, LARGEST_SIGNATURE_FILE)?).map_err(|e| not(e.to_string()))?;
        if file.kind != KIND || file.format != FORMAT {
            return Err(not(format!("it says that it is {:?} in format {}", file.kind, file.format)));
        }
        let words = file.signatures.iter().flat_map(|signature| [&signature.role, &signature.keyid]);
        if !words.into_iter().all(|word| is_plain(word)) {
            return Err(not("it names a role or a key that nobody could have named so".to_owned()));
        }
        Ok(file)
    }

    /// The file.
    ///
    /// # Errors
    /// Never for one that was made or read.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let json = |source| crate::error::Error::Json { what: "the signatures", source };
        Ok(serde_json::to_vec(self).map_err(json)?)
    }
}

/// Signs every document of a judged request that the key is asked to sign.
///
/// # Errors
/// When it is asked for none, or cannot be used.
pub fn sign(request: &Request, change: &Change, signer: &mut Signer) -> Result<SignatureFile, Error> {
    let mut signatures = Vec::new();
    for role in change.roles() {
        let Some(keyid) = change.key_id(role, signer.public()) else { continue };
        let document = request.document(role).ok_or_else(|| Error::NoRole(role.to_owned()))?;
        signatures.push(RoleSignature { role: role.to_owned(), keyid, sig: signer.sign(document.signed.as_bytes())? });
    }
    if signatures.is_empty() {
        return Err(Error::NotAsked(signer.public().id().to_owned()));
    }
    Ok(SignatureFile { format: FORMAT, kind: KIND.to_owned(), request: request.digest(), signatures })
}
