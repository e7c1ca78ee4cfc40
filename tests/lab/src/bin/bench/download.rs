//! A whole upgrade over Tor: what the fetcher holds in memory, and how long it takes beside what others use.

use std::cell::Cell;
use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use sameday_dbus::State;
use sameday_lab::fetcher::Network;
use sameday_lab::machine::{Machine, Spec as MachineSpec};
use sameday_lab::process::run as ran;
use sameday_lab::stick::FileSystem;
use sameday_upgrade::description::Role;

use crate::figure::{Board, Figure};
use crate::lean::Lean;
use crate::memory::memfds;
use crate::online::Online;
use crate::upgrade;

const LAYER: u64 = 100 << 20;

/// Measures.
pub fn run(online: &Online, dir: &Path, board: &mut Board) -> io::Result<()> {
    let lean = Lean::new(&dir.join("world"), LAYER, online.spec("large"))?;
    online.serve("large", &lean.world)?;
    let stick = lean.stick(FileSystem::of_this_kernel()?)?;
    let machine = Machine::start(&dir.join("machine"), &stick, &MachineSpec::default())?;
    let mut fetcher = machine.start_fetcher(Network::Host)?;
    let id = fetcher.process().id();
    let files = Cell::new(0);
    let each = || {
        files.set(files.get().max(fetcher.runtime_files()? + memfds(id)?));
        Ok(())
    };
    upgrade::check(&machine, State::Available, &each)?;
    let took = upgrade::install(&machine, &each)?;
    board.tell(&Figure::mib("memory.fetcher.100-MiB-layer", fetcher.peak_memory()? + files.get()).at_most(64.0));
    board.tell(&Figure::mib("memory.fetcher.files-of-it", files.get()));

    let layer = lean.files()?.iter().find(|file| file.role == Role::Layer);
    let layer = layer.ok_or_else(|| io::Error::other("the upgrade has no layer"))?;
    let url = format!("{}large/files/{}", online.tor.base_url(), layer.sha256);
    let out = dir.join("curl");
    let begun = Instant::now();
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--fail", "--max-time", "600"]);
    ran(curl.arg("--socks5-hostname").arg(online.tor.socks().to_string()).arg("--output").arg(&out).arg(url))?;
    let baseline = begun.elapsed().as_secs_f64();
    let got = std::fs::metadata(&out)?.len();
    if got != layer.length {
        return Err(io::Error::other(format!("curl got {got} of {} bytes", layer.length)));
    }
    let figure = Figure::new("download.100-MiB-layer-to-the-stick", took.download.as_secs_f64(), "s");
    board.tell(&figure.against("curl-through-tor", baseline));
    Ok(())
}
