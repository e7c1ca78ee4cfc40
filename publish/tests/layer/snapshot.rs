//! Everything that a program can see of a tree but times, and a tree shown by overlayfs. Written apart from the product's own scan.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use sha2::{Digest, Sha256};

/// What stands under one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub mode: u32,
    pub owner: (u32, u32),
    pub device: u64,
    /// The digest of a file's contents, or a link's target.
    pub contents: Vec<u8>,
    pub xattrs: BTreeMap<OsString, Vec<u8>>,
    /// All names of the same inode, where there are several.
    pub names: BTreeSet<PathBuf>,
}

impl Seen {
    pub fn is_directory(&self) -> bool {
        self.mode & 0o170_000 == 0o040_000
    }

    pub fn is_socket(&self) -> bool {
        self.mode & 0o170_000 == 0o140_000
    }

    pub fn is_whiteout(&self) -> bool {
        self.mode & 0o170_000 == 0o020_000 && self.device == 0
    }
}

pub type Snapshot = BTreeMap<PathBuf, Seen>;

pub fn snapshot(root: &Path) -> Snapshot {
    let mut seen = Snapshot::new();
    let mut inodes: HashMap<(u64, u64), BTreeSet<PathBuf>> = HashMap::new();
    let mut left = vec![PathBuf::new()];
    while let Some(path) = left.pop() {
        let full = root.join(&path);
        let metadata = fs::symlink_metadata(&full).unwrap();
        let mut contents = Vec::new();
        if metadata.is_dir() {
            left.extend(fs::read_dir(&full).unwrap().map(|entry| path.join(entry.unwrap().file_name())));
        } else {
            inodes.entry((metadata.dev(), metadata.ino())).or_default().insert(path.clone());
        }
        if metadata.is_file() {
            contents = Sha256::digest(fs::read(&full).unwrap()).to_vec();
        } else if metadata.is_symlink() {
            contents = fs::read_link(&full).unwrap().into_os_string().into_encoded_bytes();
        }
        let listed = match xattr::list(&full) {
            // A squashfs without any has no support for them.
            Err(error) if error.kind() == std::io::ErrorKind::Unsupported => None,
            listed => Some(listed.unwrap()),
        };
        let xattrs = listed
            .into_iter()
            .flatten()
            .filter(|name| !name.as_encoded_bytes().starts_with(b"system."))
            .map(|name| (name.clone(), xattr::get(&full, &name).unwrap().unwrap()))
            .collect();
        let device = if metadata.is_dir() || metadata.is_file() { 0 } else { metadata.rdev() };
        let (mode, owner) = (metadata.mode(), (metadata.uid(), metadata.gid()));
        seen.insert(path, Seen { mode, owner, device, contents, xattrs, names: BTreeSet::new() });
    }
    for names in inodes.into_values().filter(|names| names.len() > 1) {
        for name in &names {
            seen.get_mut(name).unwrap().names.clone_from(&names);
        }
    }
    seen
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Makes a squashfs of a whole tree, as the base on a stick is made.
pub fn base(root: &Path, out: &Path) {
    let options = ["-noappend", "-quiet", "-no-progress", "-comp", "gzip", "-noI", "-noD", "-noF", "-noX"];
    run(Command::new("mksquashfs").arg(root).arg(out).args(options));
}

/// Gives the calling thread a mount namespace of its own.
pub fn own_mounts() {
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>).unwrap();
}

/// What the layer alone holds, and what overlayfs shows of it over the base. The mounts are in a namespace that ends with
/// the thread.
pub fn mounted(base: &Path, layer: &Path, scratch: &Path) -> (Snapshot, Snapshot) {
    std::thread::scope(|scope| {
        let show = || {
            own_mounts();
            let [low, high, both] = ["low", "high", "both"].map(|name| scratch.join(name));
            for (image, point) in [(base, &low), (layer, &high)] {
                fs::create_dir_all(point).unwrap();
                run(Command::new("mount").args(["-t", "squashfs", "-o", "loop,ro"]).arg(image).arg(point));
            }
            fs::create_dir_all(&both).unwrap();
            let lower = format!("lowerdir={}:{}", high.display(), low.display());
            mount(Some("overlay"), &both, Some("overlay"), MsFlags::MS_RDONLY, Some(lower.as_str())).unwrap();
            (snapshot(&high), snapshot(&both))
        };
        scope.spawn(show).join().unwrap()
    })
}

/// What a layer must hold, worked out from what can be seen: the names, and which of them are whiteouts.
pub fn expected(old: &Snapshot, new: &Snapshot) -> BTreeMap<PathBuf, bool> {
    let shown =
        |path: &PathBuf| new.get(path).filter(|seen| !seen.is_socket() || old.get(path).is_some_and(Seen::is_socket));
    let mut expected: BTreeMap<PathBuf, bool> = BTreeMap::new();
    for (path, seen) in new {
        if seen.is_socket() || old.get(path) == Some(seen) {
            continue;
        }
        expected.insert(path.clone(), false);
    }
    for path in old.keys().filter(|path| shown(path).is_none()) {
        let parent = path.parent().unwrap();
        if !new.get(parent).is_some_and(Seen::is_directory) {
            continue;
        }
        let survives = |child: &&PathBuf| child.parent() == Some(parent) && shown(child).is_some();
        let opaque = parent != Path::new("") && !old.keys().any(|child| survives(&child));
        if opaque {
            expected.insert(parent.to_owned(), false);
        } else {
            expected.insert(path.clone(), true);
        }
    }
    for path in expected.keys().cloned().collect::<Vec<_>>() {
        for parent in path.ancestors().skip(1) {
            expected.entry(parent.to_owned()).or_insert(false);
        }
    }
    expected.insert(PathBuf::new(), false);
    expected
}
