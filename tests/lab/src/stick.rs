//! Sticks as image files: a GPT whose first partition is the system, laid out as in `docs/formats.md`, made and read without mounting
//! anything. Made twice from the same files, the images are equal.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use sameday_publish::image::contents::{Contents, Source};
use sameday_publish::image::table::{SYSTEM_START, Table};
use sameday_publish::image::{Identity, fat};
use sameday_upgrade::digest::Digest;
use sha2::{Digest as _, Sha256};

use crate::process::run;

/// Where the system's partition begins.
pub const PARTITION_START: u64 = SYSTEM_START;
/// Of sticks with clusters that the product's own do not have.
const FAT_SERIAL: &str = "5A4D0001";
const EXT4_UUID: &str = "5a4d0001-0000-4000-8000-000000000001";
/// The type of EFI system partitions, for sgdisk.
pub const EFI_SYSTEM: &str = "EF00";

/// The file system of a stick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileSystem {
    /// What sticks have.
    Vfat,
    /// For kernels without vfat.
    Ext4,
}

impl FileSystem {
    /// vfat where this kernel has it, otherwise ext4.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn of_this_kernel() -> io::Result<Self> {
        // A module is loaded only when it is wanted; where there is none this changes nothing.
        if let Err(error) = Command::new("modprobe").args(["-q", "vfat"]).status() {
            eprintln!("modprobe vfat: {error}");
        }
        let known = fs::read_to_string("/proc/filesystems")?;
        let has = known.lines().any(|line| line.split_whitespace().last() == Some("vfat"));
        Ok(if has { Self::Vfat } else { Self::Ext4 })
    }

    /// Its name for mount(8).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Vfat => "vfat",
            Self::Ext4 => "ext4",
        }
    }
}

/// What a stick is made of.
#[derive(Debug, Clone)]
pub struct Spec<'a> {
    /// Its file system.
    pub file_system: FileSystem,
    /// Bytes of the whole disk.
    pub size: u64,
    /// The base image.
    pub base: &'a Path,
    /// Its kernel.
    pub kernel: &'a Path,
    /// Its initial RAM disk.
    pub initrd: &'a Path,
    /// Further files: place and content.
    pub more: &'a [(String, Vec<u8>)],
    /// The time that all files and directories carry, in Unix seconds.
    pub time: i64,
    /// The number of the system's partition: 1 on a stick of ours.
    pub partition: u32,
    /// Bytes of a cluster or block, if not what is usual for the size.
    pub cluster: Option<u64>,
    /// The type of the partition, as sgdisk writes it: [`EFI_SYSTEM`] on a stick of ours.
    pub partition_type: &'a str,
}

impl<'a> Spec<'a> {
    /// A stick as it is made for a new user.
    #[must_use]
    pub fn new(file_system: FileSystem, size: u64, base: &'a Path, kernel: &'a Path, initrd: &'a Path) -> Self {
        let time = 1_767_225_600; // 2026-01-01
        Self {
            file_system,
            size,
            base,
            kernel,
            initrd,
            more: &[],
            time,
            partition: 1,
            cluster: None,
            partition_type: EFI_SYSTEM,
        }
    }
}

/// An image of a stick.
#[derive(Debug, Clone)]
pub struct Stick {
    image: PathBuf,
    file_system: FileSystem,
}

/// A file on a stick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its length.
    pub length: u64,
    /// Its content's SHA-256.
    pub digest: Digest,
}

impl Stick {
    /// Makes `DIR/NAME.img`.
    ///
    /// # Errors
    /// When a tool fails or the files do not fit.
    pub fn build(dir: &Path, name: &str, spec: &Spec<'_>) -> io::Result<Self> {
        let image = dir.join(format!("{name}.img"));
        File::create(&image)?;
        let mut contents = Contents::live(spec.base, spec.kernel, spec.initrd);
        for (place, bytes) in spec.more {
            contents.put(place, Source::Bytes(bytes.clone()));
        }
        let time = u32::try_from(spec.time).map_err(io::Error::other)?;
        let table = Table::of_disk(spec.size).map_err(io::Error::other)?;
        let identity = Identity::of(&contents, &table, time).map_err(io::Error::other)?;
        table.write(&image, &identity).map_err(io::Error::other)?;
        if spec.partition != 1 {
            run(Command::new("sgdisk").arg(format!("--transpose=1:{}", spec.partition)).arg(&image))?;
        }
        if spec.partition_type != EFI_SYSTEM {
            let kind = format!("--typecode={}:{}", spec.partition, spec.partition_type);
            run(Command::new("sgdisk").arg(kind).arg(&image))?;
        }
        let stick = Self { image, file_system: spec.file_system };
        match spec.file_system {
            FileSystem::Vfat if spec.cluster.is_none() => {
                fat::fill(&stick.image, &table.system(), &identity, &contents, time).map_err(io::Error::other)?;
            }
            file_system => {
                let files = tempfile::tempdir_in(dir)?;
                contents.write_to(files.path()).map_err(io::Error::other)?;
                let kib = table.system().length() / 1024;
                match file_system {
                    FileSystem::Vfat => stick.fill_vfat(files.path(), kib, spec)?,
                    FileSystem::Ext4 => stick.fill_ext4(files.path(), kib, spec)?,
                }
            }
        }
        Ok(stick)
    }

