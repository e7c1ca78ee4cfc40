//! Sticks on which a newer daemon has worked, and older ones: fall-back makes them take turns. What is not known is refused by name, or ignored
//! and reported; none of it is damaged.

use std::collections::BTreeMap;
use std::fs;

use sameday_dbus::{ErrorKind, State};
use sameday_lab::case::{BOOT_ENV, Case, told};
use sameday_lab::machine::{Call, Spec};
use sameday_lab::stick::Entry;
use sameday_upgrade::boot_env::{BootEnv, Choice, GoodEnv};

use sameday_lab::given::given;

const GOOD_ENV: &str = "live/sameday/good.env";
/// The version that the newer daemon began with or brought: newer than what the world's repository offers.
const OF_NEWER: &str = "2.5";
/// Names that this daemon gives to nothing, where the newer one put them.
const UNKNOWN: [&str; 4] =
    ["live/2.5/2.5.verity", "live/2.5/delta.bin", "live/sameday/ledger.env", "live/sameday/metadata/index"];

/// A computer from the new stick, with these files written to it before it starts. From then on nothing else may change.
fn with_files(files: &[(&str, Vec<u8>)]) -> Case {
    let mut case = Case::prepare(&given().stick, &given().world.repository());
    for folder in folders(files) {
        case.stick.make_folder(&folder).unwrap();
    }
    for (place, bytes) in files {
        case.stick.write(place, bytes).unwrap();
    }
    case.from_here();
    case.start_again(&Spec::default());
    case
}

/// The folders of these files that a new stick does not have, outer ones first.
fn folders(files: &[(&str, Vec<u8>)]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for (place, _) in files {
        let parts: Vec<&str> = place.split('/').collect();
        for end in 2..parts.len() {
            let folder = parts[..end].join("/");
            if folder != "live/sameday" && !all.contains(&folder) {
                all.push(folder);
            }
        }
    }
    all
}

fn reports(case: &mut Case, what: &str) {
    let log = fs::read_to_string(case.machine().log()).unwrap();
    assert!(log.contains(what), "nothing of {what:?} in\n{log}");
}

/// Checks and installs 2.0; every file that was there before, but for these, must be there as it was.
fn upgrades(mut case: Case, but_for: &[&str]) -> BTreeMap<String, Entry> {
    let offered = case.machine().check().unwrap();
    assert_eq!(offered.offer.as_ref().map(|offer| offer.version.as_str()), Some("2.0"), "{offered:?}");
    let done = case.machine().install().unwrap();
    assert_eq!((done.state, done.pending_version.as_str()), (State::RestartPending, "2.0"), "{done:?}");
    case.start_again(&Spec::default());
    assert_eq!(case.machine().live().choice().to_string(), "2.0");
    let (before, after) = case.end();
    for (place, entry) in &before.tree {
        if !but_for.contains(&place.as_str()) {
            assert_eq!(after.tree.get(place), Some(entry), "{place}");
        }
    }
    after.tree
}

/// Another format number in a block; all else is as it was.
fn newer_format(block: &[u8]) -> Vec<u8> {
    String::from_utf8(block.to_vec()).unwrap().replacen("format=1", "format=2", 1).into_bytes()
}

/// A block with one more variable, where the padding at its end was.
fn with_variable(block: &[u8], line: &str) -> Vec<u8> {
    let text = String::from_utf8(block.to_vec()).unwrap();
    let end = text.rfind('\n').unwrap() + 1;
    let mut longer = format!("{}{line}\n", &text[..end]).into_bytes();
    longer.resize(block.len(), b'#');
    longer
}

#[test]
fn a_boot_env_of_a_newer_format_is_refused_by_name_and_stays() {
    let mut case = with_files(&[(BOOT_ENV, newer_format(&BootEnv::base().render()))]);
    let after = case.machine().check().unwrap();
    told(&after, State::Manual, ErrorKind::ManualUpgrade, "boot-env-newer-format");
    case.end_untouched();
}

