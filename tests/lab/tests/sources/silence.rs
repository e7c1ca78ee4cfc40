//! Sources that say nothing, or next to nothing. The daemon's clock runs faster instead of being waited for; a read that waits looks at it again when
//! its process was stopped and goes on (signal(7): a socket with a time-out is not read on by itself), as after a suspend.

use std::thread::sleep;
use std::time::{Duration, Instant};

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
/// How much faster the daemon's clock is than this machine's.
const FASTER: u64 = 100;
/// Silence counts as endless after so many nudges: a quarter of an hour of the daemon's clock for each of the five times that a file is
/// asked for.
const MOST_NUDGES: u32 = 900;
const NUDGE: Duration = Duration::from_millis(50);

/// A computer whose daemon's clock runs faster.
fn fast() -> Spec {
    Spec { clock: Some(Clock { time: format!("+0d x{FASTER}"), waits: true }), ..Spec::default() }
}

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
    watched.case.machine().set_clock(&format!("+{seconds}")).unwrap();
    nudge(watched);
}

/// Lets the daemon look at its clock.
fn nudge(watched: &mut Watched) {
    let daemon = Pid::from_raw(i32::try_from(watched.case.machine().daemon_id().unwrap()).unwrap());
    kill(daemon, Signal::SIGSTOP).unwrap();
    kill(daemon, Signal::SIGCONT).unwrap();
}

/// Waits until the operation ends; how long that was by the daemon's fast clock.
fn wait_for_the_end(watched: &mut Watched) -> (Duration, sameday_dbus::Snapshot) {
    let began = Instant::now();
    for _ in 0..MOST_NUDGES {
        let now = watched.caller.snapshot().unwrap();
        if !now.state.is_busy() {
            return (began.elapsed() * u32::try_from(FASTER).unwrap(), now);
        }
        sleep(NUDGE);
        nudge(watched);
    }
    panic!("it is waited for without end: {:?}", watched.caller.snapshot());
}

/// Where in an answer the silence begins.
fn silences() -> [(&'static str, Vec<Word>); 3] {
    let half = Word::Raw(vec![DATA, 0, 0, 0, 9, 1]);
    [
        ("at once", vec![Word::Silence]),
        ("after the head", vec![Word::Head(Total::True), Word::Silence]),
        ("within a frame", vec![Word::Head(Total::True), half, Word::Silence]),
    ]
}

#[test]
fn silence_at_any_stage_of_a_check_is_given_up_and_told() {
    let stalled: Told = (State::Failed, "server", "stalled");
    let mut watched = Watched::start(&given().world.repository(), &fast());
    let mut longest = Duration::ZERO;
    for what in ["timestamp", "description"] {
        for (how, words) in silences() {
            watched.fresh();
            watched.case.peer().honest();
            let path = place_of(&given().world.repository(), what).unwrap();
            watched.case.peer().lie(&path, Lie::Words(words));
            watched.caller.call(&Method::Check).unwrap().unwrap();
            let (took, found) = wait_for_the_end(&mut watched);
            compare(&found, stalled).unwrap_or_else(|problem| panic!("{what} {how}: {problem}"));
            longest = longest.max(took);
            watched.is_as_before().unwrap();
        }
    }
    watched.fresh();
    watched.case.peer().lie_at_open(vec![Word::Silence]);
    watched.caller.call(&Method::Check).unwrap().unwrap();
    compare(&wait_for_the_end(&mut watched).1, stalled).unwrap();
    watched.case.peer().honest();
    compare(&watched.check(), (State::Available, "", "")).unwrap();
    println!(
        "silence: 7 cases, given up after at most {:.1} minutes of the daemon's clock",
        longest.as_secs_f64() / 60.0
    );
    watched.end();
}

/// Between two tries the daemon pauses, until a time that a false clock would put hours away: so the minutes really pass.
#[test]
#[ignore = "takes six minutes: make test-long"]
fn silence_after_the_consent_pauses_the_download() {
    std::thread::scope(|scope| {
        for (number, what) in ["layer-chunks", "layer", "layer"].into_iter().enumerate() {
            let (how, words) = silences().into_iter().nth(number).unwrap();
            scope.spawn(move || {
                let mut watched = Watched::start(&given().world.repository(), &Spec::default());
                compare(&watched.check(), (State::Available, "", "")).unwrap();
                let path = place_of(&given().world.repository(), what).unwrap();
                watched.case.peer().lie(&path, Lie::Words(words));
                let offer = watched.caller.snapshot().unwrap().offer.unwrap();
                watched.caller.call(&Method::Install(&offer.version, &offer.digest)).unwrap().unwrap();
                let began = Instant::now();
                let found = watched.case.machine().settled(Duration::from_secs(600)).unwrap();
                println!("{what} {how}: given up after {:.0} s", began.elapsed().as_secs_f64());
                compare(&found, (State::Paused, "server", "stalled")).unwrap_or_else(|p| panic!("{what} {how}: {p}"));
                watched.discard().unwrap();
                watched.is_as_before().unwrap();
                watched.end();
            });
        }
    });
}

#[test]
fn a_byte_at_a_time_is_too_slow_at_any_stage() {
    let mut watched = Watched::start(&given().world.repository(), &fast());
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
    let mut watched = Watched::start(&given().world.repository(), &fast());
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
        let (_, found) = wait_for_the_end(&mut watched);
        compare(&found, expected).unwrap_or_else(|problem| panic!("{name}: {problem}"));
        watched.is_as_before().unwrap();
    }
    drop(reader);
    watched.end();
}
