//! What the daemon holds in memory at most, for a layer of 100 MiB and for one ten times larger. What it would hide in tmpfs and in memfds counts.

use std::cell::Cell;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use nix::sys::statvfs::statvfs;
use sameday_dbus::State;
use sameday_lab::fetcher::peak_memory;
use sameday_lab::machine::{Machine, Spec as MachineSpec};
use sameday_lab::peer::Peer;
use sameday_lab::stick::FileSystem;
use sameday_lab::world::Spec;

use crate::figure::{Board, Figure, exact};
use crate::lean::Lean;
use crate::upgrade;

/// Name and bytes of the layers.
const LAYERS: [(&str, u64); 2] = [("100-MiB-layer", 100 << 20), ("1-GiB-layer", 1 << 30)];
/// Where programs of a live system can put files: its root's upper half, and the two places for files that go with the system. All are tmpfs.
const TMPFS: [&str; 3] = ["/", "/run", "/tmp"];

/// Measures.
pub fn run(dir: &Path, board: &mut Board) -> io::Result<()> {
    let mut peaks = Vec::new();
    for (name, payload) in LAYERS {
        let room = tempfile::tempdir_in(dir)?;
        let (memory, files) = peak(room.path(), payload)?;
        board.tell(&Figure::mib(format!("memory.samedayd.{name}"), memory + files).at_most(32.0));
        board.tell(&Figure::mib(format!("memory.samedayd.{name}.files-of-it"), files));
        peaks.push(exact(memory + files));
    }
    if let [small, large] = peaks[..] {
        let percent = 100.0 * (large - small).abs() / small;
        board.tell(&Figure::new("memory.samedayd.difference", percent, "%").at_most(10.0));
    }
    Ok(())
}

/// The most that one upgrade needs: of the process, and of its files in memory.
fn peak(dir: &Path, payload: u64) -> io::Result<(u64, u64)> {
    let lean = Lean::new(&dir.join("world"), payload, Spec::default())?;
    let stick = lean.stick(FileSystem::of_this_kernel()?)?;
    let machine = Machine::start(&dir.join("machine"), &stick, &MachineSpec::default())?;
    let _peer = Peer::start(&lean.world.repository(), &machine.live().path("/run/sameday/fetcher.sock"))?;
    let id = machine.daemon_id()?;
    let before = tmpfs(&machine)?;
    let files = Cell::new(0);
    let each = || {
        let now = tmpfs(&machine)?.saturating_sub(before) + memfds(id)?;
        files.set(files.get().max(now));
        Ok(())
    };
    upgrade::check(&machine, State::Available, &each)?;
    upgrade::install(&machine, &each)?;
    each()?;
    Ok((peak_memory(id)?, files.get()))
}

/// Bytes used in the system's tmpfs.
fn tmpfs(machine: &Machine) -> io::Result<u64> {
    TMPFS.iter().try_fold(0, |sum, place| {
        let room = statvfs(&machine.live().path(place))?;
        Ok(sum + (room.blocks() - room.blocks_free()) * room.fragment_size())
    })
}

/// Bytes of the files without a name (memfd_create(2)) that a process has open.
pub fn memfds(process: u32) -> io::Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(format!("/proc/{process}/fd"))? {
        let path = entry?.path();
        // A descriptor may be closed while we look.
        if let (Ok(target), Ok(file)) = (fs::read_link(&path), fs::metadata(&path))
            && target.to_string_lossy().starts_with("/memfd:")
        {
            sum += file.blocks() * 512;
        }
    }
    Ok(sum)
}
