//! What can stand between a stick and its upgrade: refusals before anything is written, and errors once it is. Each has a stable reason
//! and the numbers that belong to it.

use std::io;

use nix::errno::Errno;
use sameday_upgrade::boot_env::BadBlock;
use sameday_upgrade::names::Version;
use sameday_upgrade::os_release::BadOsRelease;

/// A value that belongs to a reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parameter {
    /// A name, a place, a field.
    Text(String),
    /// A number, usually of bytes.
    Number(u64),
}

/// Why this system is not upgraded where it is. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Not a live system, or its medium is mounted where no live-boot mounts it.
    #[error("no boot medium is mounted")]
    NotFound,
    /// A DVD, or an image of one.
    #[error("the boot medium is optical ({file_system})")]
    Optical {
        /// Its file system.
        file_system: String,
    },
    /// A write-protect switch, or a reader that does not write.
    #[error("the boot medium {device} is write-protected")]
    WriteProtected {
        /// The device that says so.
        device: String,
    },
    /// The medium was copied to memory, and the copy runs.
    #[error("the system runs from memory")]
    ToRam,
    /// The system runs from an image file inside of another file system.
    #[error("the system runs from an image file ({parameter})")]
    FindIso {
        /// The kernel parameter.
        parameter: String,
    },
    /// Neither vfat nor ext4.
    #[error("the boot medium has the file system {file_system}")]
    UnsupportedFileSystem {
        /// Its name.
        file_system: String,
    },
    /// Not made as our sticks are made.
    #[error("the boot medium is not one that can be upgraded ({why})")]
    NotOurs {
        /// Which mark is missing.
        why: &'static str,
    },
    /// `boot.env` cannot be read.
    #[error("boot.env is damaged")]
    BootEnvDamaged {
        /// How.
        #[source]
        fault: BadBlock,
    },
    /// A newer version has written it.
    #[error("boot.env has the unknown format {format}")]
    BootEnvNewerFormat {
        /// The format.
        format: String,
    },
    /// The base is not on the medium, or not mounted.
    #[error("the base image is not there")]
    NoBase,
    /// The base does not say which version it is.
    #[error("the base image has no usable os-release")]
    BaseOsRelease {
        /// What is missing.
        #[source]
        fault: BadOsRelease,
    },
    /// Other images are stacked than any list of ours names.
    #[error("unexpected images are stacked: {images}")]
    UnexpectedLayers {
        /// Their names.
        images: String,
    },
    /// A file that the file system cannot hold.
    #[error("{place} has {length} bytes, the file system holds files of at most {limit}")]
    FileTooBig {
        /// Where it would lie.
        place: String,
        /// Its length.
        length: u64,
        /// The longest file.
        limit: u64,
    },
    /// The kernel or the medium did not answer.
    #[error("cannot {what}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// What came back.
        #[source]
        error: io::Error,
    },
}

impl Refusal {
    pub(super) fn io(what: &'static str, error: io::Error) -> Self {
        Self::Io { what, error }
    }

    /// The stable code.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NotFound => "medium-not-found",
            Self::Optical { .. } => "optical",
            Self::WriteProtected { .. } => "read-only",
            Self::ToRam => "toram",
            Self::FindIso { .. } => "findiso",
            Self::UnsupportedFileSystem { .. } => "unsupported-file-system",
            Self::NotOurs { .. } => "not-our-stick",
            Self::BootEnvDamaged { .. } => "boot-env-damaged",
            Self::BootEnvNewerFormat { .. } => "boot-env-newer-format",
            Self::NoBase => "no-base",
            Self::BaseOsRelease { .. } => "base-os-release",
            Self::UnexpectedLayers { .. } => "unexpected-layers",
            Self::FileTooBig { .. } => "file-too-big",
            Self::Io { .. } => "medium-unreadable",
        }
    }

    /// What belongs to the reason.
    #[must_use]
    pub fn parameters(&self) -> Vec<(&'static str, Parameter)> {
        let text = |name, value: &dyn ToString| vec![(name, Parameter::Text(value.to_string()))];
        match self {
            Self::NotFound | Self::ToRam | Self::NoBase => Vec::new(),
            Self::Optical { file_system } | Self::UnsupportedFileSystem { file_system } => {
                text("file-system", file_system)
            }
            Self::WriteProtected { device } => text("device", device),
            Self::FindIso { parameter } => text("parameter", parameter),
            Self::NotOurs { why } => text("why", why),
            Self::BootEnvDamaged { fault } => text("fault", fault),
            Self::BootEnvNewerFormat { format } => text("format", format),
            Self::BaseOsRelease { fault } => text("fault", fault),
            Self::UnexpectedLayers { images } => text("images", images),
            Self::FileTooBig { place, length, limit } => vec![
                ("place", Parameter::Text(place.clone())),
                ("length", Parameter::Number(*length)),
                ("limit", Parameter::Number(*limit)),
            ],
            Self::Io { what, error } => {
                vec![("what", Parameter::Text((*what).to_owned())), ("error", Parameter::Text(error.to_string()))]
            }
        }
    }
}

