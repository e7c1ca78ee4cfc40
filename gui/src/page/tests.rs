//! Every state has its page, without a display.

use sameday_dbus::{
    ChosenBy, ErrorKind, Failure, Fix, LeftOver, Looking, Offer, Origin, Progress, Severity, Standing, blockage, phase,
};

use super::consent::Fixed;
use super::*;

fn around() -> Around {
    Around { now: "2026-11-22T12:00:00Z".parse().unwrap(), ..Around::default() }
}

fn offer() -> Offer {
    Offer {
        version: "1.2".into(),
        digest: "d1".into(),
        channel: "stable".into(),
        published: "2026-11-20T08:00:00Z".into(),
        signed_on: "2026-11-21T08:00:00Z".into(),
        signers: vec!["alice".into()],
        download_size: 273_000_000,
        room_needed: 280_000_000,
        room_free: 5_000_000_000,
        fixes: vec![Fix { name: "openssl".into(), severity: Severity::High, cves: vec!["CVE-2026-1".into()] }],
        notes: [("en".into(), "New.".into()), ("de".into(), "Neu.".into())].into(),
        ..Offer::default()
    }
}

fn snapshot(state: State) -> Snapshot {
    let offered =
        matches!(state, State::Available | State::Downloading | State::Pausing | State::Paused | State::Applying);
    Snapshot {
        state,
        offer: offered.then(offer),
        standing: if state == State::Undone { Standing::Undone } else { Standing::Good },
        product: "demo".into(),
        architecture: "amd64".into(),
        channel: "stable".into(),
        running_channel: "stable".into(),
        running_version: "1.1".into(),
        initial_version: "1.0".into(),
        ..Snapshot::default()
    }
}

fn page(snapshot: Snapshot) -> Page {
    Page::of(&Seen::Here(Box::new(snapshot)), &around())
}

fn story(snapshot: Snapshot) -> Story {
    match page(snapshot) {
        Page::Story(story) => story,
        other => panic!("{other:?}"),
    }
}

fn work(snapshot: Snapshot) -> Work {
    match page(snapshot) {
        Page::Work(work) => work,
        other => panic!("{other:?}"),
    }
}

fn consent(snapshot: Snapshot) -> Consent {
    match page(snapshot) {
        Page::Consent(consent) => *consent,
        other => panic!("{other:?}"),
    }
}

fn words(story: &Story) -> String {
    story.paragraphs.join("\n")
}

#[test]
fn every_state_has_a_page_of_its_own_with_a_title() {
    let mut titles = std::collections::BTreeSet::new();
    for state in State::ALL {
        let page = page(Snapshot { failure: None, pending_version: "1.2".into(), ..snapshot(*state) });
        assert!(!page.title().is_empty(), "{state}");
        assert!(
            titles.insert(page.title().to_owned()) || *state == State::Manual || *state == State::Failed,
            "{state}"
        );
        if let Page::Story(story) = &page {
            assert!(!story.paragraphs.is_empty() && !story.actions.is_empty() && !story.icon.is_empty(), "{state}");
        }
    }
    assert!(!Page::of(&Seen::Waiting, &around()).title().is_empty());
}

#[test]
fn only_an_offer_asks_for_consent() {
    for state in State::ALL {
        let asks = matches!(page(snapshot(*state)), Page::Consent(_));
        assert_eq!(asks, *state == State::Available, "{state}");
    }
    let Page::Story(_) = page(Snapshot { offer: None, ..snapshot(State::Available) }) else { panic!() };
}

#[test]
fn what_can_be_stopped_follows_the_states() {
    let committing = Some(Progress { phase: phase::COMMITTING.into(), ..Progress::default() });
    for (state, progress, pause, cancel) in [
        (State::Connecting, None, false, true),
        (State::Checking, None, false, true),
        (State::Downloading, None, true, true),
        (State::Pausing, None, false, true),
        (State::Applying, None, false, true),
        (State::Applying, committing, false, false),
        (State::Cancelling, None, false, false),
        (State::Switching, None, false, false),
    ] {
        let work = work(Snapshot { progress, ..snapshot(state) });
        assert_eq!((work.pause, work.cancel), (pause, cancel), "{state}");
    }
}