    /// An image that is there already.
    #[must_use]
    pub fn existing(image: &Path, file_system: FileSystem) -> Self {
        Self { image: image.to_owned(), file_system }
    }

    fn fill_vfat(&self, files: &Path, kib: u64, spec: &Spec<'_>) -> io::Result<()> {
        let offset = (PARTITION_START / 512).to_string();
        run(Command::new("mkfs.vfat")
            .args(["-F", "32", "--invariant", "-i", FAT_SERIAL, "-n", "SAMEDAY", "--offset", &offset])
            .args(spec.cluster.into_iter().flat_map(|bytes| ["-s".to_owned(), (bytes / 512).to_string()]))
            .arg(&self.image)
            .arg(kib.to_string()))?;
        // One folder or file at a time, in order of names: mtools numbers short names in the order that it sees.
        for path in sorted(files)? {
            let place = path.strip_prefix(files).map_err(io::Error::other)?.to_string_lossy().into_owned();
            let mut command = if path.is_dir() { self.mtools("mmd") } else { self.mtools("mcopy") };
            if !path.is_dir() {
                command.arg(&path);
            }
            run(command.arg(format!("::{place}")).env("SOURCE_DATE_EPOCH", spec.time.to_string()))?;
        }
        Ok(())
    }

    fn fill_ext4(&self, files: &Path, kib: u64, spec: &Spec<'_>) -> io::Result<()> {
        for path in sorted(files)?.iter().rev().chain([&files.to_owned()]) {
            let when = std::time::UNIX_EPOCH + std::time::Duration::from_secs(spec.time.unsigned_abs());
            File::open(path)?.set_times(fs::FileTimes::new().set_accessed(when).set_modified(when))?;
        }
        let options = format!("offset={PARTITION_START},hash_seed={EXT4_UUID},root_owner=0:0");
        run(Command::new("mkfs.ext4")
            .args(["-q", "-U", EXT4_UUID, "-E", &options])
            .args(spec.cluster.into_iter().flat_map(|bytes| ["-b".to_owned(), bytes.to_string()]))
            .arg("-d")
            .arg(files)
            .arg(&self.image)
            .arg(format!("{kib}k"))
            .env("E2FSPROGS_FAKE_TIME", spec.time.to_string()))?;
        Ok(())
    }

    /// The image.
    #[must_use]
    pub fn image(&self) -> &Path {
        &self.image
    }

    /// Its file system.
    #[must_use]
    pub fn file_system(&self) -> FileSystem {
        self.file_system
    }

