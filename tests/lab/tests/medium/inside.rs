//! What the cases share inside a live root: the upgrade's files, and what the kernel says of the medium.

use std::collections::BTreeSet;
use std::fs;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};
use sameday_lab::stick::FileSystem;
use sameday_upgrade::boot_env::{BootEnv, Choice};
use sameday_upgrade::digest::Digest;
use sameday_upgrade::module_list;
use sameday_upgrade::names::Version;
use samedayd::medium::{Medium, Promised, Session, StickError};

use crate::{going_on, material};

pub const MEDIUM: &str = "/run/live/medium";
/// The release's time: 2026-02-03 04:05:06, even, for FAT counts in two seconds.
pub const RELEASE: i64 = 1_770_091_506;

pub struct Inside {
    pub dir: PathBuf,
    pub file_system: FileSystem,
}

/// A file of an upgrade.
pub struct File {
    pub place: String,
    pub source: PathBuf,
}

impl Inside {
    pub fn new(dir: &Path, file_system: FileSystem) -> Self {
        Self { dir: dir.to_owned(), file_system }
    }

    pub fn files(&self, layer: &str) -> Vec<File> {
        let of = |place: &str, source: PathBuf| File { place: place.to_owned(), source };
        vec![
            of("live/1.1/1.1.squashfs", material::layer(&self.dir, layer)),
            of("live/1.1/vmlinuz", self.dir.join("vmlinuz")),
            of("live/1.1/initrd.img", self.dir.join("initrd.img")),
        ]
    }

    /// The files that are written whole.
    pub fn small(&self) -> Vec<(String, Vec<u8>)> {
        let list = module_list::render(&Choice::Version(version("1.1"))).into_bytes();
        vec![
            ("live/1.1/upgrade.json".to_owned(), b"{\"format\": 1}".to_vec()),
            ("live/sameday/metadata/1.1/format".to_owned(), b"1\n".to_vec()),
            ("live/sameday/metadata/1.1/targets.json".to_owned(), material::noise(3000, 9)),
            ("live/1.1.module".to_owned(), list),
        ]
    }

    /// Places and lengths, for the room.
    pub fn lengths(&self, layer: &str) -> Vec<(String, u64)> {
        let files = self.files(layer).into_iter().map(|f| (f.place, fs::metadata(f.source).unwrap().len()));
        files.chain(self.small().into_iter().map(|(place, bytes)| (place, bytes.len() as u64))).collect()
    }

    pub fn stage(&self, session: &mut Session, layer: &str) -> Result<(), StickError> {
        for file in self.files(layer) {
            stage(session, &file.place, &fs::read(file.source).unwrap())?;
        }
        for (place, bytes) in self.small() {
            session.write_small(&place, &bytes)?;
        }
        Ok(())
    }

    /// Reads all files back and answers the layer's descriptor.
    pub fn read_back(&self, session: &Session, layer: &str) -> Result<fs::File, StickError> {
        let mut first = None;
        for file in self.files(layer) {
            let bytes = fs::read(file.source).unwrap();
            let back = session
                .medium()
                .read_back(&file.place, bytes.len() as u64, &Digest::of(&bytes), &mut |_| ControlFlow::Continue(()))?;
            first.get_or_insert(back);
        }
        for (place, bytes) in self.small() {
            session
                .medium()
                .read_back(&place, bytes.len() as u64, &Digest::of(&bytes), &mut |_| ControlFlow::Continue(()))?;
        }
        Ok(first.unwrap())
    }
}

pub fn stage(session: &mut Session, place: &str, bytes: &[u8]) -> Result<(), StickError> {
    going_on::go_on(session, place, bytes).map(drop)
}

pub fn version(text: &str) -> Version {
    text.parse().unwrap()
}

pub fn promised() -> Promised {
    Promised {
        product: material::PRODUCT.parse().unwrap(),
        channels: vec![material::CHANNEL.parse().unwrap()],
        architecture: material::ARCHITECTURE.parse().unwrap(),
        version: version("1.1"),
    }
}

pub fn open() -> Session {
    Medium::find().unwrap().open(&version("1.1"), RELEASE).unwrap()
}

/// The block that makes 1.1 start on trial, the base otherwise.
pub fn on_trial() -> BootEnv {
    BootEnv { current: Choice::Version(version("1.1")), previous: Choice::Base, tries: 3, good: false }
}

pub fn boot_env() -> BootEnv {
    BootEnv::parse(&fs::read(Path::new(MEDIUM).join("live/sameday/boot.env")).unwrap()).unwrap()
}

/// The disk under the medium: its folder in sysfs.
pub fn disk() -> PathBuf {
    let dev = fs::metadata(MEDIUM).unwrap().dev();
    let (major, minor) = (nix::sys::stat::major(dev), nix::sys::stat::minor(dev));
    let partition = fs::canonicalize(format!("/sys/dev/block/{major}:{minor}")).unwrap();
    partition.parent().unwrap().to_owned()
}

/// Sectors read from and written to the disk: Documentation/block/stat.rst in Linux.
pub fn sectors() -> (u64, u64) {
    let text = fs::read_to_string(disk().join("stat")).unwrap();
    let fields: Vec<u64> = text.split_whitespace().map(|field| field.parse().unwrap()).collect();
    (fields[2], fields[6])
}

pub fn free() -> u64 {
    let stat = nix::sys::statvfs::statvfs(MEDIUM).unwrap();
    stat.blocks_available() * stat.fragment_size()
}

pub fn remount(flags: MsFlags) {
    mount(None::<&str>, MEDIUM, None::<&str>, flags | MsFlags::MS_REMOUNT | MsFlags::MS_NOATIME, None::<&str>).unwrap();
}

pub fn is_read_only() -> bool {
    nix::sys::statvfs::statvfs(MEDIUM).unwrap().flags().contains(nix::sys::statvfs::FsFlags::ST_RDONLY)
}

/// Every file and folder of the medium with length and time, and the free room.
pub fn snapshot() -> (BTreeSet<(String, u64, i64)>, u64) {
    fn walk(dir: &Path, all: &mut BTreeSet<(String, u64, i64)>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            let length = if metadata.is_dir() { 0 } else { metadata.len() };
            all.insert((path.display().to_string(), length, metadata.mtime()));
            if metadata.is_dir() {
                walk(&path, all);
            }
        }
    }
    let mut all = BTreeSet::new();
    walk(Path::new(MEDIUM), &mut all);
    (all, free())
}

/// Mounts of this process, and loop devices over files of the new version.
pub fn traces() -> (usize, Vec<String>) {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap().lines().count();
    let backing = |entry: fs::DirEntry| fs::read_to_string(entry.path().join("loop/backing_file")).ok();
    let loops = fs::read_dir("/sys/block").unwrap().filter_map(|entry| backing(entry.unwrap()));
    (mounts, loops.filter(|file| file.contains("/live/1.1/")).collect())
}
