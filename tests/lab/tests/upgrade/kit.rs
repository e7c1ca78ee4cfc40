//! Kits, through the real daemon and the real reader, which has no rights and no network.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use sameday_dbus::{Dictionary, ErrorKind, MethodError, OPTION_SIGNED_ON, Origin, State};
use sameday_lab::fetcher::KitReaderProcess;
use sameday_lab::machine::{Call, Spec};
use sameday_lab::world::{self, World};

use sameday_lab::case::{Case, told};
use sameday_lab::given::{given, start};

/// A computer without a fetcher, with kit readers.
fn offline() -> (Case, KitReaderProcess) {
    let mut case = start();
    fs::remove_file(case.machine().live().path("/run/sameday/fetcher.sock")).unwrap();
    let readers = case.machine().start_kit_readers().unwrap();
    (case, readers)
}

fn kit() -> PathBuf {
    given().world.kit().unwrap()
}

#[test]
fn a_kit_upgrades_a_stick_without_any_network() {
    let (mut case, readers) = offline();
    let kit = kit();
    assert_eq!(kit.file_name().unwrap(), "lab-amd64-stable-from-1.0.kit");
    let offered = case.machine().open_kit(&kit).unwrap();
    let offer = offered.offer.clone().unwrap_or_else(|| panic!("{offered:?}"));
    assert_eq!((offered.state, offer.source, offer.confirm_signed_on), (State::Available, Origin::Kit, false));
    assert!(!offer.signed_on.is_empty());
    let done = case.machine().install().unwrap();
    assert_eq!((done.state, done.pending_version.as_str()), (State::RestartPending, "2.0"), "{done:?}");
    drop(readers);
    case.start_again(&Spec::default());
    assert_eq!(case.machine().snapshot().unwrap().running_version, "2.0");
}

#[test]
fn a_truncated_kit_is_told_at_once() {
    let whole = fs::read(kit()).unwrap();
    for length in [0, 100, 512, 5000, whole.len() / 2, whole.len() - 1500] {
        let (mut case, readers) = offline();
        let path = case.dir().join("truncated.kit");
        fs::write(&path, &whole[..length]).unwrap();
        let after = case.machine().open_kit(&path).unwrap();
        let failure = after.failure.clone().unwrap_or_else(|| panic!("{length}: {after:?}"));
        assert_eq!((after.state, failure.kind), (State::Failed, ErrorKind::KitUnreadable), "{length}: {failure}");
        assert!(
            ["kit-truncated", "kit-format", "kit-unreadable"].contains(&failure.reason.as_str()),
            "{length}: {failure}"
        );
        drop(readers);
        case.end_untouched();
    }
}

#[test]
fn a_kit_that_is_cut_after_the_consent_leaves_the_stick_as_it_was() {
    let (mut case, readers) = offline();
    let path = case.dir().join("cut.kit");
    fs::copy(kit(), &path).unwrap();
    assert_eq!(case.machine().open_kit(&path).unwrap().state, State::Available);
    let length = fs::metadata(&path).unwrap().len();
    OpenOptions::new().write(true).open(&path).unwrap().set_len(length / 3).unwrap();
    let after = case.machine().install().unwrap();
    told(&after, State::Failed, ErrorKind::KitUnreadable, "kit-truncated");
    drop(readers);
    case.end_as_before();
}

#[test]
fn a_flipped_byte_in_a_kits_layer() {
    let (mut case, readers) = offline();
    let path = case.dir().join("flipped.kit");
    fs::copy(kit(), &path).unwrap();
    let length = fs::metadata(&path).unwrap().len();
    let file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let mut byte = [0];
    // Well inside the layer, which is most of the kit.
    file.read_exact_at(&mut byte, length / 2).unwrap();
    file.write_all_at(&[byte[0] ^ 1], length / 2).unwrap();
    assert_eq!(case.machine().open_kit(&path).unwrap().state, State::Available);
    let after = case.machine().install().unwrap();
    told(&after, State::Failed, ErrorKind::NotVerified, "chunk-mismatch");
    drop(readers);
    case.end_as_before();
}

/// A world of its own: made and signed some days ago, and released then.
fn old_world(dir: &Path, days: i64) -> World {
    let made = world::now().plus_seconds(-days * 86_400);
    let world = World::tiny(dir, world::Spec { made, ..world::Spec::default() }).unwrap();
    let mut release = world.prepared("2.0", &["1.0"]).unwrap();
    release.now = made;
    world.publish(&release).unwrap();
    world
}

#[test]
fn an_old_kit_is_installed_only_after_its_date_was_confirmed() {
    let dir = tempfile::tempdir().unwrap();
    let world = old_world(&dir.path().join("old"), 40);
    let stick = world.stick("old", given().stick.file_system(), sameday_lab::case::STICK).unwrap();
    let mut machine = sameday_lab::machine::Machine::start(&dir.path().join("m"), &stick, &Spec::default()).unwrap();
    let readers = machine.start_kit_readers().unwrap();
    let offered = machine.open_kit(&world.kit().unwrap()).unwrap();
    let offer = offered.offer.clone().unwrap_or_else(|| panic!("{offered:?}"));
    assert!(offer.confirm_signed_on, "{offer:?}");
    let consent = |date: Option<&str>| {
        let mut options = Dictionary::new();
        if let Some(date) = date {
            options.insert(OPTION_SIGNED_ON.into(), zbus::Variant::from(date).try_into().unwrap());
        }
        let call = Call::Install { version: &offer.version, digest: &offer.digest, options };
        match machine.call(&call).unwrap() {
            Ok(()) => "ok".to_owned(),
            Err(MethodError::Failure(failure)) => failure.reason,
            Err(other) => panic!("{other}"),
        }
    };
    assert_eq!(consent(None), "signed-on-needed");
    assert_eq!(consent(Some("2026-01-01T00:00:00Z")), "signed-on-differs");
    assert_eq!(consent(Some(&offer.signed_on)), "ok");
    let done = machine.settled(std::time::Duration::from_secs(60)).unwrap();
    assert_eq!(done.state, State::RestartPending, "{done:?}");
    drop(readers);
    machine.kill_daemon();
}

#[test]
fn a_kit_for_another_stick_is_told_by_its_name_and_the_right_one() {
    let dir = tempfile::tempdir().unwrap();
    let spec = world::Spec { base: "1.5".into(), ..world::Spec::default() };
    let world = World::tiny(&dir.path().join("other"), spec).unwrap();
    world.release("2.0").unwrap();
    let (mut case, readers) = offline();
    let after = case.machine().open_kit(&world.kit().unwrap()).unwrap();
    told(&after, State::Failed, ErrorKind::KitWrong, "for-another-stick");
    let failure = after.failure.unwrap().to_string();
    assert!(failure.contains("lab-amd64-stable-from-1.0.kit") && failure.contains("from-1.5.kit"), "{failure}");
    drop(readers);
    case.end_untouched();
}
