//! Files of a root, reached as if it were `/`: no symbolic link in it leads out (openat2(2), RESOLVE_IN_ROOT), and none is written
//! through.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag, open, openat, openat2, renameat};
use nix::sys::stat::{Mode, SFlag, fchmod, fstat, fstatat, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::PrepareError;

/// A root.
#[derive(Debug)]
pub struct Rooted {
    top: OwnedFd,
}

/// Device and inode number.
type Inode = (u64, u64);

/// What stands under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    Nothing,
    /// Something that is no link.
    File(Inode),
    /// A link, and what it leads to within the root.
    Link(Option<Inode>),
}

/// A folder of a root, and where it lies.
#[derive(Debug)]
pub struct Folder {
    descriptor: OwnedFd,
    path: PathBuf,
}

fn failed(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(Errno) -> PrepareError {
    let path = path.as_ref().to_owned();
    move |errno| PrepareError::Root { action, path, source: errno.into() }
}

fn io_failed(action: &'static str, path: PathBuf) -> impl FnOnce(io::Error) -> PrepareError {
    move |source| PrepareError::Root { action, path, source }
}

impl Rooted {
    /// Opens a root.
    pub fn open(root: &Path) -> Result<Self, PrepareError> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        Ok(Self { top: open(root, flags, Mode::empty()).map_err(failed("open", root))? })
    }

    fn resolve(&self, path: &str, flags: OFlag) -> Result<OwnedFd, Errno> {
        let how = OpenHow::new()
            .flags(flags | OFlag::O_CLOEXEC)
            .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
        openat2(&self.top, if path.is_empty() { "." } else { path }, how)
    }

    /// Looks what is there.
    pub fn find(&self, path: &str) -> Result<Found, PrepareError> {
        let inode = |flags| match self.resolve(path, OFlag::O_PATH | flags) {
            Ok(descriptor) => fstat(&descriptor).map(Some),
            Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(None),
            Err(errno) => Err(errno),
        };
        let number = |stat: nix::sys::stat::FileStat| (stat.st_dev, stat.st_ino);
        match inode(OFlag::O_NOFOLLOW).map_err(failed("look for", path))? {
            None => Ok(Found::Nothing),
            Some(stat) if SFlag::from_bits_truncate(stat.st_mode).contains(SFlag::S_IFLNK) => {
                Ok(Found::Link(inode(OFlag::empty()).map_err(failed("follow", path))?.map(number)))
            }
            Some(stat) => Ok(Found::File(number(stat))),
        }
    }

    /// Reads a regular file, if it is there and at most `limit` bytes long.
    pub fn read(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, PrepareError> {
        let file = match self.resolve(path, OFlag::O_RDONLY | OFlag::O_NONBLOCK) {
            Ok(descriptor) => File::from(descriptor),
            Err(Errno::ENOENT) => return Ok(None),
            Err(errno) => return Err(failed("read", path)(errno)),
        };
        let failed = || io_failed("read", path.into());
        if !file.metadata().map_err(failed())?.is_file() {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(failed())?;
        Ok((bytes.len() as u64 <= limit).then_some(bytes))
    }

    /// Opens a folder that every system has, and makes it where it is missing.
    pub fn existing_folder(&self, path: &str) -> Result<Folder, PrepareError> {
        let mut folder = Folder { descriptor: self.folder("")?, path: PathBuf::new() };
        let mut sofar = String::new();
        for part in path.split('/') {
            sofar = if sofar.is_empty() { part.to_owned() } else { format!("{sofar}/{part}") };
            let descriptor = match self.resolve(&sofar, OFlag::O_RDONLY | OFlag::O_DIRECTORY) {
                Err(Errno::ENOENT) => {
                    // A link that leads to nothing is not made up for: this fails.
                    mkdirat(&folder.descriptor, part, Mode::from_bits_truncate(0o700))
                        .map_err(failed("make", &sofar))?;
                    let made = self.folder(&sofar)?;
                    fchmod(&made, Mode::from_bits_truncate(0o755)).map_err(failed("make", &sofar))?;
                    made
                }
                other => other.map_err(failed("open", &sofar))?,
            };
            folder = Folder { descriptor, path: PathBuf::from(&sofar) };
        }
        Ok(folder)
    }

    /// Opens, and where needed makes, a folder that is ours alone: everybody may read it.
    pub fn own_folder(&self, path: &str) -> Result<Folder, PrepareError> {
        let folder = self.existing_folder(path)?;
        fchmod(&folder.descriptor, Mode::from_bits_truncate(0o755)).map_err(failed("open", path))?;
        Ok(folder)
    }

    fn folder(&self, path: &str) -> Result<OwnedFd, PrepareError> {
        self.resolve(path, OFlag::O_RDONLY | OFlag::O_DIRECTORY).map_err(failed("open", path))
    }
}

impl Folder {
    /// Puts a file in place that everybody may read. What has its name, be it a link, is replaced.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), PrepareError> {
        let path = self.path.join(name);
        let fresh = format!(".{name}.new");
        self.unlink(&fresh)?;
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let descriptor = openat(&self.descriptor, fresh.as_str(), flags, Mode::from_bits_truncate(0o600));
        let mut file = File::from(descriptor.map_err(failed("write", &path))?);
        file.write_all(bytes).map_err(io_failed("write", path.clone()))?;
        fchmod(&file, Mode::from_bits_truncate(0o644)).map_err(failed("write", &path))?;
        renameat(&self.descriptor, fresh.as_str(), &self.descriptor, name).map_err(failed("write", &path))
    }

    /// Removes all files but those that `keep` wants.
    pub fn remove_all_but(&self, keep: impl Fn(&str) -> bool) -> Result<(), PrepareError> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let mut dir = Dir::openat(&self.descriptor, ".", flags, Mode::empty()).map_err(failed("read", &self.path))?;
        let mut names = Vec::new();
        for entry in dir.iter() {
            names.push(entry.map_err(failed("read", &self.path))?.file_name().to_owned());
        }
        for name in names {
            let kept = name.to_str().is_ok_and(|name| [".", ".."].contains(&name) || keep(name));
            if !kept {
                let path = self.path.join(name.to_string_lossy().as_ref());
                unlinkat(&self.descriptor, name.as_c_str(), UnlinkatFlags::NoRemoveDir)
                    .map_err(failed("remove", path))?;
            }
        }
        Ok(())
    }

    fn unlink(&self, name: &str) -> Result<(), PrepareError> {
        match fstatat(&self.descriptor, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Err(Errno::ENOENT) => Ok(()),
            _ => unlinkat(&self.descriptor, name, UnlinkatFlags::NoRemoveDir)
                .map_err(failed("remove", self.path.join(name))),
        }
    }
}
