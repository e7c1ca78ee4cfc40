//! `fsck.fat -a` on a state in memory: what a computer does to a stick that was pulled out.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::FileExt as _;
use std::process::{Command, Stdio};

use nix::sys::memfd::{MFdFlags, memfd_create};

use super::directory::Tree;
use super::fat::{Geometry, Volume};
use super::image::{Image, Piece, SECTOR};

/// A file in memory that holds the state, so that only what differs from the last one is written.
#[derive(Debug)]
pub struct Mender {
    file: File,
}

impl Mender {
    /// For states of an image that nobody else takes changes of.
    ///
    /// # Errors
    /// When there is no memory.
    pub fn new(image: &Image) -> io::Result<Self> {
        let file = File::from(memfd_create("replay", MFdFlags::MFD_CLOEXEC)?);
        file.set_len((image.sectors() * SECTOR) as u64)?;
        Ok(Self { file })
    }

    /// Mends the image's file system, which can be undone.
    ///
    /// # Errors
    /// When fsck.fat cannot be run.
    pub fn mend(&self, image: &mut Image) -> io::Result<()> {
        for sector in image.take_changes() {
            if let Some(bytes) = image.sector(sector) {
                self.file.write_all_at(bytes, at(sector))?;
            }
        }
        let path = format!("/proc/{}/fd/{}", std::process::id(), self.file.as_raw_fd());
        let output = Command::new("fsck.fat").arg("-a").arg(&path).stdin(Stdio::null()).output()?;
        // 1: it has mended something. Whatever it says, what it leaves is judged.
        if !matches!(output.status.code(), Some(0 | 1)) {
            let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
            return Err(io::Error::other(format!("fsck.fat: {}: {text}", output.status)));
        }
        let Ok(Geometry { data, .. }) = Geometry::of(image) else { return Ok(()) };
        self.take(image, &(0..data).collect::<Vec<_>>())?;
        // What it changes in the tables can lead to other directories.
        loop {
            let Ok(volume) = Volume::of(image) else { return Ok(()) };
            let directories = Tree::of(&volume).directories;
            if !self.take(image, &directories)? {
                return Ok(());
            }
        }
    }

    /// Takes these sectors from the file; whether any was another one.
    fn take(&self, image: &mut Image, sectors: &[usize]) -> io::Result<bool> {
        let mut other = false;
        for run in sectors.chunk_by(|a, b| a + 1 == *b) {
            let mut bytes = vec![0; run.len() * SECTOR];
            self.file.read_exact_at(&mut bytes, at(run[0]))?;
            for (sector, new) in run.iter().zip(bytes.chunks(SECTOR)) {
                if image.sector(*sector) != Some(new) {
                    image.apply(&Piece::new(*sector, new));
                    other = true;
                }
            }
        }
        Ok(other)
    }
}

fn at(sector: usize) -> u64 {
    (sector * SECTOR) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::judge::Judge;
    use crate::replay::sample::{LAYER, image, stick, wanted};

    #[test]
    fn what_fsck_does_is_seen_and_can_be_undone() {
        let dir = tempfile::tempdir().unwrap();
        let mut image = image(&stick(dir.path()));
        let mender = Mender::new(&image).unwrap();
        let mut judge = Judge::new(wanted());
        let before = image.print();
        mender.mend(&mut image).unwrap();
        assert_eq!(image.print(), before, "there is nothing to mend");

        // A chain that breaks in the middle of a file: it is cut there, and its rest is lost.
        let volume = Volume::of(&image).unwrap();
        let first = Tree::of(&volume).files[LAYER].first;
        let (table, broken) = (volume.geometry.table, usize::try_from(first).unwrap() + 3);
        let mut sector = image.sector(table + broken / 128).unwrap().to_owned();
        sector[broken % 128 * 4..][..4].copy_from_slice(&[0; 4]);
        image.apply(&Piece::new(table + broken / 128, &sector));
        let struck = image.print();
        mender.mend(&mut image).unwrap();
        let tree = Tree::of(&Volume::of(&image).unwrap());
        assert_eq!(tree.files[LAYER].length, 3 * 512);
        assert!(tree.files.keys().any(|name| name.starts_with("fsck000")), "{:?}", tree.files);
        assert!(judge.see(&image).unwrap().whole().unwrap_err().contains("has 1536 bytes"));

        image.undo_to(1);
        assert_eq!(image.print(), struck);
        image.undo_to(0);
        mender.mend(&mut image).unwrap();
        assert_eq!(image.print(), before, "the file is what the image is, whatever was mended before");
    }
}
