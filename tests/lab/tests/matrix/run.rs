//! One case from its stick to its end: the fault, the work's end, the daemon's next start, the computer's next start, the judgement, and the
//! user who goes on.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use sameday_dbus::{Snapshot, State};
use sameday_lab::machine::{Call, Spec};
use sameday_lab::stick::Stick;

use crate::judge::Judged;
use crate::left;
use crate::material::{Material, Served};
use crate::plan::{Case, Fault};
use crate::reach;
use crate::real::Real;
use crate::says;
use crate::stand::{Stand, Step, text, tried};
use crate::strike::{self, Strike};
use crate::told::Told;
use sameday_lab::random::Random;

/// How long a client that leaves stays away.
const ABSENCE: Duration = Duration::from_millis(100);

/// Runs a case. `dir` is a new folder of its own.
pub fn run(material: &Material, case: &Case, seed: u64, dir: &Path, real: Option<Real>) -> Told {
    let begin = Instant::now();
    let mut told = Told::default();
    let mut random = case.random(seed);
    let mut result = whole(material, case, &mut random, dir, real, &mut told);
    if let Err(left) = left::nothing_is(dir) {
        result = result.and(Err(left));
    }
    told.wrong = result.err();
    if told.wrong.is_none()
        && let Err(error) = fs::remove_dir_all(dir)
    {
        told.wrong = Some(format!("remove the case's folder: {error}"));
    }
    told.took = milliseconds(begin);
    told
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn whole(
    material: &Material,
    case: &Case,
    random: &mut Random,
    dir: &Path,
    real: Option<Real>,
    told: &mut Told,
) -> Step<()> {
    tried("make a folder", fs::create_dir_all(dir))?;
    let stick = reach::stick(material, case, &dir.join("stick.img"))?;
    let mut stand = Stand::start(material, &dir.join("first"), stick, &reach::spec(case), real)?;
    let mut strike = Strike::prepare(&stand, case, random)?;
    told.how = reach::go(&mut stand, case, random).map_err(|error| format!("get there: {error}"))?;
    told.how = format!("{} {}", told.how, strike.how).trim().to_owned();

    let before = stand.now()?;
    told.states.push(text(&before));
    strike.strike(&mut stand, case.fault, random)?;
    let struck = Instant::now();
    let excused = case.fault.of_device();
    if case.fault == Fault::KillDaemon {
        told.killed_inside = Some(is_inside(&before));
        stand.release()?;
        told.states.push("killed".to_owned());
    } else {
        // What Tor lost stays lost until the work under way has ended by it.
        if case.fault != Fault::TorLost {
            stand.release()?;
        }
        if case.fault == Fault::ClientLeaves {
            sleep(ABSENCE);
            tried("come back", stand.machine.join())?;
        }
        let poked = strike::poke(&stand, case.place)?;
        let after = stand.settled()?;
        told.settled = Some(milliseconds(struck));
        told.states.push(format!("{} {}", poked, text(&after)).trim().to_owned());
        named(&after)?;
        stand.release()?;
        stand.machine.kill_daemon();
    }
    let next = stand.start_daemon()?;
    told.states.push(text(&next));
    named(&next)?;
    told.started = u64::try_from(stand.started.as_millis()).unwrap_or(u64::MAX);
    let stick = stand.end()?;
    if let Some(other) = strike.end() {
        untouched(material, &other)?;
    }
    again(material, case, random, dir, stick, excused, told)
}

/// A daemon was between the first byte staged and the end of the commit.
fn is_inside(before: &Snapshot) -> bool {
    let staged = before.progress.as_ref().is_some_and(|progress| progress.phase == "downloading" && progress.bytes > 0);
    before.state == State::Applying || (before.state == State::Downloading && staged)
}

/// A state is named if it says what is, and why.
fn named(now: &Snapshot) -> Step<()> {
    match now.state {
        State::Failed | State::Manual if now.failure.is_none() => Err(format!("it does not say why: {}", text(now))),
        State::RestartPending if now.pending_version.is_empty() => {
            Err(format!("it does not say what is pending: {}", text(now)))
        }
        _ => Ok(()),
    }
}

fn untouched(material: &Material, other: &Path) -> Step<()> {
    let stick = Stick::existing(other, material.file_system());
    let [now, before] = [stick, material.template("new")].map(|stick| tried("read another stick", stick.digest()));
    if now? == before? { Ok(()) } else { Err("the other stick was written to".to_owned()) }
}

/// The computer's next start, from a sound disk with what is on the stick now.
fn again(
    material: &Material,
    case: &Case,
    random: &mut Random,
    dir: &Path,
    stick: Stick,
    excused: bool,
    told: &mut Told,
) -> Step<()> {
    // A stick that has turned read-only may stay so, or the user may find the switch.
    let write_protected = case.fault == Fault::ReadOnly && random.below(2) == 0;
    let spec = Spec { write_protected, ..Spec::default() };
    let mut stand = Stand::sound(material, &dir.join("second"), stick, &spec)?;
    let now = stand.settled()?;
    told.states.push(text(&now));
    named(&now)?;
    let image = dir.join("judged.img");
    let judged = tried("copy the stick", stand.stick.clone_to(&image))?;
    let env = Judged { material, stick: &judged, excused }.judge()?;
    tried("remove the copy", fs::remove_file(image))?;
    says::agrees(&now, &env, &stand)?;
    if write_protected {
        return stand.end().map(drop);
    }
    if case.fault == Fault::Full {
        // The user makes room: of a running system that is what another computer does.
        let stick = stand.end()?;
        strike::unfill(&stick)?;
        stand = Stand::sound(material, &dir.join("third"), stick, &Spec::default())?;
    }
    told.went_on = Some(go_on(&mut stand, random)?);
    let stick = stand.end()?;
    Judged { material, stick: &stick, excused }
        .judge()
        .map_err(|error| format!("when the user has gone on: {error}"))?;
    Ok(())
}

/// Whatever happened, an upgrade can be had now. Answers by which way.
fn go_on(stand: &mut Stand<'_>, random: &mut Random) -> Step<String> {
    let mut way = Vec::new();
    let now = stand.now()?;
    if now.state == State::LeftOvers {
        let discard = random.below(2) == 0;
        way.push(if discard { "discard" } else { "resume" });
        stand.call(if discard { &Call::Discard } else { &Call::Resume })?;
        stand.settled()?;
    }
    if stand.now()?.state != State::Available {
        way.push("check");
        stand.serve(Served::Next)?;
        let found = stand.check()?;
        if found.state != State::Available {
            return Err(format!("the user cannot go on: {} by {way:?}", text(&found)));
        }
    }
    way.push("install");
    stand.consent()?;
    let done = stand.settled()?;
    way.push(done.state.code());
    if done.state != State::RestartPending {
        return Err(format!("the user cannot go on: {} by {way:?}", text(&done)));
    }
    Ok(way.join(", "))
}
