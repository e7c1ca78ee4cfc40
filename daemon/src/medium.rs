//! The boot medium: the partition that this live system was started from, found by what the kernel says of it and by nothing else.
//!
//! [`Medium::find`] answers the medium or the reason why it is not to be upgraded; reading it never writes a byte. [`Medium::open`] begins
//! what writes: a [`Session`] that stages files under their final, not yet referenced names, reads them back past the page cache, checks the
//! stack, and commits by one overwrite of one sector. A session that ends without a commit removes what it staged.
//!
//! No option and no variable changes where this looks: the mounts of its own mount namespace, the kernel's command line, sysfs, and the
//! partition table of the disk.

mod clear;
mod device;
mod error;
mod gpt;
mod loader;
mod mounts;
mod read_back;
mod room;
mod sector;
mod session;
mod settle;
mod stack;
mod staging;
mod tree;
mod versions;
mod zone;

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::sys::statfs;
use sameday_upgrade::boot_env::{self, BootEnv, Choice, GoodEnv};
use sameday_upgrade::module_list::BASE_IMAGE;
use sameday_upgrade::names::Version;
use sameday_upgrade::os_release::{self, OsRelease};
use sameday_upgrade::start::Start;

use device::Device;
use loader::Loader;
use mounts::{Mount, Parameters};
use tree::Tree;

pub use clear::Cleared;
pub use error::{Parameter, Refusal, StackFault, StickError};
pub use room::{Room, RoomPlan};
pub use session::Session;
pub use stack::Promised;
pub use staging::{Judge, Staging};
pub use versions::{Evidence, LeftOver, Present};

/// Where live-boot mounts the medium, the newer place first; `/lib` is a link to `/usr/lib` on merged systems, and mountinfo shows the latter.
const MEDIUM: [&str; 3] = ["/run/live/medium", "/usr/lib/live/mount/medium", "/lib/live/mount/medium"];
/// Where live-boot mounts the images that it stacks.
const LAYERS: [&str; 3] = ["/run/live/rootfs", "/usr/lib/live/mount/rootfs", "/lib/live/mount/rootfs"];
/// Which version starts.
const BOOT_ENV: &str = "live/sameday/boot.env";
/// Which version came up well last.
const GOOD_ENV: &str = "live/sameday/good.env";
/// Blocks of other sizes are told apart from garbage up to this: GRUB's own tools make 1,024 bytes, some systems 4,096.
const LARGEST_BLOCK: u64 = 4096;
/// The kernel's own texts: a page or a few; more is not what it claims to be.
const LARGEST_KERNEL_TEXT: u64 = 4 << 20;

/// The file systems that an upgrade can be written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileSystem {
    /// FAT with long names.
    Vfat,
    /// ext4.
    Ext4,
}

/// What is stacked in the running system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// The version that runs, by the images that are really mounted.
    pub choice: Choice,
    /// `module=` of the kernel's command line: what the boot loader asked for. It differs from `choice` when an image was missing.
    pub module: Option<String>,
}

/// A disk, as it was put in: the same one put in again is another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk(Device);

/// A boot medium that upgrades can be written to.
#[derive(Debug, Clone)]
pub struct Medium {
    mount: Mount,
    device: Device,
    tree: Tree,
    file_system: FileSystem,
    base: PathBuf,
    running: Running,
    loader: Loader,
    boot_env: BootEnv,
    good_env: Option<GoodEnv>,
}

impl Medium {
    /// Finds the medium that this system was started from.
    ///
    /// # Errors
    /// The reason why this system cannot be upgraded where it is.
    pub fn find() -> Result<Self, Refusal> {
        Self::examine(|device| device.judge_writable().and_then(|()| device.judge()))
    }

    /// As [`Medium::find`], and not another disk than the one that this system was found on before.
    ///
    /// # Errors
    /// As [`Medium::find`], and `not-ours` when another disk is in its place.
    pub fn find_on(disk: Option<&Disk>) -> Result<Self, Refusal> {
        let medium = Self::find()?;
        match disk {
            Some(disk) if medium.disk() != *disk => Err(Refusal::NotOurs { why: "another-disk" }),
            _ => Ok(medium),
        }
    }

    /// The disk that it is on.
    #[must_use]
    pub fn disk(&self) -> Disk {
        Disk(self.device.clone())
    }

    /// As [`Medium::find`], for a look only: a stick that cannot be written to says as well how it stands.
    ///
    /// # Errors
    /// The reason why this is no stick of ours.
    pub fn look() -> Result<Self, Refusal> {
        Self::examine(Device::judge)
    }

