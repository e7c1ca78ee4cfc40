//! Sources that say nothing, or next to nothing. The daemon's clock is moved on instead of waited for; a read that waits looks at it again when its
//! process was stopped and goes on (signal(7): a socket with a time-out is not read on by itself), as after a suspend.

use std::thread::sleep;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sameday_dbus::State;
use sameday_lab::caller::Method;
use sameday_lab::forge::place_of;
use sameday_lab::machine::{Clock, Spec};
use sameday_lab::peer::Lie;
use sameday_lab::peer::Peer;
use sameday_lab::peer::script::{DATA, Total, Word};

use super::watched::{Told, Watched, compare};
use sameday_lab::given::given;

/// For what takes milliseconds.
const PATIENCE: u32 = 1200;
/// So often the clock is moved on before silence counts as endless; a file is asked for five times.
const MOST_JUMPS: u64 = 40;
/// How long a frame is waited for (`docs/formats.md`), and a second.
const BEYOND_A_FRAME: u64 = 61;

/// A computer whose daemon's clock can be moved.
pub fn clock() -> Spec {
    Spec { clock: Some(Clock { time: "+0".into(), waits: true }), ..Spec::default() }
}

/// Waits until something is so.
#[track_caller]
pub fn wait(what: impl Fn() -> bool) {
    for _ in 0..PATIENCE {
        if what() {
            return;
        }
        sleep(Duration::from_millis(25));
    }
    panic!("it does not come to it");
}

/// The daemon's clock is so many seconds ahead of this machine's from now on.
pub fn jump(watched: &mut Watched, seconds: u64) {
    let machine = watched.case.machine();
    machine.set_clock(&format!("+{seconds}")).unwrap();
    let daemon = Pid::from_raw(i32::try_from(machine.daemon_id().unwrap()).unwrap());
    kill(daemon, Signal::SIGSTOP).unwrap();
    kill(daemon, Signal::SIGCONT).unwrap();
}

/// Moves the clock on until the operation ends; how often that was.
fn jump_to_the_end(watched: &mut Watched) -> (u64, sameday_dbus::Snapshot) {
    for jumps in 0..MOST_JUMPS {
        for _ in 0..60 {
            let now = watched.caller.snapshot().unwrap();
            if !now.state.is_busy() {
                return (jumps, now);
            }
            sleep(Duration::from_millis(25));
        }
        jump(watched, (jumps + 1) * BEYOND_A_FRAME);
    }
    panic!("it is waited for without end: {:?}", watched.caller.snapshot());
}

#[test]
#[ignore = "takes up to ten minutes, and the moved clock does not always reach a read that waits"]
fn silence_at_any_stage_is_given_up_and_told() {
    let half = Word::Raw(vec![DATA, 0, 0, 0, 9, 1]);
    let ways: [(&str, Vec<Word>); 3] = [
        ("at once", vec![Word::Silence]),
        ("after the head", vec![Word::Head(Total::True), Word::Silence]),
        ("within a frame", vec![Word::Head(Total::True), half, Word::Silence]),
    ];
    let stalled =
        |after_consent| -> Told { (if after_consent { State::Paused } else { State::Failed }, "server", "stalled") };
    let mut watched = Watched::start(&given().world.repository(), &clock());
    let mut longest = 0;
    for what in ["timestamp", "description", "layer-chunks", "layer"] {
        for (how, words) in &ways {
            watched.fresh();
            watched.case.peer().honest();
            let after_consent = what.starts_with("layer");
            if after_consent {
                compare(&watched.check(), (State::Available, "", "")).unwrap();
            }
            let path = place_of(&given().world.repository(), what).unwrap();
            watched.case.peer().lie(&path, Lie::Words(words.clone()));
            if after_consent {
                let offer = watched.caller.snapshot().unwrap().offer.unwrap();
                watched.caller.call(&Method::Install(&offer.version, &offer.digest)).unwrap().unwrap();
            } else {
                watched.caller.call(&Method::Check).unwrap().unwrap();
            }
            let (jumps, found) = jump_to_the_end(&mut watched);
            compare(&found, stalled(after_consent)).unwrap_or_else(|problem| panic!("{what} {how}: {problem}"));
            longest = longest.max(jumps);
            if after_consent {
                watched.discard().unwrap();
            }
            watched.is_as_before().unwrap();
        }
    }
    watched.fresh();
    watched.case.peer().lie_at_open(vec![Word::Silence]);
    watched.caller.call(&Method::Check).unwrap().unwrap();
    compare(&jump_to_the_end(&mut watched).1, stalled(false)).unwrap();
    watched.case.peer().honest();
    compare(&watched.check(), (State::Available, "", "")).unwrap();
    println!("silence: 13 cases, given up after at most {longest} minutes of the daemon's clock");
    watched.end();
}

#[test]
fn a_byte_at_a_time_is_too_slow_at_any_stage() {
    // A minute takes 0.6 s.
    let spec = Spec { clock: Some(Clock { time: "+0d x100".into(), waits: true }), ..Spec::default() };
    let mut watched = Watched::start(&given().world.repository(), &spec);
    for what in ["timestamp", "snapshot", "description"] {
        watched.fresh();
        watched.case.peer().honest();
        let path = place_of(&given().world.repository(), what).unwrap();
        watched.case.peer().lie(&path, Lie::Drip(Duration::from_millis(20)));
        watched.caller.call(&Method::Check).unwrap().unwrap();
        let found = watched.settled();
        compare(&found, (State::Failed, "server", "too-slow")).unwrap_or_else(|problem| panic!("{what}: {problem}"));
        watched.is_as_before().unwrap();
    }
    watched.end();
}

#[test]
fn a_kit_reader_that_says_nothing_is_given_up() {
    let mut watched = Watched::start(&given().world.repository(), &clock());
    let socket = watched.case.machine().live().path("/run/sameday/kit.sock");
    let reader = Peer::start(&given().world.repository(), &socket).unwrap();
    let kit = std::fs::File::open(given().world.kit().unwrap()).unwrap();
    let progress = sameday_lab::peer::script::frame(sameday_lab::peer::script::STATUS, br#"{"phase":"connecting"}"#);
    let cases: [(&str, Vec<Word>, Told); 5] = [
        ("silence", vec![Word::Silence], (State::Failed, "kit-unreadable", "stalled")),
        (
            "silence within a frame",
            vec![Word::Raw(vec![16, 0]), Word::Silence],
            (State::Failed, "kit-unreadable", "stalled"),
        ),
        ("progress without end", vec![Word::Endless(progress)], (State::Failed, "kit-unreadable", "too-many-events")),
        ("the end of the connection", vec![Word::Close], (State::Failed, "kit-unreadable", "closed")),
        ("garbage", vec![Word::Raw(b"no frame".to_vec())], (State::Failed, "kit-unreadable", "garbage")),
    ];
    for (name, words, expected) in cases {
        watched.fresh();
        reader.lie_at_open(words);
        use std::os::fd::AsFd as _;
        watched.caller.call(&Method::OpenKit(kit.as_fd())).unwrap().unwrap();
        let (_, found) = jump_to_the_end(&mut watched);
        compare(&found, expected).unwrap_or_else(|problem| panic!("{name}: {problem}"));
        watched.is_as_before().unwrap();
    }
    drop(reader);
    watched.end();
}
