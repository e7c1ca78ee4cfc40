//! The state machine against the tables in `docs/states.md`.

use std::fs::File;

use sameday_dbus::ErrorKind;
use sameday_upgrade::boot_env::{BootEnv, Choice};

use super::*;

const TABLE: &str = include_str!("../../../docs/states.md");

/// The rows of the table that begins with this cell, each a list of cells.
fn table(first: &str, columns: usize) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut inside = false;
    for line in TABLE.lines() {
        let cells: Vec<String> = line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
        let begins = cells.first().is_some_and(|cell| cell == first) && cells.len() == columns;
        inside = line.starts_with('|') && (inside || begins);
        if inside && !begins && !line.starts_with("|---") {
            assert_eq!(cells.len(), columns, "{line}");
            rows.push(cells);
        }
    }
    assert!(!rows.is_empty(), "no table {first}");
    rows
}

fn offered(confirm: bool) -> Arc<Offered> {
    let version: Version = "2.0".parse().unwrap();
    let digest = sameday_upgrade::digest::Digest::of(b"d");
    let offer = Offer {
        version: "2.0".into(),
        digest: digest.to_string(),
        signed_on: "2026-01-01".into(),
        confirm_signed_on: confirm,
        ..Offer::default()
    };
    let upgrade = sameday_upgrade::description::Upgrade {
        version,
        kind: sameday_upgrade::description::Kind::Layer,
        initial_versions: vec![],
        fixes: vec![],
        notes: [].into(),
        details_url: None,
        files: vec![],
        room: 0,
        test_record: None,
    };
    let plan = Plan { upgrade, description: digest, published: String::new(), download: 0, running_withdrawn: false };
    Arc::new(Offered {
        offer,
        plan,
        origin: Origin::Repository,
        bases: vec![],
        channel: "stable".parse().unwrap(),
        other_channel: false,
        keepsake: Keepsake::default(),
    })
}

fn consent() -> Consent {
    let digest = sameday_upgrade::digest::Digest::of(b"d").to_string();
    Consent { version: "2.0".into(), digest, signed_on: None, other_channel: false }
}

fn failure(kind: ErrorKind) -> Failure {
    Failure::new(kind, "x")
}

fn left_over() -> LeftOver {
    LeftOver { version: "2.0".parse().unwrap(), bytes: 7 }
}

fn choice(name: &str) -> Choice {
    if name == "base" { Choice::Base } else { Choice::Version(name.parse().unwrap()) }
}

/// A stick whose block is so, and on which this runs.
fn stick(env: &BootEnv, running: &str, left: Option<LeftOver>, lacks: &str) -> Stick {
    Stick::judged((env, None), &choice(running), left, "1.0".into(), &|choice| choice.to_string() != lacks)
}

fn plain() -> Stick {
    stick(&BootEnv::base(), "base", None, "")
}

fn env(current: &str, previous: &str, tries: u8, good: bool) -> BootEnv {
    BootEnv { current: choice(current), previous: choice(previous), tries, good }
}

/// Every state, on a stick that goes with it.
fn states() -> Vec<(State, Stick)> {
    let progress = |phase: &str| Progress { phase: phase.into(), ..Progress::default() };
    let with_left_over = || stick(&BootEnv::base(), "base", Some(left_over()), "");
    vec![
        (State::Idle, plain()),
        (State::Checking(Origin::Repository, progress(phase::CONNECTING)), plain()),
        (State::Checking(Origin::Repository, progress(phase::METADATA)), plain()),
        (State::UpToDate, plain()),
        (State::Available(offered(false)), plain()),
        (State::Manual(failure(ErrorKind::ManualUpgrade)), plain()),
        (State::Downloading(offered(false), progress(phase::DOWNLOADING)), plain()),
        (State::Pausing(offered(false)), plain()),
        (State::Paused(offered(false), None), with_left_over()),
        (State::LeftOvers(left_over()), with_left_over()),
        (State::Applying(offered(false), progress(phase::VERIFYING)), plain()),
        (State::Cancelling(None), plain()),
        (State::Switching(None), plain()),
        (State::RestartPending("2.0".into()), stick(&env("2.0", "base", 3, false), "base", None, "")),
        (State::Undone("2.0".into()), stick(&env("2.0", "base", 0, false), "base", None, "")),
        (State::Failed(failure(ErrorKind::Server)), plain()),
    ]
}

