//! A root as it lies on disk: everything about every inode but its contents and times.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::LayerError;

/// What overlayfs keeps its own notes in (Documentation/filesystems/overlayfs.rst).
const OVERLAY: &[u8] = b"trusted.overlay.";
/// The attributes that squashfs can hold.
const KEPT: [&[u8]; 3] = [b"user.", b"trusted.", b"security."];
const ACLS: [&[u8]; 2] = [b"system.posix_acl_access", b"system.posix_acl_default"];

/// Device and inode number.
pub type Inode = (u64, u64);

/// Which of the two roots is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Old,
    New,
}

/// A root.
#[derive(Debug)]
pub struct Tree {
    pub root: PathBuf,
    pub top: Node,
    /// The names of each inode that has several, in the order of the walk.
    pub links: HashMap<Inode, Vec<PathBuf>>,
    /// Inodes with a POSIX ACL.
    pub acls: u64,
}

/// An inode under one of its names.
#[derive(Debug)]
pub struct Node {
    /// The permissions, with setuid, setgid and sticky.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub xattrs: BTreeMap<OsString, Vec<u8>>,
    /// Set where it may have other names.
    pub inode: Option<Inode>,
    pub kind: Kind,
}

/// What an inode is.
#[derive(Debug)]
pub enum Kind {
    Directory(BTreeMap<OsString, Node>),
    /// A regular file of this length.
    File(u64),
    Symlink(PathBuf),
    /// A device number, as in `st_rdev`.
    Character(u64),
    Block(u64),
    Fifo,
    Socket,
}

impl Node {
    pub fn children(&self) -> Option<&BTreeMap<OsString, Self>> {
        match &self.kind {
            Kind::Directory(children) => Some(children),
            _ => None,
        }
    }

    pub fn is_socket(&self) -> bool {
        matches!(self.kind, Kind::Socket)
    }

    /// Whether owner, permissions and attributes are the same.
    pub fn same_attributes(&self, other: &Self) -> bool {
        (self.mode, self.uid, self.gid, &self.xattrs) == (other.mode, other.uid, other.gid, &other.xattrs)
    }
}

impl Tree {
    /// Reads the whole of a root.
    pub fn scan(root: &Path, side: Side) -> Result<Self, LayerError> {
        // The root itself may be given by a symbolic link; none is followed below it.
        let root = fs::canonicalize(root).map_err(|source| LayerError::Read { path: root.to_owned(), source })?;
        let metadata = fs::symlink_metadata(&root).map_err(|source| LayerError::Read { path: root.clone(), source })?;
        if !metadata.is_dir() {
            return Err(LayerError::NotADirectory(root));
        }
        let mut scan = Scan { root: &root, side, device: metadata.dev(), links: HashMap::new(), acls: 0 };
        let top = scan.node(Path::new(""), &metadata)?;
        let Scan { links, acls, .. } = scan;
        Ok(Self { root, top, links, acls })
    }

    /// The names of an inode within this root, if it has several.
    pub fn names(&self, node: &Node) -> Option<&[PathBuf]> {
        self.links.get(&node.inode?).map(Vec::as_slice).filter(|names| names.len() > 1)
    }
}

struct Scan<'a> {
    root: &'a Path,
    side: Side,
    device: u64,
    links: HashMap<Inode, Vec<PathBuf>>,
    acls: u64,
}

impl Scan<'_> {
    fn node(&mut self, path: &Path, metadata: &Metadata) -> Result<Node, LayerError> {
        let full = self.root.join(path);
        let read = |source| LayerError::Read { path: full.clone(), source };
        let kind = metadata.file_type();
        let inode = (!kind.is_dir() && metadata.nlink() > 1).then(|| (metadata.dev(), metadata.ino()));
        if let Some(inode) = inode {
            self.links.entry(inode).or_default().push(path.to_owned());
        }
        let xattrs = self.xattrs(&full)?;
        let kind = if kind.is_dir() {
            // Only directories tell: in an overlay, files show the numbers of their layer.
            if metadata.dev() != self.device {
                return Err(LayerError::MountPoint(full));
            }
            Kind::Directory(self.children(path, &full)?)
        } else if kind.is_file() {
            Kind::File(metadata.len())
        } else if kind.is_symlink() {
            Kind::Symlink(fs::read_link(&full).map_err(read)?)
        } else if kind.is_char_device() {
            if metadata.rdev() == 0 {
                return Err(LayerError::WhiteoutInSource(full));
            }
            Kind::Character(metadata.rdev())
        } else if kind.is_block_device() {
            Kind::Block(metadata.rdev())
        } else if kind.is_fifo() {
            Kind::Fifo
        } else if kind.is_socket() {
            Kind::Socket
        } else {
            return Err(read(io::Error::new(io::ErrorKind::InvalidData, "unknown type of file")));
        };
        Ok(Node { mode: metadata.mode() & 0o7777, uid: metadata.uid(), gid: metadata.gid(), xattrs, inode, kind })
    }

    /// Recursion ends where a path gets longer than the kernel takes (4,096 bytes).
    fn children(&mut self, path: &Path, full: &Path) -> Result<BTreeMap<OsString, Node>, LayerError> {
        let read = |source| LayerError::Read { path: full.to_owned(), source };
        // Sorted before the walk, so that the names of a group of links are in the same order on both sides.
        let mut names = Vec::new();
        for entry in fs::read_dir(full).map_err(read)? {
            names.push(entry.map_err(read)?.file_name());
        }
        names.sort();
        let mut children = BTreeMap::new();
        for name in names {
            let (path, full) = (path.join(&name), full.join(&name));
            let metadata = fs::symlink_metadata(&full).map_err(|source| LayerError::Read { path: full, source })?;
            children.insert(name, self.node(&path, &metadata)?);
        }
        Ok(children)
    }

    fn xattrs(&mut self, full: &Path) -> Result<BTreeMap<OsString, Vec<u8>>, LayerError> {
        let read = |source| LayerError::Read { path: full.to_owned(), source };
        let shown = |name: &OsStr| name.to_string_lossy().into_owned();
        let mut kept = BTreeMap::new();
        let mut has_acl = false;
        let names = match xattr::list(full) {
            Ok(names) => names,
            // A file system without attributes, or a squashfs that was made without any.
            Err(error) if error.kind() == io::ErrorKind::Unsupported => return Ok(kept),
            Err(error) => return Err(read(error)),
        };
        for name in names {
            let bytes = name.as_bytes();
            if bytes.starts_with(OVERLAY) {
                return Err(LayerError::OverlayAttribute { path: full.to_owned(), name: shown(&name) });
            }
            if ACLS.contains(&bytes) {
                has_acl = true;
                continue;
            }
            // What the old root has besides is not in the base either: mksquashfs drops it. A tar's pax header cannot
            // carry a name that is not UTF-8 or holds "=".
            let kept_by_squashfs = KEPT.iter().any(|prefix| bytes.starts_with(prefix));
            let written_by_tar = name.to_str().is_some_and(|name| !name.contains('='));
            if self.side == Side::New && !(kept_by_squashfs && written_by_tar) {
                return Err(LayerError::UnsupportedAttribute { path: full.to_owned(), name: shown(&name) });
            }
            if kept_by_squashfs && let Some(value) = xattr::get(full, &name).map_err(read)? {
                kept.insert(name, value);
            }
        }
        self.acls += u64::from(has_acl);
        Ok(kept)
    }
}
