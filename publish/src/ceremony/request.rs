//! The signing request: one file that holds what is to be signed and all that is needed to judge it on a machine without a repository.

use std::collections::BTreeMap;
use std::path::Path;

use sameday_trust::schema::Root;
use sameday_trust::{Evidence, EvidenceSet, Limits, Policy, Source};
use sameday_upgrade::digest::Digest;
use serde::{Deserialize, Serialize};

use super::change::{Change, Document, Offline};
use super::error::Error;
use super::{LARGEST_REQUEST, is_plain, read_capped};
use crate::repository::{Repository, signed};

const FORMAT: u64 = 1;
const KIND: &str = "sameday-signing-request";

/// A signing request.
#[derive(Debug, Clone)]
pub struct Request {
    content: Content,
    bytes: Vec<u8>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Content {
    format: u64,
    kind: String,
    published: Files,
    documents: Vec<Document>,
}

/// Metadata files as they are served: what the documents follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Files {
    /// The whole root chain, from the trust anchor on.
    roots: Vec<String>,
    targets: String,
    /// Those that the documents change.
    channels: BTreeMap<String, String>,
}

impl Request {
    /// Asks for signatures on what makes the published roles become others.
    pub(super) fn new(repository: &Repository, after: &Offline) -> Result<Self, Error> {
        let before = published(repository, after.channels.keys().map(String::as_str))?;
        let documents = after.documents_since(&before)?;
        Change::new(before, documents.clone())?;
        let published = files(repository, after.channels.keys().map(String::as_str))?;
        let content = Content { format: FORMAT, kind: KIND.to_owned(), published, documents };
        let json = |source| crate::error::Error::Json { what: "the signing request", source };
        let bytes = serde_json::to_vec(&content).map_err(json)?;
        Ok(Self { content, bytes })
    }

    /// Reads a request.
    ///
    /// # Errors
    /// When the file cannot be read or is none.
    pub fn read(path: &Path) -> Result<Self, Error> {
        Self::parse(read_capped(path, LARGEST_REQUEST)?)
    }

    /// A request from its bytes.
    ///
    /// # Errors
    /// When they are none, or of a newer format.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, Error> {
        let content: Content = serde_json::from_slice(&bytes).map_err(|e| Error::NotARequest(e.to_string()))?;
        if content.kind != KIND {
            return Err(Error::NotARequest(format!("it says that it is {:?}", content.kind)));
        }
        if content.format != FORMAT {
            return Err(Error::NotARequest(format!("format {} is not known", content.format)));
        }
        let roles = content.documents.iter().map(|document| &document.role);
        if !roles.chain(content.published.channels.keys()).all(|role| is_plain(role)) {
            return Err(Error::NotARequest("it names a role that nobody could have named so".to_owned()));
        }
        Ok(Self { content, bytes })
    }

    /// The file.
    #[must_use]
    pub fn to_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Digest of the file, by which people compare what they have before them.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }

    /// Digest of the first root in the request, which proves nothing by itself.
    #[must_use]
    pub fn claimed_anchor(&self) -> Digest {
        Digest::of(self.content.published.roots.first().map_or(b"", |root| root.as_bytes()))
    }

    /// Judges the request where there is no repository: what it calls published must be signed by keys that follow from the trust
    /// anchor (from its own first root, if the holder gives none), and the documents must follow it.
    ///
    /// # Errors
    /// When it does not hold together.
    pub fn judge(&self, anchor: Option<&[u8]>) -> Result<Change, Error> {
        let files = &self.content.published;
        let first = files.roots.first().map_or(b"".as_slice(), |root| root.as_bytes());
        let anchor = anchor.unwrap_or(first);
        let mut roots = BTreeMap::new();
        for root in &files.roots {
            let version = signed::<Root>(Some(root.as_bytes()))?.header.version;
            roots.insert(version, root.clone().into_bytes());
        }
        let verify = |channel: Option<(String, Vec<u8>)>| {
            let targets = Some(files.targets.clone().into_bytes());
            let set = EvidenceSet { roots: roots.clone(), targets, channel, ..EvidenceSet::default() };
            let policy = Policy::product(Source::Repository);
            Evidence::verify(anchor, set, &policy, &Limits::product()).map_err(Error::Untrusted)
        };
        let evidence = verify(None)?;
        let mut channels = BTreeMap::new();
        for (name, file) in &files.channels {
            verify(Some((name.clone(), file.clone().into_bytes())))?;
            channels.insert(name.clone(), signed(Some(file.as_bytes()))?);
        }
        let root = signed(Some(&evidence.store().root))?;
        let before = Offline { root, targets: signed(Some(files.targets.as_bytes()))?, channels };
        Change::new(before, self.content.documents.clone())
    }

    /// Judges the request where the repository is: what it showed its signers as published must be what is published now.
    pub(super) fn judge_here(&self, repository: &Repository) -> Result<Change, Error> {
        let files_then = &self.content.published;
        let channels = || files_then.channels.keys().map(String::as_str);
        let before = published(repository, channels())?;
        // First, for it says why: versions that are not the next ones.
        let change = Change::new(before, self.content.documents.clone())?;
        let files_now = files(repository, channels())?;
        let other = |role: &str| Err(Error::OtherPublished(role.to_owned()));
        if files_now.roots != files_then.roots {
            return other("root");
        }
        if files_now.targets != files_then.targets {
            return other("targets");
        }
        match files_now.channels.iter().find(|(name, file)| files_then.channels.get(*name) != Some(file)) {
            Some((name, _)) => other(name),
            None => Ok(change),
        }
    }

    /// What is to be signed for a role.
    pub(super) fn document(&self, role: &str) -> Option<&Document> {
        self.content.documents.iter().find(|document| document.role == role)
    }
}

/// The offline roles of a repository.
pub(super) fn published<'a>(
    repository: &Repository,
    channels: impl Iterator<Item = &'a str>,
) -> Result<Offline, Error> {
    let mut found = BTreeMap::new();
    for name in channels {
        let role = repository.channels.get(name).ok_or_else(|| Error::NoRole(name.to_owned()))?;
        found.insert(name.to_owned(), role.clone());
    }
    Ok(Offline { root: repository.root.clone(), targets: repository.targets.clone(), channels: found })
}

fn files<'a>(repository: &Repository, channels: impl Iterator<Item = &'a str>) -> Result<Files, Error> {
    let served = &repository.served;
    let text = |role: &str, bytes: Option<&[u8]>| {
        let text = bytes.and_then(|bytes| std::str::from_utf8(bytes).ok());
        text.map(str::to_owned).ok_or_else(|| Error::NotCanonical(role.to_owned()))
    };
    let roots = std::iter::once(repository.anchor()).chain(served.chain.values().map(Vec::as_slice));
    let mut found = BTreeMap::new();
    for name in channels {
        found.insert(name.to_owned(), text(name, served.delegated.get(name).map(Vec::as_slice))?);
    }
    Ok(Files {
        roots: roots.map(|root| text("root", Some(root))).collect::<Result<_, _>>()?,
        targets: text("targets", served.targets.as_deref())?,
        channels: found,
    })
}