fn kit() -> Arc<Kit> {
    Arc::new(Kit::new(File::open("/dev/null").unwrap().into()))
}

fn told(state: &State, stick: &Stick, event: Event) -> String {
    match next(state, stick, event) {
        Ok((next, _)) => next.code().to_string(),
        Err(failure) => failure.kind.to_string(),
    }
}

#[test]
fn the_code_does_what_the_table_says() {
    let rows = table("state", 10);
    assert_eq!(rows.len(), sameday_dbus::State::ALL.len());
    let mut seen = 0;
    for (state, stick) in states() {
        let code = state.code().to_string();
        let row = rows.iter().find(|row| row[0] == code).unwrap_or_else(|| panic!("no row for {code}"));
        let events = [
            Event::Check,
            Event::OpenKit(kit()),
            Event::Install(consent()),
            Event::Cancel,
            Event::Pause,
            Event::Resume { other_channel: false },
            Event::Discard,
            Event::LookAt(crate::looking::Choice::new("alpha", vec![]).unwrap()),
        ];
        for (event, cell) in events.into_iter().zip(&row[1..9]) {
            let what = format!("{code} × {event:?}");
            assert_eq!(told(&state, &stick, event), *cell, "{what}");
            seen += 1;
        }
    }
    assert_eq!(seen, 16 * 8);
}

#[test]
fn what_the_stick_says_is_what_the_table_says() {
    for row in table("runs", 6) {
        let numbers = |cell: &str, most: u8| match cell {
            "any" => (0..=most).collect::<Vec<u8>>(),
            cell => cell.split(", ").map(|number| number.parse().unwrap()).collect(),
        };
        let previous = if row[0].contains("newer") { "3.0" } else { "1.1" };
        let running = if row[0].starts_with("current") { "2.0" } else { "1.1" };
        let lacks = if row[1] == "no" { "2.0" } else { "" };
        for good in numbers(&row[2], 1) {
            for tries in numbers(&row[3], 3) {
                let env = env("2.0", previous, tries, good == 1);
                let stick = stick(&env, running, None, lacks);
                assert_eq!(stick.told().0.code(), row[4], "{env:?}: {row:?}");
                assert_eq!(State::at_rest(&stick).code().code(), row[5], "{env:?}: {row:?}");
            }
        }
    }
    let stick = stick(&BootEnv::base(), "base", Some(left_over()), "");
    assert_eq!(State::at_rest(&stick).code(), sameday_dbus::State::LeftOvers);
}

#[test]
fn every_kind_that_ends_a_check_has_the_state_of_the_table() {
    let checking = State::Checking(Origin::Repository, Progress::default());
    for row in table("kind", 3) {
        let kind: ErrorKind = row[0].parse().unwrap();
        assert_eq!(told(&checking, &plain(), Event::Checked(Verdict::Not(failure(kind)))), row[1], "{kind}");
    }
}

#[test]
fn what_is_installed_is_what_was_consented_to() {
    let available = State::Available(offered(false));
    let other = |change: fn(&mut Consent)| {
        let mut consent = consent();
        change(&mut consent);
        next(&available, &plain(), Event::Install(consent)).unwrap_err().reason
    };
    assert_eq!(other(|c| c.digest = "0".repeat(64)), "other-offer");
    assert_eq!(other(|c| c.version = "3.0".into()), "other-offer");
}

