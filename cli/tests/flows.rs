//! The real program against a daemon that plays a part, on a private bus: what it asks, what it shows, how it ends.

#[path = "flows/channel.rs"]
mod channel;
#[path = "flows/codes.rs"]
mod codes;
#[path = "flows/help.rs"]
mod help;
#[path = "flows/stage.rs"]
mod stage;
#[path = "flows/stopping.rs"]
mod stopping;
#[path = "flows/versions.rs"]
mod versions;

use nix::sys::signal::Signal;
use sameday_dbus::{ErrorKind, Failure, Fix, Offer, Origin, Severity};
use stage::{Part, Stage};

fn offer() -> Offer {
    Offer {
        version: "1.2".into(),
        digest: "ab".repeat(32),
        channel: "stable".into(),
        published: "2026-11-20T08:00:00Z".into(),
        signed_on: "2026-11-20T08:00:00Z".into(),
        signers: vec!["alice".into()],
        download_size: 273_000_000,
        room_needed: 280_000_000,
        room_free: 5_000_000_000,
        fixes: vec![Fix { name: "openssl".into(), severity: Severity::Critical, cves: vec!["CVE-2026-1".into()] }],
        notes: [("en".into(), "Newer.".into())].into(),
        ..Offer::default()
    }
}

fn old_kit() -> Offer {
    Offer { source: Origin::Kit, signed_on: "2026-01-01".into(), confirm_signed_on: true, ..offer() }
}

