//! What the app costs: from its start to its first window, its memory, and the processor while it only watches. Beside it stands a window of the
//! same toolkit with nothing in it. There is no graphics card here: all drawing is done by the processor.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use sameday_dbus::State;
use sameday_lab::desktop::app::{App, Start};
use sameday_lab::desktop::look::Look;
use sameday_lab::desktop::{Desktop, SOMEBODY};
use sameday_lab::forge::place_of;
use sameday_lab::machine::{Machine, Spec as MachineSpec};
use sameday_lab::peer::{Lie, PIECE, Peer};
use sameday_lab::process::run as ran;
use sameday_lab::programs;
use sameday_lab::stick::FileSystem;
use sameday_lab::world::{Spec, World};

use crate::figure::{Board, Figure, exact};
use crate::upgrade;

const STICK: u64 = 160 << 20;
/// Enough for two measurements at [`RATE`], and more.
const PAYLOAD: u64 = 48 << 20;
/// Bytes a second of a download over a slow circuit.
const RATE: u64 = 500_000;
/// What is measured is averaged over this.
const MEASURED: Duration = Duration::from_secs(30);
/// Until what a click began has come to rest.
const SETTLES: Duration = Duration::from_secs(3);
const WARM_STARTS: u32 = 5;
const PATIENCE: Duration = Duration::from_secs(60);
/// Of a core, for daemon and app together with the window closed.
const GOAL_CLOSED: f64 = 2.0;
const RULE: &str = "if (action.id.indexOf('org.sameday.') == 0) { return polkit.Result.YES; }";

/// Measures.
pub fn run(dir: &Path, board: &mut Board) -> io::Result<()> {
    // Users without rights reach their desktop and the bus.
    for folder in dir.ancestors().take(2) {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    }
    let desktop = Desktop::start(&dir.join("desktop"), SOMEBODY)?;
    let world = World::tiny(&dir.join("world"), Spec { payload: PAYLOAD, ..Spec::default() })?;
    world.release("2.0")?;
    let stick = world.stick("stick", FileSystem::of_this_kernel()?, STICK)?;
    let spec = MachineSpec { rule: Some(RULE.into()), ..MachineSpec::default() };
    let machine = Machine::start(&dir.join("machine"), &stick, &spec)?;
    let peer = Peer::start(&world.repository(), &machine.live().path("/run/sameday/fetcher.sock"))?;
    let of = |program: PathBuf| Start {
        program,
        bus: machine.bus().address(),
        arguments: Vec::new(),
        look: Look::default(),
        log: dir.join("app.log"),
    };
    let (app, bare) = (of(programs::path("sameday-gtk")?), of(bare(dir)?));
    starts(&desktop, &app, &bare, board)?;

    upgrade::check(&machine, State::Available, &|| Ok(()))?;
    memory(&desktop, &app, &bare, board)?;

    let pause = Duration::from_secs_f64(exact(PIECE) / exact(RATE));
    peer.lie(&place_of(&world.repository(), "layer")?, Lie::Pace(pause));
    machine.consent()?;
    machine.wait(PATIENCE, |now| now.state == State::Downloading)?;
    watching(&desktop, &app, &machine, board)
}

/// The window with nothing in it.
fn bare(dir: &Path) -> io::Result<PathBuf> {
    let (source, program) = (dir.join("bare.c"), dir.join("bare"));
    fs::write(&source, include_str!("bare.c"))?;
    let output = ran(Command::new("pkg-config").args(["--cflags", "--libs", "libadwaita-1"]))?;
    let flags = String::from_utf8_lossy(&output.stdout).into_owned();
    ran(Command::new("cc").arg("-O2").arg(&source).arg("-o").arg(&program).args(flags.split_whitespace()))?;
    Ok(program)
}

/// Seconds until the program has a window on the screen.
fn start(desktop: &Desktop, what: &Start, cold: bool) -> io::Result<f64> {
    if cold {
        ran(&mut Command::new("sync"))?;
        fs::write("/proc/sys/vm/drop_caches", "3")?;
    }
    let begun = Instant::now();
    let app = App::start(desktop, what)?;
    while !desktop.has_window(app.id())? {
        if begun.elapsed() > PATIENCE {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "no window"));
        }
    }
    Ok(begun.elapsed().as_secs_f64())
}

