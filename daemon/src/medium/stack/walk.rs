//! Every file of a layer, looked at for overlay attributes that make the kernel look elsewhere than the path says.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::super::error::{StackFault, StickError};

/// Attributes of overlayfs begin like this (Documentation/filesystems/overlayfs.rst in Linux).
const PREFIX: &str = "trusted.overlay.";
/// The one that a layer needs: what lies below this directory is hidden. `redirect` and `metacopy` lead to other paths, and whatever newer
/// kernels invent is refused until it is known.
const ALLOWED: &str = "trusted.overlay.opaque";

/// Where a squashfs says where its table of attributes is, and what it says there when it has none (Linux, fs/squashfs/squashfs_fs.h).
const TABLE_PLACE: u64 = 56;
const NO_TABLE: [u8; 8] = [0xff; 8];

/// Refuses a layer that carries any overlay attribute but [`ALLOWED`]. `image` is the file that is mounted at `layer`.
pub(super) fn attributes(layer: &Path, image: &File) -> Result<(), StickError> {
    let failed = |e: io::Error| StickError::io("read the layer", e);
    let mut table = NO_TABLE;
    image.read_exact_at(&mut table, TABLE_PLACE).map_err(failed)?;
    if table == NO_TABLE {
        return Ok(());
    }
    let mut shown = check(layer, layer)?;
    let mut pending: Vec<PathBuf> = vec![layer.to_owned()];
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(&directory).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = entry.path();
            shown |= check(&path, layer)?;
            if entry.file_type().map_err(failed)?.is_dir() {
                pending.push(path);
            }
        }
    }
    // A table, and not one attribute: this kernel is built without CONFIG_SQUASHFS_XATTR. The next one may have it, and would obey.
    if shown { Ok(()) } else { Err(StackFault::HiddenAttributes.into()) }
}

/// Refuses what this file carries, or answers whether it carries anything.
fn check(path: &Path, layer: &Path) -> Result<bool, StickError> {
    let names = match xattr::list(path) {
        Ok(names) => names,
        Err(error) if error.raw_os_error() == Some(Errno::EOPNOTSUPP as i32) => return Ok(false),
        Err(error) => return Err(StickError::io("read the attributes of the layer", error)),
    };
    let mut any = false;
    for name in names {
        any = true;
        let name = name.to_string_lossy();
        if name.starts_with(PREFIX) && name != ALLOWED {
            let path = path.strip_prefix(layer).unwrap_or(path).to_string_lossy().into_owned();
            return Err(StackFault::Attribute { path, name: name.into_owned() }.into());
        }
    }
    Ok(any)
}
