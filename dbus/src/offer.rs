//! The offer: all that a user is shown before consenting.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use zbus::{Structure, Variant};

use crate::dictionary::{Dictionary, as_line, boolean, elements, line, lines, number, owned};
use crate::text;

/// More fixes than this no client can show. A month of a whole distribution's fixes is some hundreds.
const FIXES: usize = 4096;
/// CVE ids of one fix: a browser's release fixes some dozens.
const CVES: usize = 256;
/// Languages of the release notes.
const LANGUAGES: usize = 256;
/// Signers of one role.
const SIGNERS: usize = 64;

/// The value of the property `Offer`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Offer {
    /// What runs afterwards. Given back in `Install`.
    pub version: String,
    /// The digest of the description that holds all this. Given back in `Install`.
    pub digest: String,
    /// The channel it is from.
    pub channel: String,
    /// When it was published, `YYYY-MM-DDTHH:MM:SSZ`.
    pub published: String,
    /// When its metadata was signed, the same, or a date; empty if that says nothing.
    pub signed_on: String,
    /// Where it comes from.
    pub source: Origin,
    /// Who signed it: the names, or ids, of the keys.
    pub signers: Vec<String>,
    /// Bytes to be fetched.
    pub download_size: u64,
    /// Bytes of it that an abandoned download seems to have left on the stick; they are verified before they are used.
    pub staged: u64,
    /// Bytes needed on the stick.
    pub room_needed: u64,
    /// Bytes free on the stick.
    pub room_free: u64,
    /// The version whose room it takes, or empty.
    pub gives_up: String,
    /// Whether the user must confirm [`Offer::signed_on`], since the kit is old.
    pub confirm_signed_on: bool,
    /// What it fixes.
    pub fixes: Vec<Fix>,
    /// Release notes by language tag, plain text.
    pub notes: BTreeMap<String, String>,
    /// Where more is to be read, or empty.
    pub details_url: String,
}

/// Where an offer comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Origin {
    /// The repository, over Tor.
    #[default]
    Repository,
    /// A kit, from a file.
    Kit,
}

impl Origin {
    /// The code that crosses D-Bus.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Repository => "repository",
            Self::Kit => "kit",
        }
    }
}

/// How bad what is fixed was, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// `critical`
    Critical,
    /// `high`
    High,
    /// `medium`
    Medium,
    /// `low`
    Low,
    /// `unknown`, and whatever this client does not know
    Unknown,
}

impl Severity {
    /// All of them, the worst first.
    pub const ALL: &[Self] = &[Self::Critical, Self::High, Self::Medium, Self::Low, Self::Unknown];

    /// The code that crosses D-Bus.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
            Self::Unknown => "unknown",
        }
    }
}

impl FromStr for Severity {
    type Err = std::convert::Infallible;

    fn from_str(code: &str) -> Result<Self, Self::Err> {
        Ok(Self::ALL.iter().copied().find(|severity| severity.code() == code).unwrap_or(Self::Unknown))
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// One thing that is fixed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What: the name of a program or package.
    pub name: String,
    /// How bad it was.
    pub severity: Severity,
    /// CVE ids.
    pub cves: Vec<String>,
}

impl Fix {
    fn read(from: &Variant<'_>) -> Option<Self> {
        let Variant::Structure(fields) = from else { return None };
        let [name, severity, Variant::Array(cves)] = Structure::fields(fields) else { return None };
        let Ok(severity) = as_line(severity, text::NAME)?.parse();
        Some(Self { name: as_line(name, text::NAME)?, severity, cves: lines(cves, CVES) })
    }
}

impl Offer {
    /// The property's value, or none if it is empty (or names no version and digest, without which nothing can be consented to).
    #[must_use]
    pub fn read(from: &Dictionary) -> Option<Self> {
        let name = |key| line(from, key, text::NAME);
        let offer = Self {
            version: name("version"),
            digest: name("digest"),
            channel: name("channel"),
            published: name("published"),
            signed_on: name("signed-on"),
            source: if name("source") == Origin::Kit.code() { Origin::Kit } else { Origin::Repository },
            signers: elements(from, "signers", SIGNERS).filter_map(|signer| as_line(signer, text::NAME)).collect(),
            download_size: number(from, "download-size").unwrap_or(0),
            staged: number(from, "staged").unwrap_or(0),
            room_needed: number(from, "room-needed").unwrap_or(0),
            room_free: number(from, "room-free").unwrap_or(0),
            gives_up: name("gives-up"),
            confirm_signed_on: boolean(from, "confirm-signed-on"),
            fixes: elements(from, "fixes", FIXES).filter_map(Fix::read).collect(),
            notes: notes(from),
            details_url: line(from, "details-url", text::LINE),
        };
        (!offer.version.is_empty() && !offer.digest.is_empty()).then_some(offer)
    }
}

fn notes(from: &Dictionary) -> BTreeMap<String, String> {
    let Some(Variant::Dict(notes)) = from.get("notes").map(|value| &**value) else { return BTreeMap::new() };
    let entry = |(language, note): (&Variant<'_>, &Variant<'_>)| match note {
        Variant::Str(note) => Some((as_line(language, text::NAME)?, text::paragraphs(note, text::NOTES))),
        _ => None,
    };
    notes.iter().take(LANGUAGES).filter_map(entry).collect()
}

impl From<&Offer> for Dictionary {
    fn from(offer: &Offer) -> Self {
        let fixes: Vec<(String, String, Vec<String>)> = offer
            .fixes
            .iter()
            .map(|fix| (fix.name.clone(), fix.severity.code().to_owned(), fix.cves.clone()))
            .collect();
        [
            ("version", owned(offer.version.clone())),
            ("digest", owned(offer.digest.clone())),
            ("channel", owned(offer.channel.clone())),
            ("published", owned(offer.published.clone())),
            ("signed-on", owned(offer.signed_on.clone())),
            ("source", owned(offer.source.code())),
            ("signers", owned(offer.signers.clone())),
            ("download-size", owned(offer.download_size)),
            ("staged", owned(offer.staged)),
            ("room-needed", owned(offer.room_needed)),
            ("room-free", owned(offer.room_free)),
            ("gives-up", owned(offer.gives_up.clone())),
            ("confirm-signed-on", owned(offer.confirm_signed_on)),
            ("fixes", owned(fixes)),
            ("notes", owned(offer.notes.clone())),
            ("details-url", owned(offer.details_url.clone())),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
    }
}

#[cfg(test)]
#[path = "offer/tests.rs"]
mod tests;
