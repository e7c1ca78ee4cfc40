//! Downloads that stop on the way: paused, broken off, cut off by the daemon's end or death; continued, given up, tampered with meanwhile.

use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sameday_dbus::{ErrorKind, Snapshot, State};
use sameday_lab::case::BOOT_ENV;
use sameday_lab::machine::{Call, Spec};
use sameday_lab::peer::Lie;
use sameday_upgrade::boot_env::BootEnv;
use sameday_wire::Reason;

use super::common::{Case, given, layer, start, told};

pub const LIMIT: Duration = Duration::from_secs(20);
const LAYER: &str = "live/2.0/2.0.squashfs";
/// Two chunks and something of the third.
const STOP: u64 = (2 << 20) + 5;

/// A computer on which two chunks are downloaded, and nothing more comes.
fn stalled() -> Case {
    let mut case = start();
    case.machine().check().unwrap();
    case.peer().lie(&layer(), Lie::StallAt(STOP));
    case.machine().consent().unwrap();
    case.machine().wait(LIMIT, |now| now.progress.as_ref().is_some_and(|p| p.bytes > 2 << 20)).unwrap();
    case
}

fn paused() -> Case {
    let mut case = stalled();
    case.machine().call(&Call::Pause).unwrap().unwrap();
    let after = case.machine().settled(LIMIT).unwrap();
    assert_eq!((after.state, after.failure), (State::Paused, None));
    case
}

fn staged(now: &Snapshot) -> u64 {
    let left = now.left_over.as_ref().unwrap_or_else(|| panic!("nothing is left over: {now:?}"));
    assert_eq!(left.version, "2.0");
    left.bytes
}

/// First bytes of the layer that were asked for.
fn asked_from(case: &Case) -> Vec<u64> {
    let path = layer();
    case.peer().asked().into_iter().filter(|asked| asked.path == path).map(|asked| asked.start).collect()
}

fn is_read_only(case: &mut Case) -> bool {
    let mounts = case.machine().run("cat", &["/proc/self/mounts"]).unwrap().stdout;
    let mounts = String::from_utf8(mounts).unwrap();
    mounts.lines().any(|line| line.contains(" /run/live/medium ") && line.contains(" ro,"))
}

#[track_caller]
fn goes_on(case: &mut Case) {
    let done = case.machine().settled(Duration::from_secs(60)).unwrap();
    assert_eq!((done.state, done.pending_version.as_str()), (State::RestartPending, "2.0"), "{done:?}");
    assert_eq!(done.left_over, None);
    case.start_again(&Spec::default());
    assert_eq!(case.machine().snapshot().unwrap().running_version, "2.0");
}

#[test]
fn a_pause_keeps_what_is_verified_and_resume_goes_on_from_there() {
    let mut case = paused();
    assert!(is_read_only(&mut case));
    assert_eq!(BootEnv::parse(&case.read(BOOT_ENV)), Ok(BootEnv::base()));
    assert_eq!(staged(&case.machine().snapshot().unwrap()), 2 << 20);
    assert_eq!(asked_from(&case), [0]);
    case.peer().honest();
    case.machine().call(&Call::Resume).unwrap().unwrap();
    goes_on(&mut case);
}

#[test]
fn what_is_paused_can_be_given_up_and_gives_the_room_back() {
    for call in [Call::Discard, Call::Cancel] {
        let mut case = paused();
        case.machine().call(&call).unwrap().unwrap();
        let after = case.machine().settled(LIMIT).unwrap();
        assert_eq!((after.state, after.left_over), (State::Available, None), "{call:?}");
        case.end_as_before();
    }
}

#[test]
fn a_cancel_is_stronger_than_a_pause_under_way() {
    let mut case = stalled();
    case.machine().call(&Call::Pause).unwrap().unwrap();
    // Either it is still pausing, or it has paused: both lead to the same.
    case.machine().call(&Call::Cancel).unwrap().unwrap();
    let after = case.machine().settled(LIMIT).unwrap();
    assert_eq!((after.state, after.left_over), (State::Available, None));
    case.end_as_before();
}

