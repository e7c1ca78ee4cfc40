//! What a user consents to is on the screen.

use sameday_dbus::{Origin, Severity, State};
use sameday_text::offer::old_kit;

use super::*;

fn offer() -> Offer {
    let fix = |name: &str, severity| Fix { name: name.into(), severity, cves: vec![] };
    Offer {
        version: "1.2".into(),
        digest: "d".into(),
        channel: "stable".into(),
        published: "2026-11-20T08:00:00Z".into(),
        signed_on: "2026-11-21T08:00:00Z".into(),
        signers: vec!["alice".into(), "bob".into()],
        download_size: 273_000_000,
        room_needed: 280_000_000,
        room_free: 5_000_000_000,
        gives_up: "1.1".into(),
        fixes: vec![fix("openssl", Severity::High), fix("curl", Severity::Low), fix("firefox", Severity::High)],
        notes: [("en".into(), "Newer things.\nBetter ones.".into()), ("de".into(), "Neues.".into())].into(),
        details_url: "https://example.org/1.2".into(),
        ..Offer::default()
    }
}

fn snapshot() -> Snapshot {
    Snapshot {
        state: State::Available,
        offer: Some(offer()),
        product: "demo".into(),
        architecture: "amd64".into(),
        channel: "stable".into(),
        running_version: "1.0".into(),
        initial_version: "1.0".into(),
        ..Snapshot::default()
    }
}

fn shown(offer: &Offer, languages: &[&str]) -> String {
    let languages: Vec<String> = languages.iter().map(|language| (*language).to_owned()).collect();
    render(offer, &snapshot(), &languages, "2026-11-22T12:00:00Z".parse().unwrap())
}

#[test]
fn the_whole_offer_is_shown() {
    let expected = "\
Upgrade to 1.2 (this stick runs 1.0)

  Channel: stable
  From: the project's servers, over Tor
  Published: 2026-11-20
  Signed: 2026-11-21
  Signed by: alice, bob
  Size: 273 MB
  Room: 280 MB needed on the stick, 5.0 GB free
  More to read: https://example.org/1.2

Fixes 3 problems: 2 high, 1 low
  high: openssl, firefox
  low: curl

What is new:
  Newer things.
  Better ones.

To make room, version 1.1 is removed from the stick: you cannot go back to it any more.
Your Persistent Storage and everything else on the stick are not touched.
The new version is used after a restart.";
    assert_eq!(shown(&offer(), &[]), expected);
}

#[test]
fn another_channel_is_told_loudly() {
    let text = shown(&Offer { channel: "alpha".into(), ..offer() }, &[]);
    assert!(
        text.contains("*** WARNING: It comes from the channel “alpha”. This system's own channel is “stable”. ***")
    );
    assert!(!shown(&offer(), &[]).contains("WARNING"));
}

#[test]
fn a_kit_tells_how_long_ago_it_was_signed() {
    let kit = Offer { source: Origin::Kit, signed_on: "2026-10-22".into(), ..offer() };
    assert!(shown(&kit, &[]).contains("Signed: 2026-10-22, 31 days ago"));
    assert!(old_kit(&kit, "2026-11-22T12:00:00Z".parse().unwrap()).contains("signed on 2026-10-22, 31 days ago"));
}

#[test]
fn notes_are_in_the_users_language_and_end() {
    let text = shown(&offer(), &["de_DE.UTF-8"]);
    assert!(text.contains("  Neues.") && !text.contains("Newer"));
    let endless = Offer { notes: [("en".into(), "line\n".repeat(10_000))].into(), ..offer() };
    let text = shown(&endless, &[]);
    assert_eq!(text.matches("  line\n").count(), NOTE_LINES);
    assert!(text.contains("(shortened)"));
    let wide = Offer { notes: [("en".into(), "é".repeat(60_000))].into(), ..offer() };
    assert!(shown(&wide, &[]).len() < 4000);
}

#[test]
fn many_fixes_are_counted_and_the_worst_are_named() {
    let mut many = offer();
    many.fixes = vec![Fix { name: "minor".into(), severity: Severity::Low, cves: vec![] }; 100];
    many.fixes.push(Fix { name: "major".into(), severity: Severity::Critical, cves: vec![] });
    let text = shown(&many, &[]);
    assert!(text.contains("Fixes 101 problems: 1 critical, 100 low\n  critical: major\n  low: minor"), "{text}");
    assert_eq!(text.matches("minor").count(), NAMES - 1);
    assert!(text.contains("and 61 more"));
}

#[test]
fn what_the_offer_does_not_say_is_left_out() {
    let bare = Offer { version: "1.2".into(), digest: "d".into(), channel: "stable".into(), ..Offer::default() };
    let text = shown(&bare, &[]);
    for absent in ["Published", "Signed", "Fixes", "What is new", "make room", "More to read"] {
        assert!(!text.contains(absent), "{absent}");
    }
}

#[test]
fn what_is_on_the_stick_already_is_told() {
    assert!(!shown(&offer(), &[]).contains("on the stick already"));
    let text = shown(&Offer { staged: 120_000_000, ..offer() }, &[]);
    assert!(text.contains("  Size: 273 MB\n  Of that on the stick already: 120 MB\n"), "{text}");
}

#[test]
fn servers_that_are_not_the_images_own_are_told_as_loudly_as_a_channel() {
    let looking = sameday_dbus::Looking { base_urls: vec!["http://candidate.onion/".into()], ..Default::default() };
    let snapshot = Snapshot { looking, ..snapshot() };
    let text = |offer: &Offer| render(offer, &snapshot, &[], "2026-11-22T12:00:00Z".parse().unwrap());
    let warning = "*** WARNING: It comes from http://candidate.onion/ and not from this system's own servers. ***";
    assert!(text(&offer()).contains(warning));
    assert!(!text(&Offer { source: Origin::Kit, ..offer() }).contains(warning));
}
