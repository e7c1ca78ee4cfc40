//! The offer crosses the bus whole, and nothing hostile in it crosses at all.

use zbus::message::Message;

use super::*;

fn offer() -> Offer {
    Offer {
        version: "1.2".into(),
        digest: "ab".repeat(32),
        channel: "stable".into(),
        published: "2026-11-22T00:00:00Z".into(),
        signed_on: "2026-11-22".into(),
        source: Origin::Kit,
        signers: vec!["one".into(), "two".into()],
        download_size: 1 << 31,
        staged: 7,
        room_needed: (1 << 32) - 1,
        room_free: u64::MAX,
        gives_up: "1.0".into(),
        confirm_signed_on: true,
        fixes: vec![
            Fix { name: "openssl".into(), severity: Severity::Critical, cves: vec!["CVE-2026-1".into()] },
            Fix { name: "curl".into(), severity: Severity::Unknown, cves: vec![] },
        ],
        notes: [("en".into(), "New.\n\nBetter.".into()), ("de".into(), "Neu.".into())].into(),
        details_url: "https://example.org/1.2".into(),
    }
}

/// The dictionary after a way through D-Bus's wire format.
fn sent(dictionary: &Dictionary) -> Dictionary {
    let message = Message::method_call("/", "M").build(dictionary).unwrap();
    message.body().deserialize().unwrap()
}

#[test]
fn an_offer_crosses_the_bus_whole() {
    assert_eq!(Offer::read(&sent(&(&offer()).into())), Some(offer()));
    let empty = Offer { fixes: vec![], notes: BTreeMap::new(), signers: vec![], ..offer() };
    assert_eq!(Offer::read(&sent(&(&empty).into())), Some(empty));
}

#[test]
fn the_keys_and_types_are_those_of_the_contract() {
    for (key, value) in Dictionary::from(&offer()) {
        let documented = format!("{key} {}", value.value_signature());
        assert!(crate::INTROSPECTION.contains(&documented), "{documented}");
    }
}

#[test]
fn no_offer_is_empty() {
    assert_eq!(Offer::read(&Dictionary::new()), None);
    assert_eq!(Offer::read(&Dictionary::from([("version".into(), owned("1.2"))])), None);
}

#[test]
fn missing_unknown_and_mistyped_keys_are_survived() {
    let dictionary = Dictionary::from([
        ("version".into(), owned("1.2")),
        ("digest".into(), owned("d")),
        ("download-size".into(), owned("many")),
        ("fixes".into(), owned(vec![("openssl", 7_u32)])),
        ("notes".into(), owned(vec!["text"])),
        ("of-next-year".into(), owned(1_u64)),
    ]);
    let expected = Offer { version: "1.2".into(), digest: "d".into(), ..Offer::default() };
    assert_eq!(Offer::read(&sent(&dictionary)), Some(expected));
}

#[test]
fn what_is_hostile_is_stripped_and_capped() {
    let mut hostile = offer();
    hostile.version = "1.2\u{1b}[8m".into();
    hostile.notes = [("en".into(), "a\u{1b}]0;title\u{7}\nb".into())].into();
    let fix = Fix { name: "x\r".repeat(1000), severity: Severity::Low, cves: vec![] };
    hostile.fixes = vec![fix; FIXES + 1];
    hostile.fixes[0].cves = vec![String::new(); CVES + 1];
    hostile.signers = vec!["s".into(); 1000];
    let read = Offer::read(&(&hostile).into()).unwrap();
    assert_eq!(read.version, "1.2[8m");
    assert_eq!(read.notes["en"], "a]0;title\nb");
    assert_eq!((read.fixes.len(), read.fixes[0].cves.len(), read.signers.len()), (FIXES, CVES, SIGNERS));
    assert_eq!(read.fixes[0].name, "x".repeat(text::NAME));
}
