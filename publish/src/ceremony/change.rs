//! A judged change: the offline roles as they are published, as they would be, and the exact bytes between the two.

use std::collections::BTreeMap;

use sameday_trust::Limits;
use sameday_trust::json;
use sameday_trust::schema::{Header, Root, Targets, canonical_form};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::Error;
use super::public::PublicKey;
use super::quorum::{self, Quorum};
use super::spoken;

/// The roles that people sign.
#[derive(Debug, Clone, PartialEq)]
pub struct Offline {
    /// The root.
    pub root: Root,
    /// The top-level targets role.
    pub targets: Targets,
    /// The channels that the change is about.
    pub channels: BTreeMap<String, Targets>,
}

/// What is signed for one role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// The role.
    pub role: String,
    /// Its signed part in canonical form: the exact bytes.
    pub signed: String,
}

/// A change that is nothing but what [`Change::words`] says.
#[derive(Debug, Clone)]
pub struct Change {
    pub(super) before: Offline,
    pub(super) after: Offline,
    pub(super) documents: Vec<Document>,
}

impl Offline {
    pub(super) fn header(&self, role: &str) -> Option<&Header> {
        match role {
            "root" => Some(&self.root.header),
            "targets" => Some(&self.targets.header),
            channel => self.channels.get(channel).map(|role| &role.header),
        }
    }

    fn document(&self, role: &str) -> Result<Document, Error> {
        let bytes = match role {
            "root" => canonical_form(&self.root),
            "targets" => canonical_form(&self.targets),
            channel => canonical_form(self.channels.get(channel).ok_or_else(|| Error::NoRole(role.to_owned()))?),
        };
        let signed = bytes.ok().and_then(|bytes| String::from_utf8(bytes).ok());
        Ok(Document { role: role.to_owned(), signed: signed.ok_or_else(|| Error::NotCanonical(role.to_owned()))? })
    }

    /// The documents of the roles that differ, root first.
    pub(super) fn documents_since(&self, before: &Self) -> Result<Vec<Document>, Error> {
        let names = ["root", "targets"].into_iter().chain(self.channels.keys().map(String::as_str));
        let changed = names.filter(|name| self.header(name) != before.header(name));
        changed.map(|name| self.document(name)).collect()
    }
}

impl Change {
    /// Judges documents against what is published: each follows it by one version, and changes only what words can say.
    pub(super) fn new(before: Offline, documents: Vec<Document>) -> Result<Self, Error> {
        if documents.is_empty() {
            return Err(Error::NothingToSign);
        }
        let mut after = before.clone();
        for (i, document) in documents.iter().enumerate() {
            let role = document.role.as_str();
            if documents.iter().take(i).any(|earlier| earlier.role == role) {
                return Err(Error::NotARequest(format!("{role} stands in it twice")));
            }
            let published = before.header(role).ok_or_else(|| Error::NoRole(role.to_owned()))?.version;
            match role {
                "root" => after.root = document.parse()?,
                "targets" => after.targets = document.parse()?,
                channel => drop(after.channels.insert(channel.to_owned(), document.parse()?)),
            }
            let offered = after.header(role).map_or(0, |header| header.version);
            if Some(offered) != published.checked_add(1) {
                return Err(Error::Stale { role: role.to_owned(), offered, published });
            }
        }
        spoken::check(&before, &after)?;
        Ok(Self { before, after, documents })
    }

    /// The roles that are to be signed.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.documents.iter().map(|document| document.role.as_str())
    }

    /// Whether a key is asked to sign anything.
    #[must_use]
    pub fn asks(&self, key: &PublicKey) -> bool {
        self.roles().any(|role| self.key_id(role, key).is_some())
    }

    /// The id under which a key may sign a role.
    pub(super) fn key_id(&self, role: &str, key: &PublicKey) -> Option<String> {
        let quorums = self.quorums(role);
        let mut keys = quorums.iter().flat_map(|quorum| &quorum.keys);
        keys.find(|known| known.same_as(key)).map(|known| known.id().to_owned())
    }

    /// Whose signatures a role needs.
    pub(super) fn quorums(&self, role: &str) -> Vec<Quorum> {
        quorum::of(&self.before, &self.after, role)
    }

    /// Whether this replaces or takes away keys of the roles that are signed online.
    pub(super) fn changes_online_keys(&self) -> bool {
        let keys = |roles: &Offline, role: &str| roles.root.roles.get(role).cloned();
        ["snapshot", "timestamp"].into_iter().any(|role| keys(&self.before, role) != keys(&self.after, role))
    }
}

impl Document {
    /// What the bytes say. Canonical form leaves control characters in strings as they are (a PEM key has line breaks), where JSON
    /// wants them escaped; it has none outside of strings.
    pub(super) fn value(&self) -> Result<Value, Error> {
        let limits = Limits::product();
        let mut text = String::with_capacity(self.signed.len());
        for c in self.signed.chars() {
            match c {
                '\0'..='\u{1f}' => text.push_str(&format!("\\u{:04x}", u32::from(c))),
                c => text.push(c),
            }
        }
        let failed = |e: serde_json::Error| Error::NotARequest(format!("{}: {e}", self.role));
        json::parse(text.as_bytes(), limits.json_depth, limits.json_values).map_err(failed)
    }

    /// What they say as a role, if they are canonical and hold nothing that its type would lose.
    fn parse<T: DeserializeOwned + Serialize>(&self) -> Result<T, Error> {
        let failed = |e: serde_json::Error| Error::NotARequest(format!("{}: {e}", self.role));
        let signed: T = serde_json::from_value(self.value()?).map_err(failed)?;
        if canonical_form(&signed).ok().as_deref() != Some(self.signed.as_bytes()) {
            return Err(Error::NotARequest(format!("{} is not in canonical form", self.role)));
        }
        Ok(signed)
    }
}
