//! What a role says about a file: its length and digests, and the check of bytes against them while they stream by.

use std::collections::BTreeMap;
use std::fmt;

use sha2::{Digest as _, Sha256, Sha512};

use crate::error::Error;
use crate::schema::{MetaInfo, TargetInfo};

/// Digests of a file. At least one is given; all that are given must match.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digests {
    /// SHA-256.
    pub sha256: Option<[u8; 32]>,
    /// SHA-512.
    pub sha512: Option<[u8; 64]>,
}

/// A target: a file that a role describes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its path as the role names it.
    pub path: String,
    /// Where it lies below the base of all targets: `dir/DIGEST.name` with consistent snapshots.
    pub location: String,
    /// Bytes.
    pub length: u64,
    /// Digests.
    pub digests: Digests,
    /// The role that describes it.
    pub role: String,
}

impl fmt::Debug for Digests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Digests")
            .field("sha256", &self.sha256.map(hex::encode))
            .field("sha512", &self.sha512.map(hex::encode))
            .finish()
    }
}

impl Digests {
    /// Algorithms that are not known are passed over, as long as one is known.
    fn parse(what: &str, hashes: &BTreeMap<String, String>) -> Result<Self, Error> {
        let digests = Self { sha256: read(what, hashes, "sha256")?, sha512: read(what, hashes, "sha512")? };
        if digests.sha256.is_none() && digests.sha512.is_none() {
            return Err(Error::UnknownDigest { role: what.to_owned() });
        }
        Ok(digests)
    }

    /// The digest that stands in a consistent file name.
    fn name(&self) -> Option<String> {
        self.sha256.map(hex::encode).or_else(|| self.sha512.map(hex::encode))
    }
}

/// A digest of known algorithm that is not one matches no file.
fn read<const N: usize>(
    what: &str,
    hashes: &BTreeMap<String, String>,
    algorithm: &'static str,
) -> Result<Option<[u8; N]>, Error> {
    let Some(text) = hashes.get(algorithm) else { return Ok(None) };
    let mut digest = [0; N];
    hex::decode_to_slice(text, &mut digest).map_err(|_| Error::DigestMismatch { role: what.to_owned(), algorithm })?;
    Ok(Some(digest))
}

impl Target {
    pub(crate) fn new(path: &str, info: &TargetInfo, role: &str, consistent: bool) -> Result<Self, Error> {
        let digests = Digests::parse(path, &info.hashes)?;
        let location = match digests.name().filter(|_| consistent) {
            None => path.to_owned(),
            Some(digest) => match path.rsplit_once('/') {
                Some((folder, name)) => format!("{folder}/{digest}.{name}"),
                None => format!("{digest}.{path}"),
            },
        };
        Ok(Self { path: path.to_owned(), location, length: info.length, digests, role: role.to_owned() })
    }

    /// A check for bytes that come in pieces.
    #[must_use]
    pub fn verifier(&self) -> TargetVerifier {
        TargetVerifier::new(&self.path, Some(self.length), self.digests)
    }

    /// Checks a whole file.
    ///
    /// # Errors
    /// When it is longer or shorter than described, or not the file.
    pub fn verify(&self, bytes: &[u8]) -> Result<(), Error> {
        let mut verifier = self.verifier();
        verifier.update(bytes)?;
        verifier.finish()
    }
}

/// Checks a file against its description, piece by piece.
#[derive(Debug)]
pub struct TargetVerifier {
    what: String,
    promised: Option<u64>,
    seen: u64,
    sha256: Option<(Sha256, [u8; 32])>,
    sha512: Option<(Sha512, [u8; 64])>,
}

