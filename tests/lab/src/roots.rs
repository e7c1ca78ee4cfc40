//! Root file systems to upgrade from and to: two real Debian roots, a month of security fixes apart, and tiny seeded ones for
//! quick tests.

mod apt;
mod real;
mod synthetic;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::run;

pub use synthetic::{Spec, Synthetic};

/// Two roots with the same packages, before and after the security fixes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roots {
    /// The release as it was published, without security fixes.
    pub old: PathBuf,
    /// The same with them.
    pub new: PathBuf,
}

impl Roots {
    /// Makes both real roots under `cache_dir`, or takes those that lie there complete and were made by the same recipe.
    /// It needs root, `mmdebstrap` and a few minutes; `progress` is told what it does, a line at a time.
    ///
    /// # Errors
    /// When apt knows no mirror for a suite, or a root cannot be made.
    pub fn real(cache_dir: &Path, progress: &mut dyn FnMut(&str)) -> io::Result<Self> {
        real::roots(cache_dir, progress)
    }

    /// Makes tiny roots under `dir`: a base and one for each newer version. The same `spec` makes the same contents.
    ///
    /// # Errors
    /// When one cannot be written.
    pub fn synthetic(dir: &Path, spec: &Spec) -> io::Result<Synthetic> {
        synthetic::roots(dir, spec)
    }
}

/// Makes one real root with these packages, with all security fixes, unless one of the same recipe is there.
///
/// # Errors
/// When apt knows no mirror for a suite, or it cannot be made.
pub fn debian(root: &Path, packages: &str, progress: &mut dyn FnMut(&str)) -> io::Result<()> {
    real::single(root, packages, progress)
}

/// The versions of the installed packages, from dpkg's status file in `root`.
///
/// # Errors
/// When it cannot be read.
pub fn package_versions(root: &Path) -> io::Result<BTreeMap<String, String>> {
    Ok(installed(&fs::read_to_string(root.join("var/lib/dpkg/status"))?))
}

fn installed(status: &str) -> BTreeMap<String, String> {
    let mut versions = BTreeMap::new();
    for paragraph in status.split("\n\n") {
        let field = |name: &str| paragraph.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        if field("Status").is_some_and(|status| status.ends_with(" installed"))
            && let (Some(package), Some(version)) = (field("Package"), field("Version"))
        {
            versions.insert(package.to_owned(), version.to_owned());
        }
    }
    versions
}

/// The kernel and the initrd of a root: the last `vmlinuz-*` and `initrd.img-*` in its `boot`, by name.
///
/// # Errors
/// When there is none.
pub fn kernel_and_initrd(root: &Path) -> io::Result<(PathBuf, PathBuf)> {
    let boot = root.join("boot");
    let last = |prefix: &str| -> io::Result<PathBuf> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&boot)? {
            let entry = entry?;
            if entry.file_name().to_str().is_some_and(|name| name.starts_with(prefix)) {
                found.push(entry.path());
            }
        }
        found.sort();
        found
            .pop()
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("no {prefix}* in {}", boot.display())))
    };
    Ok((last("vmlinuz-")?, last("initrd.img-")?))
}

/// How a base squashfs is made.
#[derive(Debug, Clone)]
pub struct BaseOptions {
    /// mksquashfs' name of the compressor.
    pub compressor: &'static str,
    /// All times in it, in Unix seconds.
    pub time: u32,
}

impl Default for BaseOptions {
    /// zstd, which is quick, and the time that all roots here have.
    fn default() -> Self {
        Self { compressor: "zstd", time: real::TIME }
    }
}

/// Makes the squashfs of a whole root, replacing `out`.
///
/// # Errors
/// When mksquashfs fails; the message holds what it printed.
pub fn base_squashfs(root: &Path, out: &Path, options: &BaseOptions) -> io::Result<()> {
    let time = options.time.to_string();
    run(Command::new("mksquashfs")
        .arg(root)
        .arg(out)
        .args(["-noappend", "-quiet", "-no-progress", "-xattrs", "-exit-on-error", "-comp", options.compressor])
        .args(["-mkfs-time", &time, "-all-time", &time])
        // mksquashfs refuses to run when a time is given both here and on its command line.
        .env_remove("SOURCE_DATE_EPOCH"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_installed_packages_are_listed() {
        let status = "Package: a\nStatus: install ok installed\nVersion: 1.0-1\n\n\
                      Package: b\nStatus: deinstall ok config-files\nVersion: 2\n\n\
                      Package: c\nStatus: install ok installed\nDescription: x\n Version: no\nVersion: 1:3~rc1\n";
        let versions = installed(status);
        assert_eq!(
            versions.into_iter().collect::<Vec<_>>(),
            [("a".to_owned(), "1.0-1".to_owned()), ("c".to_owned(), "1:3~rc1".to_owned())]
        );
    }
}