#[test]
fn a_source_that_breaks_off_loses_nothing_that_is_verified() {
    let mut case = start();
    case.machine().check().unwrap();
    case.peer().lie(&layer(), Lie::FailAt(STOP, Reason::ServerError));
    case.machine().consent().unwrap();
    let after = case.machine().settled(Duration::from_secs(120)).unwrap();
    told(&after, State::Paused, ErrorKind::Server, "server-error");
    assert_eq!(staged(&after), 2 << 20);
    case.peer().honest();
    let _ = case.peer().asked();
    case.machine().call(&Call::Resume).unwrap().unwrap();
    case.machine().settled(Duration::from_secs(60)).unwrap();
    assert_eq!(asked_from(&case), [2 << 20]);
    goes_on(&mut case);
}

/// What a download that was cut off left is found, offered with its bytes, and gone on with after a new consent.
fn continued(case: &mut Case, from: u64) {
    let found = case.machine().snapshot().unwrap();
    assert_eq!(found.state, State::LeftOvers, "{found:?}");
    assert!(staged(&found) >= 2 << 20);
    case.machine().call(&Call::Resume).unwrap().unwrap();
    let offered = case.machine().settled(LIMIT).unwrap();
    assert_eq!(offered.state, State::Available, "{offered:?}");
    assert!(offered.offer.unwrap().staged >= 2 << 20);
    let _ = case.peer().asked();
    case.machine().install().unwrap();
    assert_eq!(asked_from(case), [from]);
    goes_on(case);
}

#[test]
fn what_a_killed_daemon_left_is_continued_after_a_new_consent() {
    let mut case = stalled();
    case.machine().kill_daemon();
    case.peer().honest();
    case.machine().start_daemon().unwrap();
    assert!(is_read_only(&mut case), "the next daemon mounts it read-only");
    continued(&mut case, 2 << 20);
}

#[test]
fn a_daemon_that_is_ended_keeps_what_is_verified() {
    let mut case = stalled();
    let id = Pid::from_raw(i32::try_from(case.machine().daemon_id().unwrap()).unwrap());
    kill(id, Signal::SIGTERM).unwrap();
    case.machine().daemon_ended(LIMIT).unwrap();
    assert!(is_read_only(&mut case));
    case.peer().honest();
    // The computer is started anew, too.
    case.start_again(&Spec::default());
    continued(&mut case, 2 << 20);
}

#[test]
fn left_overs_are_believed_no_more_than_a_server() {
    let mut case = stalled();
    case.machine().kill_daemon();
    case.stop();
    let mut bytes = case.stick.read(LAYER).unwrap();
    // In the second chunk: the first is still good.
    bytes[(1 << 20) + 7] ^= 1;
    case.stick.write(LAYER, &bytes).unwrap();
    case.start_again(&Spec::default());
    continued(&mut case, 1 << 20);
}

#[test]
fn left_overs_longer_than_the_file_are_cut() {
    let mut case = stalled();
    case.machine().kill_daemon();
    case.stop();
    let length = std::fs::metadata(given().world.layer("2.0").unwrap()).unwrap().len();
    case.stick.write(LAYER, &vec![7; usize::try_from(length).unwrap() + 5000]).unwrap();
    case.start_again(&Spec::default());
    continued(&mut case, 0);
}

#[test]
fn left_overs_can_be_discarded() {
    let mut case = stalled();
    case.machine().kill_daemon();
    case.machine().start_daemon().unwrap();
    case.machine().call(&Call::Discard).unwrap().unwrap();
    let after = case.machine().settled(LIMIT).unwrap();
    assert_eq!((after.state, after.left_over), (State::Idle, None));
    case.end_as_before();
}
