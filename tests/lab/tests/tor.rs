//! The way over Tor, with nothing replaced: daemon, fetcher, private Tor network, onion service. What is asked for and by whom is looked at from
//! all sides; and a system that was not told how to connect does not.

#![expect(clippy::unwrap_used, reason = "what a test's helper cannot do ends the test")]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use sameday_dbus::{Dictionary, ErrorKind, Snapshot, State};
use sameday_lab::fetcher::{FetcherProcess, Network};
use sameday_lab::machine::{Call, Machine, Spec};
use sameday_lab::process::run;
use sameday_lab::repo::Repo;
use sameday_lab::stick::{FileSystem, Stick};
use sameday_lab::tornet::TorNet;
use sameday_lab::world::{self, World};

/// Room for a base, a version and something.
const STICK: u64 = 96 << 20;
/// So large that the download is seen at work: several seconds over Tor.
const PAYLOAD: u64 = 12 << 20;
/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);
/// Long enough for Arti to make its first connections, many times over (it takes less than a second).
const LISTEN: Duration = Duration::from_secs(3);

struct Lab {
    tor: TorNet,
    server: Repo,
    world: World,
    dir: tempfile::TempDir,
}

impl Lab {
    /// A network, and behind its onion service a world in which 2.0 is released for sticks that began with 1.0 and with 1.5.
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("world/repository");
        fs::create_dir_all(&folder).unwrap();
        let server = Repo::serve(&folder).unwrap();
        let mut tor = TorNet::start(&dir.path().join("tor"), server.address()).unwrap();
        let spec = world::Spec {
            newer: vec!["1.5".into(), "2.0".into()],
            payload: PAYLOAD,
            base_urls: vec![tor.base_url()],
            tor: Some("direct".into()),
            arti: Some(tor.arti_settings()),
            ..world::Spec::default()
        };
        let world = World::tiny(&dir.path().join("world"), spec).unwrap();
        world.publish(&world.prepared("2.0", &["1.0", "1.5"]).unwrap()).unwrap();
        tor.wait_ready(PATIENCE).unwrap();
        server.forget();
        Self { tor, server, world, dir }
    }

    fn computer(&self, name: &str, stick: &Stick) -> (FetcherProcess, Machine) {
        let machine = Machine::start(&self.dir.path().join(name), stick, &Spec::default()).unwrap();
        (machine.start_fetcher(Network::Host).unwrap(), machine)
    }

    /// The heads of all requests, each of which must have come through the onion service and hold nothing that it need not.
    fn asked(&self) -> Vec<String> {
        let requests = self.server.requests();
        for request in &requests {
            let lines: Vec<&str> = request.head.split("\r\n").collect();
            let [first, host, range, "", ""] = lines[..] else { panic!("{:?}", request.head) };
            assert_eq!(first, format!("GET /{} HTTP/1.1", request.path));
            assert_eq!(host, format!("Host: {}", self.tor.onion_address()));
            assert_eq!(range, format!("Range: {}", request.range.as_deref().unwrap()));
            assert!(request.circuit.is_some(), "it did not come through the onion service: {request:?}");
        }
        requests.into_iter().map(|request| request.head).collect()
    }
}

/// What was seen of connections, by looking often.
struct Watch<'a> {
    lab: &'a Lab,
    fetcher: &'a FetcherProcess,
    /// Whom the fetcher was connected to.
    fetchers: RefCell<BTreeSet<SocketAddr>>,
    /// Who was connected to the server: address, and process.
    servers: RefCell<BTreeMap<SocketAddr, u32>>,
}

impl<'a> Watch<'a> {
    fn new(lab: &'a Lab, fetcher: &'a FetcherProcess) -> Self {
        Self { lab, fetcher, fetchers: RefCell::default(), servers: RefCell::default() }
    }

    fn look(&self) {
        self.fetchers.borrow_mut().extend(self.fetcher.peers().unwrap());
        self.servers.borrow_mut().extend(clients(self.lab.server.address()));
    }

    fn wait(&self, machine: &Machine, call: &Call<'_>) -> Snapshot {
        machine.call(call).unwrap().unwrap();
        machine
            .wait(PATIENCE, |now| {
                self.look();
                !now.state.is_busy()
            })
            .unwrap()
    }
}

/// The connections to a server on this machine: each client's end, and its process.
fn clients(server: SocketAddr) -> Vec<(SocketAddr, u32)> {
    let output = run(Command::new("ss").args(["-tnpHO", "dst", &server.to_string()])).unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let client = |line: &str| {
        let end = line.split_whitespace().nth(3)?.parse().ok()?;
        let process = line.split_once("pid=")?.1.split(',').next()?.parse().ok()?;
        Some((end, process))
    };
    text.lines().filter_map(client).collect()
}

#[test]
fn a_stick_is_upgraded_over_tor_and_nobody_learns_more_than_they_must() {
    let lab = Lab::start();
    let file_system = FileSystem::of_this_kernel().unwrap();
    let older = lab.world.stick("older", file_system, STICK).unwrap();
    let newer = lab.world.newer_stick("1.5", "newer", file_system, STICK).unwrap();
    let check_of_older = upgraded(&lab, &older);
    let check_of_newer = checked(&lab, &newer);
    assert_eq!(check_of_older, check_of_newer, "the server can tell the sticks apart");
}

