//! The upgraded system, stacked as it will be and looked at before anything refers to it: read-only, without devices, set-uid or programs,
//! in a mount namespace of its own that ends with the look. No program of it is run.

mod walk;

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use loopdev::{LoopControl, LoopDevice};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use sameday_upgrade::module_list::BASE_IMAGE;
use sameday_upgrade::names::{Name, Version};
use sameday_upgrade::os_release::OsRelease;

use super::LARGEST_OS_RELEASE;
use super::error::{StackFault, StickError};
use super::session::Session;
use super::tree::{Tree, absent, read_capped};

/// A directory that every system has; what lies below it is hidden in the look's own namespace only.
const ROOM: &str = "/run";
/// Free loop devices are taken by others, too: so often another one is tried.
const LOOP_TRIES: u32 = 16;
/// The kernel lets go of a loop device after its last close, in its own time.
const LOOP_RELEASE: Duration = Duration::from_secs(2);

/// What the description promises of the system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promised {
    /// `IMAGE_ID`.
    pub product: Name,
    /// `SAMEDAY_CHANNEL`: the image's own, or that of a release that was built for another one.
    pub channels: Vec<Name>,
    /// `SAMEDAY_ARCHITECTURE`.
    pub architecture: Name,
    /// `IMAGE_VERSION`.
    pub version: Version,
}

impl Session {
    /// Stacks the layer, by the descriptor that was read back, over the base, and compares its os-release with what was promised.
    ///
    /// # Errors
    /// `stack-refused` with its case, or when the stick or the kernel fails.
    pub fn check_stack(&self, layer: &File, promised: &Promised) -> Result<(), StickError> {
        self.medium.same()?;
        let base = self.medium.tree.file(&format!("live/{BASE_IMAGE}"), OFlag::O_RDONLY);
        let base = base.map_err(|e| StickError::io("open the base", e))?;
        // A thread, for a mount namespace is left only by ending.
        thread::scope(|scope| {
            let thread =
                thread::Builder::new().name("stack".into()).spawn_scoped(scope, || look(layer, &base, promised));
            thread
                .map_err(|e| StickError::io("start a thread", e))?
                .join()
                .map_err(|_| StickError::Misuse("the look panicked"))?
        })
    }
}

fn look(layer: &File, base: &File, promised: &Promised) -> Result<(), StickError> {
    let failed = |what: &str| {
        let what = what.to_owned();
        move |e: Errno| StickError::io(what, e)
    };
    unshare(CloneFlags::CLONE_NEWNS).map_err(failed("make a mount namespace"))?;
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)
        .map_err(failed("make the mounts private"))?;
    let mut mounts = Mounts::default();
    mounts
        .add("tmpfs", Path::new(ROOM), "tmpfs", MsFlags::empty(), Some("mode=0700,size=64k"))
        .map_err(failed("mount a place for the stack"))?;
    let verdict = judge(layer, base, promised, &mut mounts);
    let left = mounts.unmount();
    verdict.and(left)
}

fn judge(layer: &File, base: &File, promised: &Promised, mounts: &mut Mounts) -> Result<(), StickError> {
    let [base_at, layer_at, stack_at] = ["base", "layer", "stack"].map(|name| Path::new(ROOM).join(name));
    for place in [&base_at, &layer_at, &stack_at] {
        fs::create_dir(place).map_err(|e| StickError::io("make a mount point", e))?;
    }
    mounts.image(base, &base_at)?;
    mounts.image(layer, &layer_at)?;
    walk::attributes(&layer_at, layer)?;
    let option = format!("lowerdir={}:{}", layer_at.display(), base_at.display());
    mounts
        .add("overlay", &stack_at, "overlay", MsFlags::MS_RDONLY, Some(&option))
        .map_err(|e| StickError::io("mount the stack", e))?;
    let stack = Tree::open(&stack_at).map_err(|e| StickError::io("open the stack", e))?;
    let text = os_release(&stack).map_err(|e| StackFault::OsRelease(e.to_string()))?;
    let text = text.ok_or_else(|| StackFault::OsRelease("it is not there".into()))?;
    let found = OsRelease::parse(&text).map_err(|e| StackFault::OsRelease(e.to_string()))?;
    let channel = promised.channels.iter().find(|channel| **channel == found.channel);
    let channel = channel.or(promised.channels.first()).map_or("", Name::as_str);
    let fields = [
        ("IMAGE_ID", found.product.as_str(), promised.product.as_str()),
        ("SAMEDAY_CHANNEL", found.channel.as_str(), channel),
        ("SAMEDAY_ARCHITECTURE", found.architecture.as_str(), promised.architecture.as_str()),
        ("IMAGE_VERSION", found.version.as_str(), promised.version.as_str()),
    ];
    for (field, found, promised) in fields {
        if found != promised {
            Err(StackFault::NotAsPromised { field, found: found.to_owned(), promised: promised.to_owned() })?;
        }
    }
    Ok(())
}

