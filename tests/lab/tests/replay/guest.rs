//! Records the scenarios in User-mode Linux, one after the other; what was recorded stays on this machine.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use sameday_lab::replay::Recording;
use sameday_lab::replay::states::Allowed;
use sameday_lab::stick::{FileSystem, Stick};
use sameday_lab::uml::Uml;

use crate::computer::{Computer, recorded};
use crate::material::Material;
use crate::scenarios::{self, Play, Scenario};

/// Many times what it takes.
const LIMIT: Duration = Duration::from_secs(900);
const MEMORY: u32 = 512;

fn list(dir: &Path) -> PathBuf {
    dir.join("scenarios")
}

/// Runs the guest. What went wrong with a scenario is what is told of its recording.
pub fn record(dir: &Path, scenarios: &[Scenario]) {
    let names: Vec<&str> = scenarios.iter().map(|scenario| scenario.name).collect();
    fs::write(list(dir), names.join("\n")).unwrap();
    let program = std::env::current_exe().unwrap();
    let arguments = vec!["guest".to_owned(), dir.display().to_string()];
    let machine = Uml { program, arguments, disks: Vec::new(), memory: MEMORY, limit: LIMIT };
    let ended = machine.run(&dir.join("uml")).unwrap();
    for scenario in scenarios {
        let told = told_in(dir, scenario.name);
        if !told.exists() {
            let text = format!("the guest did not come to it (exit {:?}):\n{}", ended.code, ended.log);
            fs::write(told, text).unwrap();
        }
    }
    ended.log.lines().filter(|line| line.contains("recorded:")).for_each(|line| println!("     {}", line.trim()));
}

fn told_in(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.told"))
}

/// What went wrong when it was recorded.
pub fn told(recording: &Recording) -> String {
    let dir = recording.log.parent().unwrap();
    fs::read_to_string(told_in(dir, &recording.name)).unwrap()
}

/// The payload.
pub fn main(dir: &Path) -> ExitCode {
    let material = Material::load(dir).expect("the runner made it");
    let names = fs::read_to_string(list(dir)).expect("the runner wrote it");
    for scenario in scenarios::all().iter().filter(|scenario| names.lines().any(|name| name == scenario.name)) {
        let begun = Instant::now();
        let told = play(dir, scenario, &material).map_or_else(|error| error.to_string(), |()| String::new());
        println!("recorded: {} in {:.1} s", scenario.name, begun.elapsed().as_secs_f64());
        fs::write(told_in(dir, scenario.name), told).expect("the folder of results is writable");
    }
    ExitCode::SUCCESS
}

fn play(dir: &Path, scenario: &Scenario, material: &Material) -> io::Result<()> {
    let at = |name: &str, suffix: &str| dir.join(format!("{name}{suffix}"));
    let from = Stick::existing(&at(scenario.from, ".img"), FileSystem::Vfat);
    let stick = from.clone_to(&at(scenario.name, ".img"))?;
    (scenario.prepare)(&stick)?;
    stick.clone_to(&at(scenario.name, ".before.img"))?;
    let log = at(scenario.name, ".log");
    let room = Path::new("/run").join(scenario.name);
    match scenario.play {
        Play::Computer(play) => {
            let mut computer = Computer::start(scenario.name, &stick, &log, &room, material)?;
            play(&mut computer)?;
        }
        Play::Folder(play) => {
            fs::create_dir(&room)?;
            let disk = recorded(scenario.name, &stick, &log)?;
            mount(Some(&disk.partition(1)), &room, Some("vfat"), MsFlags::MS_NOATIME, None::<&str>)?;
            disk.mark(Allowed::Either.mark())?;
            let played = play(&room, material).and_then(|()| disk.mark(Allowed::New.mark()));
            umount2(&room, MntFlags::empty())?;
            played?;
        }
    }
    // Whatever stood between has gone: what it held is written to the image and the log.
    File::open(stick.image())?.sync_all()?;
    File::open(&log)?.sync_all()
}
