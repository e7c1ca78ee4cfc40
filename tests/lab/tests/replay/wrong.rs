//! Upgrades from 2.0 to 3.0 as others write them: one as it should be, the others each with a fault that is known to break sticks.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use nix::unistd::syncfs;
use sameday_lab::stick::Stick;
use sameday_upgrade::boot_env::{BootEnv, Choice};
use sameday_upgrade::module_list;

use crate::material::Material;
use crate::sticks;

const BOOT_ENV: &str = "live/sameday/boot.env";
const LAYER: &str = "3.0.squashfs";

fn three() -> Choice {
    Choice::Version("3.0".parse().unwrap())
}

fn committed() -> BootEnv {
    BootEnv { current: three(), previous: Choice::Version("2.0".parse().unwrap()), tries: 3, good: false }
}

/// How much is done for what was written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Care {
    /// Everything.
    All,
    /// The layer alone is left to itself.
    NotTheLayer,
    /// Everything is handed to the device, and nothing makes it write.
    NoFlush,
}

fn write(path: &Path, bytes: &[u8], sync: bool) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    if sync { file.sync_all() } else { Ok(()) }
}

/// Writes the files of 3.0, the layer under this name.
fn stage(medium: &Path, material: &Material, layer: &str, care: Care) -> io::Result<()> {
    let folder = medium.join("live/3.0");
    fs::create_dir(&folder)?;
    let names = [layer, "vmlinuz", "initrd.img"];
    for (name, source) in names.into_iter().zip(&material.files["3.0"]) {
        let sync = care == Care::All || (care == Care::NotTheLayer && name != layer);
        write(&folder.join(name), &fs::read(source)?, sync)?;
    }
    let list = medium.join("live").join(module_list::file_name(&three()));
    write(&list, module_list::render(&three()).as_bytes(), care != Care::NoFlush)?;
    match care {
        Care::All => settle(medium),
        Care::NotTheLayer => {
            ["live/3.0", "live", ""].iter().try_for_each(|place| File::open(medium.join(place))?.sync_all())
        }
        Care::NoFlush => Ok(syncfs(File::open(medium)?)?),
    }
}

/// Everything is on the device afterwards.
fn settle(medium: &Path) -> io::Result<()> {
    for place in ["live/3.0", "live", ""] {
        File::open(medium.join(place))?.sync_all()?;
    }
    syncfs(File::open(medium)?)?;
    // That alone sends no flush on vfat.
    File::open(medium)?.sync_all()
}

fn commit(medium: &Path, block: &[u8]) -> io::Result<()> {
    let file = File::options().write(true).open(medium.join(BOOT_ENV))?;
    file.write_all_at(block, 0)?;
    file.sync_data()
}

pub fn right(medium: &Path, material: &Material) -> io::Result<()> {
    stage(medium, material, LAYER, Care::All)?;
    commit(medium, &committed().render())
}

/// The commit is a new file in the old one's place.
pub fn renamed_block(medium: &Path, material: &Material) -> io::Result<()> {
    stage(medium, material, LAYER, Care::All)?;
    let new = medium.join("live/sameday/boot.new");
    write(&new, &committed().render(), true)?;
    fs::rename(&new, medium.join(BOOT_ENV))?;
    File::open(medium.join("live/sameday"))?.sync_all()
}

/// The layer gets its name when it is all there.
pub fn renamed_layer(medium: &Path, material: &Material) -> io::Result<()> {
    stage(medium, material, "layer.part", Care::All)?;
    let folder = medium.join("live/3.0");
    fs::rename(folder.join("layer.part"), folder.join(LAYER))?;
    File::open(&folder)?.sync_all()?;
    commit(medium, &committed().render())
}

/// GRUB's own length of a block, with the choice in one sector and the tries in the other.
fn long(env: &BootEnv) -> Vec<u8> {
    let choice = format!("# GRUB Environment Block\nformat=1\ncurrent={}\nprevious={}\n", env.current, env.previous);
    let tries = format!("tries={}\ngood={}\n", env.tries, u8::from(env.good));
    format!("{choice:#<511}\n{tries:#<512}").into_bytes()
}

pub fn long_block(stick: &Stick) -> io::Result<()> {
    sticks::good(stick, "2.0", "base")?;
    let good = BootEnv { current: committed().previous, previous: Choice::Base, tries: 0, good: true };
    stick.write(BOOT_ENV, &long(&good))
}

pub fn two_sectors(medium: &Path, material: &Material) -> io::Result<()> {
    stage(medium, material, LAYER, Care::All)?;
    commit(medium, &long(&committed()))
}

pub fn no_fsync(medium: &Path, material: &Material) -> io::Result<()> {
    stage(medium, material, LAYER, Care::NotTheLayer)?;
    commit(medium, &committed().render())
}

pub fn no_flush(medium: &Path, material: &Material) -> io::Result<()> {
    stage(medium, material, LAYER, Care::NoFlush)?;
    commit(medium, &committed().render())
}
