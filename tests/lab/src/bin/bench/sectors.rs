//! How much is written to the stick for an upgrade: by the real daemon, on real FAT32, in a kernel that runs as a program.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use sameday_dbus::State;
use sameday_lab::machine::{Machine, Spec as MachineSpec};
use sameday_lab::peer::Peer;
use sameday_lab::programs;
use sameday_lab::stick::{FileSystem, Stick};
use sameday_lab::uml::{self, Uml};
use sameday_lab::world::Spec;

use crate::disk::Disk;
use crate::figure::{Board, Figure, exact};
use crate::lean::Lean;
use crate::upgrade;

/// The first argument of the payload.
pub const GUEST: &str = "guest";
const LAYER: u64 = 100 << 20;
/// Large enough for clusters of 4 KiB, as on a real stick.
const STICK: u64 = 300 << 20;
const SECTOR: u64 = 512;
/// It takes a minute.
const LIMIT: Duration = Duration::from_secs(600);
/// Where the guest leaves what it counted.
const WRITTEN: &str = "written";

/// Measures.
pub fn run(dir: &Path, board: &mut Board) -> io::Result<()> {
    if let Some(why) = uml::missing() {
        board.skip("sectors", &why);
        return Ok(());
    }
    let lean = Lean::new(&dir.join("world"), LAYER, Spec::default())?;
    let stick = lean.world.stick("stick", FileSystem::Vfat, STICK)?;
    let before = stick.tree()?;
    let program = programs::path("bench")?;
    let arguments = vec![GUEST.to_owned(), dir.join("world").display().to_string()];
    let machine = Uml { program, arguments, disks: Vec::new(), memory: 768, limit: LIMIT };
    let ended = machine.run(&dir.join("uml"))?;
    if ended.code != Some(0) {
        return Err(io::Error::other(format!("the guest ended with {:?}:\n{}", ended.code, ended.log)));
    }
    let written: u64 = fs::read_to_string(dir.join("world").join(WRITTEN))?.parse().map_err(io::Error::other)?;
    stick.fsck()?;
    let after = stick.tree()?;
    let new = after.iter().filter(|(place, _)| !before.contains_key(*place));
    let bytes: u64 = new.map(|(_, entry)| entry.length).sum();
    if bytes < LAYER {
        return Err(io::Error::other(format!("only {bytes} bytes are new on the stick")));
    }
    let figure = Figure::count("sectors.100-MiB-layer.vfat-in-uml", written, "sectors");
    board.tell(&figure.against("new-files", exact(bytes.div_ceil(SECTOR))).at_most(1.02));
    Ok(())
}

/// In the guest: upgrades the world's stick, and counts.
pub fn guest(world: &Path) -> io::Result<()> {
    let stick = Stick::existing(&world.join("stick.img"), FileSystem::Vfat);
    // The guest's /run is in its own memory: sockets work there.
    let machine = Machine::start(Path::new("/run/machine"), &stick, &MachineSpec::default())?;
    let _peer = Peer::start(&world.join("repository"), &machine.live().path("/run/sameday/fetcher.sock"))?;
    upgrade::check(&machine, State::Available, &|| Ok(()))?;
    let disk = Disk::under(&machine.live().path("/run/live/medium"))?;
    let before = disk.sectors_written()?;
    upgrade::install(&machine, &|| Ok(()))?;
    nix::unistd::sync();
    fs::write(world.join(WRITTEN), (disk.sectors_written()? - before).to_string())
}
