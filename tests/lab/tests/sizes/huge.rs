//! Files of GiB: a small layer with zeros behind it, which cost this machine's disk nothing until they are written to the stick.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use sameday_lab::forge::Forge;
use sameday_lab::stick::{FileSystem, Stick};
use sameday_lab::uml;
use sameday_lab::world::{Spec, World};
use sameday_publish::release::{Release, Way};
use serde_json::json;

use crate::guest::{self, Outcome};

const GIB: u64 = 1 << 30;
/// What the stick needs beside the layer.
const REST: u64 = 96 << 20;
/// The longest file on a stick of this size, whose clusters have 4 KiB: the last one ends below 4 GiB.
const LONGEST: u64 = 4 * GIB - 4096;
/// The same where clusters have 512 bytes.
const LONGEST_OF_SMALL: u64 = 4 * GIB - 512;
const MOST_MEMORY_KIB: u64 = 32 << 10;

fn world() -> (tempfile::TempDir, World) {
    let dir = tempfile::Builder::new().prefix("sameday-sizes-").tempdir().unwrap();
    let world = World::tiny_for_uml(&dir.path().join("world"), Spec { payload: 1 << 20, ..Spec::default() }).unwrap();
    (dir, world)
}

/// Publishes 2.0 with a layer of this length, in a repository of its own.
fn release(world: &World, dir: &Path, length: u64) -> PathBuf {
    let layer = dir.join(format!("{length}.squashfs"));
    fs::copy(world.layer("2.0").unwrap(), &layer).unwrap();
    // A squashfs says itself how long it is; what follows is of no account to the kernel.
    File::options().write(true).open(&layer).unwrap().set_len(length).unwrap();
    let repository = dir.join(format!("{length}.repository"));
    Forge::new(world, &repository).unwrap();
    let mut wanted = world.prepared("2.0", &["1.0"]).unwrap();
    if let Some(new) = &mut wanted.new {
        new.from.iter_mut().for_each(|(_, way)| *way = Way::Layer(layer.clone()));
    }
    world.publish(&Release { repository: repository.clone(), ..wanted }).unwrap();
    fs::remove_file(layer).unwrap();
    repository
}

fn stick(world: &World, dir: &Path, file_system: FileSystem, length: u64) -> (String, Stick) {
    let name = length.to_string();
    // Descriptors of ext4, its journal, and what it keeps for root take room by the size of the disk.
    let made = world.stick(&name, file_system, length + REST + length / 10).unwrap();
    let image = dir.join(format!("{name}.img"));
    fs::rename(made.image(), &image).unwrap();
    (name, Stick::existing(&image, file_system))
}

fn judge(length: u64, outcome: &Outcome, stick: &Stick) {
    assert_eq!((outcome.state.as_str(), outcome.failure.as_str()), ("restart-pending", ""), "{length}: {outcome:?}");
    assert!(outcome.needed > length && outcome.peak_kib <= MOST_MEMORY_KIB, "{length}: {outcome:?}");
    println!("sizes: a layer of {length} bytes: {} s, peak {} KiB", outcome.seconds, outcome.peak_kib);
    stick.fsck().unwrap();
}

pub fn on_vfat() -> Option<String> {
    if let Some(why) = uml::missing() {
        return Some(why);
    }
    let (dir, world) = world();
    for length in [(1 << 31) - 1, 1 << 31, (1 << 31) + 1, LONGEST] {
        let repository = release(&world, dir.path(), length);
        let (name, stick) = stick(&world, dir.path(), FileSystem::Vfat, length);
        let outcomes = guest::upgrades(dir.path(), &[name], true);
        judge(length, &outcomes[0], &stick);
        fs::remove_file(stick.image()).unwrap();
        fs::remove_dir_all(repository).unwrap();
    }
    None
}

pub fn on_ext4() -> Option<String> {
    let (dir, world) = world();
    let length = 5 * GIB;
    let repository = release(&world, dir.path(), length);
    let (name, stick) = stick(&world, dir.path(), FileSystem::Ext4, length);
    let outcome = guest::upgrade(&stick, &repository, &dir.path().join(format!("machine-{name}")), true);
    judge(length, &outcome, &stick);
    None
}

/// The description says that it is so long; the refusal comes before anybody looks at the file.
pub fn refused() -> Option<String> {
    if let Some(why) = uml::missing() {
        return Some(why);
    }
    let (dir, world) = world();
    world.release("2.0").unwrap();
    let stick = world.stick("plain", FileSystem::Vfat, REST).unwrap();
    let lengths = [LONGEST_OF_SMALL, LONGEST_OF_SMALL + 1, 5 * GIB];
    let mut names = Vec::new();
    for length in lengths {
        let name = length.to_string();
        let repository = dir.path().join(format!("{name}.forged"));
        let forge = Forge::new(&world, &repository).unwrap();
        let chunks = length.div_ceil(1 << 20);
        let list = format!("sameday-chunks 1 1048576 {length}\n").len() as u64 + 32 * chunks;
        forge
            .description(&|description| {
                let files = description["upgrades"][0]["files"].as_array_mut().unwrap();
                let layer = files.iter_mut().find(|file| file["role"] == "layer").unwrap();
                layer["length"] = json!(length);
                layer["chunks_length"] = json!(list);
            })
            .unwrap();
        symlink(&repository, dir.path().join(format!("{name}.repository"))).unwrap();
        stick.clone_to(&dir.path().join(format!("{name}.img"))).unwrap();
        names.push(name);
    }
    let before: Vec<_> = names.iter().map(|name| image(dir.path(), name).digest().unwrap()).collect();
    let outcomes = guest::upgrades(dir.path(), &names, true);
    for ((length, outcome), (name, before)) in lengths.into_iter().zip(&outcomes).zip(names.iter().zip(before)) {
        let expected =
            if length > LONGEST_OF_SMALL { "manual-upgrade file-too-big" } else { "no-room not-enough-room" };
        assert_eq!((outcome.state.as_str(), outcome.failure.as_str()), ("manual", expected), "{length}: {outcome:?}");
        if length > LONGEST_OF_SMALL {
            assert_eq!(outcome.numbers.get("length"), Some(&length), "{outcome:?}");
            assert_eq!(outcome.numbers.get("limit"), Some(&LONGEST_OF_SMALL), "{outcome:?}");
        }
        assert_eq!(outcome.files_asked, 0);
        assert_eq!(image(dir.path(), name).digest().unwrap(), before, "{length}");
    }
    None
}

fn image(dir: &Path, name: &str) -> Stick {
    Stick::existing(&dir.join(format!("{name}.img")), FileSystem::Vfat)
}
