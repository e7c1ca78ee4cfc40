//! One squashfs that holds exactly what changed from one root to another: with the base below it, overlayfs shows the new root.
//! Same roots, same bytes: times, umask, time zone, the order of directories and the number of processors do not show in it.

mod changes;
mod error;
mod packer;
mod tarstream;
mod tree;

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use nix::unistd::geteuid;
use serde::Serialize;

use changes::{Action, Entry};
pub use error::LayerError;
use packer::Packer;
use tarstream::{Item, TarStream};
use tree::{Inode, Kind, Side, Tree};

/// How a layer is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Compressor {
    /// Smallest: what is released.
    #[default]
    Xz,
    /// Quicker to read, larger.
    Zstd,
    /// zstd at its quickest, for trials.
    Quick,
}

impl Compressor {
    /// tar2sqfs' arguments. No lz4: 1.2.0's comes out so that unsquashfs 4.5.1 cannot read it.
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Xz => &["--compressor", "xz"],
            Self::Zstd => &["--compressor", "zstd"],
            Self::Quick => &["--compressor", "zstd", "--comp-extra", "level=1"],
        }
    }
}

/// How a layer is made.
#[derive(Debug, Clone)]
pub struct LayerOptions {
    /// The time of every inode and of the file system, in Unix seconds (squashfs holds 32 bits).
    pub time: u32,
    /// How it is compressed.
    pub compressor: Compressor,
    /// At most this many processors are used; all there are if none is given. It does not show in the result.
    pub processors: Option<u32>,
}

/// What a layer holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LayerSummary {
    /// Regular files; a group of hard links counts once.
    pub files: u64,
    /// The bytes of their contents.
    pub bytes: u64,
    /// Directories, with those that are there only because something in them changed.
    pub directories: u64,
    /// Symbolic links.
    pub symlinks: u64,
    /// Devices and fifos.
    pub specials: u64,
    /// Further names of an inode.
    pub hard_links: u64,
    /// Names that vanished.
    pub whiteouts: u64,
    /// Directories that hide all that the base has under their name.
    pub opaque_directories: u64,
    /// Sockets of the new root, left out: what listens on them makes them anew.
    pub skipped_sockets: Vec<String>,
    /// Inodes of the new root with a POSIX ACL. squashfs cannot hold one, so they are neither compared nor kept.
    pub acls: u64,
    /// The length of the squashfs.
    pub length: u64,
}

/// What is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Contents of the two roots are compared; the total is that of the new root's files.
    Compare,
    /// Changed files are written.
    Write,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is under way.
    pub phase: Phase,
    /// Bytes done in it.
    pub done: u64,
    /// Bytes in all.
    pub total: u64,
}

/// Makes the layer that leads from `old_root` to `new_root` and puts it at `out`, complete or not at all.
///
/// # Errors
/// When a root holds what a layer cannot say, cannot be read or changes meanwhile, or when tar2sqfs fails. `out` is then as it was.
pub fn layer(old_root: &Path, new_root: &Path, out: &Path, options: &LayerOptions) -> Result<LayerSummary, LayerError> {
    layer_with_progress(old_root, new_root, out, options, &mut |_| {})
}

/// As [`layer`], and tells how far it is, about once a file.
///
/// # Errors
/// As [`layer`].
pub fn layer_with_progress(
    old_root: &Path,
    new_root: &Path,
    out: &Path,
    options: &LayerOptions,
    progress: &mut dyn FnMut(Progress),
) -> Result<LayerSummary, LayerError> {
    if !geteuid().is_root() {
        return Err(LayerError::NotRoot);
    }
    let old = Tree::scan(old_root, Side::Old)?;
    let new = Tree::scan(new_root, Side::New)?;
    let found = changes::between(&old, &new, progress)?;
    let mut summary = LayerSummary { acls: new.acls, ..LayerSummary::default() };
    summary.skipped_sockets = found.skipped_sockets.iter().map(|path| path.to_string_lossy().into_owned()).collect();

    let output = |source| LayerError::Output { path: out.to_owned(), source };
    let (folder, name) = beside(out)?;
    // Beside the result, so that one rename brings the whole of it; removed when dropped.
    let scratch = tempfile::Builder::new().prefix(&name).suffix(".part").tempdir_in(&folder).map_err(output)?;
    let partial = scratch.path().join("layer");
    let mut packer = Packer::start(&partial, options)?;
    let written = write(&found.entries, &new, options.time, &mut packer, &mut summary, progress);
    // If tar2sqfs gave up, its own words say why; the broken pipe does not.
    match written {
        Err(LayerError::Pipe(source)) => return Err(packer.finish().err().unwrap_or(LayerError::Pipe(source))),
        Err(error) => return Err(error),
        Ok(()) => packer.finish()?,
    }
    let file = File::open(&partial).map_err(output)?;
    file.set_permissions(fs::Permissions::from_mode(0o644)).map_err(output)?;
    file.sync_all().map_err(output)?;
    summary.length = file.metadata().map_err(output)?.len();
    fs::rename(&partial, out).map_err(output)?;
    File::open(&folder).and_then(|folder| folder.sync_all()).map_err(output)?;
    Ok(summary)
}

/// The folder of `out` and the beginning of a temporary name in it.
fn beside(out: &Path) -> Result<(PathBuf, OsString), LayerError> {
    let name = out.file_name().ok_or_else(|| LayerError::Output {
        path: out.to_owned(),
        source: std::io::Error::new(std::io::ErrorKind::InvalidInput, "no file name"),
    })?;
    let folder = match out.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let mut prefix = OsString::from(".");
    prefix.push(name);
    Ok((folder, prefix))
}

fn write(
    entries: &[Entry<'_>],
    new: &Tree,
    time: u32,
    packer: &mut Packer,
    summary: &mut LayerSummary,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), LayerError> {
    let total = entries.iter().map(Entry::length).fold(0, u64::saturating_add);
    let mut stream = TarStream::new(packer.take_input()?, time);
    stream.append(&Item::node(Path::new("./"), &new.top, false))?;
    let mut first_names: HashMap<Inode, &Path> = HashMap::new();
    for entry in entries {
        let path = entry.path.as_path();
        let (node, opaque) = match entry.action {
            Action::Whiteout => {
                stream.append(&Item::whiteout(path))?;
                summary.whiteouts += 1;
                continue;
            }
            Action::Node { node, opaque } => (node, opaque),
        };
        if let Some(inode) = node.inode {
            if let Some(first) = first_names.get(&inode) {
                stream.append(&Item::link(path, first))?;
                summary.hard_links += 1;
                continue;
            }
            first_names.insert(inode, path);
        }
        match &node.kind {
            Kind::Directory(_) => summary.directories += 1,
            Kind::File(_) => summary.files += 1,
            Kind::Symlink(_) => summary.symlinks += 1,
            Kind::Character(_) | Kind::Block(_) | Kind::Fifo | Kind::Socket => summary.specials += 1,
        }
        summary.opaque_directories += u64::from(opaque);
        let item = Item::node(path, node, opaque);
        match node.kind {
            Kind::File(length) => {
                stream.append_file(&item, &new.root.join(path), length)?;
                summary.bytes = summary.bytes.saturating_add(length);
                progress(Progress { phase: Phase::Write, done: summary.bytes, total });
            }
            _ => stream.append(&item)?,
        }
    }
    stream.finish()
}
