//! Whether the server can tell sticks apart by what they ask for.

use std::io;
use std::path::Path;

use sameday_dbus::State;
use sameday_lab::fetcher::Network;
use sameday_lab::machine::{Machine, Spec as MachineSpec};
use sameday_lab::stick::{FileSystem, Stick};
use sameday_lab::world::{Spec, World};

use crate::figure::{Board, Figure};
use crate::online::Online;
use crate::upgrade;

const STICK: u64 = 64 << 20;

/// Measures.
pub fn run(online: &Online, dir: &Path, board: &mut Board) -> io::Result<()> {
    let spec = Spec { newer: vec!["1.5".into(), "2.0".into()], payload: 1 << 20, ..online.spec("two") };
    let world = World::tiny(&dir.join("world"), spec)?;
    world.publish(&world.prepared("2.0", &["1.0", "1.5"])?)?;
    online.serve("two", &world)?;
    let file_system = FileSystem::of_this_kernel()?;
    let older = asked(online, &world.stick("older", file_system, STICK)?, &dir.join("older"), "1.0")?;
    let newer = asked(online, &world.newer_stick("1.5", "newer", file_system, STICK)?, &dir.join("newer"), "1.5")?;
    let differing = (0..older.len().max(newer.len())).filter(|&line| older.get(line) != newer.get(line)).count();
    let differing = u64::try_from(differing).map_err(io::Error::other)?;
    let lines = u64::try_from(older.len()).map_err(io::Error::other)?;
    board.tell(&Figure::count("requests.of-two-checks", lines, "lines"));
    board.tell(&Figure::count("requests.differing-between-initial-versions", differing, "lines").at_most(0.0));
    Ok(())
}

/// The server's log of two checks of a stick that began with this version.
fn asked(online: &Online, stick: &Stick, dir: &Path, initial: &str) -> io::Result<Vec<String>> {
    let machine = Machine::start(dir, stick, &MachineSpec::default())?;
    let _fetcher = machine.start_fetcher(Network::Host)?;
    online.server.forget();
    for _ in 0..2 {
        upgrade::check(&machine, State::Available, &|| Ok(()))?;
    }
    let found = machine.snapshot()?.initial_version;
    if found != initial {
        return Err(io::Error::other(format!("the stick began with {found}, not with {initial}")));
    }
    Ok(online.server.requests().into_iter().map(|request| request.head).collect())
}
