//! Why a run failed. The exit code is 1 for each of them.

use std::io;
use std::path::{Path, PathBuf};

/// A failed run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The metadata was refused.
    #[error(transparent)]
    Refused(#[from] sameday_trust::Error),
    /// A file could not be read or written.
    #[error("{action} {path}: {source}")]
    File {
        /// What was attempted.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The folder for metadata has no trusted root.
    #[error("{0} holds no trusted root: run init first")]
    NoRoot(PathBuf),
    /// A stored file is longer than any that was accepted.
    #[error("{0} is longer than a root may be")]
    RootTooLong(PathBuf),
    /// An option that the command needs is missing.
    #[error("{command} needs --{option}")]
    Option {
        /// The command.
        command: &'static str,
        /// The option.
        option: &'static str,
    },
    /// A request could not be made or answered.
    #[error("get {url}: {source}")]
    Http {
        /// What was asked for.
        url: String,
        /// Why it failed.
        source: Box<ureq::Error>,
    },
    /// The server answered with something else than a file or its absence.
    #[error("get {url}: the server answered {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// The status.
        status: u16,
    },
    /// A response broke off.
    #[error("get {url}: {source}")]
    Body {
        /// What was asked for.
        url: String,
        /// Why it broke off.
        source: io::Error,
    },
    /// The server does not have a target.
    #[error("get {url}: there is no such file")]
    Absent {
        /// What was asked for.
        url: String,
    },
}

impl Error {
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { action, path, source }
    }
}
