//! From signatures to a published change: every signature checked over the exact bytes, distinct keys counted, then all or nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sameday_trust::schema::{Header, Other, Root, Signature, Signed, canonical_form};
use sameday_trust::{Limits, Store, Time};

use super::change::Change;
use super::error::Error;
use super::request::Request;
use super::signatures::SignatureFile;
use crate::keys::{KeyFolder, Passphrase};
use crate::repository::{Overlay, Repository, days, read_at_most};

/// A request and what came back.
#[derive(Debug, Clone)]
pub struct Assemble {
    /// The repository.
    pub repository: PathBuf,
    /// The folder with the trust anchor and the online keys.
    pub keys: PathBuf,
    /// The request.
    pub request: Request,
    /// The files of signatures, each with its path for messages.
    pub signatures: Vec<(PathBuf, SignatureFile)>,
    /// The time of publication, as of which the online roles are signed.
    pub now: Time,
}

/// A change that is completely signed, and not yet published.
#[derive(Debug)]
pub struct Assembly {
    repository: Repository,
    keys: KeyFolder,
    change: Change,
    request: Request,
    signatures: BTreeMap<String, Vec<Signature>>,
    now: Time,
}

/// What was published: roles and their versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published(pub Vec<(String, u64)>);

/// Checks a request against what is published now, and the signatures against the request. Changes nothing.
///
/// # Errors
/// When the published roles have moved on, a signature is not what it claims to be, or too few distinct keys have signed.
pub fn gather(assemble: &Assemble) -> Result<Assembly, Error> {
    let keys = KeyFolder::new(&assemble.keys, &assemble.repository)?;
    let repository = open(&assemble.repository, &keys, &assemble.request)?;
    let change = assemble.request.judge_here(&repository)?;
    let mut signatures: BTreeMap<String, Vec<Signature>> = BTreeMap::new();
    for (path, file) in &assemble.signatures {
        if file.request != assemble.request.digest() {
            return Err(Error::OtherRequest(path.clone()));
        }
        for signature in &file.signatures {
            let (role, id) = (signature.role.clone(), signature.keyid.clone());
            let path = path.clone();
            let Some(document) = assemble.request.document(&role) else { return Err(Error::OtherRole { path, role }) };
            let quorums = change.quorums(&role);
            let mut keys = quorums.iter().flat_map(|quorum| &quorum.keys);
            let Some(key) = keys.find(|key| key.id() == id) else { return Err(Error::ForeignKey { path, role, id }) };
            if !key.verifies(document.signed.as_bytes(), &signature.sig) {
                return Err(Error::BadSignature { path, role, id });
            }
            let known = signatures.entry(role).or_default();
            // The same key twice, in one file or in two, is one signature.
            if !known.iter().any(|other| other.keyid == id) {
                known.push(Signature { keyid: id, sig: signature.sig.clone(), other: Other::new() });
            }
        }
    }
    let mut missing = Vec::new();
    for role in change.roles() {
        let message = assemble.request.document(role).map_or(&[][..], |document| document.signed.as_bytes());
        let found = signatures.get(role).map_or(&[][..], Vec::as_slice);
        missing.extend(change.quorums(role).iter().filter_map(|quorum| quorum.missing(role, message, found)));
    }
    if !missing.is_empty() {
        return Err(Error::Incomplete(missing));
    }
    let (request, now) = (assemble.request.clone(), assemble.now);
    Ok(Assembly { repository, keys, change, request, signatures, now })
}

/// Opens the repository. One that a run left behind between its new root and its new timestamp verifies only without that root; if
/// it is the very root of this request, then this run is to finish what that one began.
fn open(path: &Path, keys: &KeyFolder, request: &Request) -> Result<Repository, Error> {
    let refusal = match Repository::open_to_change(path, keys) {
        Err(refusal @ crate::error::Error::Verify(_)) => refusal,
        other => return Ok(other?),
    };
    let unfinished = request.document("root").and_then(|document| {
        let version = serde_json::from_value::<Root>(document.value().ok()?).ok()?.header.version;
        let bytes =
            read_at_most(&path.join(format!("metadata/{version}.root.json")), Limits::product().root).ok()??;
        let file: Signed<Root> = serde_json::from_slice(&bytes).ok()?;
        (canonical_form(&file.signed).ok()? == document.signed.as_bytes()).then_some(version)
    });
    match unfinished {
        Some(version) => Ok(Repository::open_without(path, keys, Some(version))?),
        None => Err(refusal.into()),
    }
}

