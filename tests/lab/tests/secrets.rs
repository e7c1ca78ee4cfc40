//! What must stay with the user stays there: bridges, the onion address, where a kit lay, a passphrase. A whole upgrade with its failures is run, and
//! none of it is in any log, on the bus, in the report, or could be in a core dump.

#![allow(clippy::unwrap_used, reason = "in a test, what fails fails the test")]

use std::fs::{self, File};
use std::os::fd::AsFd as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use sameday_dbus::{Snapshot, State};
use sameday_lab::caller::{Caller, Method};
use sameday_lab::fetcher::{FetcherProcess, Network};
use sameday_lab::forge::place_of;
use sameday_lab::machine::{Machine, Spec};
use sameday_lab::peer::script::Word;
use sameday_lab::peer::{Lie, Peer};
use sameday_lab::process::{Process, tied};
use sameday_lab::stick::FileSystem;
use sameday_lab::world::{self, World};
use sameday_wire::Reason;

const STICK: u64 = 96 << 20;
/// Of nobody: the checksum of the address is wrong.
const ONION: &str = "sekretonionsekretonionsekretonionsekretonionsekretoniona";
const BRIDGE_ADDRESS: &str = "192.0.2.77";
const BRIDGE_FINGERPRINT: &str = "5EC4E75EC4E75EC4E75EC4E75EC4E75EC4E75EC4";
const BRIDGE_CERTIFICATE: &str = "c2VjcmV0LWJyaWRnZS1jZXJ0aWZpY2F0ZQ";
const USER: &str = "jane-roe-sekret";
const PASSPHRASE: &str = "sekret-horse-battery-staple";

const SECRETS: [&str; 6] = [ONION_START, BRIDGE_ADDRESS, BRIDGE_FINGERPRINT, BRIDGE_CERTIFICATE, USER, PASSPHRASE];
/// Even a part of the address would tell.
const ONION_START: &str = "sekretonion";

/// Configurations of the fetcher with a bridge in them, whole, in the wrong place, and broken in ways that parsers like to quote.
fn configurations() -> Vec<String> {
    let line = format!("Bridge obfs4 {BRIDGE_ADDRESS}:443 {BRIDGE_FINGERPRINT} cert={BRIDGE_CERTIFICATE} iat-mode=0");
    vec![
        format!("format = 1\ntor = \"bridges\"\n[arti.bridges]\nenabled = true\nbridges = [\"{line}\"]\n"),
        format!("format = 1\ntor = \"direct\"\n[arti.bridges]\nenabled = true\nbridges = [\"{line}\"]\n"),
        format!("format = 1\ntor = \"direct\"\n[arti.bridges]\nenabled = \"{line}\"\n"),
        format!("format = 1\ntor = \"{line}\"\n"),
        format!("format = \"{line}\"\n"),
        format!("format = 1\ntor = \"direct\"\nbridges = [\"{line}\n"),
        format!("format = 1\ntor = {line}\n"),
        format!("{line}\n"),
        format!("format = 1\ntor = \"direct\"\n\"{line}\" = 1\n"),
        format!("format = 1\ntor = \"direct\"\n[arti]\n\"{line}\" = 1\n"),
        format!("format = 1\ntor = \"direct\"\n[arti.storage]\ncache_dir = [\"{line}\"]\n"),
    ]
}

/// Whoever answers, and whatever it says, what the daemon then tells is looked at later.
#[derive(Default)]
struct Heard {
    texts: Vec<(String, String)>,
}

impl Heard {
    fn say(&mut self, whence: &str, text: impl std::fmt::Debug) {
        self.texts.push((whence.to_owned(), format!("{text:?}")));
    }

    fn file(&mut self, path: &Path) {
        self.texts.push((path.display().to_string(), fs::read_to_string(path).unwrap()));
    }

    /// Where a secret was heard.
    fn leaks(&self) -> Vec<String> {
        let found = |(whence, text): &(String, String)| {
            let lower = text.to_lowercase();
            let told = SECRETS.iter().filter(|secret| lower.contains(&secret.to_lowercase()));
            told.map(|secret| format!("{secret} in {whence}")).collect::<Vec<_>>()
        };
        self.texts.iter().flat_map(found).collect()
    }
}

fn settled(caller: &Caller) -> Snapshot {
    for _ in 0..4800 {
        let now = caller.snapshot().unwrap();
        if !now.state.is_busy() {
            return now;
        }
        sleep(Duration::from_millis(25));
    }
    panic!("it does not end: {:?}", caller.snapshot());
}

/// What the service manager is told of the two that do not see to it themselves.
const UNITS: [&str; 2] = [
    include_str!("../../../packaging/systemd/sameday-fetcher.service"),
    include_str!("../../../packaging/systemd/sameday-kit-reader@.service"),
];

/// A core dump holds everything: none may be written.
fn no_core_dump(process: u32) {
    let limits = fs::read_to_string(format!("/proc/{process}/limits")).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let fields: Vec<&str> = line.split_whitespace().collect();
    let name = fs::read_to_string(format!("/proc/{process}/comm")).unwrap();
    assert_eq!(fields[4..6], ["0", "0"], "{name}: {line}");
}

