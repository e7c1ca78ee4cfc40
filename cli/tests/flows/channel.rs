//! Where upgrades are looked for, and reports.

use sameday_dbus::{ChosenBy, ErrorKind, Failure, Looking, Offer};

use crate::offer;
use crate::stage::{Part, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn without_a_name_it_only_shows() {
    let stage = Stage::open(Part::default()).await;
    let ended = stage.run(&["channel"]);
    assert_eq!((ended.code, stage.calls().len()), (0, 0), "{ended:?}");
    let expected = "\
Looks for upgrades in the channel: stable
At the servers: this system's own
Chosen by: this system
This system's own channel: stable
What runs came from the channel: stable
";
    assert_eq!(ended.out, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_channel_is_loud_until_it_is_reset() {
    let stage = Stage::open(Part::default()).await;
    let line = ["channel", "alpha", "--base-url", "http://a.onion/", "--base-url", "https://b.invalid/x/"];
    let ended = stage.run(&line);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(stage.calls(), ["LookAt \"alpha\" http://a.onion/ https://b.invalid/x/"]);
    for command in ["channel", "status"] {
        let told = stage.run(&[command]).out;
        assert!(told.starts_with("*** WARNING: Upgrades are looked for in the channel “alpha”."), "{told}");
        assert!(told.contains("*** WARNING: Upgrades are looked for at http://a.onion/, https://b.invalid/x/ and not"));
        assert!(told.contains("an administrator, until the next start"), "{told}");
    }
    let told: serde_json::Value = serde_json::from_str(&stage.run(&["status", "--json"]).out).unwrap();
    assert_eq!(told["looking"]["channel"], "alpha");
    assert_eq!(told["kit"], "demo-amd64-alpha-from-1.0.kit");
    assert_eq!(stage.run(&["channel", "--base-url", "http://c.onion/"]).code, 0);
    assert_eq!(stage.run(&["channel", "--reset"]).code, 0);
    assert_eq!(stage.calls()[1..], ["LookAt \"alpha\" http://c.onion/", "LookAt \"\" "]);
    assert!(!stage.run(&["status"]).out.contains("WARNING"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_from_elsewhere_says_so_before_consent() {
    let base_urls = vec!["http://candidate.onion/".to_owned()];
    let looking = Looking { channel: "alpha".into(), base_urls, chosen_by: ChosenBy::Kernel };
    let found = Ok(Some(Offer { channel: "alpha".into(), ..offer() }));
    let stage = Stage::open(Part { looking, found, ..Part::default() }).await;
    let told = stage.run(&["check"]).out;
    assert!(told.contains("*** WARNING: It comes from the channel “alpha”."), "{told}");
    assert!(told.contains("*** WARNING: It comes from http://candidate.onion/ and not"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_look_elsewhere_is_told_why() {
    let refusal = Failure::new(ErrorKind::NotAllowed, "polkit-refused").text("action", "org.sameday.upgrader1.look-at");
    let stage = Stage::open(Part { refuse: Some(refusal), ..Part::default() }).await;
    for line in [&["channel", "alpha"][..], &["channel", "--reset"]] {
        let ended = stage.run(line);
        assert_eq!((ended.code, ended.out.as_str()), (1, ""), "{ended:?}");
        for told in ["Ask an administrator", "org.sameday.upgrader1.look-at", "More: sameday help not-allowed"] {
            assert!(ended.err.contains(told), "{told}: {ended:?}");
        }
    }
    assert_eq!(stage.run(&["channel"]).code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_addresses_that_are_none_are_wrong_use() {
    let stage = Stage::open(Part::default()).await;
    for line in [
        &["channel", "Alpha"][..],
        &["channel", "../stable"],
        &["channel", ""],
        &["channel", "timestamp"],
        &["channel", "--base-url", "candidate.onion"],
        &["channel", "alpha", "--base-url", "file:///etc/"],
        &["channel", "alpha", "--reset"],
        &["channel", "alpha", "beta"],
    ] {
        assert_eq!(stage.run(line).code, 64, "{line:?}");
    }
    assert!(stage.calls().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_printed_line_by_line_and_moves_no_cursor() {
    let report = vec!["state failed".to_owned(), "log one\u{1b}[2J".to_owned()];
    let stage = Stage::open(Part { report, ..Part::default() }).await;
    let ended = stage.run(&["report"]);
    assert_eq!((ended.code, ended.out.as_str()), (0, "state failed\nlog one[2J\n"), "{ended:?}");
}