    fn examine(judge: impl FnOnce(&Device) -> Result<(), Refusal>) -> Result<Self, Refusal> {
        let parameters = Parameters::parse(&kernel_text("/proc/cmdline")?);
        if let Some(parameter) = parameters.iso_file {
            return Err(Refusal::FindIso { parameter });
        }
        if parameters.to_ram {
            return Err(Refusal::ToRam);
        }
        let mounts = mounts::parse(&kernel_text("/proc/self/mountinfo")?);
        let mount = MEDIUM.iter().find_map(|place| mounts::at(&mounts, Path::new(place))).ok_or(Refusal::NotFound)?;
        let tree = Tree::open(&mount.point).map_err(|e| Refusal::io("open the medium", e))?;
        let file_system = judge_file_system(mount, &tree)?;
        let metadata = tree.root().metadata().map_err(|e| Refusal::io("look at the medium", e))?;
        let device = Device::of(metadata.dev())?;
        if device.number != mount.device {
            return Err(Refusal::NotOurs { why: "wrong-device" });
        }
        judge(&device)?;
        let (base, running) = running(&mounts, parameters.module)?;
        if !tree.is_file(&format!("live/{BASE_IMAGE}")).map_err(|e| Refusal::io("look for the base", e))? {
            return Err(Refusal::NoBase);
        }
        // Without it GRUB falls back to the base; that is worth a line in the log and no refusal.
        let good_env = match tree.read(GOOD_ENV, boot_env::SIZE as u64) {
            Ok(Some(block)) => match GoodEnv::parse(&block) {
                Ok(env) => Some(env),
                Err(error) => {
                    tracing::warn!("good.env: {error}");
                    None
                }
            },
            Ok(None) => None,
            Err(error) => {
                tracing::warn!("good.env: {error}");
                None
            }
        };
        let (loader, boot_env) = Loader::find(&tree, &running, good_env.as_ref())?;
        let mount = mount.clone();
        let mut medium = Self { mount, device, tree, file_system, base, running, loader, boot_env, good_env };
        if !medium.undoes_itself() {
            medium.boot_env.previous = medium.kept_beside()?;
        }
        Ok(medium)
    }

    /// What `boot.env` said when the medium was found; with another boot loader, what would say the same.
    #[must_use]
    pub fn boot_env(&self) -> &BootEnv {
        &self.boot_env
    }

    /// What `good.env` said, unless it is missing or damaged.
    #[must_use]
    pub fn good_env(&self) -> Option<&GoodEnv> {
        self.good_env.as_ref()
    }

    /// What runs.
    #[must_use]
    pub fn running(&self) -> &Running {
        &self.running
    }

    /// What there is to judge about this start.
    #[must_use]
    pub fn start(&self) -> Start {
        // Another boot loader asks for the same list whatever it starts.
        let module = self.running.module.as_deref().filter(|_| self.undoes_itself());
        Start::of(&self.boot_env, &self.running.choice, module)
    }

    /// Its file system.
    #[must_use]
    pub fn file_system(&self) -> FileSystem {
        self.file_system
    }

    /// The kept version that a consent may give up if its room is needed: `previous`, once what runs is good, unless it is the one to fall
    /// back to.
    #[must_use]
    pub fn gives_up(&self) -> Option<&Version> {
        gives_up(&self.running.choice, &self.boot_env, self.good_env.as_ref())
    }

    /// What the base says of itself, read inside its own tree.
    ///
    /// # Errors
    /// When the base holds no os-release of ours.
    pub fn initial_os_release(&self) -> Result<OsRelease, Refusal> {
        let base = Tree::open(&self.base).map_err(|e| Refusal::io("open the base", e))?;
        let text = stack::os_release(&base).map_err(|e| Refusal::io("read the base's os-release", e))?;
        OsRelease::parse(&text.ok_or(Refusal::NoBase)?).map_err(|fault| Refusal::BaseOsRelease { fault })
    }
}

fn gives_up<'a>(running: &Choice, env: &'a BootEnv, good: Option<&GoodEnv>) -> Option<&'a Version> {
    match &env.previous {
        choice @ Choice::Version(version)
            if env.current == *running
                && env.good
                && choice != running
                && good.is_none_or(|good| good.version != *choice) =>
        {
            Some(version)
        }
        _ => None,
    }
}

/// vfat and ext4 are written to; of others it is said what they mean.
fn judge_file_system(mount: &Mount, tree: &Tree) -> Result<FileSystem, Refusal> {
    let kind =
        statfs::fstatfs(tree.root()).map_err(|e| Refusal::io("ask for the file system", e.into()))?.filesystem_type();
    match (mount.file_system.as_str(), kind) {
        ("iso9660" | "udf", _) => Err(Refusal::Optical { file_system: mount.file_system.clone() }),
        ("tmpfs" | "ramfs", _) => Err(Refusal::ToRam),
        ("vfat", statfs::MSDOS_SUPER_MAGIC) => Ok(FileSystem::Vfat),
        ("ext4", statfs::EXT4_SUPER_MAGIC) => Ok(FileSystem::Ext4),
        _ => Err(Refusal::UnsupportedFileSystem { file_system: mount.file_system.clone() }),
    }
}

