//! One stick, one release and one kit for all boots.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use sameday_lab::process::run;
use sameday_lab::roots::{BaseOptions, kernel_and_initrd};
use sameday_lab::stick::{FileSystem, Stick};
use sameday_lab::vm::system;
use sameday_lab::world::{self, World};
use sameday_publish::image::{Efi, StickImage, image};

/// The version first installed, and the one that it is upgraded to.
pub const OLD: &str = "1.0";
pub const NEW: &str = "1.1";
/// A file that the new version brings.
pub const NEWS: &str = "usr/share/sameday-lab-news";
/// What spares an emulated processor work, and shows what the kernel says.
const PARAMETERS: &str = "console=ttyS0 mitigations=off nowatchdog init_on_alloc=0 quiet";

/// What is made.
pub struct Material {
    pub dir: PathBuf,
    pub stick: Stick,
    pub kit: PathBuf,
}

impl Material {
    /// Makes it below `dir`, where `installed` is what `make install` has made. The Debian root is kept for the next time.
    pub fn make(dir: &Path) -> io::Result<Self> {
        let debian = dir.join("debian");
        system::debian_root(&debian, &mut |line| println!("     {line}"))?;
        let work = dir.join("run");
        if work.exists() {
            fs::remove_dir_all(&work)?;
        }
        fs::create_dir_all(&work)?;
        let roots = roots(&work, &debian, &dir.join("installed"))?;
        let spec = world::Spec { base: OLD.into(), newer: vec![NEW.into()], ..world::Spec::default() };
        let (kernel, initrd) = kernel_and_initrd(&roots[OLD])?;
        let time = u32::try_from(spec.made.unix()).map_err(io::Error::other)?;
        let world =
            World::new(&work.join("world"), spec, roots, &BaseOptions { compressor: "lz4", ..BaseOptions::default() })?;
        let released = world.release(NEW)?;
        println!("     released {NEW} as {}", released.digest);
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
        image(&plan, &path).map_err(io::Error::other)?;
        Ok(Self { dir: work, stick: Stick::existing(&path, FileSystem::Vfat), kit: world.kit()? })
    }
}

/// The two versions' roots.
fn roots(work: &Path, debian: &Path, installed: &Path) -> io::Result<BTreeMap<String, PathBuf>> {
    let (old, new) = (work.join("root-old"), work.join("root-new"));
    let copy = |from: &Path, to: &Path| run(Command::new("cp").args(["-a", "--reflink=auto", "--"]).arg(from).arg(to));
    copy(debian, &old)?;
    system::furnish(&old, installed)?;
    copy(&old, &new)?;
    fs::write(new.join(NEWS), "what is new\n")?;
    Ok(BTreeMap::from([(OLD.to_owned(), old), (NEW.to_owned(), new)]))
}