#[test]
fn another_channels_offer_needs_more_than_a_consent() {
    let mut other = Offered::clone(&offered(false));
    other.other_channel = true;
    let available = State::Available(Arc::new(other));
    let with = |other_channel| {
        let consent = Consent { other_channel, ..consent() };
        next(&available, &plain(), Event::Install(consent)).map(|(state, _)| state.code()).map_err(|f| f.kind)
    };
    let State::Available(offered) = &available else { panic!() };
    let paused = State::Paused(Arc::clone(offered), None);
    let resumed = |other_channel| {
        let event = Event::Resume { other_channel };
        next(&paused, &plain(), event).map(|(state, _)| state.code()).map_err(|f| f.kind)
    };
    let both: [&dyn Fn(bool) -> Result<sameday_dbus::State, ErrorKind>; 2] = [&with, &resumed];
    for may in both {
        assert_eq!(may(false), Err(ErrorKind::NotAllowed));
        assert_eq!(may(true), Ok(sameday_dbus::State::Downloading));
    }
}

#[test]
fn an_old_kit_needs_its_date_confirmed() {
    let available = State::Available(offered(true));
    let with = |date: Option<&str>| {
        let consent = Consent { signed_on: date.map(str::to_owned), ..consent() };
        next(&available, &plain(), Event::Install(consent)).map(|(s, _)| s.code()).map_err(|f| f.reason)
    };
    assert_eq!(with(None), Err("signed-on-needed".into()));
    assert_eq!(with(Some("2026-01-02")), Err("signed-on-differs".into()));
    assert_eq!(with(Some("2026-01-01")), Ok(sameday_dbus::State::Downloading));
}

#[test]
fn what_the_work_reports_leads_on() {
    let version: Version = "2.0".parse().unwrap();
    let checking = State::Checking(Origin::Repository, Progress::default());
    let downloading = State::Downloading(offered(false), Progress::default());
    let applying = State::Applying(offered(false), Progress::default());
    let pausing = State::Pausing(offered(false));
    let cancelling = State::Cancelling(Some(offered(false)));
    let not = |kind| Event::Installed(Installed::Not(failure(kind)));
    let kept = || Event::Installed(Installed::Kept(None));
    let committed = || Event::Installed(Installed::Committed(version.clone()));
    let left = stick(&BootEnv::base(), "base", Some(left_over()), "");
    let pending = stick(&env("2.0", "base", 3, false), "base", None, "");
    let cases = [
        (&checking, &plain(), Event::Checked(Verdict::UpToDate), "up-to-date"),
        (&checking, &plain(), Event::Checked(Verdict::Offer(offered(false))), "available"),
        (&checking, &pending, Event::Checked(Verdict::UpToDate), "restart-pending"),
        (&checking, &pending, Event::Checked(Verdict::Offer(offered(false))), "restart-pending"),
        (&State::Cancelling(None), &plain(), Event::Checked(Verdict::UpToDate), "idle"),
        (&State::Cancelling(None), &left, Event::Checked(Verdict::UpToDate), "left-overs"),
        (&downloading, &plain(), Event::Progressed(Phase::Apply, Progress::default()), "applying"),
        (&downloading, &pending, committed(), "restart-pending"),
        (&downloading, &left, Event::Installed(Installed::Kept(Some(failure(ErrorKind::Server)))), "paused"),
        (&downloading, &plain(), not(ErrorKind::StickFailed), "failed"),
        (&pausing, &left, kept(), "paused"),
        (&pausing, &pending, committed(), "restart-pending"),
        (&pausing, &plain(), not(ErrorKind::StickFailed), "failed"),
        (&applying, &left, kept(), "paused"),
        (&cancelling, &plain(), not(ErrorKind::Cancelled), "available"),
        (&cancelling, &left, kept(), "cancelling"),
        (&cancelling, &plain(), kept(), "available"),
        (&cancelling, &pending, committed(), "restart-pending"),
        (&cancelling, &plain(), not(ErrorKind::StickFailed), "failed"),
        (&cancelling, &plain(), Event::Progressed(Phase::Download, Progress::default()), "cancelling"),
        (&cancelling, &plain(), Event::Discarded(Ok(())), "available"),
        (&State::Cancelling(None), &plain(), Event::Discarded(Ok(())), "idle"),
        (&State::Cancelling(None), &left, Event::Discarded(Err(failure(ErrorKind::StickFailed))), "failed"),
        (&State::Switching(None), &pending, Event::Switched(Ok(())), "restart-pending"),
        (&State::Switching(None), &plain(), Event::Switched(Err(failure(ErrorKind::StickFailed))), "failed"),
    ];
    for (state, stick, event, expected) in cases {
        let what = format!("{} × {event:?}", state.code());
        assert_eq!(told(state, stick, event), expected, "{what}");
    }
}