    /// A copy of the image.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn clone_to(&self, image: &Path) -> io::Result<Self> {
        run(Command::new("cp").args(["--sparse=always", "--"]).arg(&self.image).arg(image))?;
        Ok(Self { image: image.to_owned(), file_system: self.file_system })
    }

    /// SHA-256 of the whole disk.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn digest(&self) -> io::Result<Digest> {
        digest_of(&self.image)
    }

    /// Every file on it, by place.
    ///
    /// # Errors
    /// When the file system cannot be read.
    pub fn tree(&self) -> io::Result<BTreeMap<String, Entry>> {
        let parent = self.image.parent().unwrap_or(Path::new("."));
        let out = tempfile::tempdir_in(parent)?;
        self.extract("/", out.path())?;
        let mut tree = BTreeMap::new();
        for path in sorted(out.path())? {
            if path.is_file() {
                let place = path.strip_prefix(out.path()).map_err(io::Error::other)?.to_string_lossy().into_owned();
                tree.insert(place, Entry { length: path.metadata()?.len(), digest: digest_of(&path)? });
            }
        }
        Ok(tree)
    }

    /// The content of one file.
    ///
    /// # Errors
    /// When it is not there or cannot be read.
    pub fn read(&self, place: &str) -> io::Result<Vec<u8>> {
        let parent = self.image.parent().unwrap_or(Path::new("."));
        let out = tempfile::NamedTempFile::new_in(parent)?;
        match self.file_system {
            FileSystem::Vfat => run(self.mtools("mcopy").args(["-n", "-o"]).arg(format!("::{place}")).arg(out.path()))?,
            FileSystem::Ext4 => {
                let listed = self.debugfs(&format!("stat /{place}"))?;
                if !listed.contains("Inode:") {
                    return Err(io::Error::new(io::ErrorKind::NotFound, format!("no {place} on the stick")));
                }
                run(Command::new("debugfs")
                    .arg("-R")
                    .arg(format!("dump /{place} {}", out.path().display()))
                    .arg(self.located()))?
            }
        };
        fs::read(out.path())
    }

    /// Puts a file on it, over one of the same place.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, place: &str, bytes: &[u8]) -> io::Result<()> {
        let parent = self.image.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(parent)?;
        file.write_all(bytes)?;
        match self.file_system {
            FileSystem::Vfat => {
                run(self.mtools("mcopy").arg("-o").arg(file.path()).arg(format!("::{place}")))?;
            }
            FileSystem::Ext4 => {
                self.debugfs_write(&format!("rm /{place}"))?;
                self.debugfs_write(&format!("write {} /{place}", file.path().display()))?;
            }
        }
        Ok(())
    }

    /// Makes a folder in one that is there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn make_folder(&self, place: &str) -> io::Result<()> {
        match self.file_system {
            FileSystem::Vfat => run(self.mtools("mmd").arg(format!("::{place}"))).map(drop),
            FileSystem::Ext4 => self.debugfs_write(&format!("mkdir /{place}")),
        }
    }

    /// Removes a file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn remove(&self, place: &str) -> io::Result<()> {
        match self.file_system {
            FileSystem::Vfat => run(self.mtools("mdel").arg(format!("::{place}"))).map(drop),
            FileSystem::Ext4 => self.debugfs_write(&format!("rm /{place}")),
        }
    }

    /// Free bytes of the file system.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn free(&self) -> io::Result<u64> {
        let number = |text: &str| {
            text.chars().filter(char::is_ascii_digit).collect::<String>().parse().map_err(io::Error::other)
        };
        match self.file_system {
            FileSystem::Vfat => {
                let out = run(self.mtools("mdir").arg("::"))?.stdout;
                let text = String::from_utf8_lossy(&out).into_owned();
                number(text.lines().rev().find(|line| line.contains("bytes free")).unwrap_or(""))
            }
            FileSystem::Ext4 => {
                let text = self.debugfs("show_super_stats -h")?;
                let field = |name: &str| {
                    let value = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("");
                    number(value)
                };
                Ok(field("Free blocks:")? * field("Block size:")?)
            }
        }
    }

    /// Checks the file system and changes nothing. A dirty bit that a mount has left is no fault.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn fsck(&self) -> io::Result<()> {
        match self.file_system {
            FileSystem::Vfat => {
                let parent = self.image.parent().unwrap_or(Path::new("."));
                let mut partition = tempfile::NamedTempFile::new_in(parent)?;
                let mut image = File::open(&self.image)?;
                image.seek(SeekFrom::Start(PARTITION_START))?;
                io::copy(&mut image, partition.as_file_mut())?;
                run(Command::new("fsck.fat").arg("-n").arg(partition.path())).map(drop)
            }
            FileSystem::Ext4 => run(Command::new("e2fsck").arg("-fn").arg(self.located())).map(drop),
        }
    }

    fn extract(&self, place: &str, out: &Path) -> io::Result<()> {
        match self.file_system {
            FileSystem::Vfat => {
                run(self.mtools("mcopy").args(["-s", "-n", "-Q"]).arg(format!("::{place}")).arg(out)).map(drop)
            }
            FileSystem::Ext4 => run(Command::new("debugfs")
                .arg("-R")
                .arg(format!("rdump {place} {}", out.display()))
                .arg(self.located()))
            .map(drop),
        }
    }

    /// mtools on the partition inside the image.
    fn mtools(&self, tool: &str) -> Command {
        let mut command = Command::new(tool);
        command.arg("-i").arg(format!("{}@@{PARTITION_START}", self.image.display()));
        command
    }

    /// How e2fsprogs name the partition inside the image.
    fn located(&self) -> String {
        format!("{}?offset={PARTITION_START}", self.image.display())
    }

    fn debugfs(&self, request: &str) -> io::Result<String> {
        let out = run(Command::new("debugfs").args(["-R", request]).arg(self.located()))?;
        Ok(String::from_utf8_lossy(&out.stdout).into_owned())
    }

    fn debugfs_write(&self, request: &str) -> io::Result<()> {
        run(Command::new("debugfs").args(["-w", "-R", request]).arg(self.located())).map(drop)
    }
}

/// All files and folders below a folder, folders before what is in them, in order of names.
fn sorted(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    let mut names: Vec<PathBuf> = fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    names.sort();
    for path in names {
        let folder = path.symlink_metadata()?.is_dir();
        all.push(path.clone());
        if folder {
            all.extend(sorted(&path)?);
        }
    }
    Ok(all)
}

fn digest_of(path: &Path) -> io::Result<Digest> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.into()),
            count => hasher.update(&buffer[..count]),
        }
    }
}
