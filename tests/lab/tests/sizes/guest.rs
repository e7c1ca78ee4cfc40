//! Runs upgrades in User-mode Linux, and leaves on this machine what came of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use sameday_dbus::{Failure, Param, State};
use sameday_lab::fetcher::peak_memory;
use sameday_lab::machine::{Machine, Spec};
use sameday_lab::peer::Peer;
use sameday_lab::stick::{FileSystem, Stick};
use sameday_lab::uml::Uml;

/// Longer than 4 GiB take on a busy machine.
const LIMIT: Duration = Duration::from_secs(3000);

/// What came of one stick's upgrade.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Outcome {
    /// Where it ended.
    pub state: String,
    /// `kind reason`, if it failed.
    pub failure: String,
    pub numbers: std::collections::BTreeMap<String, u64>,
    /// What the offer said.
    pub needed: u64,
    pub free: u64,
    /// Free bytes afterwards.
    pub left: u64,
    /// Paths of files that were asked for.
    pub files_asked: usize,
    pub seconds: u64,
    pub peak_kib: u64,
}

/// Checks, and installs if something is offered and if so asked. `dir` holds `NAME.img`; `repository` is what is served.
pub fn upgrade(stick: &Stick, repository: &Path, room: &Path, install: bool) -> Outcome {
    let machine = Machine::start(room, stick, &Spec::default()).unwrap();
    let peer = Peer::start(repository, &machine.live().path("/run/sameday/fetcher.sock")).unwrap();
    let begun = Instant::now();
    let mut now = machine.check().unwrap();
    let offer = now.offer.clone();
    if install && now.state == State::Available {
        machine.consent().unwrap();
        now = machine.settled(LIMIT).unwrap();
    }
    let seconds = begun.elapsed().as_secs();
    let stat = nix::sys::statvfs::statvfs(&machine.live().path("/run/live/medium")).unwrap();
    let failure = now.failure.as_ref();
    let numbers = failure.map(numbers).unwrap_or_default();
    Outcome {
        state: now.state.code().to_owned(),
        failure: failure.map(|failure| format!("{} {}", failure.kind, failure.reason)).unwrap_or_default(),
        needed: offer.as_ref().map(|offer| offer.room_needed).or(numbers.get("needed").copied()).unwrap_or_default(),
        free: offer.as_ref().map(|offer| offer.room_free).or(numbers.get("free").copied()).unwrap_or_default(),
        numbers,
        left: stat.blocks_available() * stat.fragment_size(),
        files_asked: peer.asked().iter().filter(|asked| asked.path.starts_with("files/")).count(),
        seconds,
        peak_kib: peak_memory(machine.daemon_id().unwrap()).unwrap() >> 10,
    }
}

fn numbers(failure: &Failure) -> std::collections::BTreeMap<String, u64> {
    let number = |(name, value): (&String, &Param)| match value {
        Param::Number(number) => Some((name.clone(), *number)),
        Param::Text(_) => None,
    };
    failure.parameters.iter().filter_map(number).collect()
}

/// As [`upgrade`], of vfat sticks `DIR/NAME.img` in one guest, one after the other; `DIR/NAME.repository` is a link to what is served.
pub fn upgrades(dir: &Path, names: &[String], install: bool) -> Vec<Outcome> {
    let mut arguments = vec!["guest".to_owned(), dir.display().to_string()];
    arguments.push(if install { "install" } else { "check" }.to_owned());
    arguments.extend(names.iter().cloned());
    let program = std::env::current_exe().unwrap();
    let machine = Uml { program, arguments, disks: Vec::new(), memory: 768, limit: LIMIT };
    let ended = machine.run(&dir.join("uml")).unwrap();
    let outcome = |name: &String| {
        let text = fs::read(told(dir, name));
        let text = text.unwrap_or_else(|_| panic!("{name}: the guest ended with {:?}:\n{}", ended.code, ended.log));
        serde_json::from_slice(&text).unwrap()
    };
    names.iter().map(outcome).collect()
}

fn told(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.told"))
}

pub fn inside(dir: &Path, words: &[&str]) -> ExitCode {
    let [what, names @ ..] = words else { return ExitCode::FAILURE };
    for name in names {
        let image = dir.join(format!("{name}.img"));
        // The guest kernel puts parameters of its own behind ours.
        if !image.exists() {
            continue;
        }
        let stick = Stick::existing(&image, FileSystem::Vfat);
        let repository = fs::canonicalize(dir.join(format!("{name}.repository"))).unwrap();
        let outcome = upgrade(&stick, &repository, &Path::new("/run").join(name), *what == "install");
        fs::write(told(dir, name), serde_json::to_vec(&outcome).unwrap()).unwrap();
    }
    ExitCode::SUCCESS
}
