//! What the stick says of itself at a start: undone, gone back from, chosen by hand, taken back; and the way from each to another version.

use sameday_dbus::{ErrorKind, MethodError, Standing, State};
use sameday_lab::case::BOOT_ENV;
use sameday_lab::machine::{Call, Spec};
use sameday_upgrade::boot_env::{BootEnv, Choice, GoodEnv};

use super::pausing::LIMIT;
use sameday_lab::case::Case;
use sameday_lab::given::start;

fn two() -> Choice {
    Choice::Version("2.0".parse().unwrap())
}

fn trial(current: Choice, previous: Choice) -> BootEnv {
    BootEnv { current, previous, tries: 3, good: false }
}

/// A stick on which 2.0 was installed, and that was not started since.
fn installed() -> Case {
    let mut case = start();
    case.machine().check().unwrap();
    case.machine().install().unwrap();
    case
}

/// The same stick with another block, started.
fn with(case: &mut Case, env: &BootEnv) {
    case.stop();
    case.stick.write(BOOT_ENV, &env.render()).unwrap();
    case.start_again(&Spec::default());
}

fn stands(case: &mut Case, standing: Standing, other: &str, state: State) {
    let now = case.machine().snapshot().unwrap();
    assert_eq!((now.standing, now.standing_version.as_str(), now.state), (standing, other, state), "{now:?}");
}

fn refused(case: &mut Case, call: &Call<'_>) -> (ErrorKind, String) {
    match case.machine().call(call).unwrap().unwrap_err() {
        MethodError::Failure(failure) => (failure.kind, failure.reason),
        MethodError::Bus(error) => panic!("{error}"),
    }
}

#[test]
fn an_upgrade_that_was_undone_is_told_and_can_be_tried_again_without_a_download() {
    let mut case = installed();
    with(&mut case, &BootEnv { current: two(), previous: Choice::Base, tries: 0, good: false });
    stands(&mut case, Standing::Undone, "2.0", State::Undone);
    assert_eq!(refused(&mut case, &Call::TryAgain("3.0")), (ErrorKind::NotOffered, "other-version".into()));
    let nothing = (ErrorKind::BadRequest, "nothing-to-go-back-to".to_owned());
    assert_eq!(refused(&mut case, &Call::Rollback("1.0")), nothing);
    drop(case.peer().asked());
    case.machine().call(&Call::TryAgain("2.0")).unwrap().unwrap();
    let after = case.machine().settled(LIMIT).unwrap();
    assert_eq!((after.state, after.pending_version.as_str()), (State::RestartPending, "2.0"));
    assert!(case.peer().asked().is_empty(), "nothing is downloaded");
    assert_eq!(BootEnv::parse(&case.read(BOOT_ENV)), Ok(trial(two(), Choice::Base)));
}

#[test]
fn an_undone_version_that_lacks_a_file_cannot_be_tried_again() {
    let mut case = installed();
    case.stop();
    case.stick.remove("live/2.0/vmlinuz").unwrap();
    with(&mut case, &BootEnv { current: two(), previous: Choice::Base, tries: 0, good: false });
    stands(&mut case, Standing::Undone, "2.0", State::Undone);
    let nothing = (ErrorKind::BadRequest, "nothing-to-try-again".to_owned());
    assert_eq!(refused(&mut case, &Call::TryAgain("2.0")), nothing);
    // The way out is the upgrade once more.
    let offered = case.machine().check().unwrap();
    assert_eq!(offered.offer.unwrap().version, "2.0");
    assert_eq!(case.machine().install().unwrap().state, State::RestartPending);
}

#[test]
fn going_back_is_on_trial_too_and_the_newer_version_can_be_tried_again() {
    let mut case = installed();
    case.mark_good("2.0", Choice::Base);
    case.start_again(&Spec::default());
    stands(&mut case, Standing::Good, "", State::Idle);
    assert_eq!(case.machine().snapshot().unwrap().previous_version, "1.0");
    case.machine().call(&Call::Rollback("1.0")).unwrap().unwrap();
    let after = case.machine().settled(LIMIT).unwrap();
    assert_eq!((after.state, after.pending_version.as_str()), (State::RestartPending, "1.0"), "{after:?}");
    assert_eq!(BootEnv::parse(&case.read(BOOT_ENV)), Ok(trial(Choice::Base, two())));
    case.start_again(&Spec::default());
    assert_eq!(*case.machine().live().choice(), Choice::Base);
    stands(&mut case, Standing::RolledBack, "2.0", State::Idle);
    case.machine().call(&Call::TryAgain("2.0")).unwrap().unwrap();
    assert_eq!(case.machine().settled(LIMIT).unwrap().pending_version, "2.0");
    assert_eq!(BootEnv::parse(&case.read(BOOT_ENV)), Ok(trial(two(), Choice::Base)));
}

#[test]
fn the_same_version_can_be_installed_again_after_going_back() {
    let mut case = installed();
    case.stop();
    let good = GoodEnv { version: Choice::Base };
    case.stick.write("live/sameday/good.env", &good.render()).unwrap();
    with(&mut case, &BootEnv { current: Choice::Base, previous: two(), tries: 0, good: true });
    stands(&mut case, Standing::RolledBack, "2.0", State::Idle);
    let offer = case.machine().check().unwrap().offer.unwrap();
    assert_eq!((offer.version.as_str(), offer.gives_up.as_str()), ("2.0", "2.0"));
    assert_eq!(case.machine().install().unwrap().pending_version, "2.0");
    case.start_again(&Spec::default());
    assert_eq!(*case.machine().live().choice(), two());
}

