//! Builds the mounts of a live system, in the calling thread's own mount namespace, and makes them its root.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{chdir, pivot_root};
use sameday_upgrade::boot_env::{BootEnv, Choice, GoodEnv};
use sameday_upgrade::module_list;

use super::device::Attached;
use super::{Disk, OTHER_LOADER, Spec};

const NONE: Option<&str> = None;

/// Mounts everything and changes this thread's root. The devices have to be kept.
pub(super) fn build(dir: &Path, spec: &Spec) -> io::Result<(Choice, Vec<Attached>)> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    attach("make the mounts private", mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NONE))?;
    let dir = &dir.join("live-root");
    fs::create_dir_all(dir)?;
    attach("mount a place to build", mount(Some("tmpfs"), dir, Some("tmpfs"), MsFlags::empty(), Some("mode=0755")))?;
    let [run, root, upper, work] = ["run", "root", "upper", "work"].map(|name| dir.join(name));
    for folder in [&run, &root, &upper, &work] {
        fs::create_dir(folder)?;
    }
    attach(
        "mount /run",
        mount(Some("tmpfs"), &run, Some("tmpfs"), MsFlags::MS_NOSUID | MsFlags::MS_NODEV, Some("mode=0755")),
    )?;

    let mut devices = Vec::new();
    let medium = run.join("live/medium");
    fs::create_dir_all(&medium)?;
    let partition = partition(spec, &mut devices)?;
    let flags = MsFlags::MS_RDONLY | MsFlags::MS_NOATIME;
    attach("mount the medium", mount(Some(&partition), &medium, Some(spec.file_system.name()), flags, NONE))?;

    let (module, list, choice) = started(&medium, spec)?;
    let mut lower = Vec::new();
    for image in module_list::parse(&list) {
        // live-boot only warns of a missing image.
        let file = medium.join("live").join(image);
        if file.exists() {
            lower.push(mount_image(&file, &run, &mut devices)?);
        }
    }
    lower.reverse();
    if let Some(skeleton) = &spec.skeleton {
        lower.insert(0, skeleton.clone());
    }
    if spec.over_this_machine {
        lower.push(PathBuf::from("/"));
    }
    let lower: Vec<String> = lower.iter().map(|path| path.display().to_string()).collect();
    let options = format!("lowerdir={},upperdir={},workdir={}", lower.join(":"), upper.display(), work.display());
    attach(
        "mount the stack",
        mount(Some("overlay"), &root, Some("overlay"), MsFlags::empty(), Some(options.as_str())),
    )?;
    furnish(&root, &run, dir, spec, &module)?;

    chdir(&root)?;
    pivot_root(".", ".").map_err(|e| io::Error::other(format!("change the root: {e}")))?;
    attach("leave the old root", umount2(".", MntFlags::MNT_DETACH))?;
    chdir("/")?;
    Ok((choice, devices))
}

fn attach(what: &str, result: nix::Result<()>) -> io::Result<()> {
    result.map_err(|e| io::Error::new(io::Error::from(e).kind(), format!("{what}: {e}")))
}

fn partition(spec: &Spec, devices: &mut Vec<Attached>) -> io::Result<PathBuf> {
    match &spec.disk {
        Disk::Partition(partition) => Ok(partition.clone()),
        Disk::Image { image, write_protected } => {
            let device = Attached::new(image, *write_protected, true)?;
            let partition = device.partition(spec.partition);
            devices.push(device);
            Ok(partition)
        }
    }
}

