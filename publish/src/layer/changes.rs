//! What a layer has to say to make the old root look like the new one, and nothing more.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::libc;

use super::tree::{Inode, Kind, Node, Tree};
use super::{LayerError, Phase, Progress};

/// How much of each of two files is compared at once.
const BLOCK: usize = 128 * 1024;

/// What a layer holds, parents before children, and what is left out.
#[derive(Debug, Default)]
pub struct Found<'a> {
    pub entries: Vec<Entry<'a>>,
    pub skipped_sockets: Vec<PathBuf>,
}

/// One name in a layer.
#[derive(Debug)]
pub struct Entry<'a> {
    /// Below the root.
    pub path: PathBuf,
    pub action: Action<'a>,
}

/// What stands under a name.
#[derive(Debug, Clone, Copy)]
pub enum Action<'a> {
    /// What the base has under this name is gone.
    Whiteout,
    /// The new root's inode; an opaque directory shows nothing of the base.
    Node { node: &'a Node, opaque: bool },
}

impl Entry<'_> {
    /// The length of its contents.
    pub fn length(&self) -> u64 {
        match self.action {
            Action::Node { node: Node { kind: Kind::File(length), .. }, .. } => *length,
            _ => 0,
        }
    }
}

/// Finds what changed.
pub fn between<'a>(old: &'a Tree, new: &'a Tree, progress: &mut dyn FnMut(Progress)) -> Result<Found<'a>, LayerError> {
    let mut walk = Walk {
        old,
        new,
        found: Found::default(),
        verdicts: HashMap::new(),
        done: 0,
        total: length(&new.top),
        progress,
    };
    walk.children(Path::new(""), Some(&old.top), &new.top, false)?;
    Ok(walk.found)
}

/// The bytes of all regular files below.
fn length(node: &Node) -> u64 {
    match &node.kind {
        Kind::File(length) => *length,
        Kind::Directory(children) => children.values().map(length).fold(0, u64::saturating_add),
        _ => 0,
    }
}

struct Walk<'a, 'p> {
    old: &'a Tree,
    new: &'a Tree,
    found: Found<'a>,
    /// Whether an inode with several names differs: its contents are compared once.
    verdicts: HashMap<Inode, bool>,
    done: u64,
    total: u64,
    progress: &'p mut dyn FnMut(Progress),
}

impl<'a> Walk<'a, '_> {
    fn push(&mut self, path: &Path, action: Action<'a>) {
        self.found.entries.push(Entry { path: path.to_owned(), action });
    }

    /// A directory of the new root. It is in the layer if it differs or anything in it does.
    fn directory(&mut self, path: &Path, old: Option<&'a Node>, new: &'a Node) -> Result<(), LayerError> {
        let merged = old.filter(|old| old.children().is_some());
        // Over something else a directory must not be merged with what a layer further down could have there.
        let opaque = match merged {
            Some(old) => none_survives(old, new),
            None => old.is_some(),
        };
        let differs = opaque || merged.is_none_or(|old| !old.same_attributes(new));
        self.push(path, Action::Node { node: new, opaque });
        let after = self.found.entries.len();
        self.children(path, merged, new, opaque)?;
        if !differs && self.found.entries.len() == after {
            self.found.entries.pop();
        }
        Ok(())
    }

    fn children(&mut self, path: &Path, old: Option<&'a Node>, new: &'a Node, opaque: bool) -> Result<(), LayerError> {
        let (old, new) = (old.and_then(Node::children), new.children());
        let names: BTreeSet<&OsString> =
            old.into_iter().flatten().chain(new.into_iter().flatten()).map(|(name, _)| name).collect();
        for name in names {
            let path = path.join(name);
            let old = old.and_then(|old| old.get(name));
            match new.and_then(|new| new.get(name)) {
                Some(new) if new.is_socket() => {
                    if old.is_some_and(|old| !old.is_socket()) && !opaque {
                        self.push(&path, Action::Whiteout);
                    }
                    self.found.skipped_sockets.push(path);
                }
                Some(new) if new.children().is_some() => self.directory(&path, old, new)?,
                Some(new) if self.differs(&path, old, new)? => {
                    self.push(&path, Action::Node { node: new, opaque: false })
                }
                Some(_) => {}
                None if !opaque => self.push(&path, Action::Whiteout),
                None => {}
            }
        }
        Ok(())
    }

    /// Whether anything but the times of something that is no directory differs.
    fn differs(&mut self, path: &Path, old: Option<&Node>, new: &Node) -> Result<bool, LayerError> {
        if let Kind::File(length) = new.kind {
            self.done = self.done.saturating_add(length);
            (self.progress)(Progress { phase: Phase::Compare, done: self.done, total: self.total });
        }
        let Some(old) = old else { return Ok(true) };
        // The names of an inode belong to it: if one came or went, the base's inode and the layer's would be two. Where
        // the names are the same, all of them lead to the same two inodes and get the same answer.
        if !old.same_attributes(new) || self.old.names(old) != self.new.names(new) {
            return Ok(true);
        }
        match (&old.kind, &new.kind) {
            (Kind::File(old_length), Kind::File(length)) if old_length == length => {
                if let Some(verdict) = new.inode.and_then(|inode| self.verdicts.get(&inode)) {
                    return Ok(*verdict);
                }
                let differs = contents_differ(&self.old.root.join(path), &self.new.root.join(path))?;
                if let Some(inode) = new.inode {
                    self.verdicts.insert(inode, differs);
                }
                Ok(differs)
            }
            (Kind::Symlink(old), Kind::Symlink(new)) => Ok(old != new),
            (Kind::Character(old), Kind::Character(new)) | (Kind::Block(old), Kind::Block(new)) => Ok(old != new),
            (Kind::Fifo, Kind::Fifo) => Ok(false),
            _ => Ok(true),
        }
    }
}

/// Whether the old directory has children, and none of their names is there in the new one.
fn none_survives(old: &Node, new: &Node) -> bool {
    let (Some(old), Some(new)) = (old.children(), new.children()) else { return false };
    let survives =
        |(name, old): (&OsString, &Node)| new.get(name).is_some_and(|new| !new.is_socket() || old.is_socket());
    !old.is_empty() && !old.iter().any(survives)
}

/// Opens a regular file, not through a symbolic link that took its place.
pub fn open(path: &Path) -> Result<File, LayerError> {
    OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open(path)
        .map_err(|source| LayerError::Read { path: path.to_owned(), source })
}

fn contents_differ(old: &Path, new: &Path) -> Result<bool, LayerError> {
    let (mut old_file, mut new_file) = (open(old)?, open(new)?);
    let (mut old_block, mut new_block) = (vec![0; BLOCK], vec![0; BLOCK]);
    loop {
        let a =
            fill(&mut old_file, &mut old_block).map_err(|source| LayerError::Read { path: old.to_owned(), source })?;
        let b =
            fill(&mut new_file, &mut new_block).map_err(|source| LayerError::Read { path: new.to_owned(), source })?;
        if a != b {
            return Ok(true);
        }
        if a.is_empty() {
            return Ok(false);
        }
    }
}

/// Reads a whole block, or what is left of the file.
fn fill<'b>(file: &mut File, block: &'b mut [u8]) -> io::Result<&'b [u8]> {
    let mut filled = 0;
    while filled < block.len() {
        match file.read(block.split_at_mut(filled).1) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(block.split_at(filled).0)
}
