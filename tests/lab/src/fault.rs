//! Disks that fail when they are told to, and note down what is written to them, by the kernel's device mapper: an image, below it the real
//! file, above it a disk with partitions as any stick. For kernels with the device mapper, such as the one of [`uml`](crate::uml).

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::live::Attached;
use crate::process::run;

/// What the disk does. The targets are those of Documentation/admin-guide/device-mapper in Linux.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// What it should.
    Works,
    /// Every write fails; reads go on (dm-flakey, `error_writes`).
    FailsWrites,
    /// This one sector can be neither read nor written (dm-error between dm-linear).
    FailsAt(u64),
    /// Every write is acknowledged and forgotten; reads go on (dm-flakey, `drop_writes`).
    DropsWrites,
    /// Everything fails, as with a stick that was pulled out (dm-error).
    Fails,
    /// What lies behind this many sectors is not there, as with a stick that claims to be larger than it is (dm-linear, and dm-error behind it).
    Shrunken(u64),
    /// Works until bad blocks are named by [`FaultyDisk::spoil`] (dm-dust).
    Dusty,
}

/// A disk of an image.
#[derive(Debug)]
pub struct FaultyDisk {
    // Dropped in this order: what uses the device, then the device, then what it uses.
    device: Attached,
    mapped: Mapped,
    log: Option<Log>,
    _below: Attached,
}

/// What notes down the writes that reach the image (dm-log-writes), below all faults: what failed is not in it.
#[derive(Debug)]
struct Log {
    mapped: Mapped,
    _file: Attached,
}

/// The device between the two, removed on drop.
#[derive(Debug)]
struct Mapped {
    name: String,
    below: PathBuf,
    sectors: u64,
}

/// udev is not there to be waited for.
fn dmsetup(words: &[&str]) -> io::Result<()> {
    run(Command::new("dmsetup").args(["--noudevsync", "--noudevrules"]).args(words)).map(drop)
}

impl Mapped {
    /// What is left of one device must not be in the way of the next.
    fn create(name: &str, below: &Path, sectors: u64, table: impl Fn(&Self) -> String) -> io::Result<Self> {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let name = &format!("{name}-{}", MADE.fetch_add(1, Ordering::SeqCst));
        let mapped = Self { name: name.clone(), below: below.to_owned(), sectors };
        dmsetup(&["create", name, "--table", &table(&mapped)])?;
        Ok(mapped)
    }

    fn table(&self, behaviour: Behaviour) -> String {
        let (sectors, below) = (self.sectors, self.below.display());
        // Up for no time and down for an hour, or the other way round.
        let flakey = |how: &str| format!("0 {sectors} flakey {below} 0 {how}");
        let linear = |from: u64, to: u64| format!("{from} {} linear {below} {from}", to.saturating_sub(from));
        match behaviour {
            Behaviour::Works => linear(0, sectors),
            Behaviour::FailsWrites => flakey("0 3600 1 error_writes"),
            Behaviour::FailsAt(at) => {
                format!("{}\n{at} 1 error\n{}", linear(0, at), linear(at.saturating_add(1), sectors))
            }
            Behaviour::DropsWrites => flakey("0 3600 1 drop_writes"),
            Behaviour::Fails => format!("0 {sectors} error"),
            Behaviour::Shrunken(to) => format!("{}\n{to} {} error", linear(0, to), sectors.saturating_sub(to)),
            Behaviour::Dusty => format!("0 {sectors} dust {below} 0 512"),
        }
    }

    /// Without udev only the kernel's own names are in /dev.
    fn node(&self) -> io::Result<PathBuf> {
        for entry in fs::read_dir("/sys/block")? {
            let folder = entry?.path();
            if fs::read_to_string(folder.join("dm/name")).is_ok_and(|name| name.trim() == self.name) {
                return Ok(Path::new("/dev").join(folder.file_name().unwrap_or_default()));
            }
        }
        Err(io::Error::new(io::ErrorKind::NotFound, format!("no device {}", self.name)))
    }
}

impl Log {
    fn new(name: &str, below: &Path, sectors: u64, file: &Path) -> io::Result<Self> {
        let file = Attached::new(file, false, false)?;
        let table = format!("0 {sectors} log-writes {} {}", below.display(), file.path().display());
        Ok(Self { mapped: Mapped::create(name, below, sectors, |_| table.clone())?, _file: file })
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        if let Err(error) = dmsetup(&["remove", "--force", "--retry", &self.name]) {
            eprintln!("remove {}: {error}", self.name);
        }
    }
}

