//! What decides which version starts: our GRUB by `boot.env`, or another boot loader, which always asks live-boot for the same module list. On
//! a stick with another one, that list is what is overwritten in place; it cannot undo a version by itself.

use std::io;
use std::os::unix::fs::FileExt as _;

use nix::fcntl::OFlag;
use nix::sys::stat::futimens;
use nix::sys::time::TimeSpec;
use nix::unistd::fsync;
use sameday_upgrade::boot_env::{self, BadBlock, BootEnv, Choice, GoodEnv, TRIES};
use sameday_upgrade::digest::Digest;
use sameday_upgrade::module_list;

use super::error::{Refusal, StickError};
use super::tree::Tree;
use super::versions::in_alphabet;
use super::{BOOT_ENV, LARGEST_BLOCK, Medium, Running};

/// The kernel as first installed.
const KERNEL: &str = "live/vmlinuz";
/// Debian's have 8 MiB. It is read into memory.
const LARGEST_KERNEL: u64 = 16 << 20;
/// A part of our GRUB's script: where it is, a stick without `boot.env` has lost it.
const OUR_GRUB: &str = "grub/decide.cfg";

/// What decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loader {
    /// Our GRUB.
    Ours,
    /// Another one.
    Other {
        /// The name that its kernel parameter `module=` gives.
        name: String,
    },
}

impl Loader {
    /// Finds out, and what starts next.
    pub(super) fn find(tree: &Tree, running: &Running, good: Option<&GoodEnv>) -> Result<(Self, BootEnv), Refusal> {
        let block = match tree.read(BOOT_ENV, LARGEST_BLOCK) {
            Ok(Some(block)) => block,
            Ok(None) => return Self::other(tree, running, good),
            Err(e) if e.kind() == io::ErrorKind::FileTooLarge => {
                return Err(Refusal::BootEnvDamaged { fault: BadBlock::Size(LARGEST_BLOCK as usize) });
            }
            Err(e) => return Err(Refusal::io("read boot.env", e)),
        };
        match BootEnv::parse(&block) {
            Ok(env) => Ok((Self::Ours, env)),
            Err(BadBlock::Format(format)) => Err(Refusal::BootEnvNewerFormat { format }),
            Err(fault) => Err(Refusal::BootEnvDamaged { fault }),
        }
    }

    fn other(tree: &Tree, running: &Running, good: Option<&GoodEnv>) -> Result<(Self, BootEnv), Refusal> {
        let failed = |e| Refusal::io("look for the module list", e);
        let base = module_list::file_name(&Choice::Base);
        let ours = tree.is_file(OUR_GRUB).map_err(failed)?;
        let name = match running.module.as_deref() {
            _ if ours => return Err(Refusal::NotOurs { why: "no-boot-env" }),
            None => return Err(Refusal::NotOurs { why: "no-module" }),
            // The base's own list is never touched.
            Some(name) if format!("{name}.module") == base => return Err(Refusal::NotOurs { why: "no-boot-env" }),
            Some(name) if !in_alphabet(name) => return Err(Refusal::NotOurs { why: "other-list" }),
            Some(name) => name.to_owned(),
        };
        // live-boot prefers this one (scripts/boot/9990-overlay.sh).
        let preferred = tree.is_file(&format!("live/filesystem.{name}.module")).map_err(failed)?;
        let text = tree.read(&list(&name), boot_env::SIZE as u64);
        let current = match text {
            Ok(Some(text)) if !preferred => chosen_by(&text),
            Ok(_) => None,
            Err(e) if e.kind() == io::ErrorKind::FileTooLarge => None,
            Err(e) => return Err(failed(e)),
        };
        let current = current.ok_or(Refusal::NotOurs { why: "other-list" })?;
        // Where `good.env` names a newer one, somebody went back from it to this one, which came up before.
        let came_up = good
            .map_or(current == Choice::Base, |good| good.version == current || current.is_older_than(&good.version));
        // Nobody can choose another by hand there: what does not run was not started yet.
        let good = came_up && current == running.choice;
        let tries = if good { 0 } else { TRIES };
        Ok((Self::Other { name }, BootEnv { current, previous: Choice::Base, tries, good }))
    }

    /// The file that the commit overwrites.
    pub(super) fn place(&self) -> String {
        match self {
            Self::Ours => BOOT_ENV.to_owned(),
            Self::Other { name } => list(name),
        }
    }

    /// The sector that the commit writes.
    pub(super) fn sector(&self, env: &BootEnv) -> [u8; boot_env::SIZE] {
        match self {
            Self::Ours => env.render(),
            Self::Other { .. } => {
                // live-boot splits at white space, so what is behind the list is padding.
                let mut sector = [b'\n'; boot_env::SIZE];
                let text = module_list::render(env.starts_next());
                for (byte, of_text) in sector.iter_mut().zip(text.bytes()) {
                    *byte = of_text;
                }
                sector
            }
        }
    }

    /// Whether these bytes say what `env` says.
    pub(super) fn says(&self, bytes: &[u8], env: &BootEnv) -> bool {
        match self {
            Self::Ours => BootEnv::parse(bytes).as_ref() == Ok(env),
            Self::Other { .. } => chosen_by(bytes).as_ref() == Some(env.starts_next()),
        }
    }
}

