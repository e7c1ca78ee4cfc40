//! Through a private Tor network, by its onion service. One network for all of it, since it takes most of a minute to start.

use std::fs;
use std::time::{Duration, Instant};

use sameday_lab::fetcher::{FetcherProcess, Network};
use sameday_lab::repo::{Fault, Repo};
use sameday_lab::tornet::TorNet;
use sameday_wire::{Outcome, Phase};

use crate::ask::Asker;

/// Longer than the network takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(150);

/// The large file.
const LARGE: usize = 3_000_000;

fn byte(at: usize) -> u8 {
    u8::try_from(at % 251).unwrap()
}

struct Lab {
    _dir: tempfile::TempDir,
    repo: Repo,
    net: TorNet,
    fetcher: FetcherProcess,
}

fn lab() -> Lab {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("repository");
    fs::create_dir_all(folder.join("metadata")).unwrap();
    fs::create_dir_all(folder.join("files")).unwrap();
    fs::write(folder.join("metadata/timestamp.json"), b"{\"signed\":{}}").unwrap();
    fs::write(folder.join("files/large"), (0..LARGE).map(byte).collect::<Vec<_>>()).unwrap();
    let repo = Repo::serve(&folder).unwrap();
    let mut net = TorNet::start(&dir.path().join("net"), repo.address()).unwrap();
    net.wait_ready(PATIENCE).unwrap();
    repo.forget();
    let fetcher = FetcherProcess::start(&dir.path().join("fetcher"), Some(&net.fetcher_toml()), Network::Host).unwrap();
    Lab { _dir: dir, repo, net, fetcher }
}

impl Lab {
    fn open(&self) -> Asker {
        Asker::open(self.fetcher.connect().unwrap(), &[self.net.base_url()], None).unwrap()
    }
}

#[test]
fn bytes_come_through_tor_as_asked_for_and_lies_are_named() {
    let lab = lab();
    first_bytes(&lab);
    parts(&lab);
    lies(&lab);
    circuits(&lab);
    bases(&lab);
    walking_away(&lab);
    println!(
        "peak memory: {} KiB, files: {} KiB",
        lab.fetcher.peak_memory().unwrap() >> 10,
        lab.fetcher.runtime_files().unwrap() >> 10
    );
}

/// The first GET waits for Tor and says how far it is; the request has no header beyond two.
fn first_bytes(lab: &Lab) {
    let mut asker = lab.open();
    let got = asker.get("metadata/timestamp.json", 0, 16384).unwrap();
    assert_eq!(got.bytes, b"{\"signed\":{}}");
    assert_eq!(got.outcome, Outcome::Complete { total: Some(13) });
    let last = asker.heard.last().unwrap();
    assert_eq!((last.phase, last.percent, last.blockage), (Phase::Ready, 100, None));
    let consensus = last.consensus.unwrap();
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    assert!(consensus.valid_after <= now + 60 && now < consensus.valid_until + 600, "{consensus:?} at {now}");
    let requests = lab.repo.requests();
    let expected = format!(
        "GET /metadata/timestamp.json HTTP/1.1\r\nHost: {}\r\nRange: bytes=0-16383\r\n\r\n",
        lab.net.onion_address()
    );
    assert_eq!(requests.iter().map(|r| r.head.as_str()).collect::<Vec<_>>(), [expected.as_str()]);
    println!("request: {} bytes, answer: {} + {}", expected.len(), requests[0].sent_head, requests[0].sent_body);
    let relays = lab.net.relays();
    let peers = lab.fetcher.peers().unwrap();
    assert!(!peers.is_empty() && peers.iter().all(|p| relays.contains(p)), "peers {peers:?} are not all relays");
}

/// Any part, in any order, over one connection to the server.
fn parts(lab: &Lab) {
    let mut asker = lab.open();
    lab.repo.forget();
    let total = u64::try_from(LARGE).unwrap();
    for (start, length) in [(0, 1), (1_000_000, 1_000_000), (total - 3, 100), (total, 1), (total + 5, 5), (0, 65_537)] {
        let got = asker.get("files/large", start, length).unwrap();
        assert_eq!(got.outcome, Outcome::Complete { total: Some(total) });
        let first = usize::try_from(start).unwrap().min(LARGE);
        let end = first.saturating_add(usize::try_from(length).unwrap()).min(LARGE);
        assert!(got.bytes.iter().copied().eq((first..end).map(byte)), "{start} + {length}");
    }
    assert_eq!(asker.get("files/none", 0, 1).unwrap().outcome, Outcome::Absent);
    assert_eq!(asker.get("metadata/timestamp.json", 2, 6).unwrap().bytes, b"signed");
    assert_eq!(lab.repo.peers().len(), 1, "one connection serves all");
    // A server that hangs up between two requests costs a new connection, no failure.
    lab.repo.hang_up();
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(asker.get("metadata/timestamp.json", 2, 6).unwrap().bytes, b"signed");
    assert_eq!(lab.repo.peers().len(), 2);
}