/// Which version is stacked: the base alone, or the base and one layer. Anything else is a stack that no list of ours makes.
fn running(mounts: &[Mount], module: Option<String>) -> Result<(PathBuf, Running), Refusal> {
    let mut images: Vec<(&str, &Path)> = mounts
        .iter()
        .filter(|mount| mount.file_system == "squashfs")
        .filter(|mount| LAYERS.iter().any(|folder| mount.point.parent() == Some(Path::new(folder))))
        .filter_map(|mount| Some((mount.point.file_name()?.to_str()?, mount.point.as_path())))
        .collect();
    // Older live-boot shows the same mounts under two paths.
    images.sort_unstable();
    images.dedup_by_key(|(name, _)| *name);
    let base = images.iter().find(|(name, _)| *name == BASE_IMAGE).ok_or(Refusal::NoBase)?.1.to_owned();
    let layers: Vec<&str> = images.iter().map(|(name, _)| *name).filter(|name| *name != BASE_IMAGE).collect();
    let choice = match layers.as_slice() {
        [] => Some(Choice::Base),
        [one] => one.strip_suffix(".squashfs").and_then(|name| name.parse().ok()).map(Choice::Version),
        _ => None,
    };
    let choice = choice.ok_or_else(|| Refusal::UnexpectedLayers { images: layers.join(" ") })?;
    Ok((base, Running { choice, module }))
}

fn kernel_text(path: &str) -> Result<String, Refusal> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(LARGEST_KERNEL_TEXT).read_to_end(&mut bytes))
        .map_err(|e| Refusal::io("read what the kernel says", e))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The largest os-release, as memory.
const LARGEST_OS_RELEASE: u64 = os_release::LARGEST;

#[cfg(test)]
mod tests {
    use super::*;

    fn mounted(points: &[&str]) -> Vec<Mount> {
        let lines: Vec<String> =
            points.iter().map(|point| format!("1 2 7:1 / {point} ro,noatime - squashfs /dev/loop1 ro\n")).collect();
        mounts::parse(&lines.concat())
    }

    #[test]
    fn the_previous_version_is_given_up_only_for_one_that_is_good() {
        let choice = |name: &str| if name == "base" { Choice::Base } else { Choice::Version(name.parse().unwrap()) };
        for (running, current, previous, good, good_env, given_up) in [
            ("2", "2", "1", true, Some("2"), Some("1")),
            ("2", "2", "1", true, None, Some("1")),
            ("2", "2", "1", true, Some("1"), None),
            ("2", "2", "1", false, Some("base"), None),
            ("1", "2", "1", true, Some("2"), None),
            ("base", "2", "1", true, Some("2"), None),
            ("2", "2", "2", true, Some("base"), None),
            ("2", "2", "base", true, Some("2"), None),
        ] {
            let env = BootEnv { current: choice(current), previous: choice(previous), tries: 0, good };
            let good_env = good_env.map(|version| GoodEnv { version: choice(version) });
            let found = gives_up(&choice(running), &env, good_env.as_ref()).map(Version::as_str);
            assert_eq!(found, given_up, "{running} runs, {env:?}, {good_env:?}");
        }
    }

    #[test]
    fn the_running_version_is_what_is_mounted_not_what_was_asked_for() {
        let base = "/run/live/rootfs/filesystem.squashfs";
        let run = |points: &[&str]| running(&mounted(points), Some("1.2".into())).map(|(_, running)| running.choice);
        assert_eq!(run(&[base]).unwrap(), Choice::Base);
        assert_eq!(run(&[base, "/run/live/rootfs/1.2.squashfs"]).unwrap().to_string(), "1.2");
        assert_eq!(
            run(&[base, "/run/live/rootfs/1.2.squashfs", "/usr/lib/live/mount/rootfs/1.2.squashfs"])
                .unwrap()
                .to_string(),
            "1.2"
        );
        for bad in [
            &[base, "/run/live/rootfs/1.squashfs", "/run/live/rootfs/2.squashfs"][..],
            &[base, "/run/live/rootfs/other"],
        ] {
            assert_eq!(run(bad).unwrap_err().reason(), "unexpected-layers", "{bad:?}");
        }
        assert_eq!(run(&["/run/live/rootfs/1.squashfs"]).unwrap_err().reason(), "no-base");
    }
}
