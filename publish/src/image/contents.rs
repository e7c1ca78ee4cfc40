//! What the system's partition of a new stick holds.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use sameday_upgrade::boot_env::{BootEnv, Choice, GoodEnv};
use sameday_upgrade::module_list;
use sha2::{Digest as _, Sha256};

use super::ImageError;

/// Where the bytes of a file come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// From a file.
    File(PathBuf),
    /// From here.
    Bytes(Vec<u8>),
}

/// Files by their place, in order of names: the order is part of the image, for FAT numbers short names as they come.
#[derive(Debug, Clone, Default)]
pub struct Contents(BTreeMap<String, Source>);

impl Contents {
    /// The files of the design, without a boot loader: the base, its kernel and list, and the two blocks that choose it.
    #[must_use]
    pub fn live(base: &Path, kernel: &Path, initrd: &Path) -> Self {
        let mut contents = Self::default();
        contents.put(&format!("live/{}", module_list::BASE_IMAGE), Source::File(base.to_owned()));
        contents.put("live/vmlinuz", Source::File(kernel.to_owned()));
        contents.put("live/initrd.img", Source::File(initrd.to_owned()));
        let list = module_list::render(&Choice::Base).into_bytes();
        contents.put(&format!("live/{}", module_list::file_name(&Choice::Base)), Source::Bytes(list));
        contents.put("live/sameday/boot.env", Source::Bytes(BootEnv::base().render().to_vec()));
        contents.put("live/sameday/good.env", Source::Bytes(GoodEnv { version: Choice::Base }.render().to_vec()));
        contents
    }

    /// Adds a file, or replaces the one of the same place.
    pub fn put(&mut self, place: &str, source: Source) {
        self.0.insert(place.to_owned(), source);
    }

    /// The files.
    pub fn files(&self) -> impl Iterator<Item = (&str, &Source)> {
        self.0.iter().map(|(place, source)| (place.as_str(), source))
    }

    /// Every folder, those that hold others first.
    #[must_use]
    pub fn folders(&self) -> BTreeSet<&str> {
        let ends = |place: &str| place.match_indices('/').map(|(end, _)| end).collect::<Vec<_>>();
        self.0.keys().flat_map(|place| ends(place).into_iter().filter_map(move |end| place.get(..end))).collect()
    }

    /// Bytes of all files.
    ///
    /// # Errors
    /// When one is not there.
    pub fn length(&self) -> Result<u64, ImageError> {
        self.0.values().try_fold(0_u64, |sum, source| Ok(sum.saturating_add(source.length()?)))
    }

    /// Writes all of it below a folder.
    ///
    /// # Errors
    /// When that fails.
    pub fn write_to(&self, folder: &Path) -> Result<(), ImageError> {
        for place in self.folders() {
            let path = folder.join(place);
            fs::create_dir_all(&path).map_err(ImageError::io("make", &path))?;
        }
        for (place, source) in self.files() {
            let path = folder.join(place);
            match source {
                Source::File(from) => fs::copy(from, &path).map(drop).map_err(ImageError::io("copy", from))?,
                Source::Bytes(bytes) => fs::write(&path, bytes).map_err(ImageError::io("write", &path))?,
            }
        }
        Ok(())
    }
}

impl Source {
    /// Bytes of it.
    ///
    /// # Errors
    /// When the file is not there.
    pub fn length(&self) -> Result<u64, ImageError> {
        match self {
            Self::File(path) => Ok(fs::metadata(path).map_err(ImageError::io("read", path))?.len()),
            Self::Bytes(bytes) => Ok(bytes.len() as u64),
        }
    }

    /// SHA-256 of it.
    pub(super) fn digest(&self) -> Result<[u8; 32], ImageError> {
        match self {
            Self::File(path) => {
                let read = || -> io::Result<[u8; 32]> {
                    let mut hasher = Sha256::new();
                    io::copy(&mut File::open(path)?, &mut Hashing(&mut hasher))?;
                    Ok(hasher.finalize().into())
                };
                read().map_err(ImageError::io("read", path))
            }
            Self::Bytes(bytes) => Ok(Sha256::digest(bytes).into()),
        }
    }
}

/// A hasher that can be copied to.
struct Hashing<'a>(&'a mut Sha256);

impl io::Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_come_before_what_is_in_them() {
        let contents = Contents::live(Path::new("b"), Path::new("k"), Path::new("i"));
        assert_eq!(contents.folders().into_iter().collect::<Vec<_>>(), ["live", "live/sameday"]);
        assert_eq!(contents.files().count(), 6);
    }
}