impl Assembly {
    /// The change.
    #[must_use]
    pub fn change(&self) -> &Change {
        &self.change
    }

    /// Whether publishing takes the online keys.
    #[must_use]
    pub fn needs_online_keys(&self) -> bool {
        let expired = |header: &Header| header.expires <= self.now;
        self.change.roles().any(|role| role != "root")
            || self.change.changes_online_keys()
            || expired(&self.repository.snapshot.header)
            || expired(&self.repository.timestamp.header)
    }

    /// Signs the online roles, checks the whole as clients will see it, and puts it into place.
    ///
    /// # Errors
    /// When an online key is missing, or clients would refuse the result: then nothing was changed. When a file cannot be written,
    /// what is half in place is finished by another run.
    pub fn publish(mut self, passphrase: Option<&Passphrase>) -> Result<Published, Error> {
        let online = self.needs_online_keys();
        let before = self.repository.served.clone();
        let mut published = Vec::new();
        // In the order in which they can be put into place: nothing leads to the first ones, the last one makes all of them current.
        let mut files: Vec<(String, Vec<u8>)> = Vec::new();
        let mut root = None;
        let roles: Vec<String> = self.change.roles().map(str::to_owned).collect();
        for role in &roles {
            let bytes = self.file(role)?;
            let version = self.change.after.header(role).map_or(0, |header| header.version);
            let name = format!("{version}.{role}.json");
            published.push((role.clone(), version));
            if role == "root" {
                root = Some((name, bytes));
            } else {
                self.repository.list(role, version, &bytes);
                files.push((name, bytes));
            }
        }
        self.repository.root = self.change.after.root.clone();
        if online {
            let passphrase = passphrase.ok_or(Error::PassphraseNeeded)?;
            let now = self.now;
            let renew = |header: &mut Header, days: u32| {
                header.version = header.version.saturating_add(1);
                header.issued = Some(now);
                header.expires = now.plus_days(days);
                header.version
            };
            published.push(("snapshot".to_owned(), renew(&mut self.repository.snapshot.header, days::SNAPSHOT)));
            published.push(("timestamp".to_owned(), renew(&mut self.repository.timestamp.header, days::TIMESTAMP)));
            files.push(self.repository.sign_snapshot(&self.keys, passphrase)?);
            files.extend(root);
            files.push(self.repository.sign_timestamp(&self.keys, passphrase)?);
        } else {
            files.extend(root);
        }
        self.check(before, &files, &roles)?;
        for (name, bytes) in &files {
            self.repository.write_metadata(name, bytes)?;
        }
        Ok(Published(published))
    }

    /// As all clients will see it: one that knows nothing but the anchor, and one that has what is published now.
    fn check(&self, before: Store, files: &[(String, Vec<u8>)], roles: &[String]) -> Result<(), Error> {
        let overlay: Overlay = files.iter().map(|(name, bytes)| (name.clone(), Some(bytes.clone()))).collect();
        let channels: Vec<&str> =
            roles.iter().map(String::as_str).filter(|r| !["root", "targets"].contains(r)).collect();
        self.repository.check_whole(&overlay)?;
        for store in [Store::from_root(self.repository.anchor().to_vec()), before] {
            self.repository.check_as_client(store, self.now, &overlay, &channels)?;
        }
        Ok(())
    }

    fn file(&self, role: &str) -> Result<Vec<u8>, Error> {
        let document = self.request.document(role).ok_or_else(|| Error::NoRole(role.to_owned()))?;
        let json = |source| crate::error::Error::Json { what: "metadata", source };
        let signed = document.value()?;
        let signatures = self.signatures.get(role).cloned().unwrap_or_default();
        Ok(serde_json::to_vec(&Signed { signatures, signed, other: Other::new() }).map_err(json)?)
    }
}
