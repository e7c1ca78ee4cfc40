//! The commit: one sector of one file, overwritten in place. The only write that has no state between old and new.

use std::io;
use std::os::unix::fs::FileExt as _;

use nix::fcntl::OFlag;
use nix::sys::stat::futimens;
use nix::sys::time::TimeSpec;
use nix::unistd::fdatasync;
use sameday_upgrade::boot_env::{self, BootEnv, GoodEnv};
use sameday_upgrade::start::Shown;

use super::error::StickError;
use super::loader::{self, Loader};
use super::session::{Phase, Session};
use super::tree::Tree;
use super::{GOOD_ENV, read_back};

impl Session {
    /// Overwrites `boot.env`: from here on the stick starts what it says. After an error in the middle, the device is asked what it has.
    ///
    /// # Errors
    /// `commit-unknown` when the device does not say, and then nothing that was staged is removed. After any other error the stick starts
    /// what it started before.
    pub fn commit(&mut self, env: &BootEnv) -> Result<(), StickError> {
        if self.phase != Phase::Settled {
            return Err(StickError::Misuse("commit of what is not settled"));
        }
        // Until it is known that the old block is there, nothing may be removed.
        self.phase = Phase::Committed;
        let result = self.choose(env);
        if !matches!(result, Ok(()) | Err(StickError::CommitUnknown { .. })) {
            self.phase = Phase::Settled;
        }
        result
    }

    /// Makes the stick start what is there already. Only where nothing is staged.
    ///
    /// # Errors
    /// As [`Session::commit`].
    pub fn switch(&mut self, env: &BootEnv) -> Result<(), StickError> {
        if self.version.is_some() {
            return Err(StickError::Misuse("a switch while something is staged"));
        }
        self.choose(env)
    }

    /// Overwrites the blocks with what follows from a start of the chosen version. Of the two sectors the one comes first without which the
    /// other means nothing new: `good.env` tells what to fall back to, `boot.env` decides.
    ///
    /// # Errors
    /// As [`Session::commit`]; and `changed` where the start that is judged is not the one that this stick shows.
    pub fn judge_start(&mut self, shown: Shown) -> Result<(), StickError> {
        if self.version.is_some() {
            return Err(StickError::Misuse("a start judged while something is staged"));
        }
        let medium = &self.medium;
        let blocks = shown.fits(&medium.start()).then(|| shown.blocks(&medium.boot_env, medium.good_env.as_ref()));
        let (boot, good) = blocks.flatten().ok_or(StickError::Changed { what: "versions" })?;
        let good = good.filter(|good| medium.good_env.as_ref() != Some(good));
        let write_good = |session: &mut Self| {
            // Without it GRUB falls back to the base in the end: no reason to undo a version that came up.
            if let Some(Err(error)) = good.as_ref().map(|good| session.overwrite_good_env(good)) {
                tracing::warn!("{}", crate::failure::Chain(&error));
            }
        };
        if shown == Shown::Good {
            write_good(self);
            return self.choose(&boot);
        }
        self.choose(&boot)?;
        write_good(self);
        Ok(())
    }

    /// Overwrites `boot.env`, and after an error in the middle asks the device what it has.
    fn choose(&mut self, env: &BootEnv) -> Result<(), StickError> {
        let old = self.medium.boot_env.clone();
        let Err((written, error)) = self.overwrite_boot_env(env) else { return Ok(()) };
        let loader = &self.medium.loader;
        let block =
            if written { Found::of(reread(&self.medium.tree, &loader.place()), loader, env, &old) } else { Found::Old };
        match block {
            Found::New => {
                tracing::warn!("committed, and the stick says so, in spite of: {}", crate::failure::Chain(&error));
                self.medium.boot_env = env.clone();
                Ok(())
            }
            Found::Old => Err(error),
            Found::Neither => Err(StickError::CommitUnknown { cause: Box::new(error) }),
        }
    }

    /// Overwrites `boot.env`, or the list that another boot loader reads; an error says whether anything may have been written.
    pub(super) fn overwrite_boot_env(&mut self, env: &BootEnv) -> Result<(), (bool, StickError)> {
        self.medium.same().map_err(|error| (false, error))?;
        let (tree, loader) = (&self.medium.tree, &self.medium.loader);
        if *loader != Loader::Ours {
            loader::pad(tree, &loader.place(), self.time).map_err(|error| (false, error))?;
        }
        overwrite(tree, &loader.place(), &loader.sector(env), self.time)?;
        self.medium.boot_env = env.clone();
        Ok(())
    }

