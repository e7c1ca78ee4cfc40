//! What is done to sticks before they are recorded.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::process::Command;

use sameday_lab::live::OTHER_LOADER;
use sameday_lab::process::run;
use sameday_lab::replay::directory::Tree;
use sameday_lab::replay::fat::{Geometry, Volume};
use sameday_lab::replay::image::Image;
use sameday_lab::stick::{PARTITION_START, Stick};
use sameday_upgrade::boot_env::{BootEnv, Choice, GoodEnv};
use sameday_upgrade::module_list;

use crate::material::partition;

fn choice(name: &str) -> Choice {
    if name == "base" { Choice::Base } else { Choice::Version(name.parse().unwrap()) }
}

fn choose(stick: &Stick, env: &BootEnv, good: &str) -> io::Result<()> {
    stick.write("live/sameday/boot.env", &env.render())?;
    stick.write("live/sameday/good.env", &GoodEnv { version: choice(good) }.render())
}

/// `current` came up well.
pub fn good(stick: &Stick, current: &str, previous: &str) -> io::Result<()> {
    choose(stick, &BootEnv { current: choice(current), previous: choice(previous), tries: 0, good: true }, current)
}

/// 2.0 did not come up, though it once had.
pub fn undone(stick: &Stick) -> io::Result<()> {
    choose(stick, &BootEnv { current: choice("2.0"), previous: Choice::Base, tries: 0, good: false }, "2.0")
}

/// 2.0 never came up.
pub fn never_good(stick: &Stick) -> io::Result<()> {
    choose(stick, &BootEnv { current: choice("2.0"), previous: Choice::Base, tries: 0, good: false }, "base")
}

/// 2.0 was started for the first time.
pub fn first_start(stick: &Stick) -> io::Result<()> {
    choose(stick, &BootEnv { current: choice("2.0"), previous: Choice::Base, tries: 2, good: false }, "base")
}

/// Its boot loader is not ours. Behind the end of its list is what a longer one left there: any text.
pub fn other_loader(stick: &Stick) -> io::Result<()> {
    stick.remove("live/sameday/boot.env")?;
    stick.remove("live/sameday/good.env")?;
    let (place, list) = (format!("live/{OTHER_LOADER}.module"), module_list::render(&Choice::Base));
    stick.write(&place, list.as_bytes())?;
    let behind = sector_of(stick, &place)? * 512 + list.len() as u64;
    File::options().write(true).open(stick.image())?.write_all_at(b"0.9.squashfs\n", behind)
}

pub fn as_it_is(_: &Stick) -> io::Result<()> {
    Ok(())
}

/// There is no room for another version unless one goes.
pub fn full(stick: &Stick) -> io::Result<()> {
    const LEFT: u64 = 3 << 20;
    let filler = tempfile::NamedTempFile::new()?;
    filler.as_file().set_len(stick.free()?.saturating_sub(LEFT))?;
    let place = format!("{}@@{PARTITION_START}", stick.image().display());
    run(Command::new("mcopy").arg("-i").arg(place).arg(filler.path()).arg("::filler")).map(drop)
}

/// Its system partition, in memory.
fn image(stick: &Stick) -> io::Result<Image> {
    let length = usize::try_from(partition(stick.image())?).map_err(io::Error::other)?;
    Image::read(stick.image(), PARTITION_START, length)
}

/// Where on the disk a file of one sector lies.
pub fn sector_of(stick: &Stick, place: &str) -> io::Result<u64> {
    let image = image(stick)?;
    let volume = Volume::of(&image).map_err(|broken| io::Error::other(broken.to_string()))?;
    let tree = Tree::of(&volume);
    let entry = tree.files.get(place).ok_or_else(|| io::Error::other(format!("no {place}")))?;
    let (sectors, _) = volume.chain(entry.first, Some(1));
    let first = sectors.first().ok_or_else(|| io::Error::other(format!("{place} is nowhere")))?;
    Ok(PARTITION_START / 512 + *first as u64)
}

/// As after a power cut under another system: the dirty bits are set, clusters are lost, the count of free ones is wrong.
pub fn dirty(stick: &Stick) -> io::Result<()> {
    const LOST: u32 = 5;
    let Geometry { table, data, end, .. } =
        Geometry::of(&image(stick)?).map_err(|broken| io::Error::other(broken.to_string()))?;
    let file = File::options().write(true).open(stick.image())?;
    let at = |sector: usize, byte: u64| PARTITION_START + sector as u64 * 512 + byte;
    file.write_all_at(&[1], at(0, 65))?;
    for copy in [table, table + (data - table) / 2] {
        file.write_all_at(&0x07ff_ffff_u32.to_le_bytes(), at(copy, 4))?;
        for cluster in end - 100..end - 100 + LOST {
            let next = if cluster + 1 == end - 100 + LOST { 0x0fff_ffff } else { cluster + 1 };
            file.write_all_at(&next.to_le_bytes(), at(copy, u64::from(cluster) * 4))?;
        }
    }
    file.write_all_at(&7_u32.to_le_bytes(), at(1, 488))
}
