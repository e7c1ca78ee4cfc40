//! Puts into a root what an image must hold to upgrade itself: who it is, whom it trusts, where its upgrades are and how it gets
//! there (docs/formats.md, *In an image*). Nothing outside the root is touched, and a second run changes nothing.

mod facts;
mod os_release;
mod rooted;

use std::io;
use std::path::{Path, PathBuf};

use sameday_trust::BadTime;
use sameday_upgrade::names::{Name, Version};
use sameday_upgrade::os_release::BadOsRelease;

use crate::error::Error;
use facts::Facts;
use rooted::Rooted;

/// Who an image is and where it finds its upgrades.
#[derive(Debug, Clone)]
pub struct Image {
    /// The product.
    pub product: Name,
    /// The version.
    pub version: Version,
    /// The channel.
    pub channel: Name,
    /// Debian's name of the architecture.
    pub architecture: Name,
    /// When it was built: `YYYY-MM-DDTHH:MM:SSZ`.
    pub built: String,
    /// Base URLs, in the order to try.
    pub base_urls: Vec<String>,
    /// How it connects to Tor: `direct`, `bridges` or `system`. Without one it connects not at all until somebody configures it.
    pub tor: Option<String>,
    /// The text of an arti.toml, for private Tor networks.
    pub arti: Option<String>,
    /// The repository, whose first root and current metadata it trusts.
    pub repository: PathBuf,
}

/// Why a root cannot be prepared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrepareError {
    /// A channel cannot have this name.
    #[error("no channel can be named {0}: its metadata would have the name of another file")]
    ChannelName(Name),
    /// The build date is none.
    #[error("build date {0:?}")]
    Built(String, #[source] BadTime),
    /// There is no base URL, or more than a client tries.
    #[error("{0} base URLs; it takes 1 to {most}", most = facts::MOST_BASES)]
    BaseUrls(usize),
    /// The client would refuse this base URL.
    #[error("base URL {0:?} is neither http://….onion/ nor https://…/")]
    BaseUrl(String),
    /// There is no such way to connect to Tor.
    #[error("Tor mode {0:?} is not one of direct, bridges and system")]
    Tor(String),
    /// Settings of Arti without a Tor mode would never be read.
    #[error("settings of Arti without a Tor mode")]
    ArtiAlone,
    /// The settings of Arti are no TOML.
    #[error("settings of Arti")]
    Arti(#[source] Box<toml::de::Error>),
    /// A configuration cannot be written as TOML.
    #[error("write {0} as TOML")]
    Toml(&'static str, #[source] Box<toml::ser::Error>),
    /// The repository cannot be read or does not verify.
    #[error("take the metadata from the repository")]
    Repository(#[from] Error),
    /// The root has no os-release, or one that is no text or too large.
    #[error("{0} is missing, no UTF-8 text or too large")]
    OsRelease(&'static str),
    /// What was made of os-release does not read back.
    #[error("os-release as edited")]
    Edited(#[from] BadOsRelease),
    /// `/etc/os-release`, which programs read first, leads to another file.
    #[error("/etc/os-release is a link to something else than /usr/lib/os-release")]
    OsReleaseElsewhere,
    /// Something in the root cannot be read or written.
    #[error("{action} {path} in the root")]
    Root {
        /// What was tried.
        action: &'static str,
        /// On what, from the root on.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// Where an image keeps what `samedayd` reads.
const SHARE: &str = "usr/share/sameday";
/// Where it keeps the fetcher's configuration.
const ETC: &str = "etc/sameday";

/// Prepares the root at `root`. Everything is checked before the first file is written.
///
/// # Errors
/// When the image's facts are not what clients accept, the repository does not verify, or the root cannot be written.
pub fn prepare_root(root: &Path, image: &Image) -> Result<(), PrepareError> {
    let facts = Facts::gather(image)?;
    let root = Rooted::open(root)?;
    let os_release = os_release::edited(&root, image)?;

    for (path, text) in os_release {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        root.existing_folder(folder)?.write(name, text.as_bytes())?;
    }
    let share = root.own_folder(SHARE)?;
    share.write("root.json", &facts.anchor)?;
    share.write("repository.toml", facts.repository.as_bytes())?;
    let metadata = root.own_folder(&format!("{SHARE}/metadata"))?;
    metadata.remove_all_but(|name| facts.metadata.iter().any(|(kept, _)| name == kept.as_str()))?;
    for (name, bytes) in &facts.metadata {
        metadata.write(name, bytes)?;
    }
    let etc = root.own_folder(ETC)?;
    match &facts.fetcher {
        Some(text) => etc.write("fetcher.toml", text.as_bytes()),
        // What another run left would be a Tor mode that nobody asked for.
        None => etc.remove_all_but(|name| name != "fetcher.toml"),
    }
}
