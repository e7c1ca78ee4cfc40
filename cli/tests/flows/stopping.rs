//! Stopping a download, going on with it, giving it up.

use nix::sys::signal::Signal;
use sameday_dbus::{ErrorKind, Failure, LeftOver};

use crate::offer;
use crate::stage::{Part, Stage};

fn left_over() -> Option<LeftOver> {
    Some(LeftOver { version: "1.2".into(), bytes: 120_000_000 })
}

fn paused() -> Part {
    Part { state: "paused", found: Ok(Some(offer())), left_over: left_over(), ..Part::default() }
}

fn abandoned() -> Part {
    Part { state: "left-overs", ..paused() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_is_paused_and_whoever_follows_it_is_told() {
    let stage = Stage::open(Part { found: Ok(Some(offer())), endless: true, ..Part::default() }).await;
    let running = stage.start(&["upgrade", "--yes"]);
    stage.wait_until("downloading");
    let ended = stage.run(&["pause"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.out.contains("Pausing") || ended.out.contains("Downloading"), "{ended:?}");
    assert!(ended.out.contains("Paused.") && ended.out.contains("sameday resume"), "{ended:?}");
    let followed = running.end();
    assert_eq!((followed.code, stage.cancels()), (1, 0), "{followed:?}");
    assert!(followed.out.contains("“sameday pause” in another terminal"), "{followed:?}");
    assert!(followed.out.contains("The download is paused"), "{followed:?}");
    let status = stage.run(&["status"]);
    assert!(status.out.contains("State: the download is paused") && status.out.contains("7.0 MB"), "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_paused_goes_on_without_a_second_consent() {
    let stage = Stage::open(paused()).await;
    let ended = stage.run(&["resume"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.out.contains("1.2 starts next. Restart the computer"), "{ended:?}");
    assert_eq!((stage.calls(), stage.installed()), (vec!["Resume".to_owned()], vec![]));
    assert_eq!(stage.run(&["resume"]).code, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_that_is_paused_is_offered_to_be_gone_on_with() {
    let stage = Stage::open(paused()).await;
    let ended = stage.run(&["upgrade"]);
    assert_eq!(ended.code, 64, "{ended:?}");
    assert!(ended.out.contains("The download of 1.2 is paused."), "{ended:?}");
    assert!(ended.err.contains("sameday resume"), "{ended:?}");
    let ended = stage.run_on_terminal("upgrade", "\n");
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.out.contains("Go on with 1.2 now? [y/N]") && ended.out.contains("It stays paused."), "{ended:?}");
    assert!(stage.calls().is_empty());
    let ended = stage.run_on_terminal("upgrade", "y\n");
    assert_eq!((ended.code, stage.calls()), (0, vec!["Resume".to_owned()]), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn consent_beforehand_goes_on_with_what_is_paused() {
    let stage = Stage::open(paused()).await;
    assert_eq!(stage.run(&["upgrade", "--yes"]).code, 0);
    assert_eq!((stage.calls(), stage.installed()), (vec!["Resume".to_owned()], vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_stops_by_itself_says_why_and_how_to_go_on() {
    let install = Err(Failure::new(ErrorKind::TorBlocked, "offline"));
    let stage = Stage::open(Part { install, pauses: true, ..paused() }).await;
    let ended = stage.run(&["resume"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.err.contains("Tor cannot be reached") && ended.err.contains("More: sameday help tor-blocked"));
    assert!(ended.out.contains("sameday resume") && ended.out.contains("sameday discard"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_abandoned_is_looked_for_and_asked_about_anew() {
    for command in ["resume", "upgrade"] {
        let stage = Stage::open(abandoned()).await;
        let ended = stage.run(&[command]);
        assert_eq!(ended.code, 64, "{ended:?}");
        for shown in ["120 MB of a download of 1.2", "sameday discard", "Upgrade to 1.2 (this stick runs 1.0)"] {
            assert!(ended.out.contains(shown), "{shown}: {ended:?}");
        }
        assert_eq!((stage.calls(), stage.installed()), (vec!["Resume".to_owned()], vec![]));
        // The offer stands now, and what lies on the stick still does.
        let ended = stage.run(&[command, "--yes"]);
        assert_eq!((ended.code, stage.installed().len()), (0, 1), "{ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn left_overs_are_discarded() {
    let stage = Stage::open(abandoned()).await;
    let ended = stage.run(&["discard"]);
    assert_eq!((ended.code, stage.calls()), (0, vec!["Discard".to_owned()]), "{ended:?}");
    assert!(ended.out.contains("The room is free again"), "{ended:?}");
    let ended = stage.run(&["discard"]);
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.out.contains("There is nothing on the stick that a download left."), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn going_on_is_cancelled_by_an_interrupt_as_an_upgrade_is() {
    let stage = Stage::open(Part { endless: true, ..paused() }).await;
    let running = stage.start(&["resume"]);
    stage.wait_until("downloading");
    running.signal(Signal::SIGINT);
    let ended = running.end();
    assert_eq!((ended.code, stage.cancels()), (1, 1), "{ended:?}");
    assert!(ended.out.contains("Cancelled."), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_tor_from_connecting_is_told_while_it_does() {
    let stage = Stage::open(Part { blockage: "offline", ..Part::default() }).await;
    let ended = stage.run(&["check"]);
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.out.contains("Connecting to Tor (there is no network)"), "{ended:?}");
}
