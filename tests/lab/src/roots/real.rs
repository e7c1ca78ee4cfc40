//! Two real Debian roots, made once: the release alone, and the release with its security suite.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use sha2::{Digest, Sha256};

use super::{Roots, apt};
use crate::process::tied;

const RELEASE: &str = "bookworm";
const SECURITY: &str = "bookworm-security";
const VARIANT: &str = "apt";
/// What people upgrade for, and what samedayd talks to. The cloud kernel is the smallest stock one; initramfs-tools gives it an initrd.
const PACKAGES: &str =
    "linux-image-cloud-amd64,initramfs-tools,openssl,curl,perl,python3,openssh-client,gnupg,dbus,polkitd,libgcc-s1";
/// Both roots' SOURCE_DATE_EPOCH, so that what packages write at installation differs by its contents only.
pub const TIME: u32 = 1_767_225_600;
/// Changes whenever the rest of the recipe does.
const RECIPE: u32 = 1;
/// How much of mmdebstrap's output an error holds.
const TAIL_LINES: usize = 20;

pub fn roots(cache_dir: &Path, progress: &mut dyn FnMut(&str)) -> io::Result<Roots> {
    let roots = Roots { old: cache_dir.join("old"), new: cache_dir.join("new") };
    let stamp = cache_dir.join("complete");
    let recipe = format!("{RECIPE} {RELEASE} {SECURITY} {VARIANT} {PACKAGES} {TIME}");
    let digest = format!("{}\n", hex::encode(Sha256::digest(recipe)));
    match fs::read_to_string(&stamp) {
        Ok(text) if text == digest && roots.old.is_dir() && roots.new.is_dir() => {
            progress(&format!("the roots in {} are complete", cache_dir.display()));
            return Ok(roots);
        }
        Ok(_) => fs::remove_file(&stamp)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    fs::create_dir_all(cache_dir)?;
    let release = apt::source(RELEASE)?.line();
    let security = apt::source(SECURITY)?.line();
    make(&roots.old, PACKAGES, std::slice::from_ref(&release), progress)?;
    make(&roots.new, PACKAGES, &[release, security], progress)?;
    // The stamp comes last: without it everything is made anew.
    fs::write(&stamp, digest)?;
    Ok(roots)
}

/// One root with these packages and all security fixes, made anew unless the one that is there was made by the same recipe.
pub fn single(root: &Path, packages: &str, progress: &mut dyn FnMut(&str)) -> io::Result<()> {
    let stamp = root.with_extension("complete");
    let recipe = format!("{RECIPE} {RELEASE} {SECURITY} {VARIANT} {packages} {TIME}\n");
    match fs::read_to_string(&stamp) {
        Ok(text) if text == recipe && root.is_dir() => return Ok(()),
        Ok(_) => fs::remove_file(&stamp)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    fs::create_dir_all(root.parent().unwrap_or(root))?;
    make(root, packages, &[apt::source(RELEASE)?.line(), apt::source(SECURITY)?.line()], progress)?;
    fs::write(&stamp, recipe)
}

fn make(root: &Path, packages: &str, sources: &[String], progress: &mut dyn FnMut(&str)) -> io::Result<()> {
    remove(root)?;
    progress(&format!("making {} from {} of Debian's suites", root.display(), sources.len()));
    // In a mount namespace of its own, so that no mount of it can outlive it, whatever happens.
    let mut command = tied("unshare");
    command.args(["--mount", "--propagation", "private", "--", "mmdebstrap", "--mode=root"]);
    command.arg(format!("--variant={VARIANT}")).arg(format!("--include={packages}"));
    for option in apt::transport_options()? {
        command.arg(format!("--aptopt={option}"));
    }
    // These two come from the machine that builds.
    command.arg("--customize-hook=rm -f \"$1/etc/resolv.conf\" \"$1/etc/hostname\"");
    command.arg(RELEASE).arg(root).args(sources);
    command.env("SOURCE_DATE_EPOCH", TIME.to_string()).env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let mut tail = Vec::new();
    let output = child.stderr.take().ok_or_else(|| io::Error::other("mmdebstrap has no standard error"))?;
    for line in BufReader::new(output).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        if let Some(step) = line.strip_prefix("I: ") {
            progress(step);
        }
        if tail.len() == TAIL_LINES {
            tail.remove(0);
        }
        tail.push(line);
    }
    let status = child.wait()?;
    if status.success() {
        return Ok(());
    }
    remove(root)?;
    Err(io::Error::other(format!("mmdebstrap {}: {status}\n{}", root.display(), tail.join("\n"))))
}

/// Removes a root, unless something is mounted in it: that would be removed with it.
fn remove(root: &Path) -> io::Result<()> {
    let root = match fs::canonicalize(root) {
        Ok(root) => root,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    // The kernel writes a space in a path as \040 (proc_pid_mountinfo(5)).
    let mut points = mounts.lines().filter_map(|line| Some(line.split(' ').nth(4)?.replace("\\040", " ")));
    let inside = points.find(|point| Path::new(point).starts_with(&root));
    if let Some(point) = inside {
        return Err(io::Error::new(
            io::ErrorKind::ResourceBusy,
            format!("remove {}: {point} is mounted", root.display()),
        ));
    }
    fs::remove_dir_all(&root)
}