#[test]
fn whoever_switches_gets_the_version_that_was_shown() {
    let kept = stick(&env("2.0", "base", 0, true), "2.0", None, "");
    let undone = stick(&env("2.0", "base", 0, false), "base", None, "");
    let pending = stick(&env("2.0", "base", 3, false), "base", None, "");
    let back = |state: &State, stick: &Stick, version: &str| told(state, stick, Event::Rollback(version.into()));
    let again = |state: &State, stick: &Stick, version: &str| {
        told(state, stick, Event::TryAgain { version: version.into(), other_channel: false })
    };
    assert_eq!(back(&State::Idle, &kept, "1.0"), "switching");
    assert_eq!(back(&State::UpToDate, &kept, "0.9"), "not-offered");
    assert_eq!(back(&State::Idle, &plain(), "1.0"), "bad-request");
    assert_eq!(back(&State::Downloading(offered(false), Progress::default()), &kept, "1.0"), "busy");
    assert_eq!(back(&State::RestartPending("2.0".into()), &pending, "1.0"), "switching");
    assert_eq!(again(&State::Undone("2.0".into()), &undone, "2.0"), "switching");
    assert_eq!(again(&State::UpToDate, &undone, "2.0"), "switching");
    assert_eq!(again(&State::Undone("2.0".into()), &undone, "3.0"), "not-offered");
    assert_eq!(again(&State::Idle, &kept, "2.0"), "bad-request");
    assert_eq!(again(&State::RestartPending("2.0".into()), &pending, "2.0"), "bad-request");
    let mut other = undone.clone();
    other.again.as_mut().unwrap().other_channel = true;
    assert_eq!(again(&State::Undone("2.0".into()), &other, "2.0"), "not-allowed");
}

#[test]
fn judging_a_start_changes_nothing_that_clients_see() {
    let on_trial = stick(&env("2.0", "base", 2, false), "2.0", None, "");
    let judge = || Event::JudgeStart("2.0".into(), Shown::Good);
    for (state, _) in states() {
        let code = state.code();
        match next(&state, &on_trial, judge()) {
            Ok((switching, effects)) => {
                assert!(!code.is_busy(), "{code}");
                assert_eq!(effects.len(), 1);
                assert_eq!(told(&switching, &on_trial, Event::Check), "busy");
                let after = told(&switching, &on_trial, Event::Switched(Ok(())));
                assert_eq!(after, code.to_string(), "judged in {code}");
                assert_eq!(
                    told(&switching, &on_trial, Event::Switched(Err(failure(ErrorKind::StickFailed)))),
                    "failed"
                );
            }
            Err(failure) => assert_eq!((failure.kind, code.is_busy()), (ErrorKind::Busy, true), "{code}"),
        }
    }
}

#[test]
fn work_begins_once_for_two_clients_that_check() {
    let (state, effects) = next(&State::Idle, &plain(), Event::Check).unwrap();
    assert_eq!(effects.len(), 1);
    let (_, effects) = next(&state, &plain(), Event::Check).unwrap();
    assert!(effects.is_empty());
}