fn list(name: &str) -> String {
    format!("live/{name}.module")
}

/// What a list of ours, padded or not, stacks. Zeros at its end are what a power cut leaves of the padding.
fn chosen_by(text: &[u8]) -> Option<Choice> {
    let text = std::str::from_utf8(text).ok()?.trim_end_matches(['\0', '\n']);
    let choice = match module_list::parse(text).as_slice() {
        [_] => Choice::Base,
        [_, layer] => Choice::Version(layer.split_once('/')?.0.parse().ok()?),
        _ => return None,
    };
    (module_list::parse(text) == module_list::parse(&module_list::render(&choice))).then_some(choice)
}

impl Medium {
    /// Whether a version that does not come up is undone by the stick itself.
    #[must_use]
    pub fn undoes_itself(&self) -> bool {
        self.loader == Loader::Ours
    }

    /// The digest of the kernel that was first installed, which another boot loader starts with every version; none if it is not there.
    ///
    /// # Errors
    /// When it cannot be read, or is longer than a kernel is.
    pub fn kernel(&self) -> Result<Option<Digest>, Refusal> {
        let bytes = self.tree.read(KERNEL, LARGEST_KERNEL).map_err(|e| Refusal::io("read the kernel", e))?;
        Ok(bytes.map(|bytes| Digest::of(&bytes)))
    }

    /// What can be gone back to where no block tells: the last version that was good, or the newest one that is older than what starts.
    pub(super) fn kept_beside(&self) -> Result<Choice, Refusal> {
        let current = &self.boot_env.current;
        let kept = |choice: &Choice| choice != current && self.is_complete(choice);
        if let Some(good) = self.good_env.as_ref().map(|good| &good.version).filter(|good| kept(good)) {
            return Ok(good.clone());
        }
        let Choice::Version(current) = current else { return Ok(Choice::Base) };
        let older = self.versions()?.into_iter().map(|present| present.version);
        let mut older = older.filter(|version| current.is_newer_than(version)).map(Choice::Version);
        Ok(older.rfind(kept).unwrap_or(Choice::Base))
    }
}

/// Pads the list to the sector that is then overwritten in place. Whenever the power goes, it says the same: behind its end, where a longer one
/// may have left anything, there are zeros before its length covers them, and the shell that reads a list drops zeros.
pub(super) fn pad(tree: &Tree, place: &str, time: TimeSpec) -> Result<(), StickError> {
    let failed = |e: io::Error| StickError::io(format!("pad {place}"), e);
    let file = tree.file(place, OFlag::O_RDWR).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let missing = (boot_env::SIZE as u64).saturating_sub(length);
    if missing == 0 {
        return Ok(());
    }
    let sync = || futimens(&file, &time, &time).and_then(|()| fsync(&file)).map_err(|e| failed(e.into()));
    let mut text = vec![0; usize::try_from(length).unwrap_or_default()];
    file.read_exact_at(&mut text, 0).map_err(failed)?;
    // The kernel writes zeros behind the end of a file, but only with a block that it writes.
    file.write_all_at(&text, 0).map_err(failed)?;
    sync()?;
    let newlines = vec![b'\n'; usize::try_from(missing).unwrap_or_default()];
    file.write_all_at(&newlines, length).map_err(failed)?;
    sync()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lists_of_ours_are_understood() {
        let version = |name: &str| Some(Choice::Version(name.parse().unwrap()));
        for (text, choice) in [
            ("filesystem.squashfs\n", Some(Choice::Base)),
            ("filesystem.squashfs\n\n\n\n", Some(Choice::Base)),
            ("filesystem.squashfs\n1.2/1.2.squashfs\n\n", version("1.2")),
            ("filesystem.squashfs 1.2/1.2.squashfs", version("1.2")),
            ("filesystem.squashfs\n\0\0\0", Some(Choice::Base)),
            ("filesystem.squashfs\n\0\n1.2/1.2.squashfs\n", None),
            ("", None),
            ("other.squashfs\n", None),
            ("filesystem.squashfs\n1.2.squashfs\n", None),
            ("filesystem.squashfs\n1.2/1.3.squashfs\n", None),
            ("1.2/1.2.squashfs\nfilesystem.squashfs\n", None),
            ("filesystem.squashfs\n1.2/1.2.squashfs\n1.3/1.3.squashfs\n", None),
        ] {
            assert_eq!(chosen_by(text.as_bytes()), choice, "{text:?}");
        }
        assert_eq!(chosen_by(&[0xff; 9]), None);
    }

    #[test]
    fn what_is_written_says_what_was_meant() {
        let other = Loader::Other { name: "Tails".into() };
        let version = Choice::Version("1.2".parse().unwrap());
        let new = BootEnv { current: version.clone(), previous: Choice::Base, tries: TRIES, good: false };
        assert!(other.says(&other.sector(&new), &new));
        assert!(!other.says(&other.sector(&new), &BootEnv::base()));
        // What failed is gone back from.
        let failed = BootEnv { tries: 0, ..new.clone() };
        assert_eq!(chosen_by(&other.sector(&failed)), Some(Choice::Base));
        assert!(Loader::Ours.says(&Loader::Ours.sector(&new), &new));
    }
}
