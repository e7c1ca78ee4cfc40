//! What programs build on.
use super::*;
use sameday_dbus::{ChosenBy, ErrorKind, Severity, Standing, State};
use serde_json::json;

#[test]
fn the_keys_stay_as_they_are() {
    let offer = Offer {
        version: "1.2".into(),
        digest: "d".into(),
        fixes: vec![Fix { name: "openssl".into(), severity: Severity::High, cves: vec!["CVE-2026-1".into()] }],
        notes: [("en".into(), "a\nb".into())].into(),
        ..Offer::default()
    };
    let progress = Progress { phase: "metadata".into(), bytes: 1, total: u64::MAX, ..Progress::default() };
    let looking =
        Looking { channel: "alpha".into(), base_urls: vec!["http://x/".into()], chosen_by: ChosenBy::Administrator };
    let snapshot = Snapshot {
        state: State::Available,
        offer: Some(offer),
        progress: Some(progress),
        failure: Some(Failure::new(ErrorKind::NoRoom, "r").number("needed", 2).text("on", "x")),
        product: "demo".into(),
        architecture: "amd64".into(),
        channel: "stable".into(),
        running_channel: "stable".into(),
        looking,
        running_version: "1.0".into(),
        initial_version: "1.0".into(),
        pending_version: String::new(),
        previous_version: "0.9".into(),
        again_version: "1.1".into(),
        standing: Standing::Undone,
        standing_version: "1.1".into(),
        undoes_itself: true,
        left_over: Some(LeftOver { version: "1.2".into(), bytes: 7 }),
    };
    let line = render(&snapshot).unwrap();
    assert!(!line.contains('\n'));
    let expected = json!({
        "format": 1, "state": "available", "product": "demo", "architecture": "amd64", "channel": "stable",
        "running-version": "1.0", "initial-version": "1.0", "pending-version": null,
        "running-channel": "stable",
        "looking": { "channel": "alpha", "base-urls": ["http://x/"], "chosen-by": "administrator" },
        "previous-version": "0.9", "again-version": "1.1", "standing": "undone", "standing-version": "1.1",
        "undoes-itself": true, "left-over": { "version": "1.2", "bytes": 7 },
        "kit": "demo-amd64-alpha-from-1.0.kit",
        "offer": {
            "version": "1.2", "digest": "d", "channel": "", "published": "", "signed-on": "", "source": "repository",
            "signers": [], "download-size": 0, "staged": 0, "room-needed": 0, "room-free": 0, "gives-up": null,
            "confirm-signed-on": false,
            "fixes": [{ "name": "openssl", "severity": "high", "cves": ["CVE-2026-1"] }],
            "notes": { "en": "a\nb" }, "details-url": null
        },
        "progress": { "phase": "metadata", "bytes": 1, "total": u64::MAX, "seconds-left": null, "blockage": null },
        "failure": { "kind": "no-room", "reason": "r", "parameters": { "needed": 2, "on": "x" } }
    });
    assert_eq!(serde_json::from_str::<serde_json::Value>(&line).unwrap(), expected);
}
