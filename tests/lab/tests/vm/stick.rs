//! One stick, two releases and their kits for all boots.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use sameday_lab::process::run;
use sameday_lab::replay::judge::Wanted;
use sameday_lab::roots::{BaseOptions, kernel_and_initrd};
use sameday_lab::stick::{FileSystem, Stick};
use sameday_lab::vm::system;
use sameday_lab::world::{self, World};
use sameday_publish::image::{Efi, ImageSummary, StickImage, image};

/// The version first installed, and those that it is upgraded to, one after the other.
pub const OLD: &str = "1.0";
pub const NEW: &str = "1.1";
pub const NEWER: &str = "1.2";
pub const RELEASES: [&str; 5] = [NEW, NEWER, "1.3", "1.4", "1.5"];
/// A file that the new versions bring: which one it is.
pub const NEWS: &str = "usr/share/sameday-lab-news";
/// Another, whose bytes nothing reads at a start.
const BULK: &str = "usr/share/sameday-lab-bulk";
const BULK_BYTES: usize = 3 << 20;
/// What spares an emulated processor work, and shows what the kernel says.
pub const PARAMETERS: &str = "console=ttyS0 mitigations=off nowatchdog init_on_alloc=0 quiet";
/// An emulated processor with other work takes so long.
const TRIAL: &str = "[Unit]\nJobTimeoutSec=15min\n";

/// What is made.
pub struct Material {
    pub dir: PathBuf,
    pub stick: Stick,
    pub summary: ImageSummary,
    world: World,
}

impl Material {
    /// Makes it below `dir`, where `installed` is what `make install` has made. The Debian root is kept for the next time.
    pub fn make(dir: &Path) -> io::Result<Self> {
        let material = Self::make_in(dir, "run", &Network::default(), &|_| Ok(()))?;
        material.kit(NEW)?;
        Ok(material)
    }

    /// Where the repository of [`Material::make_in`] is, for a server that has to be there before.
    pub fn repository(room: &Path) -> PathBuf {
        room.join("world/repository")
    }

    /// As [`Material::make`], in a folder of its own, for sticks that reach their repository, and with something more in their roots.
    pub fn make_in(
        dir: &Path,
        room: &str,
        network: &Network,
        more: &dyn Fn(&Path) -> io::Result<()>,
    ) -> io::Result<Self> {
        let debian = dir.join("debian");
        system::debian_root(&debian, &mut |line| println!("     {line}"))?;
        let work = dir.join(room);
        for old in fs::read_dir(&work).into_iter().flatten() {
            let old = old?.path();
            if old.is_dir() { fs::remove_dir_all(old)? } else { fs::remove_file(old)? }
        }
        fs::create_dir_all(&work)?;
        let roots = roots(&work, &debian, &dir.join("installed"), more)?;
        let spec = world::Spec {
            base: OLD.into(),
            newer: RELEASES.map(str::to_owned).into(),
            base_urls: network.base_urls.clone(),
            tor: network.tor.clone(),
            arti: network.arti.clone(),
            ..world::Spec::default()
        };
        let (kernel, initrd) = kernel_and_initrd(&roots[OLD])?;
        let time = u32::try_from(spec.made.unix()).map_err(io::Error::other)?;
        let world =
            World::new(&work.join("world"), spec, roots, &BaseOptions { compressor: "lz4", ..BaseOptions::default() })?;
        let plan = StickImage {
            base: world.base_image().to_owned(),
            kernel,
            initrd,
            time,
            parameters: PARAMETERS.to_owned(),
            efi: Efi::Signed,
            system_mib: None,
            luks_mib: Some(16),
        };
        let path = work.join("stick.img");
        let summary = image(&plan, &path).map_err(io::Error::other)?;
        Ok(Self { dir: work, stick: Stick::existing(&path, FileSystem::Vfat), summary, world })
    }

    /// The kit of a version, which is released for it. Versions are released in their order.
    pub fn kit(&self, version: &str) -> io::Result<PathBuf> {
        // Kits for the same sticks have the same name.
        let folder = self.dir.join(format!("kits-{version}"));
        if let Some(kit) = fs::read_dir(&folder).into_iter().flatten().next() {
            return Ok(kit?.path());
        }
        self.world.release(version)?;
        let kit = self.world.kit_of(&self.world.repository(), &folder)?;
        println!("     {}: {} bytes", kit.display(), kit.metadata()?.len());
        Ok(kit)
    }

    /// What must be on a stick that starts one of these versions, or the base.
    pub fn wanted(&self, versions: &[&str]) -> io::Result<Wanted> {
        versions.iter().map(|name| Ok(((*name).to_owned(), self.world.needed(name)?))).collect()
    }
}

/// How the stick reaches its repository.
#[derive(Debug, Clone)]
pub struct Network {
    pub base_urls: Vec<String>,
    pub tor: Option<String>,
    pub arti: Option<String>,
}

impl Default for Network {
    /// Not at all, since no way to connect is configured.
    fn default() -> Self {
        let spec = world::Spec::default();
        Self { base_urls: spec.base_urls, tor: spec.tor, arti: spec.arti }
    }
}

/// The versions' roots.
fn roots(
    work: &Path,
    debian: &Path,
    installed: &Path,
    more: &dyn Fn(&Path) -> io::Result<()>,
) -> io::Result<BTreeMap<String, PathBuf>> {
    let copy = |from: &Path, to: &Path| run(Command::new("cp").args(["-a", "--reflink=auto", "--"]).arg(from).arg(to));
    let at = |version: &str| work.join(format!("root-{version}"));
    copy(debian, &at(OLD))?;
    system::furnish(&at(OLD), installed)?;
    more(&at(OLD))?;
    let limits = at(OLD).join("etc/systemd/system/sameday-trial.target.d");
    fs::create_dir_all(&limits)?;
    fs::write(limits.join("lab.conf"), TRIAL)?;
    for (version, seed) in RELEASES.into_iter().zip(1..) {
        copy(&at(OLD), &at(version))?;
        fs::write(at(version).join(NEWS), version)?;
        fs::write(at(version).join(BULK), noise(seed))?;
    }
    Ok(std::iter::once(OLD).chain(RELEASES).map(|version| (version.to_owned(), at(version))).collect())
}

/// Bytes that no compressor makes shorter (xorshift64).
fn noise(seed: u64) -> Vec<u8> {
    let mut random = seed;
    let mut bytes = Vec::with_capacity(BULK_BYTES);
    while bytes.len() < BULK_BYTES {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        bytes.extend(random.to_le_bytes());
    }
    bytes
}
