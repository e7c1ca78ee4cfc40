//! What people are told.

use super::*;
use sameday_dbus::{ChosenBy, ErrorKind, Failure, LeftOver, Looking, Offer, Progress, Standing};

fn snapshot(state: State) -> Snapshot {
    Snapshot {
        state,
        product: "demo".into(),
        architecture: "amd64".into(),
        channel: "stable".into(),
        running_channel: "stable".into(),
        running_version: "1.1".into(),
        initial_version: "1.0".into(),
        ..Snapshot::default()
    }
}

#[test]
fn the_status_tells_what_runs_and_what_starts_next() {
    let pending = Snapshot { pending_version: "1.2".into(), ..snapshot(State::RestartPending) };
    let expected = "\
System: demo amd64
Runs: 1.1 (first installed: 1.0)
Came from the channel: stable
Channel: stable
Starts next: 1.2
State: another version is used after a restart
Kit for this stick: demo-amd64-stable-from-1.0.kit
Restart the computer to use it.";
    assert_eq!(render(&pending), expected);
}

#[test]
fn the_status_tells_how_far_it_is_and_what_failed() {
    let progress = Progress { phase: "downloading".into(), bytes: 1_000_000, total: 2_000_000, ..Progress::default() };
    let offer = Offer { version: "1.2".into(), channel: "stable".into(), download_size: 2_000_000, ..Offer::default() };
    let busy = Snapshot { progress: Some(progress), offer: Some(offer), ..snapshot(State::Downloading) };
    let text = render(&busy);
    assert!(text.contains("Offered: 1.2, 2.0 MB, channel stable\nProgress: Downloading: 1.0 MB of 2.0 MB"), "{text}");
    let failed = Snapshot { failure: Some(Failure::new(ErrorKind::Server, "closed")), ..snapshot(State::Failed) };
    assert!(render(&failed).ends_with("Try again later.\n(server closed)\nMore: sameday help server"));
    let progress = Progress { phase: "connecting".into(), blockage: "offline".into(), ..Progress::default() };
    let blocked = Snapshot { progress: Some(progress), ..snapshot(State::Connecting) };
    assert!(render(&blocked).contains("\nState: connecting to Tor\n"));
    assert!(render(&blocked).ends_with("\nHeld up: there is no network"));
}

#[test]
fn every_standing_tells_both_versions_and_what_can_be_done() {
    for (standing, expected) in [
        (Standing::Unknown, &[][..]),
        (Standing::Good, &[]),
        (Standing::RestartPending, &[]),
        (Standing::OnTrial, &["1.1 runs on trial"]),
        (Standing::Undone, &["1.2 did not come up", "1.1 runs instead, which has known security holes", "try-again"]),
        (Standing::RolledBack, &["went back from 1.2 to 1.1", "known security holes", "try-again"]),
        (Standing::ByHand, &["1.1 was chosen by hand", "1.2 starts at the next start"]),
    ] {
        let plain = render(&snapshot(State::Idle));
        let again_version = if expected.contains(&"try-again") { "1.2".to_owned() } else { String::new() };
        let standing_version = "1.2".to_owned();
        let text = render(&Snapshot { standing, standing_version, again_version, ..snapshot(State::Idle) });
        assert_eq!(text == plain, expected.is_empty(), "{standing}: {text}");
        for part in expected {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
    assert_eq!(Standing::ALL.len(), 7);
    let (standing, standing_version) = (Standing::Undone, "1.2".to_owned());
    let not_whole = render(&Snapshot { standing, standing_version, ..snapshot(State::Idle) });
    assert!(not_whole.contains("1.2 did not come up") && !not_whole.contains("try-again"), "{not_whole}");
}

#[test]
fn left_overs_have_a_size_and_two_ways_out() {
    let left_over = Some(LeftOver { version: "1.2".into(), bytes: 120_000_000 });
    let text = render(&Snapshot { left_over, ..snapshot(State::LeftOvers) });
    for part in ["120 MB of a download of 1.2", "sameday resume", "sameday discard", "sameday help left-overs"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn what_is_not_as_the_image_has_it_comes_first() {
    let looking = Looking {
        channel: "alpha".into(),
        base_urls: vec!["http://candidate.onion/".into()],
        chosen_by: ChosenBy::Administrator,
    };
    let text = render(&Snapshot { looking, ..snapshot(State::Idle) });
    let expected = "\
*** WARNING: Upgrades are looked for in the channel “alpha”. This system's own channel is “stable”. ***
*** WARNING: Upgrades are looked for at http://candidate.onion/ and not at this system's own servers. ***
    Chosen by: an administrator, until the next start of the computer
    To look where this system looks by itself: sameday channel --reset

System: demo amd64
";
    assert!(text.starts_with(expected), "{text}");
    assert!(text.contains("Kit for this stick: demo-amd64-alpha-from-1.0.kit"));
}
