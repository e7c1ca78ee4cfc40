//! The daemon's boot medium on real sticks: on this machine's kernel, and on real vfat in User-mode Linux.
//!
//! This executable is three programs: the runner; the payload of the guest; and, inside a live root, one case. A case has a stick of its own,
//! and what it left on the stick is judged from outside.

#![allow(clippy::unwrap_used, reason = "a test, only without libtest's harness")]

#[path = "medium/after.rs"]
mod after;
#[path = "medium/cases.rs"]
mod cases;
#[path = "medium/failing.rs"]
mod failing;
#[path = "medium/going_on.rs"]
mod going_on;
#[path = "medium/inside.rs"]
mod inside;
#[path = "medium/material.rs"]
mod material;
#[path = "medium/refusals.rs"]
mod refusals;
#[path = "medium/rooms.rs"]
mod rooms;
#[path = "medium/stacks.rs"]
mod stacks;
#[path = "medium/upgrades.rs"]
mod upgrades;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use sameday_lab::live::{Disk, LiveRoot, Spec};
use sameday_lab::process::run;
use sameday_lab::stick::{FileSystem, Stick};
use sameday_lab::uml::{self, Uml};

use cases::{Case, On};
use inside::Inside;

/// A whole run in the guest takes half a minute on an idle machine.
const GUEST_LIMIT: Duration = Duration::from_secs(600);

fn main() -> ExitCode {
    uml::enter();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["inside", case, file_system, dir] => {
            let case = cases::find(case);
            (case.inside)(&Inside::new(Path::new(dir), named(file_system)));
            ExitCode::SUCCESS
        }
        ["guest", dir, chosen @ ..] => guest(Path::new(dir), chosen),
        ["--list", ..] => {
            cases::all().iter().for_each(|case| println!("{}: test", case.name));
            ExitCode::SUCCESS
        }
        filter => runner(&filter.iter().copied().filter(|word| !word.starts_with('-')).collect::<Vec<_>>()),
    }
}

fn named(file_system: &str) -> FileSystem {
    if file_system == "vfat" { FileSystem::Vfat } else { FileSystem::Ext4 }
}

/// How one case ended.
enum Outcome {
    Passed,
    Skipped(String),
    Failed(String),
}

