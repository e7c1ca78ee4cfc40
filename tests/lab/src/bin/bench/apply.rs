//! How long the daemon takes to bring an upgrade from local chunks onto a stick, against copying the same files there and looking at them once.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use sameday_dbus::State;
use sameday_lab::live::Attached;
use sameday_lab::machine::{Machine, Spec as MachineSpec};
use sameday_lab::peer::Peer;
use sameday_lab::process::{run as ran, tied};
use sameday_lab::stick::{FileSystem, Stick};
use sameday_lab::world::Spec;

use crate::disk::{Disk, bypass_cache};
use crate::figure::{Board, Figure};
use crate::lean::Lean;
use crate::upgrade;

const LAYER: u64 = 256 << 20;
const ROUNDS: usize = 5;

/// What a careful person would do by hand. It mounts in a namespace of its own, so that the mount ends with it. `sync` is told the file system,
/// lest it waits for what others have written elsewhere.
const BY_HAND: &str = r#"set -eu
device=$1 type=$2 at=$3
shift 3
mkdir -p "$at"
mount -t "$type" -o noatime "$device" "$at"
begun=$EPOCHREALTIME
cp -- "$@" "$at"
sync --file-system "$at"
echo 3 >/proc/sys/vm/drop_caches
for file; do sha256sum "$at/${file##*/}"; done
ended=$EPOCHREALTIME
echo "$((${ended/[.,]/} - ${begun/[.,]/}))"
"#;

/// Measures.
pub fn run(dir: &Path, board: &mut Board) -> io::Result<()> {
    let file_system = FileSystem::of_this_kernel()?;
    let lean = Lean::new(&dir.join("world"), LAYER, Spec::default())?;
    let stick = lean.stick(file_system)?;
    let (mut ours, mut others) = (Vec::new(), Vec::new());
    let mut bypassed = true;
    for round in 0..ROUNDS {
        let room = tempfile::Builder::new().prefix(&format!("round-{round}-")).tempdir_in(dir)?;
        let clone = stick.clone_to(&room.path().join("ours.img"))?;
        ours.push(upgraded(&lean, &clone, &room.path().join("machine"), &mut bypassed)?);
        let clone = stick.clone_to(&room.path().join("others.img"))?;
        others.push(by_hand(&lean, &clone, &room.path().join("mnt"), &mut bypassed)?);
    }
    eprintln!("# apply: {ours:.3?} against {others:.3?}");
    let how = if bypassed { "direct" } else { "buffered" };
    let name = format!("apply.256-MiB-layer.{}-on-{how}-loop", file_system.name());
    board.tell(&Figure::new(name, median(ours), "s").against("cp-sync-drop-sha256sum", median(others)).at_most(1.3));
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Seconds from the consent to the commit.
fn upgraded(lean: &Lean, stick: &Stick, dir: &Path, bypassed: &mut bool) -> io::Result<f64> {
    let machine = Machine::start(dir, stick, &MachineSpec::default())?;
    let _peer = Peer::start(&lean.world.repository(), &machine.live().path("/run/sameday/fetcher.sock"))?;
    *bypassed &= bypass_cache(&Disk::under(&machine.live().path("/run/live/medium"))?.node());
    upgrade::check(&machine, State::Available, &|| Ok(()))?;
    settle(lean)?;
    let took = upgrade::install(&machine, &|| Ok(()))?;
    Ok(took.whole.as_secs_f64())
}

/// Seconds that it takes by hand.
fn by_hand(lean: &Lean, stick: &Stick, at: &Path, bypassed: &mut bool) -> io::Result<f64> {
    let device = Attached::new(stick.image(), false, true)?;
    *bypassed &= bypass_cache(device.path());
    let mut command = tied("unshare");
    command.args(["--mount", "--propagation", "private", "--", "bash", "-c", BY_HAND, "by-hand"]);
    command.arg(device.partition(1)).arg(stick.file_system().name()).arg(at);
    for file in lean.files()? {
        command.arg(lean.path(file));
    }
    settle(lean)?;
    let output = ran(&mut command)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for file in lean.files()? {
        if !text.contains(&file.sha256.to_string()) {
            return Err(io::Error::other(format!("{} came out wrong: {text}", file.place)));
        }
    }
    let microseconds: u32 = text.lines().last().unwrap_or_default().parse().map_err(io::Error::other)?;
    Ok(f64::from(microseconds) / 1e6)
}

/// The same start for both: what is to be copied is in the page cache, and nothing waits to be written to this machine's disk.
fn settle(lean: &Lean) -> io::Result<()> {
    ran(&mut Command::new("sync"))?;
    fs::write("/proc/sys/vm/drop_caches", "3")?;
    lean.warm()
}