#[test]
fn a_good_env_of_a_newer_format_is_ignored_reported_and_stays() {
    let block = newer_format(&GoodEnv { version: Choice::Base }.render());
    let mut case = with_files(&[(GOOD_ENV, block)]);
    case.machine().check().unwrap();
    reports(&mut case, "good.env: environment block of unknown format");
    upgrades(case, &[BOOT_ENV]);
}

#[test]
fn more_variables_in_the_blocks_stop_nobody() {
    let boot = with_variable(&BootEnv::base().render(), "colour=blue");
    let good = with_variable(&GoodEnv { version: Choice::Base }.render(), "colour=blue");
    assert_eq!(BootEnv::parse(&boot), Ok(BootEnv::base()));
    upgrades(with_files(&[(BOOT_ENV, boot), (GOOD_ENV, good)]), &[BOOT_ENV]);
}

#[test]
fn an_older_stick_without_good_env_is_upgraded() {
    let mut case = Case::prepare(&given().stick, &given().world.repository());
    case.stick.remove(GOOD_ENV).unwrap();
    case.from_here();
    case.start_again(&Spec::default());
    upgrades(case, &[BOOT_ENV]);
}

/// What a newer daemon that was killed in the middle of a download left, with files that this one does not know.
fn left_over() -> Vec<(&'static str, Vec<u8>)> {
    let mut files: Vec<(&str, Vec<u8>)> = vec![
        ("live/2.5/2.5.squashfs", vec![7; 700_000]),
        ("live/2.5/vmlinuz", vec![8; 9_000]),
        ("live/2.5/upgrade.json", b"{\"format\": 2, \"upgrades\": 7}".to_vec()),
        ("live/sameday/metadata/2.5/format", b"2\n".to_vec()),
        ("live/sameday/metadata/2.5/targets.json", b"{}".to_vec()),
        // Evidence is known by its folder, whatever its name.
        ("live/sameday/metadata/2.5/ledger+1.json", b"{}".to_vec()),
    ];
    files.extend(UNKNOWN.map(|place| (place, place.as_bytes().to_vec())));
    files
}

/// The places of a left-over that this daemon knows as its own.
fn known() -> Vec<&'static str> {
    left_over().into_iter().map(|(place, _)| place).filter(|place| !UNKNOWN.contains(place)).collect()
}

#[test]
fn a_left_over_of_a_newer_daemon_is_named_and_discarded_but_for_what_is_not_known() {
    let mut case = with_files(&left_over());
    let now = case.machine().snapshot().unwrap();
    assert_eq!(now.state, State::LeftOvers, "{now:?}");
    assert_eq!(now.left_over.map(|left| left.version).as_deref(), Some(OF_NEWER));
    case.machine().call(&Call::Discard).unwrap().unwrap();
    let after = case.machine().settled(std::time::Duration::from_secs(60)).unwrap();
    assert!(after.left_over.is_none() && after.failure.is_none(), "{after:?}");
    let tree = upgrades(case, &[known(), vec![BOOT_ENV]].concat());
    for place in known() {
        assert!(!tree.contains_key(place), "{place} is still there");
    }
}

#[test]
fn a_left_over_of_a_newer_daemon_stops_no_other_upgrade() {
    upgrades(with_files(&left_over()), &[known(), vec![BOOT_ENV]].concat());
}

#[test]
fn a_version_of_a_newer_daemon_that_did_not_come_up_is_told_and_replaced() {
    let env =
        BootEnv { current: Choice::Version(OF_NEWER.parse().unwrap()), previous: Choice::Base, tries: 0, good: false };
    let mut files = left_over();
    files.extend([
        ("live/2.5/initrd.img", vec![9; 9_000]),
        ("live/2.5.module", b"filesystem.squashfs\n2.5/2.5.squashfs\n".to_vec()),
        (BOOT_ENV, with_variable(&env.render(), "colour=blue")),
    ]);
    let mut case = with_files(&files);
    let now = case.machine().snapshot().unwrap();
    assert_eq!((now.state, now.standing_version.as_str()), (State::Undone, OF_NEWER), "{now:?}");
    let gone: Vec<&str> = files.iter().map(|(place, _)| *place).filter(|place| !UNKNOWN.contains(place)).collect();
    upgrades(case, &gone);
}