/// A write protection would outlive what is attached, and meet whoever gets the loop device next.
impl Drop for FaultyDisk {
    fn drop(&mut self) {
        if let Err(error) = run(Command::new("blockdev").arg("--setrw").arg(self.device.path())) {
            eprintln!("{error}");
        }
    }
}

impl FaultyDisk {
    /// A disk of this image that works. `name` begins the device's.
    ///
    /// # Errors
    /// When the kernel has no device mapper, or one of the devices cannot be made.
    pub fn new(name: &str, image: &Path) -> io::Result<Self> {
        Self::made(name, image, None)
    }

    /// As [`FaultyDisk::new`]; every write that reaches the image, and every flush, is noted down in `log`, a file of this length that is
    /// made for it. It is whole when the disk is dropped.
    ///
    /// # Errors
    /// As [`FaultyDisk::new`].
    pub fn logged(name: &str, image: &Path, log: &Path, length: u64) -> io::Result<Self> {
        File::create(log)?.set_len(length)?;
        Self::made(name, image, Some(log))
    }

    fn made(name: &str, image: &Path, log: Option<&Path>) -> io::Result<Self> {
        let sectors = image.metadata()?.len() / 512;
        let below = Attached::new(image, false, false)?;
        let log = log.map(|log| Log::new(&format!("{name}-log"), below.path(), sectors, log)).transpose()?;
        let node = log.as_ref().map_or_else(|| Ok(below.path().to_owned()), |log| log.mapped.node())?;
        let mapped = Mapped::create(name, &node, sectors, |mapped| mapped.table(Behaviour::Works))?;
        let device = Attached::new(&mapped.node()?, false, true)?;
        // Otherwise its own cache would stand between the file system and the fault.
        run(Command::new("losetup").arg("--direct-io=on").arg(device.path()))?;
        Ok(Self { device, mapped, log, _below: below })
    }

    /// Puts a word into the log, behind all that has been flushed.
    ///
    /// # Errors
    /// When there is no log, or the kernel refuses.
    pub fn mark(&self, word: &str) -> io::Result<()> {
        let log = self.log.as_ref().ok_or_else(|| io::Error::other("this disk has no log"))?;
        dmsetup(&["message", &log.mapped.name, "0", "mark", word])
    }

    /// The node of a partition.
    #[must_use]
    pub fn partition(&self, number: u32) -> PathBuf {
        self.device.partition(number)
    }

    /// The node of the whole disk.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.device.path()
    }

    /// Gets ready to behave so from the next [`FaultyDisk::strike`] on.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn prepare(&self, behaviour: Behaviour) -> io::Result<()> {
        // On its command line dmsetup takes one line only.
        let mut table = tempfile::NamedTempFile::new()?;
        writeln!(table, "{}", self.mapped.table(behaviour))?;
        dmsetup(&["load", &self.mapped.name, &table.path().to_string_lossy()])
    }

    /// Behaves as prepared from now on. What is under way ends before.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn strike(&self) -> io::Result<()> {
        dmsetup(&["resume", "--noflush", "--nolockfs", &self.mapped.name])
    }

    /// Behaves so from now on.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn becomes(&self, behaviour: Behaviour) -> io::Result<()> {
        self.prepare(behaviour)?;
        self.strike()
    }

    /// Of a [`Behaviour::Dusty`] disk: these sectors cannot be read until they are written anew.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn spoil(&self, sectors: &[u64]) -> io::Result<()> {
        let message = |words: &[&str]| dmsetup(&[&["message", &self.mapped.name, "0"], words].concat());
        for sector in sectors {
            message(&["addbadblock", &sector.to_string()])?;
        }
        message(&["enable"])
    }

    /// The kernel takes disk and partition for write-protected, or no longer.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn protect(&self, partition: u32, protected: bool) -> io::Result<()> {
        let option = if protected { "--setro" } else { "--setrw" };
        for node in [self.device.partition(partition), self.device.path().to_owned()] {
            run(Command::new("blockdev").arg(option).arg(node))?;
        }
        Ok(())
    }
}