fn starts(desktop: &Desktop, app: &Start, bare: &Start, board: &mut Board) -> io::Result<()> {
    // The first start makes what later ones find.
    start(desktop, bare, false)?;
    start(desktop, app, false)?;
    let (cold, cold_bare) = (start(desktop, app, true)?, start(desktop, bare, true)?);
    board.tell(&Figure::new("app.start.cold", cold, "s").against("bare-window", cold_bare));
    let mut warm = (0..WARM_STARTS).map(|_| start(desktop, app, false)).collect::<io::Result<Vec<_>>>()?;
    let mut warm_bare = (0..WARM_STARTS).map(|_| start(desktop, bare, false)).collect::<io::Result<Vec<_>>>()?;
    warm.sort_by(f64::total_cmp);
    warm_bare.sort_by(f64::total_cmp);
    let middle = |all: &[f64]| all.get(all.len() / 2).copied().unwrap_or_default();
    board.tell(&Figure::new("app.start.warm", middle(&warm), "s").against("bare-window", middle(&warm_bare)));
    Ok(())
}

fn memory(desktop: &Desktop, app: &Start, bare: &Start, board: &mut Board) -> io::Result<()> {
    let program = App::start(desktop, bare)?;
    program.window()?;
    sleep(SETTLES);
    let peak_bare = peak(program.id())?;
    drop(program);
    let program = App::start(desktop, app)?;
    program.has("button", "Upgrade Now")?;
    sleep(SETTLES);
    let figure = Figure::mib("app.memory.peak", peak(program.id())?);
    board.tell(&figure.against("bare-window", exact(peak_bare) / 1_048_576.0));
    Ok(())
}

/// The processor's time for daemon and app, while a download comes in slowly.
fn watching(desktop: &Desktop, app: &Start, machine: &Machine, board: &mut Board) -> io::Result<()> {
    let program = App::start(desktop, app)?;
    program.has("button", "Pause")?;
    desktop.keys(&["alt+F4"])?;
    program.wait("no window", |screen| screen.0.is_empty().then_some(()))?;
    let daemon = machine.daemon_id()?;
    let closed = shares(&[daemon, program.id()])?;
    let names = ["app.closed.cpu-of-daemon", "app.closed.cpu-of-app"];
    for (name, share) in names.into_iter().zip(&closed) {
        board.tell(&Figure::new(name, *share, "% of a core"));
    }
    board.tell(&Figure::new("app.closed.cpu", closed.iter().sum(), "% of a core").at_most(GOAL_CLOSED));
    // It is started once more, which opens the window of the one that runs.
    App::start(desktop, app)?.ends()?;
    program.has("button", "Pause")?;
    let open = shares(&[program.id()])?;
    board.tell(&Figure::new("app.open.cpu-of-app", open.iter().sum(), "% of a core"));
    let state = machine.snapshot()?.state;
    if state == State::Downloading { Ok(()) } else { Err(io::Error::other(format!("the download is over: {state}"))) }
}

/// Hundredths of a core that each process used.
fn shares(processes: &[u32]) -> io::Result<Vec<f64>> {
    sleep(SETTLES);
    let before = processes.iter().map(|process| used(*process)).collect::<io::Result<Vec<_>>>()?;
    let begun = Instant::now();
    sleep(MEASURED);
    let elapsed = begun.elapsed().as_secs_f64();
    let shares = processes.iter().zip(before).map(|(process, before)| Ok((used(*process)? - before) / elapsed * 100.0));
    shares.collect()
}

/// Seconds of the processor's time, by the hundredths that proc(5) counts in `utime` and `stime`; threads that have ended count too.
fn used(process: u32) -> io::Result<f64> {
    let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name may hold anything; what follows its closing bracket begins with the third field.
    let fields = text.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect::<Vec<_>>()).unwrap_or_default();
    let ticks = |field: usize| fields.get(field - 3).and_then(|number| number.parse::<u64>().ok());
    let both = ticks(14).zip(ticks(15)).map(|(user, system)| exact(user + system) / 100.0);
    both.ok_or_else(|| io::Error::other("no times in stat"))
}

/// Bytes of memory that it had at most.
fn peak(process: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kib.map(|kib| kib * 1024).ok_or_else(|| io::Error::other("no VmHWM"))
}