/// Why the stack that an upgrade promises is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StackFault {
    /// The kernel does not mount the image.
    #[error("the layer is not an image that the kernel mounts")]
    NotAnImage,
    /// Overlay attributes that would make the kernel look elsewhere than the path says.
    #[error("{path} carries the attribute {name}")]
    Attribute {
        /// The path in the layer.
        path: String,
        /// The attribute.
        name: String,
    },
    /// The layer carries attributes, and this kernel does not show them, so nobody knows which.
    #[error("the layer carries attributes that this kernel cannot read")]
    HiddenAttributes,
    /// No os-release, or not one of ours.
    #[error("os-release in the stack cannot be used: {0}")]
    OsRelease(String),
    /// It is not what was promised.
    #[error("os-release in the stack says {field} {found}, promised was {promised}")]
    NotAsPromised {
        /// Which field.
        field: &'static str,
        /// What it says.
        found: String,
        /// What the description says.
        promised: String,
    },
}

impl StackFault {
    /// The stable code of the case.
    #[must_use]
    pub fn case(&self) -> &'static str {
        match self {
            Self::NotAnImage => "not-an-image",
            Self::Attribute { .. } => "attribute",
            Self::HiddenAttributes => "hidden-attributes",
            Self::OsRelease(_) => "os-release",
            Self::NotAsPromised { .. } => "not-as-promised",
        }
    }
}

/// Why writing an upgrade failed. Any of them is final for the session: a write error is reported by the kernel once, and never again.
#[derive(Debug, thiserror::Error)]
pub enum StickError {
    /// The device failed to read or write.
    #[error("cannot {what}")]
    Io {
        /// What was tried.
        what: String,
        /// What came back.
        #[source]
        error: io::Error,
    },
    /// No room, although it was there when it was counted.
    #[error("no room on the stick to {what}")]
    Full {
        /// What was tried.
        what: String,
    },
    /// The stick was taken out.
    #[error("the stick has gone")]
    Gone,
    /// Another disk is where the stick was.
    #[error("the stick is not the one that was found ({what})")]
    Changed {
        /// What differs.
        what: &'static str,
    },
    /// It cannot be mounted for writing, or stopped being so.
    #[error("the stick cannot be written to")]
    ReadOnly,
    /// What comes back is not what was written.
    #[error("{place} reads back differently than it was written")]
    ReadBack {
        /// The file.
        place: String,
    },
    /// The commit failed, and the stick does not say whether it starts the new version or the old one. Both are there, whole.
    #[error("it is not known whether the upgrade was committed")]
    CommitUnknown {
        /// What failed.
        #[source]
        cause: Box<StickError>,
    },
    /// The version to install runs or is kept, so its files cannot be written.
    #[error("version {version} is on the stick and kept")]
    Kept {
        /// The version.
        version: Version,
    },
    /// The stack is not what was promised.
    #[error("the upgraded system is refused")]
    Stack(#[from] StackFault),
    /// The user asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// A use of this module that would break its promises: a bug of the caller.
    #[error("internal: {0}")]
    Misuse(&'static str),
}

impl StickError {
    pub(super) fn io(what: impl Into<String>, error: impl Into<io::Error>) -> Self {
        let (what, error) = (what.into(), error.into());
        match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::ENOSPC | Errno::EDQUOT) => Self::Full { what },
            Some(Errno::ENODEV | Errno::ENXIO | Errno::ENOMEDIUM) => Self::Gone,
            Some(Errno::EROFS) => Self::ReadOnly,
            _ => Self::Io { what, error },
        }
    }

    /// A refusal that comes only once the stick is mounted for writing.
    pub(super) fn of(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Io { what, error } => Self::io(what, error),
            other => Self::io(other.to_string(), io::Error::other(other.reason())),
        }
    }

    /// The stable code.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Io { .. } => "stick-io",
            Self::Full { .. } => "stick-full",
            Self::Gone => "stick-gone",
            Self::Changed { .. } => "stick-changed",
            Self::ReadOnly => "stick-read-only",
            Self::ReadBack { .. } => "read-back-mismatch",
            Self::CommitUnknown { .. } => "commit-unknown",
            Self::Kept { .. } => "version-kept",
            Self::Stack(_) => "stack-refused",
            Self::Cancelled => "cancelled",
            Self::Misuse(_) => "internal",
        }
    }

    /// What belongs to the reason.
    #[must_use]
    pub fn parameters(&self) -> Vec<(&'static str, Parameter)> {
        let text = |value: &dyn ToString| Parameter::Text(value.to_string());
        match self {
            Self::Io { what, error } => vec![("what", text(what)), ("error", text(error))],
            Self::Full { what } => vec![("what", text(what))],
            Self::Changed { what } => vec![("what", text(what))],
            Self::ReadBack { place } => vec![("place", text(place))],
            Self::CommitUnknown { cause } => vec![("error", text(cause))],
            Self::Kept { version } => vec![("version", text(version))],
            Self::Stack(fault) => vec![("case", text(&fault.case())), ("detail", text(fault))],
            Self::Misuse(what) => vec![("what", text(what))],
            Self::Gone | Self::ReadOnly | Self::Cancelled => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_kernel_have_their_own_names() {
        for (errno, reason) in [
            (Errno::EIO, "stick-io"),
            (Errno::ENOSPC, "stick-full"),
            (Errno::ENODEV, "stick-gone"),
            (Errno::EROFS, "stick-read-only"),
        ] {
            assert_eq!(StickError::io("write", errno).reason(), reason);
        }
    }
}
