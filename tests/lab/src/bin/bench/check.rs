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

/// Ages of the image in days: a month; and so long that the snapshot was signed anew, too, which happens in the middle of its life of 90 days.
const AGES: [u32; 2] = [30, 50];
const DAY: i64 = 86_400;
const STICK: u64 = 64 << 20;
/// Check, most requests, most bytes.
const GOALS: [(&str, f64, f64); 2] = [("first", 4.0, 16_384.0), ("second", 2.0, 4_096.0)];

/// Measures.
pub fn run(online: &Online, dir: &Path, board: &mut Board) -> io::Result<()> {
    for age in AGES {
        checks(online, &dir.join(age.to_string()), age, board)?;
    }
    board.tell(&Figure::count("check.tor-directory-traffic", bootstrap(online, &dir.join("bootstrap"))?, "bytes"));
    Ok(())
}

/// Two checks of one start, with an image of this age and no release since.
fn checks(online: &Online, dir: &Path, age: u32, board: &mut Board) -> io::Result<()> {
    let after = format!("{age}-days");
    let made = now().plus_seconds(-i64::from(age) * DAY);
    let spec = Spec { payload: 1 << 20, made, ..online.spec(&after) };
    let world = World::tiny(&dir.join("world"), spec)?;
    for day in 1..=age {
        world.renew(made.plus_days(day))?;
    }
    online.serve(&after, &world)?;
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
        let name = format!("check.{after}.{name}");
        let count = u64::try_from(requests.len()).map_err(io::Error::other)?;
        board.tell(&Figure::count(format!("{name}.requests"), count, "requests").at_most(most_requests));
        let bytes = requests.iter().map(cost).sum();
        board.tell(&Figure::count(format!("{name}.bytes"), bytes, "bytes").at_most(most_bytes));
        let all = traffic.total();
        board.tell(&Figure::count(format!("{name}.all-tor-traffic"), all - before, "bytes"));
        board.tell(&Figure::new(format!("{name}.time"), took.as_secs_f64(), "s"));
        before = all;
    }
    Ok(())
}

/// Request line, headers, and the whole answer.
fn cost(request: &Request) -> u64 {
    request.head.len() as u64 + request.sent_head + request.sent_body
}

/// What a fetcher has sent and received when it knows the network: the directory, and the connections to relays.
fn bootstrap(online: &Online, dir: &Path) -> io::Result<u64> {
    let mut fetcher = FetcherProcess::start(dir, Some(&online.tor.fetcher_toml()), Network::Host)?;
    let traffic = Traffic::of(fetcher.process().id());
    let patience = Patience { frame: Duration::from_secs(60), progress: Duration::from_secs(120) };
    let mut client = Client::new(fetcher.connect()?, patience);
    client.open(&[online.tor.base_url()], None, &mut |_| {}).map_err(io::Error::other)?;
    let mut ready = None;
    let path = sameday_wire::Path::new("30-days/metadata/timestamp.json").map_err(io::Error::other)?;
    let answer = client.get::<Infallible>(&path, 0, 1, &mut |_| Ok(()), &mut |status| {
        if status.phase == Phase::Ready && ready.is_none() {
            ready = Some(traffic.look().map(|()| traffic.total()));
        }
    });
    answer.map_err(|error| io::Error::other(format!("{error:?}")))?;
    ready.ok_or_else(|| io::Error::other("the fetcher did not say when it was ready"))?
}
