//! Nothing else is touched: what lies on the stick outside of the system's partition, and any other disk, whatever becomes of an upgrade. On this
//! machine's kernel, and on real vfat in User-mode Linux, where the power goes as well.

#![allow(clippy::unwrap_used, reason = "a test, only without libtest's harness")]

#[path = "elsewhere/disks.rs"]
mod disks;
#[path = "elsewhere/fates.rs"]
mod fates;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use sameday_lab::program::{self, Test};
use sameday_lab::stick::{FileSystem, Stick};
use sameday_lab::uml::{self, Uml};
use sameday_lab::world::{Spec, World};

use disks::{Disks, SIZE};
use fates::{FATES, Fate};

/// It takes half a minute on an idle machine.
const LIMIT: Duration = Duration::from_secs(400);

fn main() -> ExitCode {
    uml::enter();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["guest", world, fates @ ..] = words.as_slice() {
        for name in fates {
            // The guest kernel puts parameters of its own behind ours.
            let Some(fate) = fates::find(name) else { continue };
            let room = Path::new("/run").join(fate.name());
            fates::meet(*fate, Path::new(world), &stick(Path::new(world), *fate, FileSystem::Vfat), &room);
        }
        return ExitCode::SUCCESS;
    }
    program::main(&[
        Test { name: "whatever_becomes_of_an_upgrade_nothing_else_is_touched", run: here },
        Test { name: "whatever_becomes_of_an_upgrade_on_vfat_nothing_else_is_touched", run: in_guest },
        Test { name: "a_power_cut_on_vfat_touches_nothing_else", run: power_cut },
    ])
}

fn stick(world: &Path, fate: Fate, file_system: FileSystem) -> Stick {
    Stick::existing(&world.join(format!("{}.img", fate.name())), file_system)
}

/// A world in which 2.0 is released, and for each fate a stick with neighbours, and another disk that looks the same.
fn world(file_system: FileSystem, fates: &[Fate]) -> (tempfile::TempDir, PathBuf, Vec<Disks>) {
    let dir = tempfile::Builder::new().prefix("sameday-elsewhere-").tempdir().unwrap();
    let path = dir.path().join("world");
    let world = World::tiny_for_uml(&path, Spec::default()).unwrap();
    world.release("2.0").unwrap();
    let plain = world.stick("plain", file_system, SIZE).unwrap();
    let disks = fates.iter().map(|fate| Disks::make(&plain, &path, fate.name())).collect();
    (dir, path, disks)
}

fn here() -> Option<String> {
    let file_system = FileSystem::of_this_kernel().unwrap();
    let (dir, path, disks) = world(file_system, &FATES);
    for (fate, disks) in FATES.iter().zip(&disks) {
        let stick = stick(&path, *fate, file_system);
        fates::meet(*fate, &path, &stick, &dir.path().join(format!("machine-{}", fate.name())));
        disks.are_untouched(fate.name());
        stick.fsck().unwrap();
    }
    None
}

fn in_guest() -> Option<String> {
    if let Some(why) = uml::missing() {
        return Some(why);
    }
    let (dir, path, disks) = world(FileSystem::Vfat, &FATES);
    let names = FATES.iter().map(|fate| fate.name().to_owned());
    let machine = guest(&path, names.collect());
    let ended = machine.run(&dir.path().join("uml")).unwrap();
    assert_eq!(ended.code, Some(0), "{}", ended.log);
    for (fate, disks) in FATES.iter().zip(&disks) {
        disks.are_untouched(fate.name());
        if *fate != Fate::Killed {
            stick(&path, *fate, FileSystem::Vfat).fsck().unwrap();
        }
    }
    None
}

fn guest(world: &Path, fates: Vec<String>) -> Uml {
    let mut arguments = vec!["guest".to_owned(), world.display().to_string()];
    arguments.extend(fates);
    Uml { program: std::env::current_exe().unwrap(), arguments, disks: Vec::new(), memory: 512, limit: LIMIT }
}

fn power_cut() -> Option<String> {
    if let Some(why) = uml::missing() {
        return Some(why);
    }
    let (dir, path, disks) = world(FileSystem::Vfat, &[Fate::PowerCut]);
    let half_way = path.join(fates::HALF_WAY);
    let ended = guest(&path, vec![Fate::PowerCut.name().to_owned()])
        .run_while(&dir.path().join("uml"), &|| !half_way.exists())
        .unwrap();
    assert!(half_way.exists(), "the guest did not come to it: {}", ended.log);
    disks[0].are_untouched("power-cut");
    None
}
