//! Not one packet before a way to reach Tor is configured, counted in a network that is the fetcher's alone.

use std::thread::sleep;
use std::time::{Duration, Instant};

use sameday_lab::fetcher::{FetcherProcess, Network};

use crate::ask::Asker;

/// Long enough for Arti to make its first connections, many times over (it takes less than a second).
const LISTEN: Duration = Duration::from_secs(3);

fn bases() -> Vec<String> {
    vec![format!("http://{}.onion/", "a".repeat(56)), "https://mirror.example.org/".to_owned()]
}

#[test]
fn without_a_way_to_reach_tor_not_one_packet_is_sent() {
    let cases = [
        ("absent", None, "unconfigured"),
        ("no-mode", Some("format = 1\n"), "unconfigured"),
        ("empty", Some(""), "configuration-unreadable"),
        ("broken", Some("format = 1\ntor = \"direct\n"), "configuration-unreadable"),
        ("newer", Some("format = 2\ntor = \"direct\"\n"), "configuration-unreadable"),
        (
            "contradictory",
            Some("format = 1\ntor = \"direct\"\n[arti.bridges]\nenabled = false\n"),
            "configuration-unreadable",
        ),
        (
            "unusable",
            Some("format = 1\ntor = \"direct\"\n[arti.address_filter]\nallow_local_addrs = 7\n"),
            "configuration-unreadable",
        ),
        ("bridges", Some("format = 1\ntor = \"bridges\"\n"), "mode-unsupported"),
        ("system", Some("format = 1\ntor = \"system\"\n"), "mode-unsupported"),
        ("future", Some("format = 1\ntor = \"teleport\"\n"), "mode-unsupported"),
    ];
    let dir = tempfile::tempdir().unwrap();
    let mut fetchers = Vec::new();
    for (name, configuration, code) in cases {
        let fetcher = FetcherProcess::start(&dir.path().join(name), configuration, Network::Own).unwrap();
        let refusal = Asker::open(fetcher.connect().unwrap(), &bases(), None).err();
        assert_eq!(refusal, Some(code), "{name}: {}", fetcher.log().unwrap());
        // A client that does not listen and asks all the same.
        let (mut client, mut words) = (fetcher.connect().unwrap(), Vec::new());
        for (kind, payload) in [
            (sameday_wire::Kind::Open, format!("{{\"version\":1,\"bases\":[\"{}\"]}}", bases()[0])),
            (sameday_wire::Kind::Get, "{\"path\":\"metadata/timestamp.json\",\"start\":0,\"length\":1}".to_owned()),
        ] {
            sameday_wire::write_frame(&mut words, kind, payload.as_bytes()).unwrap();
        }
        std::io::Write::write_all(&mut client, &words).unwrap();
        fetchers.push((name, fetcher, client));
    }
    sleep(LISTEN);
    for (name, mut fetcher, _client) in fetchers {
        assert_eq!(fetcher.packets().unwrap(), 0, "{name}");
        assert!(
            fetcher.process().ended().unwrap().is_none(),
            "{name} must still run for its packets to have been counted"
        );
    }
}

#[test]
fn a_mode_that_is_configured_is_seen_by_the_same_count() {
    let dir = tempfile::tempdir().unwrap();
    let configuration = "format = 1\ntor = \"direct\"\n";
    let mut fetcher = FetcherProcess::start(dir.path(), Some(configuration), Network::Own).unwrap();
    let mut asker = Asker::open(fetcher.connect().unwrap(), &bases(), None).unwrap();
    assert_eq!(fetcher.packets().unwrap(), 0, "opening alone needs no network");
    let canceller = asker.client.canceller();
    let waiting = std::thread::spawn(move || asker.get("metadata/timestamp.json", 0, 1).unwrap_err().0);
    let end = Instant::now() + Duration::from_secs(20);
    while fetcher.packets().unwrap() == 0 {
        assert!(Instant::now() < end, "no packet was seen: {}", fetcher.log().unwrap());
        sleep(Duration::from_millis(50));
    }
    canceller.cancel();
    assert_eq!(waiting.join().unwrap(), "cancelled");
    // The way is taken away again: the process that knows the old one ends.
    fetcher.configure(None).unwrap();
    assert_eq!(Asker::open(fetcher.connect().unwrap(), &bases(), None).err(), Some("unconfigured"));
    assert!(fetcher.process().wait(Duration::from_secs(10)).unwrap().success());
}

#[test]
fn addresses_that_would_leave_tors_protection_are_refused_and_not_looked_up() {
    let dir = tempfile::tempdir().unwrap();
    let configuration = "format = 1\ntor = \"direct\"\n";
    let fetcher = FetcherProcess::start(dir.path(), Some(configuration), Network::Own).unwrap();
    for base in ["http://mirror.example.org/", "http://192.0.2.9/", "https://192.0.2.9/", "file:///etc/passwd"] {
        let refusal = Asker::open(fetcher.connect().unwrap(), &[bases()[0].clone(), base.to_owned()], None).err();
        assert_eq!(refusal, Some("base-refused"), "{base}");
    }
    assert_eq!(Asker::open(fetcher.connect().unwrap(), &[], None).err(), Some("bad-request"));
    assert_eq!(fetcher.packets().unwrap(), 0);
}
