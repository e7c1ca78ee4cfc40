//! The clock and the fetcher's hint: both may lie, in both directions. They change no verdict but to "clock in doubt", and are gone afterwards.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use sameday_dbus::{ErrorKind, Failure, Offer, State};
use sameday_lab::case::{Case, told};
use sameday_lab::forge::Forge;
use sameday_lab::machine::{Clock, Spec};
use sameday_lab::peer::Lie;
use sameday_lab::stick::Stick;
use sameday_lab::world;
use sameday_trust::Time;
use sameday_wire::Consensus;
use serde_json::json;

use crate::given::given;

/// Tor's consensus as of a time.
fn consensus(at: Time) -> Consensus {
    let valid_after = u64::try_from(at.unix()).unwrap();
    Consensus { valid_after, valid_until: valid_after + 3 * 3600 }
}

fn year(year: &str) -> Time {
    format!("{year}-06-01T00:00:00Z").parse().unwrap()
}

/// A clock that can be set, to begin with by so many days.
fn clock(days: i64) -> Spec {
    Spec { clock: Some(Clock { time: format!("{days:+}d"), waits: false }), ..Spec::default() }
}

/// Days from now to the middle of 2099.
fn to_2099() -> i64 {
    year("2099").seconds_since(world::now()) / 86_400
}

#[test]
fn a_clock_in_2099_spoils_one_check_and_no_other() {
    for hint in [None, Some(consensus(world::now()))] {
        let mut case = Case::prepare(&given().new, &given().world.repository());
        case.start_again(&clock(to_2099()));
        case.peer().claim_consensus(hint);
        let after = case.machine().check().unwrap();
        match hint {
            None => told(&after, State::Failed, ErrorKind::Expired, "expired"),
            Some(_) => told(&after, State::Failed, ErrorKind::ClockInDoubt, "clock"),
        }
        assert!(after.failure.unwrap().to_string().contains("2099-"));
        case.machine().set_clock("+0d").unwrap();
        assert_eq!(case.machine().check().unwrap().state, State::Available);
        // Nor does a clock that was right once make a later wrong one right.
        case.machine().set_clock(&format!("{:+}d", to_2099())).unwrap();
        assert_eq!(case.machine().check().unwrap().state, State::Failed);
        case.end_untouched();
    }
}

#[test]
fn a_clock_before_what_is_known_is_told_and_an_offer_stands() {
    for (stick, state) in [(&given().new, State::Available), (&given().upgraded, State::Failed)] {
        let mut case = Case::prepare(stick, &given().world.repository());
        case.start_again(&clock(-9000));
        let after = case.machine().check().unwrap();
        assert_eq!(after.state, state, "{after:?}");
        if state == State::Failed {
            told(&after, state, ErrorKind::ClockInDoubt, "clock");
        }
        case.machine().set_clock("+0d").unwrap();
        let expected = if state == State::Failed { State::UpToDate } else { State::Available };
        assert_eq!(case.machine().check().unwrap().state, expected);
        case.end_untouched();
    }
}

type Prepare = fn(&mut Case, &Forge);

/// Verdicts, how each comes about, and whether a hint may change it.
fn verdicts() -> Vec<(&'static str, &'static Stick, i64, Prepare, bool)> {
    let (new, upgraded) = (&given().new, &given().upgraded);
    vec![
        ("available", new, 0, |_, _| {}, false),
        ("up to date", upgraded, 0, |_, _| {}, true),
        ("not confirmed newest", upgraded, 2, |_, _| {}, true),
        ("expired timestamp", new, 8, |_, _| {}, true),
        (
            "expired channel",
            new,
            0,
            |_, forge| {
                let days = |days: i64| json!(world::now().plus_seconds(days * 86_400).to_string());
                let change = |signed: &mut serde_json::Value| {
                    (signed["issued"], signed["expires"]) = (days(-50), days(-1));
                };
                forge.sign("stable", 1, &change).unwrap();
            },
            true,
        ),
        ("not verified", new, 0, |_, forge| forge.sign("root", 1, &|_| {}).unwrap(), false),
        ("server", new, 0, |case, _| case.peer().lie("metadata/timestamp.json", Lie::Absent), false),
        ("manual", new, 0, |_, forge| forge.description(&|d| d["format"] = json!(2)).unwrap(), false),
        ("withdrawn", upgraded, 0, |_, forge| forge.description(&|d| d["withdrawn"] = json!(["2.0"])).unwrap(), false),
    ]
}

#[test]
fn a_fetcher_that_lies_about_the_time_changes_no_verdict_but_to_clock_in_doubt() {
    for (name, stick, days, prepare, doubtful) in verdicts() {
        let mut case = Case::prepare(stick, &given().world.repository());
        let forge = Forge::new(&given().world, &case.dir().join("forged")).unwrap();
        case.serve(forge.repository());
        case.start_again(&clock(days));
        prepare(&mut case, &forge);
        let mut check = |hint: Option<Time>| -> (State, Option<Failure>, Option<Offer>) {
            case.peer().claim_consensus(hint.map(consensus));
            let after = case.machine().check().unwrap();
            let failure = after.failure.map(|mut failure| {
                // The second of the check itself.
                failure.parameters.remove("at");
                if failure.kind == ErrorKind::Expired {
                    failure.parameters.remove("clock");
                }
                failure
            });
            (after.state, failure, after.offer)
        };
        let without = check(None);
        let right = world::now().plus_seconds(days * 86_400);
        assert_eq!(check(Some(right)), without, "{name}");
        for wrong in [year("2099"), year("1999")] {
            let with = check(Some(wrong));
            match &with.1 {
                Some(failure) if doubtful => {
                    let told = (with.0, failure.kind, failure.reason.as_str());
                    assert_eq!(told, (State::Failed, ErrorKind::ClockInDoubt, "clock"), "{name}, {wrong}");
                }
                _ => assert_eq!((doubtful, &with), (false, &without), "{name}, {wrong}"),
            }
            assert_eq!(check(None), without, "{name}: the hint of {wrong} is still there");
        }
        case.end_untouched();
    }
}

/// Every file on the medium: its bytes' length and when it says it was changed.
fn times(folder: &Path, found: &mut BTreeMap<String, (u64, SystemTime)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let metadata = fs::symlink_metadata(&path).unwrap();
        if metadata.is_dir() {
            times(&path, found);
        } else {
            let name = path.to_string_lossy().split_once("/medium/").unwrap().1.to_owned();
            found.insert(name, (metadata.len(), metadata.modified().unwrap()));
        }
    }
}

#[test]
fn nothing_from_clock_or_fetcher_is_ever_stored() {
    let mut left = Vec::new();
    for (days, hint) in [(0, None), (3, None), (-200, Some(year("1999"))), (1, Some(year("2099")))] {
        let mut case = Case::prepare(&given().new, &given().world.repository());
        case.start_again(&clock(days));
        case.peer().claim_consensus(hint.map(consensus));
        assert_eq!(case.machine().check().unwrap().state, State::Available);
        assert_eq!(case.machine().install().unwrap().state, State::RestartPending);
        let mut files = BTreeMap::new();
        times(&case.machine().live().path("/run/live/medium"), &mut files);
        let (_, after) = case.end();
        assert!(files.contains_key("live/sameday/metadata/2.0/stable.json"), "{files:?}");
        left.push((days, after.tree, files));
    }
    for (days, tree, files) in left.iter().skip(1) {
        assert_eq!(tree, &left[0].1, "files differ with a clock of {days} days");
        assert_eq!(files, &left[0].2, "times differ with a clock of {days} days");
    }
}
