//! A flood of calls from somebody who may not: it costs the daemon little, and others nothing.

use std::collections::BTreeMap;
use std::fs;

use sameday_dbus::{BUS_NAME, PATH, State};
use sameday_lab::caller::Caller;
use sameday_lab::fetcher::peak_memory;
use sameday_lab::process::Process;
use sameday_lab::programs;

use crate::common::start;

const NOBODY: u32 = 65_534;
const CALLS: u32 = 800;
/// What the daemon may hold at most, whatever happens to it.
const MOST_MEMORY: u64 = 32 << 20;

/// A program that runs inside as nobody.
fn as_nobody(case: &mut sameday_lab::case::Case, program: &str) -> std::process::Command {
    let mut command = case.machine().live().command("setpriv");
    command.args([format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"), "--clear-groups".into(), "--".into()]);
    command.arg(program);
    command
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
    assert_eq!(told.lines().count(), 11, "{told}");
    for line in told.lines() {
        assert!(line.ends_with(" not-allowed polkit-refused"), "{told}");
    }
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