fn runner(filter: &[&str]) -> ExitCode {
    let chosen: Vec<Case> = cases::all()
        .into_iter()
        .filter(|case| filter.is_empty() || filter.iter().any(|word| case.name.contains(word)))
        .collect();
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    let mut tell = |name: &str, place: &str, outcome: &Outcome| match outcome {
        Outcome::Passed => {
            passed += 1;
            println!("test {place}::{name} ... ok");
        }
        Outcome::Skipped(why) => {
            skipped += 1;
            println!("test {place}::{name} ... skipped: {why}");
        }
        Outcome::Failed(why) => {
            failed += 1;
            println!("test {place}::{name} ... FAILED\n{why}");
        }
    };
    let dir = tempfile::Builder::new().prefix("sameday-medium-").tempdir().unwrap();
    let here = FileSystem::of_this_kernel().unwrap();
    let place = format!("{}-here", here.name());
    let host = dir.path().join("here");
    material::make(&host, here).unwrap();
    for case in &chosen {
        let outcome = match case.on {
            On::Guest(why) => Outcome::Skipped(why.to_owned()),
            On::Vfat(why) if here != FileSystem::Vfat => Outcome::Skipped(why.to_owned()),
            On::Both | On::Vfat(_) => one(case, &host, here),
        };
        tell(case.name, &place, &outcome);
    }
    if let Some(why) = uml::missing() {
        chosen.iter().for_each(|case| tell(case.name, "vfat-uml", &Outcome::Skipped(why.clone())));
    } else {
        let guest = dir.path().join("uml");
        material::make(&guest, FileSystem::Vfat).unwrap();
        for (case, outcome) in in_guest(&chosen, &guest) {
            tell(case.name, "vfat-uml", &outcome);
        }
    }
    tell("nothing_is_left_over", "here", &left_over(dir.path()));
    println!("\ntest result: {passed} passed; {failed} failed; {skipped} skipped");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Mounts and loop devices of the cases that have ended.
fn left_over(dir: &Path) -> Outcome {
    let text = dir.display().to_string();
    let mut left: Vec<String> =
        std::fs::read_to_string("/proc/self/mountinfo").unwrap().lines().map(str::to_owned).collect();
    let loops = std::fs::read_dir("/sys/block").unwrap().map(|entry| entry.unwrap().path().join("loop/backing_file"));
    left.extend(loops.filter_map(|backing| std::fs::read_to_string(backing).ok()));
    left.retain(|line| line.contains(&text));
    if left.is_empty() { Outcome::Passed } else { Outcome::Failed(left.join("\n")) }
}

/// One case on this kernel.
fn one(case: &Case, dir: &Path, file_system: FileSystem) -> Outcome {
    let stick = match case.stick(dir, file_system) {
        Ok(stick) => stick,
        Err(error) => return Outcome::Failed(format!("make the stick: {error}")),
    };
    match start(
        case,
        dir,
        &stick,
        Disk::Image { image: stick.image().to_owned(), write_protected: case.write_protected },
    ) {
        Ok(()) => judge(case, dir, &stick),
        Err(error) => Outcome::Failed(error),
    }
}

fn judge(case: &Case, dir: &Path, stick: &Stick) -> Outcome {
    let pristine = case.pristine(dir, stick.file_system());
    match std::panic::catch_unwind(|| (case.after)(&pristine, stick)) {
        Ok(()) => Outcome::Passed,
        Err(cause) => Outcome::Failed(format!("afterwards, from outside: {}", message(cause.as_ref()))),
    }
}

fn message(cause: &(dyn std::any::Any + Send)) -> String {
    let text = cause.downcast_ref::<String>().cloned();
    text.or_else(|| cause.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
}

/// Starts a live root from the stick and runs the case in it.
fn start(case: &Case, dir: &Path, stick: &Stick, disk: Disk) -> Result<(), String> {
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    let mut spec = Spec::new(disk, stick.file_system());
    spec.partition = case.partition;
    spec.parameters = case.parameters.to_owned();
    spec.shared = vec![dir.to_owned(), program.parent().unwrap_or(Path::new("/")).to_owned()];
    let live = LiveRoot::start(&dir.join(format!("{}.live", case.name)), &spec)
        .map_err(|e| format!("start the live root: {e}"))?;
    let mut command = live.command(&program);
    command.args(["inside", case.name, stick.file_system().name()]).arg(dir).env("RUST_BACKTRACE", "1");
    let output = command.output().map_err(|e| format!("run the case: {e}"))?;
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        return Err(text);
    }
    for line in text.lines() {
        println!("     {line}");
    }
    Ok(())
}

/// All cases in one guest; the sticks are judged on this machine afterwards.
fn in_guest<'a>(chosen: &'a [Case], dir: &Path) -> Vec<(&'a Case, Outcome)> {
    let mut ready = Vec::new();
    let mut outcomes = Vec::new();
    for case in chosen {
        match case.stick(dir, FileSystem::Vfat) {
            Ok(stick) => ready.push((case, stick)),
            Err(error) => outcomes.push((case, Outcome::Failed(format!("make the stick: {error}")))),
        }
    }
    let mut arguments = vec!["guest".to_owned(), dir.display().to_string()];
    arguments.extend(ready.iter().map(|(case, _)| case.name.to_owned()));
    let disks: Vec<PathBuf> =
        ready.iter().filter(|(case, _)| case.on_disk).map(|(_, stick)| stick.image().to_owned()).collect();
    let program = std::env::current_exe().unwrap();
    let machine = Uml { program, arguments, disks, memory: 512, limit: GUEST_LIMIT };
    let ended = match machine.run(dir) {
        Ok(ended) => ended,
        Err(error) => return chosen.iter().map(|case| (case, Outcome::Failed(error.to_string()))).collect(),
    };
    for (case, stick) in &ready {
        let outcome = match std::fs::read_to_string(dir.join(format!("{}.told", case.name))) {
            Ok(text) if text.is_empty() => judge(case, dir, stick),
            Ok(text) => Outcome::Failed(text),
            Err(_) => Outcome::Failed(format!("the guest did not come to it (exit {:?}):\n{}", ended.code, ended.log)),
        };
        outcomes.push((*case, outcome));
    }
    let figures = ended.log.lines().filter(|line| line.contains("figure:"));
    figures.for_each(|line| println!("     {}", line.trim()));
    outcomes
}

/// In the guest: runs the cases, and notes for each what went wrong.
fn guest(dir: &Path, chosen: &[&str]) -> ExitCode {
    let mut disks = 'b'..;
    for name in chosen {
        let case = cases::find(name);
        let stick = Stick::existing(&dir.join(format!("{name}.img")), FileSystem::Vfat);
        let disk = if case.on_disk {
            let letter = disks.next().expect("fewer disks than letters");
            Disk::Partition(PathBuf::from(format!("/dev/ubd{letter}{}", case.partition)))
        } else {
            Disk::Image { image: stick.image().to_owned(), write_protected: case.write_protected }
        };
        // What the kernel is told by systemd when it starts.
        let zone = |zone: &str| run(Command::new("hwclock").args(["--systz", "--utc", "--noadjfile"]).env("TZ", zone));
        let told = zone(case.zone).map_err(|error| error.to_string());
        let told = told.and_then(|_| start(&case, dir, &stick, disk)).err().unwrap_or_default();
        std::fs::write(dir.join(format!("{name}.told")), told).expect("the folder of results is writable");
    }
    ExitCode::SUCCESS
}