/// What the boot loader asks live-boot for, the list of that name, and the version that it lists last.
fn started(medium: &Path, spec: &Spec) -> io::Result<(String, String, Choice)> {
    let live = medium.join("live");
    let other = live.join(format!("{OTHER_LOADER}.module"));
    if other.exists() && !live.join("sameday/boot.env").exists() {
        let list = fs::read_to_string(other)?;
        let last = module_list::parse(&list).into_iter().skip(1).find_map(|image| image.split_once('/'));
        let choice = last.and_then(|(version, _)| version.parse().ok()).map_or(Choice::Base, Choice::Version);
        return Ok((OTHER_LOADER.to_owned(), list, choice));
    }
    let choice = match &spec.chosen {
        Some(chosen) => chosen.clone(),
        None => choose(medium)?,
    };
    let name = module_list::file_name(&choice);
    let list = fs::read_to_string(live.join(&name))?;
    Ok((name.trim_end_matches(".module").to_owned(), list, choice))
}

/// The stick's version as its GRUB chooses it: `current` if good or with tries left, `previous`, `good.env`'s, the base. It starts a version
/// only if list, layer, kernel and initrd are there.
fn choose(medium: &Path) -> io::Result<Choice> {
    let live = medium.join("live");
    let complete = |choice: &Choice| match choice {
        Choice::Base => true,
        Choice::Version(version) => {
            let needed = [
                format!("{version}.module"),
                module_list::layer(version),
                format!("{version}/vmlinuz"),
                format!("{version}/initrd.img"),
            ];
            needed.iter().all(|file| live.join(file).exists())
        }
    };
    let env = fs::read(live.join("sameday/boot.env")).ok().and_then(|block| BootEnv::parse(&block).ok());
    let good = fs::read(live.join("sameday/good.env")).ok().and_then(|block| GoodEnv::parse(&block).ok());
    let mut candidates = Vec::new();
    if let Some(env) = env {
        candidates.push(env.starts_next().clone());
        candidates.push(env.previous);
    }
    candidates.extend(good.map(|good| good.version));
    Ok(candidates.into_iter().find(complete).unwrap_or(Choice::Base))
}

/// Mounts an image where live-boot does: by its base name.
fn mount_image(file: &Path, run: &Path, devices: &mut Vec<Attached>) -> io::Result<PathBuf> {
    let point = run.join("live/rootfs").join(file.file_name().unwrap_or_default());
    fs::create_dir_all(&point)?;
    let device = Attached::new(file, true, false)?;
    let flags = MsFlags::MS_RDONLY | MsFlags::MS_NOATIME;
    attach(&format!("mount {}", file.display()), mount(Some(device.path()), &point, Some("squashfs"), flags, NONE))?;
    devices.push(device);
    Ok(point)
}

/// What a system has besides its files.
fn furnish(root: &Path, run: &Path, dir: &Path, spec: &Spec, module: &str) -> io::Result<()> {
    let at = |place: &str| -> io::Result<PathBuf> {
        let path = root.join(place);
        fs::create_dir_all(&path)?;
        Ok(path)
    };
    attach("move /run", mount(Some(run), &at("run")?, NONE, MsFlags::MS_MOVE, NONE))?;
    attach("mount /proc", mount(Some("proc"), &at("proc")?, Some("proc"), MsFlags::empty(), NONE))?;
    for shared in ["sys", "dev"] {
        let from = Path::new("/").join(shared);
        attach("bind /sys and /dev", mount(Some(&from), &at(shared)?, NONE, MsFlags::MS_BIND | MsFlags::MS_REC, NONE))?;
    }
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    attach("mount /tmp", mount(Some("tmpfs"), &at("tmp")?, Some("tmpfs"), flags, Some("mode=1777")))?;
    let command_line = dir.join("cmdline");
    let parameters = format!("boot=live module={module} panic=10 noeject nopersistence {}", spec.parameters);
    fs::write(&command_line, format!("{}\n", parameters.trim_end()))?;
    attach("bind /proc/cmdline", mount(Some(&command_line), &root.join("proc/cmdline"), NONE, MsFlags::MS_BIND, NONE))?;
    for folder in &spec.shared {
        let inside = at(folder.to_string_lossy().trim_start_matches('/'))?;
        attach("bind a shared folder", mount(Some(folder), &inside, NONE, MsFlags::MS_BIND, NONE))?;
    }
    Ok(())
}