/// Each way in which the server can misbehave has its name, and the next request is served all the same.
fn lies(lab: &Lab) {
    let mut asker = lab.open();
    let path = "files/large";
    for (fault, start, code) in [
        (Fault::Redirect("http://127.0.0.1/".into()), 0, "redirected"),
        (Fault::Status(304), 0, "redirected"),
        (Fault::Status(503), 0, "server-error"),
        (Fault::Status(200), 10, "range-refused"),
        (Fault::Whole, 10, "range-refused"),
        (Fault::Shifted(1), 10, "range-refused"),
        (Fault::Truncated(5000), 10, "closed"),
        (Fault::Truncated(0), 0, "closed"),
    ] {
        lab.repo.break_file(path, fault.clone());
        let (got, before) = asker.get(path, start, 100_000).unwrap_err();
        assert_eq!(got, code, "{fault:?}");
        assert!(before.len() <= 5000, "{fault:?}: {} bytes", before.len());
        lab.repo.mend();
        assert_eq!(asker.get(path, 7, 3).unwrap().bytes, [7, 8, 9], "after {fault:?}");
    }
    lab.repo.break_file(path, Fault::Missing);
    assert_eq!(asker.get(path, 0, 1).unwrap().outcome, Outcome::Absent);
    // More than was asked for is cut off, and costs the connection, not memory.
    for (fault, total) in [(Fault::Whole, Some(u64::try_from(LARGE).unwrap())), (Fault::Endless, None)] {
        lab.repo.break_file(path, fault.clone());
        let got = asker.get(path, 0, 50_000).unwrap();
        assert_eq!((got.bytes.len(), got.outcome), (50_000, Outcome::Complete { total }), "{fault:?}");
        lab.repo.mend();
        assert_eq!(asker.get(path, 7, 3).unwrap().bytes, [7, 8, 9], "after {fault:?}");
    }
    // A flipped byte is not the fetcher's to see.
    lab.repo.break_file(path, Fault::Flip(8));
    assert_eq!(asker.get(path, 7, 3).unwrap().bytes, [7, 9, 9]);
    lab.repo.mend();
}

/// Two clients never share a circuit; one keeps its own until it asks for another.
fn circuits(lab: &Lab) {
    let (mut one, mut other) = (lab.open(), lab.open());
    // The circuit of a request, and which connection to the server it came by.
    let get = |asker: &mut Asker| {
        lab.repo.forget();
        assert_eq!(asker.get("metadata/timestamp.json", 2, 6).unwrap().bytes, b"signed");
        let requests = lab.repo.requests();
        assert_eq!(requests.len(), 1);
        (requests[0].circuit.clone().unwrap(), requests[0].peer)
    };
    let (first, others) = (get(&mut one), get(&mut other));
    assert_ne!(first.0, others.0, "two clients share a circuit");
    assert_eq!(get(&mut one), first, "the connection is kept");
    lab.repo.hang_up();
    std::thread::sleep(Duration::from_millis(500));
    let again = get(&mut one);
    assert_eq!(again.0, first.0, "a new connection of the same client uses its circuit");
    assert_ne!(again.1, first.1);
    one.client.renew().unwrap();
    let renewed = get(&mut one).0;
    assert!(renewed != first.0 && renewed != others.0, "RENEW means another circuit");
}

/// A base that does not work is passed over; the one that worked is asked first from then on.
fn bases(lab: &Lab) {
    // A well-formed address of nobody: its checksum is wrong, so Arti refuses it at once.
    let nobody = format!("http://{}.onion/", "a".repeat(56));
    let bases = [nobody.clone(), format!("{}elsewhere/", lab.net.base_url()), lab.net.base_url()];
    let mut asker = Asker::open(lab.fetcher.connect().unwrap(), &bases[..2], None).unwrap();
    assert_eq!(asker.get("files/large", 0, 1).unwrap().outcome, Outcome::Absent, "the base that answers decides");
    let mut asker = Asker::open(lab.fetcher.connect().unwrap(), &[bases[0].clone(), bases[2].clone()], None).unwrap();
    assert_eq!(asker.get("files/large", 5, 1).unwrap().bytes, [5]);
    let mut asker = Asker::open(lab.fetcher.connect().unwrap(), &[nobody], None).unwrap();
    let code = asker.get("files/large", 5, 1).unwrap_err().0;
    assert!(["server-unreachable", "base-refused"].contains(&code), "{code}");
}

/// A client that leaves ends the work done for it; one that is stopped hears so at once.
fn walking_away(lab: &Lab) {
    lab.repo.forget();
    lab.repo.break_file("files/large", Fault::Throttled(20_000));
    let mut asker = lab.open();
    let canceller = asker.client.canceller();
    let waiting = std::thread::spawn(move || asker.get("files/large", 0, 3_000_000).unwrap_err().0);
    std::thread::sleep(Duration::from_secs(4));
    let begun = Instant::now();
    canceller.cancel();
    assert_eq!(waiting.join().unwrap(), "cancelled");
    assert!(begun.elapsed() < Duration::from_secs(1));
    let end = Instant::now() + Duration::from_secs(10);
    while lab.repo.requests().is_empty() {
        assert!(Instant::now() < end, "the server still sends to nobody");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(lab.repo.requests()[0].sent_body < 2_000_000);
    lab.repo.mend();
}
