//! What a check with no news costs, a month after the image was made, and beside it what Tor itself needs.

use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::time::Duration;

use sameday_dbus::State;
use sameday_lab::fetcher::{FetcherProcess, Network};
use sameday_lab::machine::{Machine, Spec as MachineSpec};
use sameday_lab::repo::Request;
use sameday_lab::stick::FileSystem;
use sameday_lab::world::{Spec, World, now};
use sameday_wire::{Client, Patience, Phase};

use crate::figure::{Board, Figure};
use crate::online::Online;
use crate::traffic::Traffic;
use crate::upgrade;

/// Age of the image.
const DAYS: u32 = 30;
/// The online roles are signed anew four times a day.
const RENEWALS_A_DAY: u32 = 4;
const STICK: u64 = 64 << 20;
/// Check, most requests, most bytes.
const GOALS: [(&str, f64, f64); 2] = [("first", 4.0, 16_384.0), ("second", 2.0, 4_096.0)];

/// Measures.
pub fn run(online: &Online, dir: &Path, board: &mut Board) -> io::Result<()> {
    let now = now();
    let made = now.plus_seconds(-i64::from(DAYS) * 86_400);
    let spec = Spec { payload: 1 << 20, made, ..online.spec("month") };
    let world = World::tiny(&dir.join("world"), spec)?;
    for step in 1..=DAYS * RENEWALS_A_DAY {
        world.renew(made.plus_seconds(i64::from(step) * 86_400 / i64::from(RENEWALS_A_DAY)))?;
    }
    online.serve("month", &world)?;
    let stick = world.stick("stick", FileSystem::of_this_kernel()?, STICK)?;
    let machine = Machine::start(&dir.join("machine"), &stick, &MachineSpec::default())?;
    let mut fetcher = machine.start_fetcher(Network::Host)?;
    let traffic = Traffic::of(fetcher.process().id());
    let mut before = 0;
    for (name, most_requests, most_bytes) in GOALS {
        online.server.forget();
        let took = upgrade::check(&machine, State::UpToDate, &|| traffic.look())?;
        traffic.look()?;
        let requests = online.server.requests();
        let count = u64::try_from(requests.len()).map_err(io::Error::other)?;
        board.tell(&Figure::count(format!("check.{name}.requests"), count, "requests").at_most(most_requests));
        let bytes = requests.iter().map(cost).sum();
        board.tell(&Figure::count(format!("check.{name}.bytes"), bytes, "bytes").at_most(most_bytes));
        let all = traffic.total();
        board.tell(&Figure::count(format!("check.{name}.all-tor-traffic"), all - before, "bytes"));
        board.tell(&Figure::new(format!("check.{name}.time"), took.as_secs_f64(), "s"));
        before = all;
    }
    board.tell(&Figure::count("check.tor-directory-traffic", bootstrap(online, &dir.join("bootstrap"))?, "bytes"));
    Ok(())
}

/// Request line, headers, and the whole answer.
fn cost(request: &Request) -> u64 {
    request.head.len() as u64 + request.sent_head + request.sent_body
}

/// What a fetcher costs that learns the network and then asks nobody for anything: the directory, and the connections to relays.
fn bootstrap(online: &Online, dir: &Path) -> io::Result<u64> {
    let mut fetcher = FetcherProcess::start(dir, Some(&online.tor.fetcher_toml()), Network::Host)?;
    let patience = Patience { frame: Duration::from_secs(60), progress: Duration::from_secs(120) };
    let mut client = Client::new(fetcher.connect()?, patience);
    // An address that nobody can have: its checksum is wrong, so it is refused as soon as the network is known.
    let nobody = format!("http://{}.onion/", "a".repeat(56));
    client.open(&[nobody], None, &mut |_| {}).map_err(io::Error::other)?;
    let traffic = Traffic::of(fetcher.process().id());
    let mut ready = None;
    let path = sameday_wire::Path::new("metadata/timestamp.json").map_err(io::Error::other)?;
    let answer = client.get::<Infallible>(&path, 0, 1, &mut |_| Ok(()), &mut |status| {
        if status.phase == Phase::Ready && ready.is_none() {
            ready = Some(traffic.look().map(|()| traffic.total()));
        }
    });
    match (answer, ready) {
        (Err(_), Some(bytes)) => bytes,
        (answer, ready) => Err(io::Error::other(format!("nobody was asked: {answer:?}, {ready:?}"))),
    }
}
