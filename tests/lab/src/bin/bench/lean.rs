//! Worlds for figures: a small base, and one upgrade whose layer has the size that is asked for.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use sameday_lab::roots::{BaseOptions, Roots, Spec as RootSpec};
use sameday_lab::stick::{FileSystem, Stick};
use sameday_lab::world::{PRODUCT, Spec, World};
use sameday_publish::release::Released;
use sameday_upgrade::description::File as Payload;

/// The one upgrade.
pub const VERSION: &str = "2.0";
/// What the base's payload has: the upgrade is what counts.
const BASE: u64 = 1 << 20;
/// For the base, the kernels, and what the file system keeps for itself.
const REST: u64 = 96 << 20;

/// A world in which the one upgrade is released.
pub struct Lean {
    /// The release side.
    pub world: World,
    /// What it published.
    pub released: Released,
    /// Bytes of the layer's payload.
    pub payload: u64,
}

impl Lean {
    /// Makes it below `dir`. The layer holds `payload` bytes that do not compress.
    pub fn new(dir: &Path, payload: u64, spec: Spec) -> io::Result<Self> {
        let spec = Spec { newer: vec![VERSION.into()], payload, ..spec };
        let root = |version: &str, payload| {
            let only =
                RootSpec { product: PRODUCT.into(), base: version.to_owned(), newer: Vec::new(), payload, seed: 7 };
            let made = Roots::synthetic(&dir.join("roots"), &only)?.base;
            // A folder of which nothing stays is marked as opaque, by an attribute that the kernel of User-mode Linux cannot read.
            fs::write(made.join("boot/config"), "stays\n")?;
            Ok::<_, io::Error>((version.to_owned(), made))
        };
        let roots = BTreeMap::from([root(&spec.base, BASE)?, root(VERSION, payload)?]);
        let world = World::new(dir, spec, roots, &BaseOptions::default())?;
        let released = world.release(VERSION)?;
        Ok(Self { world, released, payload })
    }

    /// A new stick that the upgrade fits on.
    pub fn stick(&self, file_system: FileSystem) -> io::Result<Stick> {
        self.world.stick("stick", file_system, self.payload / 10 * 11 + REST)
    }

    /// The upgrade's files as the description lists them.
    pub fn files(&self) -> io::Result<&[Payload]> {
        let upgrade = self.released.description.upgrades.first();
        upgrade.map(|upgrade| upgrade.files.as_slice()).ok_or_else(|| io::Error::other("nothing is released"))
    }

    /// Where the repository holds a file of the upgrade.
    pub fn path(&self, file: &Payload) -> PathBuf {
        self.world.repository().join(format!("files/{}", file.sha256))
    }

    /// Reads everything that a download asks for, so that it comes from the page cache.
    pub fn warm(&self) -> io::Result<()> {
        for entry in fs::read_dir(self.world.repository().join("files"))? {
            io::copy(&mut File::open(entry?.path())?, &mut io::sink())?;
        }
        Ok(())
    }
}