#[test]
fn what_was_never_started_is_taken_back_and_left_over() {
    let mut case = installed();
    let left = || (ErrorKind::NotOffered, "other-version".to_owned());
    assert_eq!(refused(&mut case, &Call::Rollback("2.0")), left());
    case.machine().call(&Call::Rollback("1.0")).unwrap().unwrap();
    let after = case.machine().settled(LIMIT).unwrap();
    assert_eq!((after.state, after.pending_version.as_str()), (State::LeftOvers, ""), "{after:?}");
    assert_eq!(BootEnv::parse(&case.read(BOOT_ENV)), Ok(BootEnv::base()));
    case.machine().call(&Call::Resume).unwrap().unwrap();
    let offer = case.machine().settled(LIMIT).unwrap().offer.unwrap();
    assert!(offer.staged > 3 << 20 && offer.staged <= offer.download_size, "{offer:?}");
    drop(case.peer().asked());
    assert_eq!(case.machine().install().unwrap().pending_version, "2.0");
    let asked = case.peer().asked();
    assert_eq!(asked.len(), 3, "only the chunk lists: {asked:?}");
}

#[test]
fn a_choice_by_hand_is_told_from_an_undone_upgrade_and_can_be_kept() {
    let mut case = installed();
    // What GRUB's menu does: it starts another version than the block chooses, and leaves the block as it is.
    case.stop();
    case.stick.write(BOOT_ENV, &BootEnv::base().render()).unwrap();
    case.start_again(&Spec::default());
    let chosen = BootEnv { current: two(), previous: Choice::Base, tries: 0, good: true };
    let block = case.machine().shared().join("block");
    std::fs::write(&block, chosen.render()).unwrap();
    case.machine().kill_daemon();
    case.machine().run("mount", &["-o", "remount,rw", "/run/live/medium"]).unwrap();
    let (from, to) = (format!("if={}", block.display()), format!("of=/run/live/medium/{BOOT_ENV}"));
    case.machine().run("dd", &[&from, &to, "conv=notrunc,fsync", "status=none"]).unwrap();
    case.machine().start_daemon().unwrap();
    stands(&mut case, Standing::ByHand, "2.0", State::Idle);
    case.machine().call(&Call::Rollback("1.0")).unwrap().unwrap();
    case.machine().settled(LIMIT).unwrap();
    let kept = BootEnv { current: Choice::Base, previous: two(), tries: 0, good: true };
    assert_eq!(BootEnv::parse(&case.read(BOOT_ENV)), Ok(kept));
    stands(&mut case, Standing::RolledBack, "2.0", State::Idle);
}

/// Runs `sameday-boot-good`; whether it ended well. Here is no systemd that would restart the computer.
fn boot_good(case: &mut Case) -> bool {
    let output = case.machine().boot_good().unwrap().output().unwrap();
    println!("{}", String::from_utf8_lossy(&output.stderr));
    output.status.success()
}

fn blocks(case: &Case) -> (BootEnv, GoodEnv) {
    let read = |place| case.read(place);
    (BootEnv::parse(&read(BOOT_ENV)).unwrap(), GoodEnv::parse(&read("live/sameday/good.env")).unwrap())
}

#[test]
fn a_version_that_came_up_is_marked_good_once() {
    let mut case = installed();
    case.start_again(&Spec::default());
    stands(&mut case, Standing::OnTrial, "", State::Idle);
    let offered = case.machine().check().unwrap();
    assert!(boot_good(&mut case));
    let good = BootEnv { current: two(), previous: Choice::Base, tries: 0, good: true };
    assert_eq!(blocks(&case), (good, GoodEnv { version: two() }));
    let now = case.machine().snapshot().unwrap();
    assert_eq!((now.standing, now.state), (Standing::Good, offered.state), "what clients see stays: {now:?}");
    let digest = case.stick.digest().unwrap();
    assert!(boot_good(&mut case));
    assert_eq!(case.stick.digest().unwrap(), digest, "the start of a good version writes nothing");
}

#[test]
fn a_version_whose_file_is_another_gets_no_more_tries() {
    for place in ["live/2.0/vmlinuz", "live/2.0/initrd.img", "live/2.0/upgrade.json"] {
        let mut case = installed();
        case.stop();
        let mut bytes = case.stick.read(place).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        case.stick.write(place, &bytes).unwrap();
        case.start_again(&Spec::default());
        assert!(!boot_good(&mut case), "{place}: nothing restarts the computer");
        let bad = BootEnv { current: two(), previous: Choice::Base, tries: 0, good: false };
        assert_eq!(blocks(&case), (bad, GoodEnv { version: Choice::Base }), "{place}");
        case.start_again(&Spec::default());
        stands(&mut case, Standing::Undone, "2.0", State::Undone);
    }
}

#[test]
fn who_keeps_the_daemon_busy_does_not_keep_a_version_from_being_good() {
    let mut case = installed();
    case.start_again(&Spec::default());
    case.peer().lie_at_open(vec![sameday_lab::peer::script::Word::Silence]);
    case.machine().call(&Call::Check).unwrap().unwrap();
    let mut marking = case.machine().boot_good().unwrap().spawn().unwrap();
    // Longer than it takes to ask.
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert!(!blocks(&case).0.good && marking.try_wait().unwrap().is_none());
    case.machine().call(&Call::Cancel).unwrap().unwrap();
    assert!(marking.wait().unwrap().success());
    assert!(blocks(&case).0.good);
}
