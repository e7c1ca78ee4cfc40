//! What the daemon costs while nobody wants anything of it: memory, and how often it wakes the processor, at first and after a check.

use std::fs;
use std::io;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use sameday_dbus::State;
use sameday_lab::machine::{Machine, Spec as MachineSpec};
use sameday_lab::peer::Peer;
use sameday_lab::stick::FileSystem;
use sameday_lab::world::{Spec, World};

use crate::figure::{Board, Figure};
use crate::upgrade;

const STICK: u64 = 96 << 20;
/// Threads of its pool end after ten seconds without work.
const SETTLES: Duration = Duration::from_secs(15);
const MINUTE: Duration = Duration::from_secs(60);

/// Measures.
pub fn run(dir: &Path, board: &mut Board) -> io::Result<()> {
    let world = World::tiny(&dir.join("world"), Spec::default())?;
    world.release("2.0")?;
    let stick = world.stick("stick", FileSystem::of_this_kernel()?, STICK)?;
    let machine = Machine::start(&dir.join("machine"), &stick, &MachineSpec::default())?;
    let _peer = Peer::start(&world.repository(), &machine.live().path("/run/sameday/fetcher.sock"))?;
    measure("started", &machine, board)?;
    upgrade::check(&machine, State::Available, &|| Ok(()))?;
    measure("checked", &machine, board)
}

fn measure(when: &str, machine: &Machine, board: &mut Board) -> io::Result<()> {
    sleep(SETTLES);
    let id = machine.daemon_id()?;
    let before = switches(id)?;
    sleep(MINUTE);
    board.tell(&Figure::count(format!("idle.{when}.wake-ups-a-minute"), switches(id)? - before, "times").at_most(0.0));
    board.tell(&Figure::mib(format!("idle.{when}.memory"), resident(id, "Rss")?).at_most(12.0));
    board.tell(&Figure::mib(format!("idle.{when}.memory-of-its-own"), resident(id, "Private")?));
    Ok(())
}

/// How often its threads were given the processor: each wake-up ends in a switch away again.
fn switches(process: u32) -> io::Result<u64> {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{process}/task"))? {
        let status = fs::read_to_string(task?.path().join("status"))?;
        let counts =
            status.lines().filter_map(|line| line.split_once("voluntary_ctxt_switches:")).map(|(_, n)| n.trim());
        for count in counts {
            sum += count.parse::<u64>().map_err(io::Error::other)?;
        }
    }
    Ok(sum)
}

/// Bytes of a process in memory, of the fields of smaps_rollup that begin so (proc(5)).
fn resident(process: u32, field: &str) -> io::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
    let fields = text.lines().filter(|line| line.starts_with(field));
    let kib = fields.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    Ok(kib.sum::<u64>() * 1024)
}