    /// Where another boot loader starts, there is no `good.env` at first: it then says what runs. A pause leaves it, a cancel does not.
    ///
    /// # Errors
    /// When the stick fails.
    pub fn keep_good_env(&mut self) -> Result<(), StickError> {
        let failed = |e| StickError::io("look for good.env", e);
        if self.medium.loader == Loader::Ours || self.medium.tree.metadata(GOOD_ENV).map_err(failed)?.is_some() {
            return Ok(());
        }
        let good = GoodEnv { version: self.medium.running.choice.clone() };
        self.write_small(GOOD_ENV, &good.render())
    }

    /// Overwrites `good.env`.
    pub(super) fn overwrite_good_env(&mut self, env: &GoodEnv) -> Result<(), StickError> {
        self.medium.same()?;
        overwrite(&self.medium.tree, GOOD_ENV, &env.render(), self.time).map_err(|(_, error)| error)?;
        self.medium.good_env = Some(env.clone());
        Ok(())
    }
}

/// What the device has after a commit that failed.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    /// The new block, to the byte.
    New,
    /// The one from before.
    Old,
    /// It does not answer, or has something else.
    Neither,
}

impl Found {
    fn of(block: io::Result<Vec<u8>>, loader: &Loader, new: &BootEnv, old: &BootEnv) -> Self {
        match block {
            Ok(block) if block == loader.sector(new) => Self::New,
            Ok(block) if loader.says(&block, old) => Self::Old,
            _ => Self::Neither,
        }
    }
}

/// Reads a block past the page cache. The first try can get the error that an earlier write had.
fn reread(tree: &Tree, place: &str) -> io::Result<Vec<u8>> {
    read_back::small(tree, place, boot_env::SIZE).or_else(|_| read_back::small(tree, place, boot_env::SIZE))
}

/// Overwrites a block; an error says whether anything may have been written.
fn overwrite(tree: &Tree, place: &str, block: &[u8; boot_env::SIZE], time: TimeSpec) -> Result<(), (bool, StickError)> {
    let failed = |e: io::Error| StickError::io(format!("write {place}"), e);
    let file = tree.file(place, OFlag::O_RDWR).map_err(|e| (false, failed(e)))?;
    let metadata = file.metadata().map_err(|e| (false, failed(e)))?;
    if !metadata.is_file() || metadata.len() != boot_env::SIZE as u64 {
        return Err((false, StickError::Changed { what: "the sector that decides" }));
    }
    file.write_all_at(block, 0).map_err(|e| (true, failed(e)))?;
    // Before the sync, so that the release's time is what it writes.
    futimens(&file, &time, &time).map_err(|e| (true, failed(e.into())))?;
    fdatasync(&file).map_err(|e| (true, failed(e.into())))?;
    drop(file);
    let back = read_back::small(tree, place, boot_env::SIZE).map_err(|e| (true, failed(e)))?;
    if back != block {
        return Err((true, StickError::ReadBack { place: place.to_owned() }));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use sameday_upgrade::boot_env::Choice;

    use super::*;

    #[test]
    fn a_failed_commit_is_judged_by_what_the_device_has() {
        let old = BootEnv::base();
        let new = BootEnv { current: Choice::Version("2".parse().unwrap()), tries: 3, good: false, ..old.clone() };
        let found = |block: io::Result<&[u8]>| Found::of(block.map(<[u8]>::to_vec), &Loader::Ours, &new, &old);
        assert_eq!(found(Ok(&new.render())), Found::New);
        assert_eq!(found(Ok(&old.render())), Found::Old);
        assert_eq!(found(Ok(&BootEnv { tries: 1, ..new.clone() }.render())), Found::Neither);
        assert_eq!(found(Ok(&[0; boot_env::SIZE])), Found::Neither);
        assert_eq!(found(Ok(&[])), Found::Neither);
        assert_eq!(found(Err(io::ErrorKind::Other.into())), Found::Neither);
    }
}