impl TargetVerifier {
    fn new(what: &str, promised: Option<u64>, digests: Digests) -> Self {
        Self {
            what: what.to_owned(),
            promised,
            seen: 0,
            sha256: digests.sha256.map(|expected| (Sha256::new(), expected)),
            sha512: digests.sha512.map(|expected| (Sha512::new(), expected)),
        }
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// As soon as there are more bytes than promised.
    pub fn update(&mut self, piece: &[u8]) -> Result<(), Error> {
        self.seen = self.seen.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        if let Some(limit) = self.promised.filter(|promised| self.seen > *promised) {
            return Err(Error::TooLong { role: self.what.clone(), limit });
        }
        if let Some((hasher, _)) = &mut self.sha256 {
            hasher.update(piece);
        }
        if let Some((hasher, _)) = &mut self.sha512 {
            hasher.update(piece);
        }
        Ok(())
    }

    /// Judges the whole.
    ///
    /// # Errors
    /// When bytes are missing, or it is not the file.
    pub fn finish(self) -> Result<(), Error> {
        if let Some(promised) = self.promised.filter(|promised| self.seen < *promised) {
            return Err(Error::TooShort { role: self.what, length: self.seen, promised });
        }
        let mismatch = |algorithm| Error::DigestMismatch { role: self.what.clone(), algorithm };
        if self.sha256.is_some_and(|(hasher, expected)| <[u8; 32]>::from(hasher.finalize()) != expected) {
            return Err(mismatch("sha256"));
        }
        if self.sha512.is_some_and(|(hasher, expected)| <[u8; 64]>::from(hasher.finalize()) != expected) {
            return Err(mismatch("sha512"));
        }
        Ok(())
    }
}

/// Checks a file of metadata against what the timestamp or snapshot says of it (5.5.2, 5.6.2).
pub(crate) fn check_listed(role: &str, info: &MetaInfo, bytes: &[u8]) -> Result<(), Error> {
    let digests = match &info.hashes {
        Some(hashes) => Digests::parse(role, hashes)?,
        None => Digests { sha256: None, sha512: None },
    };
    let mut verifier = TargetVerifier::new(role, info.length, digests);
    verifier.update(bytes)?;
    verifier.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(hashes: &[(&str, &str)]) -> TargetInfo {
        let hashes = hashes.iter().map(|(a, d)| ((*a).to_owned(), (*d).to_owned())).collect();
        TargetInfo { length: 3, hashes, custom: None, other: BTreeMap::new() }
    }

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_consistent_location_has_the_digest_before_the_name() {
        for (path, expected) in [("a/b/c.x", format!("a/b/{ABC}.c.x")), ("c", format!("{ABC}.c"))] {
            assert_eq!(Target::new(path, &info(&[("sha256", ABC)]), "r", true).unwrap().location, expected);
            assert_eq!(Target::new(path, &info(&[("sha256", ABC)]), "r", false).unwrap().location, path);
        }
    }

    #[test]
    fn a_wrong_file_is_refused_by_what_is_wrong() {
        let target = Target::new("t", &info(&[("sha256", ABC)]), "r", true).unwrap();
        assert_eq!(target.verify(b"abc"), Ok(()));
        assert_eq!(target.verify(b"abd"), Err(Error::DigestMismatch { role: "t".into(), algorithm: "sha256" }));
        assert_eq!(target.verify(b"ab"), Err(Error::TooShort { role: "t".into(), length: 2, promised: 3 }));
        assert_eq!(target.verify(b"abcd"), Err(Error::TooLong { role: "t".into(), limit: 3 }));
    }

    #[test]
    fn every_known_digest_counts_and_one_is_needed() {
        let both = info(&[("sha256", ABC), ("sha512", &"0".repeat(128)), ("blake9", "x")]);
        let target = Target::new("t", &both, "r", true).unwrap();
        assert_eq!(target.verify(b"abc"), Err(Error::DigestMismatch { role: "t".into(), algorithm: "sha512" }));
        let unknown = Target::new("t", &info(&[("blake9", "x")]), "r", true);
        assert_eq!(unknown, Err(Error::UnknownDigest { role: "t".into() }));
        let broken = Target::new("t", &info(&[("sha256", "x")]), "r", true);
        assert_eq!(broken, Err(Error::DigestMismatch { role: "t".into(), algorithm: "sha256" }));
    }
}
