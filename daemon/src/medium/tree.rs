//! Files below one directory, reached through its descriptor: no link is followed, no other mount entered, no length believed.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::Mode;

/// More names than `live/` can need; a directory of a million is damage, not data.
const MOST_NAMES: usize = 4096;
/// What the files of an upgrade may be read by: they are no secret.
const FILE_MODE: Mode = Mode::from_bits_truncate(0o644);

/// A directory and all below it.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    root: Arc<File>,
}

impl Tree {
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
        let fd = nix::fcntl::open(root, flags, Mode::empty())?;
        Ok(Self { root: Arc::new(File::from(fd)) })
    }

    pub(super) fn root(&self) -> &File {
        &self.root
    }

    /// Opens `place`, without following any link.
    pub(super) fn file(&self, place: &str, flags: OFlag) -> io::Result<File> {
        let strict = ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS;
        self.resolve(place, flags, strict)
    }

    /// Opens `place` as a process whose root this is would: links lead to where they lead inside.
    pub(super) fn inside(&self, place: &str) -> io::Result<File> {
        // A pipe in place of a file must not make the open wait.
        self.resolve(place, OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY, ResolveFlag::RESOLVE_IN_ROOT)
    }

    fn resolve(&self, place: &str, flags: OFlag, how: ResolveFlag) -> io::Result<File> {
        let mut open = OpenHow::new()
            .flags(flags | OFlag::O_CLOEXEC)
            .resolve(how | ResolveFlag::RESOLVE_NO_MAGICLINKS | ResolveFlag::RESOLVE_NO_XDEV);
        if flags.contains(OFlag::O_CREAT) {
            open = open.mode(FILE_MODE);
        }
        // The kernel answers EAGAIN when a rename elsewhere made it unsure; openat2(2) says to try again.
        for _ in 0..8 {
            match openat2(&*self.root, place, open) {
                Err(Errno::EAGAIN) => {}
                other => return Ok(File::from(other?)),
            }
        }
        Err(Errno::EAGAIN.into())
    }

    /// A directory; the empty place is the root.
    pub(super) fn directory(&self, place: &str) -> io::Result<OwnedFd> {
        let place = if place.is_empty() { "." } else { place };
        self.file(place, OFlag::O_RDONLY | OFlag::O_DIRECTORY).map(OwnedFd::from)
    }

    /// Whether `place` is a regular file with something in it.
    pub(super) fn is_file(&self, place: &str) -> io::Result<bool> {
        Ok(match self.metadata(place)? {
            Some(metadata) => metadata.is_file() && metadata.len() > 0,
            None => false,
        })
    }

    /// What `place` is, if it is there.
    pub(super) fn metadata(&self, place: &str) -> io::Result<Option<std::fs::Metadata>> {
        match self.file(place, OFlag::O_PATH | OFlag::O_NOFOLLOW) {
            Ok(file) => file.metadata().map(Some),
            Err(error) if absent(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads a regular file of at most `cap` bytes; `None` when it is not there.
    pub(super) fn read(&self, place: &str, cap: u64) -> io::Result<Option<Vec<u8>>> {
        match self.file(place, OFlag::O_RDONLY | OFlag::O_NONBLOCK) {
            Ok(file) => read_capped(&file, cap).map(Some),
            Err(error) if absent(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The names in a directory, and whether each is a directory; none when it is not there. Names that are no UTF-8 are not ours and left out.
    pub(super) fn names(&self, place: &str) -> io::Result<Vec<(String, bool)>> {
        let directory = match self.directory(place) {
            Ok(directory) => directory,
            Err(error) if absent(&error) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in Dir::from_fd(directory)?.iter() {
            let entry = entry?;
            match entry.file_name().to_str() {
                Ok("." | "..") | Err(_) => {}
                Ok(name) => names.push((name.to_owned(), entry.file_type() == Some(nix::dir::Type::Directory))),
            }
            if names.len() > MOST_NAMES {
                return Err(io::Error::other(format!("more than {MOST_NAMES} names in {place}")));
            }
        }
        names.sort_unstable();
        Ok(names)
    }
}

/// Reads a regular file up to its cap.
pub(super) fn read_capped(file: &File, cap: u64) -> io::Result<Vec<u8>> {
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(cap.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > cap {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("longer than {cap} bytes")));
    }
    Ok(bytes)
}

pub(super) fn absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// The directory part of a place, empty for the root.
pub(super) fn parent(place: &str) -> &str {
    place.rsplit_once('/').map_or("", |(directory, _)| directory)
}

/// The last part of a place.
pub(super) fn name(place: &str) -> &str {
    place.rsplit_once('/').map_or(place, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_out_of_the_tree_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("live")).unwrap();
        std::fs::write(dir.path().join("live/f"), b"12345").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join("live/link")).unwrap();
        std::os::unix::fs::symlink("/live/f", dir.path().join("live/root-link")).unwrap();
        let tree = Tree::open(dir.path()).unwrap();
        assert_eq!(tree.read("live/f", 5).unwrap().as_deref(), Some(&b"12345"[..]));
        assert_eq!(tree.read("live/f", 4).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert!(tree.read("live/link", 4096).is_err());
        assert!(tree.read("live/../../x", 4096).is_err());
        assert_eq!(tree.read("live/none", 5).unwrap(), None);
        assert_eq!(read_capped(&tree.inside("live/root-link").unwrap(), 5).unwrap(), b"12345");
        assert!(tree.inside("live/link").is_err());
        assert_eq!(tree.names("live").unwrap().len(), 3);
        assert!(
            !tree.is_file("live").unwrap() && tree.is_file("live/f").unwrap() && !tree.is_file("live/link").unwrap()
        );
    }
}
