//! The description: the one signed target of a channel, which lists the upgrades from every initial version.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::names::{Name, Version};

/// The largest description that is read. Twenty upgrades with notes in a dozen languages stay below a quarter of it.
pub const LARGEST: u64 = 1 << 20;

/// The format that this version reads and writes.
pub const FORMAT: u64 = 1;

/// What a channel offers for one product on one architecture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// [`FORMAT`].
    pub format: u64,
    /// The product that the upgrades are for.
    pub product: Name,
    /// Debian's name of the architecture.
    pub architecture: Name,
    /// The channel.
    pub channel: Name,
    /// When it was published, `YYYY-MM-DDTHH:MM:SSZ`.
    pub published: String,
    /// Versions that nobody should be offered, or stay on.
    #[serde(default)]
    pub withdrawn: Vec<Version>,
    /// One entry for each way from initial versions to a newer one.
    #[serde(default)]
    pub upgrades: Vec<Upgrade>,
}

/// What brings some initial versions to a newer one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upgrade {
    /// The version that runs afterwards.
    pub version: Version,
    /// How it is applied.
    pub kind: Kind,
    /// The versions first installed that it serves.
    pub initial_versions: Vec<Version>,
    /// What it fixes.
    #[serde(default)]
    pub fixes: Vec<Fix>,
    /// Release notes: plain text by language (`de`, `pt_BR`).
    #[serde(default)]
    pub notes: BTreeMap<String, String>,
    /// Where to read more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details_url: Option<String>,
    /// Its files.
    #[serde(default)]
    pub files: Vec<File>,
    /// Bytes that it needs on the stick, for people to read.
    #[serde(default)]
    pub room: u64,
    /// Digest of the record of the release's tests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_record: Option<Digest>,
}

/// How an upgrade is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A layer over the base.
    Layer,
    /// No automatic way; the notes and details say how.
    Manual,
    /// A kind that this version does not know.
    #[serde(other)]
    Unknown,
}

/// A security fix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fix {
    /// What was fixed, usually the package.
    pub name: String,
    /// How bad the worst flaw was.
    #[serde(default)]
    pub severity: Severity,
    /// CVE ids.
    #[serde(default)]
    pub cves: Vec<String>,
}

/// Severity of a flaw.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Any code, from afar.
    Critical,
    /// Severe.
    High,
    /// Limited.
    Medium,
    /// Slight.
    Low,
    /// Not rated, or a word that this version does not know.
    #[default]
    #[serde(other)]
    Unknown,
}

impl Severity {
    /// Its stable code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
            Self::Unknown => "unknown",
        }
    }
}

/// A file of an upgrade.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// What it is.
    pub role: Role,
    /// Where it lies on the stick: what the role and the version say.
    pub place: String,
    /// Bytes.
    pub length: u64,
    /// Its digest.
    pub sha256: Digest,
    /// Digest of its chunk list.
    pub chunks: Digest,
    /// Bytes of its chunk list.
    pub chunks_length: u64,
    /// How it can be had.
    pub ways: Vec<Way>,
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The squashfs over the base.
    Layer,
    /// The kernel.
    Kernel,
    /// The initramfs.
    Initrd,
    /// A role that this version does not know.
    #[serde(other)]
    Unknown,
}

impl Role {
    /// Where a version's file of this role lies on the stick.
    #[must_use]
    pub fn place(self, version: &Version) -> Option<String> {
        match self {
            Self::Layer => Some(format!("live/{}", crate::module_list::layer(version))),
            Self::Kernel => Some(format!("live/{version}/vmlinuz")),
            Self::Initrd => Some(format!("live/{version}/initrd.img")),
            Self::Unknown => None,
        }
    }
}

/// How a file can be had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Way {
    /// As it is, from `files/SHA256`.
    Whole,
    /// A way that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Why bytes are no description.
#[derive(Debug, thiserror::Error)]
pub enum BadDescription {
    /// A newer format: this system is too old to read what it is offered.
    #[error("description of unknown format {0}")]
    UnknownFormat(u64),
    /// Anything else.
    #[error("malformed description")]
    Malformed(#[source] serde_json::Error),
}

impl Description {
    /// Reads a description whose bytes have been verified.
    ///
    /// # Errors
    /// When it is malformed or of a newer format.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadDescription> {
        #[derive(Deserialize)]
        struct Probe {
            format: u64,
        }
        // The format is asked first, for a newer one may look altogether different.
        let probe: Probe = serde_json::from_slice(bytes).map_err(BadDescription::Malformed)?;
        if probe.format != FORMAT {
            return Err(BadDescription::UnknownFormat(probe.format));
        }
        serde_json::from_slice(bytes).map_err(BadDescription::Malformed)
    }

    /// The description as it stands in a repository.
    ///
    /// # Errors
    /// Never, as long as all its fields are texts and numbers.
    pub fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_fields_kinds_and_words_are_not_fatal() {
        let text = r#"{"format":1,"product":"p","architecture":"a","channel":"c","published":"x","new":{},
            "upgrades":[{"version":"2","kind":"telepathy","initial_versions":["1"],"fixes":[{"name":"n","severity":"dire"}],
            "files":[{"role":"soul","place":"x","length":1,"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "chunks":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","chunks_length":1,"ways":[{"kind":"delta","from":"z"}]}]}]}"#;
        let description = Description::parse(text.as_bytes()).unwrap();
        let upgrade = &description.upgrades[0];
        assert_eq!(upgrade.kind, Kind::Unknown);
        assert_eq!(upgrade.fixes[0].severity, Severity::Unknown);
        assert_eq!(upgrade.files[0].role, Role::Unknown);
        assert_eq!(upgrade.files[0].ways, [Way::Unknown]);
    }

    #[test]
    fn a_newer_format_is_named_whatever_else_it_holds() {
        assert!(matches!(Description::parse(br#"{"format":2,"product":7}"#), Err(BadDescription::UnknownFormat(2))));
        assert!(matches!(Description::parse(b"{}"), Err(BadDescription::Malformed(_))));
        let negative = br#"{"format":1,"product":"p","architecture":"a","channel":"c","published":"x","upgrades":[{"version":"2","room":-1}]}"#;
        assert!(matches!(Description::parse(negative), Err(BadDescription::Malformed(_))));
    }
}
