//! Why an image cannot be made.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

/// Why an image cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// A file cannot be read or written.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Kernel parameters that GRUB's script cannot hold as they are.
    #[error("kernel parameters {0:?}: only ASCII letters, digits, spaces and ._,:;=/+@%-")]
    Parameters(String),
    /// FAT cannot hold this time.
    #[error("FAT holds times from 1980 on, not {0} seconds after 1970")]
    Time(u32),
    /// FAT cannot hold this file.
    #[error("{0} has 4 GiB or nearly so, which FAT32 does not hold safely")]
    TooLarge(String),
    /// The system's partition is too small for FAT32, or too large for its table.
    #[error("a system partition of {0} MiB; it takes 34 MiB to 2 TiB")]
    SystemSize(u64),
    /// A partition behind the system's that would be empty, or too large for the table.
    #[error("an encrypted partition of {0} MiB; it takes 1 MiB to 2 TiB")]
    LuksSize(u64),
    /// The files do not fit.
    #[error("the files need {needed} MiB of a system partition of {given} MiB")]
    Full {
        /// MiB that they need.
        needed: u64,
        /// MiB that there are.
        given: u64,
    },
    /// A part of the boot loader is not what is installed for it.
    #[error("{0} is not a part of GRUB's boot loader")]
    NotGrub(PathBuf),
    /// A tool cannot be started.
    #[error("run {program} (package {package})")]
    Start {
        /// The tool.
        program: &'static str,
        /// Debian's package of it.
        package: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// A tool failed.
    #[error("{program}: {status}: {output}")]
    Tool {
        /// The tool.
        program: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// What it said.
        output: String,
    },
}

impl ImageError {
    /// For `map_err`.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}
