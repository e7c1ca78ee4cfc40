//! What can go wrong on the release side.

use std::io;
use std::path::{Path, PathBuf};

use sameday_upgrade::names::{Name, Version};

/// Why something was not published.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read, written or made.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The keys would lie where everybody can download them.
    #[error("the keys folder {keys} lies inside the repository {repository}")]
    KeysInRepository {
        /// The keys.
        keys: PathBuf,
        /// The repository.
        repository: PathBuf,
    },
    /// Something is already there that would have to be overwritten.
    #[error("{0} exists already")]
    Exists(PathBuf),
    /// Another run is at work in this repository.
    #[error("another run is changing {0}")]
    Busy(PathBuf),
    /// A role cannot have so few, so many, or such a threshold of keys.
    #[error("{role} cannot have {keys} keys of which {threshold} must sign")]
    KeyCount {
        /// The role.
        role: String,
        /// Keys.
        keys: u32,
        /// How many must sign.
        threshold: u32,
    },
    /// Too few of a role's keys are in the keys folder.
    #[error("{role} needs {threshold} keys to sign, {found} of its keys are in the keys folder")]
    KeysMissing {
        /// The role.
        role: String,
        /// Keys found.
        found: usize,
        /// How many must sign.
        threshold: u64,
    },
    /// A passphrase that protects nothing, or is no passphrase.
    #[error("the passphrase {0}")]
    Passphrase(&'static str),
    /// A key file that is none, or another passphrase's.
    #[error("cannot decrypt {0}: wrong passphrase, or not an encrypted ed25519 key")]
    Decrypt(PathBuf),
    /// A key could not be made or encrypted.
    #[error("cannot make a key: {0}")]
    MakeKey(String),
    /// The repository is not what its clients would accept.
    #[error("the repository does not verify")]
    Verify(#[source] sameday_trust::Error),
    /// The repository has no channel of that name.
    #[error("the repository has no channel {0}")]
    NoChannel(Name),
    /// A name that a channel cannot have.
    #[error("no channel can be named {0}")]
    ChannelName(Name),
    /// A channel is named twice.
    #[error("channel {0} is named twice")]
    ChannelTwice(Name),
    /// A release of nothing.
    #[error("nothing to release: neither an upgrade nor a withdrawal")]
    Nothing,
    /// An upgrade to the version that it starts from.
    #[error("an upgrade from {0} to itself")]
    SameVersion(Version),
    /// One initial version has two upgrades in one release.
    #[error("initial version {0} is named twice")]
    InitialTwice(Version),
    /// A kernel without its initramfs, or the other way round.
    #[error("a kernel and an initrd belong together")]
    HalfAKernel,
    /// An empty payload.
    #[error("{0} is empty")]
    Empty(PathBuf),
    /// A description that clients would not read.
    #[error("the description would have {length} bytes, more than {limit}")]
    DescriptionTooLong {
        /// Bytes.
        length: u64,
        /// Most bytes.
        limit: u64,
    },
    /// The published description is not one, or of a newer format.
    #[error("the published description cannot be read")]
    Description(#[source] sameday_upgrade::description::BadDescription),
    /// A chunk list could not be made.
    #[error("cannot make the chunk list of {path}")]
    Chunks {
        /// The payload.
        path: PathBuf,
        /// Why not.
        source: sameday_upgrade::chunks::BadChunkList,
    },
    /// JSON could not be written.
    #[error("cannot write {what} as JSON")]
    Json {
        /// What.
        what: &'static str,
        /// Why not.
        source: serde_json::Error,
    },
    /// The channel has no automatic upgrade for this initial version.
    #[error("{channel} has no automatic upgrade from {initial_version}")]
    NoUpgrade {
        /// The channel.
        channel: Name,
        /// The version first installed.
        initial_version: Version,
    },
    /// A payload in the repository is not what the description says.
    #[error("{0} is not the file that the description names")]
    Damaged(PathBuf),
}

impl Error {
    /// For `map_err`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}
