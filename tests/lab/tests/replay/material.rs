//! What the recordings are made of: three releases, two sticks, and what the files of each version must be.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sameday_lab::forge::Forge;
use sameday_lab::replay::judge::Wanted;
use sameday_lab::roots::kernel_and_initrd;
use sameday_lab::stick::{FileSystem, PARTITION_START, Spec, Stick};
use sameday_lab::world::{self, World};
use sameday_publish::image::table::Table;
use sameday_publish::release::Release;
use sameday_upgrade::digest::Digest;
use serde::{Deserialize, Serialize};

/// The versions that are released, each for the base.
pub const VERSIONS: [&str; 3] = ["2.0", "3.0", "4.0"];
/// The repository of a 2.0 with the base's kernel.
pub const SAME_KERNEL: &str = "same-kernel";
/// Seven chunks of a layer: they have the same faults as three hundred.
const PAYLOAD: u64 = 6 << 20;
/// Sticks: name, bytes, bytes of a cluster. One has clusters of one sector, so that tables and directories are long; the other has those of
/// real sticks, so that a new directory is not zeros all at once.
const STICKS: [(&str, u64, u64); 2] = [("small", 48 << 20, 512), ("large", 300 << 20, 4096)];

/// Where everything is.
#[derive(Debug, Serialize, Deserialize)]
pub struct Material {
    dir: PathBuf,
    /// The layer of each version, as a path of the repository.
    pub layers: BTreeMap<String, String>,
    /// The same, and its kernel and initial RAM disk, as files of this machine.
    pub files: BTreeMap<String, [PathBuf; 3]>,
    /// What must be on a stick that starts a version.
    pub wanted: Wanted,
}

impl Material {
    /// Makes everything in `dir`.
    pub fn make(dir: &Path) -> io::Result<Self> {
        let newer = VERSIONS.map(str::to_owned).to_vec();
        let spec = world::Spec { payload: PAYLOAD, newer, ..world::Spec::default() };
        let world = World::tiny_for_uml(&dir.join("world"), spec)?;
        let (kernel, initrd) = kernel_and_initrd(world.root("1.0")?)?;
        for (name, size, cluster) in STICKS {
            let spec = Spec::new(FileSystem::Vfat, size, world.base_image(), &kernel, &initrd);
            Stick::build(dir, name, &Spec { cluster: Some(cluster), ..spec })?;
        }
        let wanted = |name: &str| Ok((name.to_owned(), world.needed(name)?));
        let mut material = Self {
            dir: dir.to_owned(),
            layers: BTreeMap::new(),
            files: BTreeMap::new(),
            wanted: std::iter::once("base").chain(VERSIONS).map(wanted).collect::<io::Result<_>>()?,
        };
        // A boot loader that is not ours always starts the base's kernel.
        let repository = material.repository(SAME_KERNEL);
        Forge::new(&world, &repository)?;
        let mut release = Release { repository, ..world.prepared("2.0", &["1.0"])? };
        release.new.iter_mut().for_each(|new| new.kernel = Some(kernel.clone()));
        world.publish(&release)?;
        for version in VERSIONS {
            let repository = material.repository(version);
            Forge::new(&world, &repository)?;
            world.publish(&Release { repository, ..world.prepared(version, &["1.0"])? })?;
            let layer = world.layer(version)?;
            material.layers.insert(version.to_owned(), format!("files/{}", Digest::of(&fs::read(&layer)?)));
            let (kernel, initrd) = kernel_and_initrd(world.root(version)?)?;
            material.files.insert(version.to_owned(), [layer, kernel, initrd]);
        }
        fs::write(dir.join("material.json"), serde_json::to_vec(&material)?)?;
        Ok(material)
    }

    pub fn load(dir: &Path) -> io::Result<Self> {
        serde_json::from_slice(&fs::read(dir.join("material.json"))?).map_err(io::Error::other)
    }

    /// What is served when this version is the newest.
    pub fn repository(&self, version: &str) -> PathBuf {
        self.dir.join(format!("repository-{version}"))
    }
}

/// Bytes of a stick's system partition.
pub fn partition(image: &Path) -> io::Result<u64> {
    let system = Table::of_disk(image.metadata()?.len()).map_err(io::Error::other)?.system();
    assert_eq!(system.start, PARTITION_START);
    Ok(system.length())
}
