//! The plan for one stick: which upgrade of a description serves it, or why none does.

use crate::chunks;
use crate::description::{Description, File, Kind, Role, Upgrade, Way};
use crate::digest::Digest;
use crate::names::{Name, Version};

/// What a plan turns on: the system, not the room on its stick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct System {
    /// `IMAGE_ID` of the running system.
    pub product: Name,
    /// Debian's name of its architecture.
    pub architecture: Name,
    /// The channel that is looked at.
    pub channel: Name,
    /// The version first installed: that of the base.
    pub initial: Version,
    /// The version that runs.
    pub running: Version,
}

/// The one upgrade that is offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The upgrade, its places checked.
    pub upgrade: Upgrade,
    /// Digest of the description's bytes: what consent names.
    pub description: Digest,
    /// When the description was published.
    pub published: String,
    /// Bytes to download: files and chunk lists.
    pub download: u64,
    /// Whether the running version is withdrawn.
    pub running_withdrawn: bool,
}

/// What a description means for a stick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// There is an upgrade.
    Upgrade(Box<Plan>),
    /// Nothing is newer than what runs.
    UpToDate {
        /// The running version is withdrawn, and nothing newer is there yet.
        running_withdrawn: bool,
    },
}

/// Why a description offers this stick nothing although it should be able to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is for something else, whatever name it was found under.
    #[error("the description is for {field} {found}, not {expected}")]
    WrongSoftware {
        /// `product`, `architecture` or `channel`.
        field: &'static str,
        /// What the description says.
        found: String,
        /// What this system is.
        expected: String,
    },
    /// Newer versions exist, none of them for this initial version.
    #[error("version {newest} cannot be reached from the initial version {initial}")]
    NoPath {
        /// The version first installed.
        initial: Version,
        /// The newest version that there is.
        newest: Version,
    },
    /// The release says that it needs to be installed by hand.
    #[error("version {version} has to be installed by hand")]
    Manual {
        /// The version that there would be.
        version: Version,
        /// Where to read how.
        details_url: Option<String>,
    },
    /// The upgrade is of a kind, or needs files or ways, that this version does not know.
    #[error("the upgrade to {version} is of an unknown kind")]
    UnknownKind {
        /// The version that there would be.
        version: Version,
    },
    /// Signed, but not consistent in itself.
    #[error("the upgrade to {version} is not well made: {fault}")]
    Malformed {
        /// The version that there would be.
        version: Version,
        /// What is wrong with it.
        fault: &'static str,
    },
}

/// Chooses the newest upgrade for a stick. A withdrawn version is never chosen.
///
/// # Errors
/// When the description is not for this system, or what it has newer cannot be applied to this stick.
pub fn plan(description: &Description, digest: Digest, system: &System) -> Result<Outcome, Refusal> {
    let fields = [
        ("product", &description.product, &system.product),
        ("architecture", &description.architecture, &system.architecture),
        ("channel", &description.channel, &system.channel),
    ];
    for (field, found, expected) in fields {
        if found != expected {
            return Err(Refusal::WrongSoftware { field, found: found.to_string(), expected: expected.to_string() });
        }
    }
    let running_withdrawn = description.withdrawn.contains(&system.running);
    let newest = |candidates: &mut dyn Iterator<Item = &Upgrade>| {
        candidates.reduce(|a, b| if b.version.is_newer_than(&a.version) { b } else { a }).cloned()
    };
    let candidate =
        |u: &&Upgrade| u.version.is_newer_than(&system.running) && !description.withdrawn.contains(&u.version);
    let Some(overall) = newest(&mut description.upgrades.iter().filter(candidate)) else {
        return Ok(Outcome::UpToDate { running_withdrawn });
    };
    let serves = |u: &&Upgrade| u.initial_versions.contains(&system.initial);
    let Some(upgrade) = newest(&mut description.upgrades.iter().filter(candidate).filter(serves)) else {
        return Err(Refusal::NoPath { initial: system.initial.clone(), newest: overall.version });
    };
    match upgrade.kind {
        Kind::Layer => {}
        Kind::Manual => return Err(Refusal::Manual { version: upgrade.version, details_url: upgrade.details_url }),
        Kind::Unknown => return Err(Refusal::UnknownKind { version: upgrade.version }),
    }
    let download = check_files(&upgrade)?;
    let published = description.published.clone();
    Ok(Outcome::Upgrade(Box::new(Plan { upgrade, description: digest, published, download, running_withdrawn })))
}

/// Checks an upgrade's files against each other and answers the bytes to download.
fn check_files(upgrade: &Upgrade) -> Result<u64, Refusal> {
    let version = &upgrade.version;
    let malformed = |fault| Refusal::Malformed { version: version.clone(), fault };
    let mut download = 0_u64;
    for file in &upgrade.files {
        let Some(place) = file.role.place(version) else {
            return Err(Refusal::UnknownKind { version: version.clone() });
        };
        if !file.ways.contains(&Way::Whole) {
            return Err(Refusal::UnknownKind { version: version.clone() });
        }
        if file.place != place {
            return Err(malformed("a file lies elsewhere than its role says"));
        }
        if file.length == 0 {
            return Err(malformed("a file is empty"));
        }
        if file.chunks_length > chunks::LARGEST_LIST {
            return Err(malformed("a chunk list is too large"));
        }
        download = download
            .checked_add(file.length)
            .and_then(|sum| sum.checked_add(file.chunks_length))
            .ok_or_else(|| malformed("the lengths overflow"))?;
    }
    let count = |role| upgrade.files.iter().filter(|f| f.role == role).count();
    match (count(Role::Layer), count(Role::Kernel), count(Role::Initrd)) {
        (1, 0, 0) | (1, 1, 1) => Ok(download),
        (1, ..) => Err(malformed("kernel and initrd do not come as a pair")),
        _ => Err(malformed("it does not have exactly one layer")),
    }
}

impl Plan {
    /// The file of a role.
    #[must_use]
    pub fn file(&self, role: Role) -> Option<&File> {
        self.upgrade.files.iter().find(|f| f.role == role)
    }
}

#[cfg(test)]
mod tests;
