//! Why a layer cannot be made.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

/// Why a layer cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayerError {
    /// Only root sees `trusted.*` attributes and may read every file.
    #[error("a layer can only be made by root")]
    NotRoot,
    /// The root is not a directory.
    #[error("root {0} is not a directory")]
    NotADirectory(PathBuf),
    /// Something in a root cannot be read.
    #[error("read {path}")]
    Read {
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another file system is mounted in a root: what belongs to the root cannot be told.
    #[error("{0} is on another file system than its root")]
    MountPoint(PathBuf),
    /// overlayfs obeys these attributes, so a root that brings its own could redirect names or hide contents.
    #[error("{path} has the overlayfs attribute {name}")]
    OverlayAttribute {
        /// On what.
        path: PathBuf,
        /// Its name.
        name: String,
    },
    /// A character device 0/0 would be a whiteout.
    #[error("{0} is a character device 0/0, which overlayfs takes for a whiteout")]
    WhiteoutInSource(PathBuf),
    /// squashfs holds only `user.`, `trusted.` and `security.` attributes.
    #[error("{path} has the attribute {name}, which squashfs cannot hold")]
    UnsupportedAttribute {
        /// On what.
        path: PathBuf,
        /// Its name.
        name: String,
    },
    /// What was read is not what was there at first.
    #[error("{0} changed while the layer was made")]
    Changed(PathBuf),
    /// The result cannot be put in its place.
    #[error("write layer {path}")]
    Output {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// tar2sqfs cannot be started or waited for.
    #[error("run tar2sqfs (package squashfs-tools-ng)")]
    Start(#[source] io::Error),
    /// tar2sqfs stopped reading.
    #[error("write to tar2sqfs")]
    Pipe(#[source] io::Error),
    /// tar2sqfs failed or had something to say.
    #[error("tar2sqfs: {status}: {output}")]
    Packer {
        /// How it ended.
        status: ExitStatus,
        /// What it said.
        output: String,
    },
}