#[tokio::test(flavor = "multi_thread")]
async fn consent_installs_exactly_what_was_shown() {
    let stage = Stage::open(Part { found: Ok(Some(offer())), ..Part::default() }).await;
    let ended = stage.run(&["upgrade", "--yes"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(stage.installed(), [("1.2".to_owned(), "ab".repeat(32), None)]);
    for shown in [
        "Upgrade to 1.2 (this stick runs 1.0)",
        "1 critical",
        "openssl",
        "Newer.",
        "Downloading",
        "Restart the computer",
    ] {
        assert!(ended.out.contains(shown), "{shown}: {ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_that_stands_is_not_looked_for_again() {
    let stage = Stage::open(Part { found: Ok(Some(offer())), ..Part::default() }).await;
    assert_eq!(stage.run(&["check"]).code, 0);
    assert_eq!(stage.run(&["upgrade", "--yes"]).code, 0);
    assert_eq!(stage.checks(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_installed_without_an_answer() {
    let stage = Stage::open(Part { found: Ok(Some(offer())), ..Part::default() }).await;
    let ended = stage.run(&["upgrade"]);
    assert_eq!(ended.code, 64, "{ended:?}");
    assert!(ended.err.contains("--yes"), "{ended:?}");
    for answer in ["n\n", "\n", ""] {
        let ended = stage.run_on_terminal("upgrade", answer);
        assert_eq!(ended.code, 1, "{answer:?} {ended:?}");
        assert!(ended.out.contains("Install 1.2 now? [y/N]"), "{ended:?}");
    }
    assert_eq!(stage.installed(), []);
    let ended = stage.run_on_terminal("upgrade", "y\n");
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(stage.installed().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_call_tells_why() {
    let refusal = Failure::new(ErrorKind::NotAllowed, "polkit-refused").text("action", "org.sameday.upgrader1.check");
    let stage = Stage::open(Part { refuse: Some(refusal), ..Part::default() }).await;
    let ended = stage.run(&["check"]);
    assert_eq!(ended.code, 1);
    assert!(ended.err.contains("Ask an administrator") && ended.err.contains("polkit-refused"), "{ended:?}");
    let ended = stage.run(&["check", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!((ended.code, told["failure"]["kind"].as_str()), (1, Some("not-allowed")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_that_fails_is_a_failure() {
    let failure = Failure::new(ErrorKind::StickFailed, "read-back-mismatch").text("place", "live/1.2/1.2.squashfs");
    let stage = Stage::open(Part { found: Ok(Some(offer())), install: Err(failure), ..Part::default() }).await;
    let ended = stage.run(&["upgrade", "--yes", "--restart"]);
    assert_eq!((ended.code, stage.restarts()), (1, 0), "{ended:?}");
    assert!(ended.err.contains("read-back-mismatch"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_cancels_and_says_so() {
    let stage = Stage::open(Part { found: Ok(Some(offer())), endless: true, ..Part::default() }).await;
    let running = stage.start(&["upgrade", "--yes"]);
    stage.wait_until("downloading");
    running.signal(Signal::SIGINT);
    let ended = running.end();
    assert_eq!((ended.code, stage.cancels()), (1, 1), "{ended:?}");
    assert!(ended.out.contains("Cancelled."), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_killed_cancels_nothing() {
    let stage = Stage::open(Part { found: Ok(Some(offer())), endless: true, ..Part::default() }).await;
    let running = stage.start(&["upgrade", "--yes"]);
    stage.wait_until("downloading");
    running.signal(Signal::SIGKILL);
    running.end();
    assert_eq!(stage.cancels(), 0);
    let ended = stage.run(&["status"]);
    assert!(ended.out.contains("downloading the upgrade"), "{ended:?}");
    assert_eq!((stage.run(&["cancel"]).code, stage.cancels()), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_vanishes_is_told_and_not_waited_for() {
    let mut stage = Stage::open(Part { found: Ok(Some(offer())), endless: true, ..Part::default() }).await;
    let running = stage.start(&["upgrade", "--yes"]);
    stage.wait_until("downloading");
    stage.close().await;
    let ended = running.end();
    assert_eq!(ended.code, 1);
    assert!(ended.err.contains("stopped unexpectedly"), "{ended:?}");
    let ended = stage.run(&["status"]);
    assert!(ended.code == 1 && ended.err.contains("not installed"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_kit_needs_its_date_confirmed() {
    let stage = Stage::open(Part { kit: Some(old_kit()), ..Part::default() }).await;
    let kit = stage.file("demo.kit", b"what is in the kit");
    let ended = stage.run(&["install", &kit, "--yes"]);
    assert_eq!(ended.code, 64, "{ended:?}");
    assert!(ended.err.contains("--signed-on 2026-01-01"), "{ended:?}");
    assert_eq!(stage.kit_read(), b"what is in the kit");
    assert_eq!(stage.run(&["install", &kit, "--yes", "--signed-on", "2026-01-02"]).code, 64);
    let terminal = stage.run_on_terminal(&format!("install {kit} --yes"), "\n");
    assert!(terminal.code == 1 && terminal.out.contains("signed on 2026-01-01 all the same?"), "{terminal:?}");
    assert_eq!(stage.installed(), []);
    let ended = stage.run(&["install", &kit, "--yes", "--signed-on", "2026-01-01"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(stage.installed(), [("1.2".to_owned(), "ab".repeat(32), Some("2026-01-01".to_owned()))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kit_that_is_no_file_is_wrong_use() {
    let stage = Stage::open(Part { kit: Some(old_kit()), ..Part::default() }).await;
    for path in ["/nonexistent.kit", "/", "/dev/zero"] {
        let ended = stage.run(&["install", path, "--yes"]);
        assert!(ended.code == 64 && ended.err.contains(path), "{ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn restarting_is_asked_of_logind_and_only_when_wanted() {
    let stage = Stage::open(Part { found: Ok(Some(offer())), ..Part::default() }).await;
    assert_eq!(stage.run(&["upgrade", "--yes"]).code, 0);
    assert_eq!(stage.restarts(), 0);
    let ended = stage.run(&["upgrade"]);
    assert_eq!((ended.code, stage.restarts()), (2, 0), "{ended:?}");
    let ended = stage.run(&["upgrade", "--restart"]);
    assert_eq!((ended.code, stage.restarts()), (0, 1), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_answer_json() {
    let stage = Stage::open(Part { found: Ok(Some(offer())), ..Part::default() }).await;
    for (command, state, code) in [("status", "idle", 0), ("check", "available", 0), ("status", "available", 0)] {
        let ended = stage.run(&[command, "--json"]);
        let told: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
        assert_eq!((told["state"].as_str(), ended.code), (Some(state), code), "{ended:?}");
        assert_eq!(told["kit"], "demo-amd64-stable-from-1.0.kit");
        assert_eq!(ended.out.lines().count(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_offer_does_not_reach_the_terminal() {
    let escape = "\u{1b}[2J\u{202e}\u{7}".to_owned();
    let hostile = Offer {
        version: format!("1.2{escape}"),
        channel: escape.clone(),
        published: escape.clone(),
        signed_on: escape.clone(),
        signers: vec![escape.clone()],
        gives_up: escape.clone(),
        details_url: escape.clone(),
        notes: [("en".into(), escape.clone())].into(),
        fixes: vec![Fix { name: escape.clone(), severity: Severity::Low, cves: vec![escape] }],
        ..offer()
    };
    let stage = Stage::open(Part { found: Ok(Some(hostile)), ..Part::default() }).await;
    let ended = stage.run(&["check"]);
    assert_eq!(ended.code, 0);
    assert!(ended.out.contains("[2J") && !ended.out.contains(['\u{1b}', '\u{202e}', '\u{7}']), "{ended:?}");
}
