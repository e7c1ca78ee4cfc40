//! What the cases are made of: a release side in three states, a new stick, and what the files of its versions must be.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sameday_lab::forge::Forge;
use sameday_lab::stick::{FileSystem, Stick};
use sameday_lab::world::{self, World};
use sameday_publish::release::{Release, Way};
use sameday_upgrade::boot_env::Choice;
use sameday_upgrade::digest::Digest;
use serde::{Deserialize, Serialize};

/// Room for a base and two versions, and enough clusters of one sector for FAT32.
pub const STICK: u64 = 48 << 20;
/// Five chunks of a layer, so that there is something between the first and the last.
const PAYLOAD: u64 = 4 << 20;

/// What the repository says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Served {
    /// Nothing was released yet.
    Empty,
    /// 2.0.
    Released,
    /// 3.0.
    Next,
    /// 3.0, and not for sticks that began with this base.
    Manual,
}

/// How long what a case strikes into lasts when nothing does.
#[derive(Debug, Default, Clone, Copy, Serialize, Deserialize)]
pub struct Durations {
    pub downloading: Duration,
    pub applying: Duration,
    pub pausing: Duration,
    pub cancelling: Duration,
    pub switching: Duration,
}

/// Where everything is.
#[derive(Debug, Serialize, Deserialize)]
pub struct Material {
    dir: PathBuf,
    vfat: bool,
    /// The layer of 2.0, as a path of the repository, and its length.
    pub layer: (String, u64),
    /// What must be on a stick that may start a version: place, length, SHA-256.
    files: BTreeMap<String, Vec<(String, u64, String)>>,
    pub durations: Durations,
}

fn other(error: impl std::fmt::Display) -> io::Error {
    io::Error::other(error.to_string())
}

impl Material {
    /// Makes everything in `dir`.
    pub fn make(dir: &Path, file_system: FileSystem, spec: world::Spec) -> io::Result<(Self, World)> {
        let spec = world::Spec { payload: PAYLOAD, ..spec };
        let world = World::tiny_for_uml(&dir.join("world"), spec)?;
        let stick = world.stick("new", file_system, STICK)?;
        stick.clone_to(&dir.join("new.img"))?;
        Forge::new(&world, &dir.join("empty"))?;
        world.release("2.0")?;
        for (name, way) in [("next", None), ("manual", Some(Way::Manual))] {
            let repository = dir.join(name);
            Forge::new(&world, &repository)?;
            let mut third = world.prepared("3.0", &["1.0"])?;
            if let (Some(new), Some(way)) = (&mut third.new, way) {
                new.from.iter_mut().for_each(|(_, by)| *by = way.clone());
                (new.kernel, new.initrd) = (None, None);
            }
            world.publish(&Release { repository, ..third })?;
        }
        let mut files = BTreeMap::new();
        for name in ["base", "2.0", "3.0"] {
            let needed =
                world.needed(name)?.into_iter().map(|(place, length, digest)| (place, length, digest.to_string()));
            files.insert(name.to_owned(), needed.collect());
        }
        let layer = fs::read(world.layer("2.0")?)?;
        let material = Self {
            dir: dir.to_owned(),
            vfat: file_system == FileSystem::Vfat,
            layer: (format!("files/{}", Digest::of(&layer)), layer.len() as u64),
            files,
            durations: Durations::default(),
        };
        material.save()?;
        Ok((material, world))
    }

    pub fn load(dir: &Path) -> io::Result<Self> {
        serde_json::from_slice(&fs::read(dir.join("material.json"))?).map_err(other)
    }

    pub fn save(&self) -> io::Result<()> {
        fs::write(self.dir.join("material.json"), serde_json::to_vec(self)?)
    }

    pub fn file_system(&self) -> FileSystem {
        if self.vfat { FileSystem::Vfat } else { FileSystem::Ext4 }
    }

    pub fn repository(&self, served: Served) -> PathBuf {
        match served {
            Served::Empty => self.dir.join("empty"),
            Served::Released => self.dir.join("world/repository"),
            Served::Next => self.dir.join("next"),
            Served::Manual => self.dir.join("manual"),
        }
    }

    /// A stick that others are copied from.
    pub fn template(&self, name: &str) -> Stick {
        Stick::existing(&self.dir.join(format!("{name}.img")), self.file_system())
    }

    /// The files without which this does not start.
    pub fn files(&self, choice: &Choice) -> Option<&[(String, u64, String)]> {
        self.files.get(&choice.to_string()).map(Vec::as_slice)
    }
}
