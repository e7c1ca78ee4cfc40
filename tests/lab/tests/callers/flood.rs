//! A flood of calls from somebody who may not: it costs the daemon little, and others nothing.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use sameday_dbus::{BUS_NAME, ErrorKind, MethodError, PATH, Param, State};
use sameday_lab::bus::Judge;
use sameday_lab::caller::{Caller, HANGS, Method};
use sameday_lab::fetcher::peak_memory;
use sameday_lab::machine::Spec;
use sameday_lab::process::Process;
use sameday_lab::programs;

use sameday_lab::given::{given, start, with};

const NOBODY: u32 = 65_534;
const CALLS: u32 = 800;
const MOST_POLLS: u32 = 100_000;
/// What the daemon may hold at most, whatever happens to it.
const MOST_MEMORY: u64 = 32 << 20;

/// A program that runs inside as nobody.
fn as_nobody(case: &mut sameday_lab::case::Case, program: &str) -> std::process::Command {
    let mut command = case.machine().live().command("setpriv");
    command.args([format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"), "--clear-groups".into(), "--".into()]);
    command.arg(program);
    command
}

/// Each method is refused by polkit, but the one that the bus itself keeps for root.
#[track_caller]
fn refused_by_polkit(told: &str) {
    let (roots, others): (Vec<&str>, Vec<&str>) = told.lines().partition(|line| line.starts_with("JudgeStart "));
    assert_eq!(roots, ["JudgeStart org.freedesktop.DBus.Error.AccessDenied"]);
    assert!(others.len() == 11 && others.iter().all(|line| line.ends_with(" not-allowed polkit-refused")), "{told}");
}

#[test]
fn a_flood_of_calls_leaves_the_daemon_small_and_answering() {
    let mut case = start();
    let address = case.machine().bus().address();
    let caller = Caller::new(&address).unwrap();
    let daemon = case.machine().daemon_id().unwrap();
    let program = programs::path("flood").unwrap();
    let mut command = as_nobody(&mut case, program.to_str().unwrap());
    command.args([&address, &CALLS.to_string()]);
    let log = case.dir().join("flood.log");
    let mut flood = Process::start("flood", &mut command, &log).unwrap();
    let mut answers = 0_u32;
    while flood.ended().unwrap().is_none() {
        assert_eq!(caller.snapshot().unwrap().state, State::Idle);
        answers += 1;
    }
    let told = fs::read_to_string(&log).unwrap();
    assert!(flood.ended().unwrap().unwrap().success(), "{told}");
    let tally: BTreeMap<&str, u32> =
        told.lines().filter_map(|line| line.split_once(' ')).map(|(n, what)| (what, n.parse().unwrap())).collect();
    assert_eq!(tally.values().sum::<u32>(), CALLS, "{told}");
    assert!(!tally.contains_key("done"), "{told}");
    assert!(tally.contains_key("not-allowed polkit-refused"), "{told}");
    let peak = peak_memory(daemon).unwrap();
    println!("flood: {CALLS} calls, {answers} answers to somebody else, peak {} KiB: {tally:?}", peak >> 10);
    assert!(peak <= MOST_MEMORY, "{peak} bytes");
    assert!(case.peer().asked().is_empty());
    // When it is over, everything works.
    assert_eq!(case.machine().check().unwrap().state, State::Available);
    case.end_untouched();
}

/// `docs/states.md`.
const MOST_OF_ONE: usize = 8;
const CHECKS_AT_ONCE: usize = 10;

#[test]
fn one_user_has_at_most_eight_calls_under_way_and_others_their_own() {
    let spec = Spec { judge: Judge::Mock, ..Spec::default() };
    let mut case = with(&given().world.repository(), &spec);
    let address = case.machine().bus().address();
    let (flooder, other, watcher) =
        (Caller::new(&address).unwrap(), Caller::new(&address).unwrap(), Caller::new(&address).unwrap());
    let program = programs::path("flood").unwrap();
    let mut each = as_nobody(&mut case, program.to_str().unwrap());
    each.args([address.as_str(), "each"]);
    let log = case.dir().join("each.log");
    // Who they are is known.
    for caller in [&flooder, &other] {
        assert!(caller.call(&Method::Check).unwrap().is_err());
    }
    // No call ends before polkit answers.
    case.machine().bus().hang(true).unwrap();
    let refused = AtomicUsize::new(0);
    let call = |caller: &Caller, method: &Method<'_>| {
        let Err(MethodError::Failure(failure)) = caller.call(method).unwrap() else { panic!("let in") };
        if failure.reason == "too-many-calls" {
            assert_eq!(failure.kind, ErrorKind::Busy);
            refused.fetch_add(1, Ordering::SeqCst);
        }
        failure.kind
    };
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..3 * MOST_OF_ONE).map(|_| scope.spawn(|| call(&flooder, &Method::Check))).collect();
        let mut polls = 0;
        while refused.load(Ordering::SeqCst) < 2 * MOST_OF_ONE {
            polls += 1;
            assert!(polls < MOST_POLLS, "{refused:?} are refused");
            assert_eq!(watcher.snapshot().unwrap().state, State::Idle);
        }
        // Somebody else's calls wait for polkit as the first eight do, and so does what stops something, whoever asks.
        let mut others = Process::start("flood", &mut each, &log).unwrap();
        let stops = scope.spawn(|| call(&other, &Method::Cancel));
        for _ in 0..40 {
            watcher.snapshot().unwrap();
        }
        assert!(others.ended().unwrap().is_none() && !stops.is_finished());
        case.machine().bus().hang(false).unwrap();
        assert_eq!(stops.join().unwrap(), ErrorKind::NotAllowed);
        assert!(others.wait(HANGS).unwrap().success());
        let kinds: Vec<_> = calls.into_iter().map(|call| call.join().unwrap()).collect();
        assert_eq!(kinds.iter().filter(|kind| **kind == ErrorKind::NotAllowed).count(), MOST_OF_ONE, "{kinds:?}");
    });
    assert_eq!(refused.load(Ordering::SeqCst), 2 * MOST_OF_ONE);
    let told = fs::read_to_string(&log).unwrap();
    refused_by_polkit(&told);
    case.end_untouched();
}

