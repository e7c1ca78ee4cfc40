//! What the running image says of itself: who it is, whom it trusts, where its upgrades are.

use std::path::{Path, PathBuf};

use sameday_dbus::{ErrorKind, Failure};
use sameday_upgrade::os_release::{self, OsRelease};

use crate::files::read_capped;

mod repository;

pub use repository::MOST_BASES;

/// Where an image keeps what this daemon needs.
const SHARE: &str = "usr/share/sameday";
/// The largest repository.toml: a handful of URLs.
const LARGEST_CONFIGURATION: u64 = 64 * 1024;

/// The facts of an image.
#[derive(Debug, Clone)]
pub struct System {
    /// Its os-release.
    pub running: OsRelease,
    /// The trust anchor: root.json as it came with the image.
    pub anchor: Vec<u8>,
    /// Base URLs, in the order to try.
    pub bases: Vec<String>,
    /// Where its set of metadata lies.
    pub metadata: PathBuf,
}

impl System {
    /// Reads the facts below `root`, which is `/` but in tests of this module.
    ///
    /// # Errors
    /// `manual-upgrade`, reason `image-incomplete`, naming the file: such an image cannot upgrade itself.
    pub fn load(root: &Path) -> Result<Self, Failure> {
        let text = required(root, "etc/os-release", os_release::LARGEST)?;
        let text = String::from_utf8(text).map_err(|e| incomplete("etc/os-release", &e))?;
        let running = OsRelease::parse(&text).map_err(|e| incomplete("etc/os-release", &e))?;
        let anchor = required(root, &format!("{SHARE}/root.json"), LARGEST_CONFIGURATION * 8)?;
        let name = format!("{SHARE}/repository.toml");
        let text = required(root, &name, LARGEST_CONFIGURATION)?;
        let text = String::from_utf8(text).map_err(|e| incomplete(&name, &e))?;
        let bases = repository::bases(&text).map_err(|e| incomplete(&name, &e))?;
        Ok(Self { running, anchor, bases, metadata: root.join(SHARE).join("metadata") })
    }
}

fn required(root: &Path, name: &str, cap: u64) -> Result<Vec<u8>, Failure> {
    match read_capped(&root.join(name), cap) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(incomplete(name, &"missing")),
        Err(error) => Err(incomplete(name, &error)),
    }
}

fn incomplete(file: &str, why: &dyn std::fmt::Display) -> Failure {
    tracing::error!("{file}: {why}");
    Failure::new(ErrorKind::ManualUpgrade, "image-incomplete").text("file", file)
}