/// The text of a tree's os-release, found as os-release(5) says, links resolved inside the tree.
pub(super) fn os_release(tree: &Tree) -> io::Result<Option<String>> {
    for place in ["etc/os-release", "usr/lib/os-release"] {
        match tree.inside(place) {
            Ok(file) => {
                return String::from_utf8(read_capped(&file, LARGEST_OS_RELEASE)?).map(Some).map_err(io::Error::other);
            }
            Err(error) if absent(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// What the look has mounted, undone in reverse order.
#[derive(Debug, Default)]
struct Mounts {
    points: Vec<PathBuf>,
    loops: Vec<PathBuf>,
}

impl Mounts {
    fn add(&mut self, source: &str, point: &Path, kind: &str, flags: MsFlags, data: Option<&str>) -> Result<(), Errno> {
        let flags = flags | MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        mount(Some(source), point, Some(kind), flags, data)?;
        self.points.push(point.to_owned());
        Ok(())
    }

    /// Mounts a squashfs by its descriptor.
    fn image(&mut self, file: &File, point: &Path) -> Result<(), StickError> {
        let device = attach(file).map_err(|e| StickError::io("attach a loop device", e))?;
        let path =
            device.path().ok_or_else(|| StickError::io("attach a loop device", io::Error::other("it has no path")))?;
        self.loops.extend(path.file_name().map(|name| Path::new("/sys/block").join(name).join("loop/backing_file")));
        match self.add(&path.to_string_lossy(), point, "squashfs", MsFlags::MS_RDONLY, None) {
            Ok(()) => Ok(()),
            Err(Errno::EINVAL) => Err(StackFault::NotAnImage.into()),
            Err(error) => Err(StickError::io("mount an image", error)),
        }
        // The device closes here: from now on the mount alone keeps it.
    }

    fn unmount(&mut self) -> Result<(), StickError> {
        let mut first = Ok(());
        while let Some(point) = self.points.pop() {
            if let Err(error) = umount2(&point, MntFlags::empty()) {
                first = first.and(Err(StickError::io("unmount the stack", error)));
                // What cannot go now goes with the namespace.
                if let Err(error) = umount2(&point, MntFlags::MNT_DETACH) {
                    tracing::warn!("detach {}: {error}", point.display());
                }
            }
        }
        let end = Instant::now() + LOOP_RELEASE;
        for backing in self.loops.drain(..) {
            while backing.exists() && Instant::now() < end {
                thread::sleep(Duration::from_millis(5));
            }
            if backing.exists() {
                tracing::warn!("the kernel has not yet released {}", backing.display());
            }
        }
        first
    }
}

/// A loop device over an open file, read-only, which goes with its last user.
fn attach(file: &File) -> io::Result<LoopDevice> {
    let control = LoopControl::open()?;
    let mut tries = 0;
    loop {
        let device = control.next_free()?;
        match device.with().read_only(true).autoclear(true).attach_fd(file.as_fd()) {
            Ok(()) => return Ok(device),
            Err(error) if error.raw_os_error() == Some(Errno::EBUSY as i32) && tries < LOOP_TRIES => tries += 1,
            Err(error) => return Err(error),
        }
    }
}