#[test]
fn every_kind_of_failure_tells_itself_and_has_help() {
    for kind in ErrorKind::ALL {
        let failure = Failure::new(*kind, "some-reason").number("n", 7);
        let state =
            if matches!(kind, ErrorKind::ManualUpgrade | ErrorKind::NoRoom) { State::Manual } else { State::Failed };
        let story = story(Snapshot { failure: Some(failure.clone()), ..snapshot(state) });
        assert!(!story.title.is_empty() && words(&story).contains(&sameday_text::failure(&failure)), "{kind}");
        assert_eq!(story.help, Some(kind.code()));
        assert!(sameday_text::help::page(kind.code()).is_some(), "{kind}");
        assert!(story.details.unwrap().contains("some-reason n=7"));
        assert!(!story.actions.is_empty());
    }
}

#[test]
fn every_topic_that_a_page_names_has_its_help_page() {
    for state in State::ALL {
        let help = match page(snapshot(*state)) {
            Page::Story(story) => story.help,
            Page::Work(work) => work.help,
            Page::Consent(_) => None,
        };
        assert!(help.is_none_or(|topic| sameday_text::help::page(topic).is_some()), "{state}");
    }
}

#[test]
fn known_holes_are_told_plainly() {
    let of_another = |standing| Snapshot {
        standing,
        standing_version: "1.2".into(),
        again_version: "1.2".into(),
        ..snapshot(if standing == Standing::Undone { State::Undone } else { State::Idle })
    };
    for standing in [Standing::Undone, Standing::RolledBack] {
        let story = story(of_another(standing));
        assert!(words(&story).contains("known security holes that 1.2 fixes"), "{standing}");
        assert!(story.actions.contains(&Action::TryAgain("1.2".into())), "{standing}");
    }
    let pending = story(Snapshot { pending_version: "1.2".into(), ..snapshot(State::RestartPending) });
    assert!(words(&pending).contains("1.1 stays in use, with the security holes that 1.2 fixes"));
    assert_eq!(pending.actions, [Action::Later, Action::Restart]);
    let back =
        Snapshot { pending_version: "1.0".into(), previous_version: "1.0".into(), ..snapshot(State::RestartPending) };
    assert!(!words(&story(back)).contains("holes that 1.0 fixes"));
}

#[test]
fn the_question_shows_all_that_is_consented_to() {
    let shown = consent(Snapshot {
        offer: Some(Offer { gives_up: "1.0".into(), channel: "alpha".into(), ..offer() }),
        looking: Looking {
            channel: "alpha".into(),
            base_urls: vec!["http://a.onion/".into()],
            chosen_by: ChosenBy::Kernel,
        },
        ..snapshot(State::Available)
    });
    assert_eq!((shown.version.as_str(), shown.digest.as_str()), ("1.2", "d1"));
    assert_eq!(shown.title, "Upgrade to 1.2 (this stick runs 1.1)");
    assert!(shown.warnings[0].contains("http://a.onion/") && shown.warnings[1].contains("“alpha”"));
    assert_eq!(shown.fixed.as_deref(), Some("Fixes 1 problem: 1 high"));
    assert_eq!(shown.fixes, [Fixed { severity: "high".into(), names: "openssl (CVE-2026-1)".into() }]);
    assert_eq!(shown.notes.as_deref(), Some("New."));
    let all = shown.consequences.join("\n");
    for part in ["1.0 is removed", "Persistent Storage", "after a restart"] {
        assert!(all.contains(part), "{part}");
    }
    let names: Vec<&str> = shown.facts.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["Size", "Time", "Room", "Channel", "From", "Published", "Signed", "Signed by"]);
    assert_eq!(shown.old, None);
}

#[test]
fn a_kit_says_first_who_signed_it() {
    let kit =
        Offer { source: Origin::Kit, confirm_signed_on: true, signed_on: "2026-10-01T00:00:00Z".into(), ..offer() };
    let shown = consent(Snapshot { offer: Some(kit), ..snapshot(State::Available) });
    let names: Vec<&str> = shown.facts.iter().map(|(name, _)| name.as_str()).take(3).collect();
    assert_eq!(names, ["Signed by", "Channel", "Signed"]);
    let old = shown.old.unwrap();
    assert_eq!(old.signed_on, "2026-10-01T00:00:00Z");
    assert!(old.warning.contains("2026-10-01") && old.question.contains("2026-10-01"));
}

