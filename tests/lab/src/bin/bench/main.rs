//! The figures: what a check and an upgrade cost, each measured beside its baseline in the same run, and held against its goal.
//!
//! `bench [GROUP…]` prints one line a figure, and ends with 0 whether the goals are met or not: a figure informs, it does not gate.

mod app;
mod apply;
mod check;
mod disk;
mod download;
mod figure;
mod hostile;
mod idle;
mod lean;
mod memory;
mod online;
mod requests;
mod sectors;
mod traffic;
mod upgrade;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use sameday_lab::{programs, uml};

use figure::Board;
use online::Online;

/// sysexits(3): a command was used wrongly.
const USAGE: u8 = 64;

/// What a group of figures works with.
enum Group {
    /// The private Tor network, which they share: it takes most of a minute to start.
    Online(fn(&Online, &Path, &mut Board) -> io::Result<()>),
    /// Nothing but a folder.
    Local(fn(&Path, &mut Board) -> io::Result<()>),
}

/// The groups, those of the network first, so that it has ended before anything is timed on the disk.
const GROUPS: [(&str, Group); 9] = [
    ("check", Group::Online(check::run)),
    ("requests", Group::Online(requests::run)),
    ("download", Group::Online(download::run)),
    ("apply", Group::Local(apply::run)),
    ("memory", Group::Local(memory::run)),
    ("sectors", Group::Local(sectors::run)),
    ("hostile-memory", Group::Local(hostile::run)),
    ("idle", Group::Local(idle::run)),
    ("app", Group::Local(app::run)),
];

fn main() -> ExitCode {
    uml::enter();
    let arguments = std::env::args().skip(1).collect::<Vec<_>>();
    // The guest kernel puts parameters of its own behind ours.
    if let [first, dir, ..] = arguments.as_slice()
        && first == sectors::GUEST
    {
        return ended(sectors::guest(Path::new(dir)));
    }
    if let Some(unknown) = arguments.iter().find(|name| GROUPS.iter().all(|(group, _)| group != name)) {
        let names = GROUPS.map(|(name, _)| name).join(" ");
        eprintln!("bench: no group {unknown}; there are {names}");
        return ExitCode::from(USAGE);
    }
    ended(bench(&arguments))
}

fn ended(result: io::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures the chosen groups, all if none is chosen. A group that cannot be measured does not keep the others from it.
fn bench(chosen: &[String]) -> io::Result<()> {
    let dir = tempfile::Builder::new().prefix("run-").tempdir_in(folder()?)?;
    let mut board = Board::default();
    let mut broken = Vec::new();
    let mut online = None;
    for (name, group) in GROUPS.iter().filter(|(name, _)| chosen.is_empty() || chosen.iter().any(|c| c == name)) {
        if matches!(group, Group::Local(_)) {
            online = None;
        }
        let begun = Instant::now();
        // Each group's worlds go before those of the next come: the largest have several GiB.
        let room = tempfile::Builder::new().prefix(name).tempdir_in(dir.path())?;
        let measured = match group {
            Group::Local(run) => run(room.path(), &mut board),
            Group::Online(run) => started(&mut online, dir.path()).and_then(|tor| run(tor, room.path(), &mut board)),
        };
        if let Err(error) = measured {
            eprintln!("bench: {name}: {error}");
            broken.push(*name);
        }
        eprintln!("# {name}: {:.0} s", begun.elapsed().as_secs_f64());
    }
    println!("{board}");
    if broken.is_empty() { Ok(()) } else { Err(io::Error::other(format!("not measured: {}", broken.join(" ")))) }
}

fn started<'a>(online: &'a mut Option<Online>, dir: &Path) -> io::Result<&'a Online> {
    if online.is_none() {
        *online = Some(Online::start(&dir.join("online"))?);
    }
    online.as_ref().ok_or_else(|| io::Error::other("no network"))
}

/// `target/bench`.
fn folder() -> io::Result<PathBuf> {
    let built = programs::folder()?;
    let dir = built.parent().unwrap_or(&built).join("bench");
    fs::create_dir_all(&dir)?;
    dir.canonicalize()
}