#[test]
fn checks_that_come_too_fast_are_told_when_to_come_again() {
    let mut case = start();
    let caller = Caller::new(&case.machine().bus().address()).unwrap();
    for n in 0..CHECKS_AT_ONCE {
        let found = case.machine().check().unwrap();
        assert_eq!(found.state, State::Available, "check {n}: {:?}", found.failure);
    }
    drop(case.peer().asked());
    let Err(MethodError::Failure(failure)) = caller.call(&Method::Check).unwrap() else { panic!("let in") };
    assert_eq!((failure.kind, failure.reason.as_str()), (ErrorKind::Busy, "too-soon"));
    assert!(matches!(failure.parameters.get("seconds"), Some(Param::Number(1..=30))), "{failure}");
    assert!(case.peer().asked().is_empty());
    // What is offered stays offered, and the refusal is no state.
    let now = caller.snapshot().unwrap();
    assert_eq!((now.state, now.failure), (State::Available, None));
    case.end_untouched();
}

#[test]
fn a_caller_without_a_session_may_watch_and_nothing_else() {
    let mut case = start();
    let send = |case: &mut sameday_lab::case::Case, arguments: &[&str]| {
        let mut command = as_nobody(case, "dbus-send");
        command.args(["--system", "--print-reply", &format!("--dest={BUS_NAME}"), PATH]).args(arguments);
        let output = command.output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (program, address) = (programs::path("flood").unwrap(), case.machine().bus().address());
    let mut each = as_nobody(&mut case, program.to_str().unwrap());
    let told = String::from_utf8(each.args([address.as_str(), "each"]).output().unwrap().stdout).unwrap();
    refused_by_polkit(&told);
    let properties = "org.freedesktop.DBus.Properties";
    let interface = format!("string:{}", sameday_dbus::INTERFACE);
    for allowed in [
        vec![format!("{properties}.GetAll"), interface.clone()],
        vec![format!("{properties}.Get"), interface.clone(), "string:State".into()],
        vec!["org.freedesktop.DBus.Introspectable.Introspect".into()],
        vec!["org.freedesktop.DBus.Peer.Ping".into()],
    ] {
        let arguments: Vec<&str> = allowed.iter().map(String::as_str).collect();
        let (done, error) = send(&mut case, &arguments);
        assert!(done, "{allowed:?}: {error}");
    }
    let set = [format!("{properties}.Set"), interface, "string:State".into(), "variant:string:idle".into()];
    let (done, error) = send(&mut case, &set.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(!done, "a property was set: {error}");
    assert!(case.peer().asked().is_empty());
    case.end_untouched();
}