/// Checks and upgrades a stick, starts it again, and answers what the check asked for.
fn upgraded(lab: &Lab, stick: &Stick) -> Vec<String> {
    let (fetcher, machine) = lab.computer("older", stick);
    let watch = Watch::new(lab, &fetcher);
    let offered = watch.wait(&machine, &Call::Check);
    assert_eq!((offered.state, offered.initial_version.as_str()), (State::Available, "1.0"), "{offered:?}");
    let check = lab.asked();
    assert!(check.len() >= 3, "{check:?}");
    let offer = offered.offer.unwrap();
    let consent = Call::Install { version: &offer.version, digest: &offer.digest, options: Dictionary::new() };
    let done = watch.wait(&machine, &consent);
    assert_eq!((done.state, done.pending_version.as_str()), (State::RestartPending, "2.0"), "{done:?}");

    let download = lab.asked().split_off(check.len());
    assert!(download.iter().all(|head| head.starts_with("GET /files/")), "after consent only files: {download:?}");
    let relays: BTreeSet<SocketAddr> = lab.tor.relays().into_iter().collect();
    let fetchers = watch.fetchers.into_inner();
    assert!(!fetchers.is_empty(), "no connection of the fetcher was seen");
    assert!(fetchers.is_subset(&relays), "the fetcher was connected to {fetchers:?}, and the relays are {relays:?}");
    let onion = lab.tor.onion_process_id().unwrap();
    let servers = watch.servers.into_inner();
    assert!(servers.values().all(|process| *process == onion), "{servers:?} are not all of process {onion}");
    let accepted = lab.server.peers();
    assert!(!accepted.is_empty(), "the server saw nobody");
    let unseen: Vec<_> = accepted.iter().filter(|peer| !servers.contains_key(peer)).collect();
    assert!(unseen.is_empty(), "whose connections these were was not seen: {unseen:?} of {accepted:?}");
    drop((fetcher, machine));

    let again = Machine::start(&lab.dir.path().join("again"), stick, &Spec::default()).unwrap();
    assert_eq!(again.live().choice().to_string(), "2.0");
    let status = again.snapshot().unwrap();
    assert_eq!((status.running_version.as_str(), status.initial_version.as_str()), ("2.0", "1.0"));
    let program = again.run("cat", &["/usr/bin/program"]).unwrap().stdout;
    assert_eq!(String::from_utf8(program).unwrap(), "#!/bin/sh\necho 2.0\n");
    check
}

/// Checks, and answers what that asked for.
fn checked(lab: &Lab, stick: &Stick) -> Vec<String> {
    let (_fetcher, machine) = lab.computer("newer", stick);
    lab.server.forget();
    let offered = machine.check().unwrap();
    assert_eq!((offered.state, offered.initial_version.as_str()), (State::Available, "1.5"), "{offered:?}");
    assert_eq!(offered.offer.unwrap().version, "2.0");
    lab.asked()
}

#[test]
fn a_system_that_was_not_told_how_to_connect_says_so_and_sends_no_packet() {
    let dir = tempfile::tempdir().unwrap();
    let spec = world::Spec { payload: 1 << 16, ..world::Spec::default() };
    let world = World::tiny(&dir.path().join("world"), spec).unwrap();
    let stick = world.stick("stick", FileSystem::of_this_kernel().unwrap(), STICK).unwrap();
    let machine = Machine::start(&dir.path().join("machine"), &stick, &Spec::default()).unwrap();
    assert!(!Path::new(&machine.live().path("/etc/sameday/fetcher.toml")).exists());
    let mut fetcher = machine.start_fetcher(Network::Own).unwrap();
    for (configuration, reason) in [
        (None, "unconfigured"),
        (Some("format = 1\ntor = \"direct\n"), "configuration-unreadable"),
        (Some("format = 2\ntor = \"direct\"\n"), "configuration-unreadable"),
        (Some("format = 1\ntor = \"bridges\"\n"), "mode-unsupported"),
        (Some("format = 1\ntor = \"system\"\n"), "mode-unsupported"),
    ] {
        fetcher.configure(configuration).unwrap();
        let after = machine.check().unwrap();
        let failure = after.failure.as_ref().unwrap_or_else(|| panic!("no failure: {after:?}"));
        let told = (after.state, failure.kind, failure.reason.as_str());
        assert_eq!(told, (State::Failed, ErrorKind::NotConfigured, reason), "{configuration:?}: {failure}");
    }
    sleep(LISTEN);
    assert!(fetcher.process().ended().unwrap().is_none(), "it must still run for its packets to have been counted");
    assert_eq!(fetcher.packets().unwrap(), 0);

    // The same count sees a system that was told to.
    fetcher.configure(Some("format = 1\ntor = \"direct\"\n")).unwrap();
    machine.call(&Call::Check).unwrap().unwrap();
    let end = Instant::now() + Duration::from_secs(20);
    while fetcher.packets().unwrap() == 0 {
        assert!(Instant::now() < end, "no packet was seen: {}", fetcher.log().unwrap());
        sleep(Duration::from_millis(50));
    }
    machine.call(&Call::Cancel).unwrap().unwrap();
    let after = machine.settled(Duration::from_secs(20)).unwrap();
    assert_eq!(after.state, State::Idle, "{after:?}");
}
