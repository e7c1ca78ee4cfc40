//! What the daemon holds in memory at most while its sources and its callers attack it.

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use sameday_dbus::{Snapshot, State};
use sameday_lab::caller::{Caller, Method};
use sameday_lab::fetcher::peak_memory;
use sameday_lab::forge::place_of;
use sameday_lab::kit::{Member, members, write};
use sameday_lab::machine::{Machine, Spec as MachineSpec};
use sameday_lab::peer::script::{DATA, HEAD, STATUS, Total, Word, frame};
use sameday_lab::peer::{Lie, Peer};
use sameday_lab::process::Process;
use sameday_lab::programs;
use sameday_lab::stick::FileSystem;
use sameday_lab::world::{Spec, World};

use crate::figure::{Board, Figure};
use crate::memory::memfds;

const STICK: u64 = 96 << 20;
const POLL: Duration = Duration::from_millis(10);
const MOST_POLLS: u32 = 12_000;
/// Calls of the flood.
const CALLS: &str = "4000";

/// The attacks of a fetcher that cost memory if anything does.
fn lies() -> [(&'static str, Vec<Word>); 6] {
    let data = frame(DATA, &vec![b' '; 65_536]);
    [
        ("endless", vec![Word::Head(Total::Unsaid), Word::Endless(data.clone())]),
        ("endless-of-2^52", vec![Word::Head(Total::Exactly(1 << 52)), Word::Endless(data)]),
        ("frame-of-4-GiB", vec![Word::Head(Total::True), Word::Raw(vec![DATA, 255, 255, 255, 255])]),
        ("nested-head", vec![Word::Raw(frame(HEAD, &b"[".repeat(65_000)))]),
        ("nested-bytes", vec![Word::Head(Total::Unsaid), Word::Endless(frame(DATA, &b"[{\"a\":".repeat(10_000)))]),
        ("status", vec![Word::Endless(frame(STATUS, br#"{"phase":"connecting","percent":7}"#))]),
    ]
}

/// Measures.
pub fn run(dir: &Path, board: &mut Board) -> io::Result<()> {
    let world = World::tiny(&dir.join("world"), Spec::default())?;
    world.release("2.0")?;
    let stick = world.stick("stick", FileSystem::of_this_kernel()?, STICK)?;
    let mut machine = Machine::start(&dir.join("machine"), &stick, &MachineSpec::default())?;
    let repository = world.repository();
    let peer = Peer::start(&repository, &machine.live().path("/run/sameday/fetcher.sock"))?;
    let caller = Caller::new(&machine.bus().address())?;
    let mut most = 0;
    let mut attacks = 0;
    for (name, words) in lies() {
        for what in ["timestamp", "description", "layer-chunks", "layer"] {
            machine.kill_daemon();
            machine.start_daemon()?;
            peer.honest();
            let after_consent = what.starts_with("layer");
            if after_consent {
                caller.call(&Method::Check)?.map_err(io::Error::other)?;
                settled(&caller)?;
            }
            peer.lie(&place_of(&repository, what)?, Lie::Words(words.clone()));
            if after_consent {
                machine.consent()?;
            } else {
                caller.call(&Method::Check)?.map_err(io::Error::other)?;
            }
            let after = settled(&caller)?;
            if after.failure.is_none() {
                return Err(io::Error::other(format!("{name}, {what}: {after:?}")));
            }
            let id = machine.daemon_id()?;
            most = most.max(peak_memory(id)? + memfds(id)?);
            attacks += 1;
        }
    }
    board.tell(&Figure::mib("hostile-memory.samedayd.fetcher", most).at_most(32.0));
    let (kits, peak) = kits(dir, &world, &mut machine, &caller)?;
    board.tell(&Figure::mib("hostile-memory.samedayd.kits", peak).at_most(32.0));
    let peak = flood(dir, &mut machine, &caller)?;
    board.tell(&Figure::mib("hostile-memory.samedayd.flood", peak).at_most(32.0));
    board.tell(&Figure::count("hostile-memory.attacks", attacks + kits + 1, "attacks"));
    Ok(())
}

fn settled(caller: &Caller) -> io::Result<Snapshot> {
    for _ in 0..MOST_POLLS {
        let now = caller.snapshot()?;
        if !now.state.is_busy() && now.state != State::Idle {
            return Ok(now);
        }
        sleep(POLL);
    }
    Err(io::Error::other("it does not end"))
}

/// Kits with members of GiB and with as many members as can be.
fn kits(dir: &Path, world: &World, machine: &mut Machine, caller: &Caller) -> io::Result<(u64, u64)> {
    let sound = members(&world.kit()?)?;
    let large = |n: usize| {
        let mut kit = sound.clone();
        if let Some(member) = kit.get_mut(n) {
            member.zeros = 5 << 30;
        }
        kit
    };
    // What is no payload is judged, or not even looked at, when the kit is opened; only payload is waited for after the consent.
    let mut attacks: Vec<(bool, Vec<Member>)> =
        sound.iter().enumerate().map(|(n, member)| (member.text().starts_with("files/"), large(n))).collect();
    let mut many = sound.clone();
    many.extend((0..100_000).map(|n| Member::file(&format!("files/{n:064x}"), b"")));
    attacks.push((false, many));
    machine.kill_daemon();
    machine.start_daemon()?;
    let readers = machine.start_kit_readers()?;
    let path = dir.join("hostile.kit");
    for (is_payload, kit) in &attacks {
        write(kit, &path)?;
        caller.call(&Method::OpenKit(File::open(&path)?.as_fd()))?.map_err(io::Error::other)?;
        if settled(caller)?.state == State::Available && *is_payload {
            machine.consent()?;
            settled(caller)?;
        }
    }
    drop(readers);
    let id = machine.daemon_id()?;
    Ok((attacks.len() as u64, peak_memory(id)? + memfds(id)?))
}

/// Calls without end from somebody who may not.
fn flood(dir: &Path, machine: &mut Machine, caller: &Caller) -> io::Result<u64> {
    machine.kill_daemon();
    machine.start_daemon()?;
    let mut command = machine.live().command("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(programs::path("flood")?);
    command.args([machine.bus().address().as_str(), CALLS]);
    let mut flood = Process::start("flood", &mut command, &dir.join("flood.log"))?;
    while flood.ended()?.is_none() {
        caller.snapshot()?;
    }
    peak_memory(machine.daemon_id()?)
}