#[test]
fn consent_to_one_offer_is_none_to_another() {
    let shown = |offer| consent(Snapshot { offer: Some(offer), ..snapshot(State::Available) });
    let first = shown(offer());
    assert!(first.is_the_same_as(&shown(Offer { room_free: 1, ..offer() })));
    for other in [
        Offer { version: "1.3".into(), ..offer() },
        Offer { digest: "d2".into(), ..offer() },
        Offer { confirm_signed_on: true, ..offer() },
    ] {
        assert!(!first.is_the_same_as(&shown(other)));
    }
}

#[test]
fn hostile_lengths_are_cut() {
    let fix = Fix { name: "x".into(), severity: Severity::Low, cves: vec![] };
    let long = Offer { notes: [("en".into(), "é".repeat(40_000))].into(), fixes: vec![fix; 4096], ..offer() };
    let shown = consent(Snapshot { offer: Some(long), ..snapshot(State::Available) });
    assert!(shown.notes.unwrap().len() < 21_000);
    assert_eq!(shown.fixes[0].names.lines().count(), 500);
}

#[test]
fn progress_is_told_as_far_as_it_is_known() {
    let downloading = |bytes, total, seconds_left| {
        let progress = Progress { phase: phase::DOWNLOADING.into(), bytes, total, seconds_left, ..Progress::default() };
        let around = Around { speed: Some(1_200_000), battery: Some(10), ..around() };
        Work::of(&Snapshot { progress: Some(progress), ..snapshot(State::Downloading) }, &around)
    };
    let shown = downloading(12_000_000, 240_000_000, Some(240));
    assert_eq!(shown.fraction, Some(0.05));
    assert_eq!(shown.amounts, "12 MB of 240 MB, 1.2 MB a second, about 4 minutes left");
    assert!(shown.notices[0].contains("10 %"));
    assert_eq!((downloading(5, 0, None).fraction, downloading(5, 0, None).amounts.as_str()), (None, ""));
    assert_eq!(downloading(u64::MAX, 1, None).fraction, Some(1.0));
    let blocked = Progress {
        phase: phase::CONNECTING.into(),
        bytes: 15,
        total: 100,
        blockage: blockage::OFFLINE.into(),
        ..Progress::default()
    };
    let shown = work(Snapshot { progress: Some(blocked), ..snapshot(State::Connecting) });
    assert_eq!((shown.amounts.as_str(), shown.help), ("15 %", Some("tor-blocked")));
    assert!(shown.notices[0].contains("there is no network"));
}

#[test]
fn the_user_is_called_only_for_what_matters() {
    let calls = |snapshot| attention(&Seen::Here(Box::new(snapshot)));
    for (state, expected) in [
        (State::Idle, Attention::None),
        (State::UpToDate, Attention::None),
        (State::Connecting, Attention::None),
        (State::Downloading, Attention::None),
        (State::Available, Attention::Window),
        (State::Manual, Attention::Window),
        (State::Undone, Attention::Window),
        (State::RestartPending, Attention::Notice),
    ] {
        assert_eq!(calls(snapshot(state)), expected, "{state}");
    }
    for (kind, expected) in [
        (ErrorKind::Server, Attention::None),
        (ErrorKind::NotConfirmedNewest, Attention::Notice),
        (ErrorKind::NotVerified, Attention::Window),
        (ErrorKind::Withdrawn, Attention::Window),
    ] {
        let failure = Some(Failure::new(kind, "r"));
        assert_eq!(calls(Snapshot { failure, ..snapshot(State::Failed) }), expected, "{kind}");
    }
    assert_eq!(attention(&Seen::Away(Away::default())), Attention::None);
}

#[test]
fn the_kit_has_its_exact_name() {
    let kit = Kit::of(Some(&snapshot(State::Idle)));
    assert_eq!(kit.name.as_deref(), Ok("demo-amd64-stable-from-1.0.kit"));
    assert!(kit.steps.len() >= 3 && kit.steps.iter().all(|step| !step.contains("sameday ")));
    assert!(Kit::of(None).name.is_err());
}

#[test]
fn what_is_left_is_told_with_its_size() {
    let left_over = Some(LeftOver { version: "1.2".into(), bytes: 120_000_000 });
    for state in [State::Paused, State::LeftOvers] {
        let story = story(Snapshot { left_over: left_over.clone(), ..snapshot(state) });
        assert!(words(&story).contains("120 MB"), "{state}");
        assert_eq!(story.actions, [Action::Resume, Action::Discard], "{state}");
    }
}