#[test]
fn planted_secrets_appear_nowhere_in_a_whole_run() {
    let dir = tempfile::tempdir().unwrap();
    let spec = world::Spec {
        base_urls: vec![format!("http://{ONION}.onion/")],
        tor: Some("direct".into()),
        ..world::Spec::default()
    };
    let world = World::tiny(&dir.path().join("world"), spec).unwrap();
    world.release("2.0").unwrap();
    let stick = world.stick("stick", FileSystem::of_this_kernel().unwrap(), STICK).unwrap();
    let machine = Spec { parameters: format!("some.passphrase={PASSPHRASE}"), ..Spec::default() };
    let mut machine = Machine::start(&dir.path().join("machine"), &stick, &machine).unwrap();
    let address = machine.bus().address();
    let mut monitor = tied("dbus-monitor");
    let bus_log = dir.path().join("bus.log");
    let monitor = Process::start("dbus-monitor", monitor.args(["--address", &address]), &bus_log).unwrap();
    let caller = Caller::new(&address).unwrap();
    let mut heard = Heard::default();

    // The real fetcher, with every configuration, and once with one that works but for the network.
    let socket = machine.live().path("/run/sameday/fetcher.sock");
    let works = "format = 1\ntor = \"direct\"\n".to_owned();
    let mut refused = 0;
    for (n, configuration) in configurations().into_iter().chain([works]).enumerate() {
        let room = machine.shared().join(format!("fetcher-{n}"));
        let mut fetcher = FetcherProcess::start(&room, Some(&configuration), Network::Own).unwrap();
        symlink(fetcher.socket(), &socket).unwrap();
        caller.call(&Method::Check).unwrap().unwrap();
        // A configuration whose fault is in what it does not know is as good as another: it leads to a network that leads nowhere.
        for _ in 0..400 {
            if fetcher.packets().unwrap() > 0 || !caller.snapshot().unwrap().state.is_busy() {
                break;
            }
            sleep(Duration::from_millis(25));
        }
        if caller.snapshot().unwrap().state.is_busy() {
            caller.call(&Method::Cancel).unwrap().unwrap();
        }
        let after = settled(&caller);
        match after.failure.as_ref().map(|failure| failure.kind.code()) {
            Some("not-configured") => refused += 1,
            kind => assert_eq!((after.state, kind), (State::Idle, None), "{configuration}: {after:?}"),
        }
        heard.say("the state of things", &after);
        no_core_dump(fetcher.process().id());
        heard.texts.push((format!("the fetcher's log {n}"), fetcher.log().unwrap()));
        drop(fetcher);
        fs::remove_file(&socket).unwrap();
        // So that none comes too soon.
        machine.kill_daemon();
        machine.start_daemon().unwrap();
    }

    assert!(refused >= 8, "{refused} are refused");

    // Kits that lay with somebody, sound and broken.
    let readers = machine.start_kit_readers().unwrap();
    let home = dir.path().join(format!("home/{USER}/{PASSPHRASE}"));
    fs::create_dir_all(&home).unwrap();
    let sound = home.join(format!("{USER}.kit"));
    fs::copy(world.kit().unwrap(), &sound).unwrap();
    let broken = home.join("broken.kit");
    fs::write(&broken, &fs::read(&sound).unwrap()[..5000]).unwrap();
    for kit in [broken.as_path(), home.as_path(), sound.as_path()] {
        let file = File::open(kit).unwrap();
        caller.call(&Method::OpenKit(file.as_fd())).unwrap().unwrap();
        heard.say("a kit", settled(&caller));
        for reader in readers.readers().unwrap() {
            no_core_dump(reader);
        }
    }

    // An upgrade by the network, with what goes wrong on the way.
    let peer = Peer::start(&world.repository(), &socket).unwrap();
    let layer = place_of(&world.repository(), "layer").unwrap();
    peer.lie("metadata/timestamp.json", Lie::Words(vec![Word::Failed(Reason::ServerUnreachable)]));
    caller.call(&Method::Check).unwrap().unwrap();
    heard.say("an unreachable server", settled(&caller));
    peer.honest();
    caller.call(&Method::Check).unwrap().unwrap();
    let offered = settled(&caller);
    let offer = offered.offer.clone().unwrap_or_else(|| panic!("{:?}", offered.failure));
    heard.say("an offer", &offered);
    heard.say("a wrong consent", caller.call(&Method::Install(&offer.version, "")).unwrap());
    peer.lie(&layer, Lie::Flip(0));
    caller.call(&Method::Install(&offer.version, &offer.digest)).unwrap().unwrap();
    heard.say("a lie", settled(&caller));
    peer.honest();
    caller.call(&Method::Check).unwrap().unwrap();
    settled(&caller);
    peer.lie(&layer, Lie::CloseAt((1 << 20) + 7, 2));
    caller.call(&Method::Install(&offer.version, &offer.digest)).unwrap().unwrap();
    let done = settled(&caller);
    assert_eq!(done.state, State::RestartPending, "{:?}", done.failure);
    heard.say("an upgrade", &done);
    no_core_dump(machine.daemon_id().unwrap());

    heard.say("the report", caller.report().unwrap());
    heard.file(&machine.log());
    heard.texts.push(("the readers' log".into(), readers.log().unwrap()));
    drop(monitor);
    heard.file(&bus_log);
    assert!(heard.texts.last().unwrap().1.contains("restart-pending"), "the whole run was heard");
    let lengths: usize = heard.texts.iter().map(|(_, text)| text.len()).sum();
    println!("secrets: {} planted, {} texts of {lengths} bytes looked through", SECRETS.len(), heard.texts.len());
    let leaks = heard.leaks();
    assert!(leaks.is_empty(), "{leaks:#?}");
    drop((peer, readers, machine));
}

#[test]
fn the_units_of_both_sources_allow_no_core_dump() {
    for unit in UNITS {
        assert!(unit.lines().any(|line| line == "LimitCORE=0"), "{unit}");
    }
}

/// What the test looks with would see a leak.
#[test]
fn a_secret_that_is_told_is_found() {
    let mut heard = Heard::default();
    heard.say("a log", format!("connecting to HTTP://{}.onion", ONION.to_uppercase()));
    assert_eq!(heard.leaks().len(), 1);
}
