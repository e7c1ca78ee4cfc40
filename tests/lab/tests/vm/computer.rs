//! The computer of all boots, and what is asked of a system that is up.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use sameday_lab::stick::Stick;
use sameday_lab::vm::guest::Guest;
use sameday_lab::vm::{Bus, Drive, Firmware, Vm, Writes};
use sameday_upgrade::boot_env::{BootEnv, GoodEnv};

/// A boot takes a minute when nothing else runs.
pub const BOOT: Duration = Duration::from_secs(900);
pub const COMMAND: Duration = Duration::from_secs(120);
pub const UPGRADE: Duration = Duration::from_secs(600);
pub const BOOT_ENV: &str = "live/sameday/boot.env";
pub const GOOD_ENV: &str = "live/sameday/good.env";

/// A computer with this stick and no other.
pub fn computer(stick: &Stick) -> Vm {
    Vm { memory: 1024, processors: 2, ..Vm::new(Firmware::Bios, drive(stick.image(), Writes::Kept)) }
}

pub fn drive(image: &Path, writes: Writes) -> Drive {
    Drive { image: image.to_owned(), writes, bus: Bus::Virtio }
}

/// Boots, and sees that this list and this version run, and that what is mounted is that list.
pub fn boot(vm: &Vm, dir: &Path, name: &str, module: &str, version: &str) -> io::Result<Guest> {
    let began = Instant::now();
    let mut guest = Guest::start(vm, &dir.join(name), BOOT)?;
    println!("figure: {name}: up after {:.0} s", began.elapsed().as_secs_f64());
    let line = guest.expect("cat /proc/cmdline", COMMAND)?;
    for wanted in [format!("module={module} "), "live-media=/dev/disk/by-uuid/".to_owned(), "panic=10 ".to_owned()] {
        if !line.contains(&wanted) {
            return Err(io::Error::other(format!("no {wanted:?} in {line}")));
        }
    }
    expect(guest.expect(". /usr/lib/os-release && echo $IMAGE_VERSION", COMMAND)?.trim(), version)?;
    let list = guest.expect(&format!("cat /run/live/medium/live/{module}.module"), COMMAND)?;
    let mounted = guest.expect("ls /run/live/rootfs", COMMAND)?;
    let mut listed: Vec<&str> = list.split_whitespace().filter_map(|line| line.rsplit('/').next()).collect();
    listed.sort_unstable();
    expect(&mounted.split_whitespace().collect::<Vec<_>>().join(" "), &listed.join(" "))?;
    Ok(guest)
}

/// Waits until the system has judged this start; answers what it said.
pub fn judged(guest: &mut Guest) -> io::Result<String> {
    let wait = "for i in $(seq 100); do \
                case $(systemctl show -P ActiveState sameday-boot-good.service) in active|failed) break;; esac; sleep 2; done";
    guest.expect(wait, Duration::from_secs(400))?;
    let said = guest.expect("journalctl -b -o cat -u sameday-boot-good.service", COMMAND)?;
    let state = guest.expect("systemctl show -P ActiveState sameday-boot-good.service", COMMAND)?;
    if state.trim() == "active" {
        return Ok(said);
    }
    let daemon = guest.expect("journalctl -b -o cat -u samedayd.service | tail -n 20", COMMAND)?;
    Err(io::Error::other(format!("sameday-boot-good.service is {state}{said}{daemon}")))
}

/// A line of `sameday status --json` says so.
pub fn status(guest: &mut Guest, wanted: &[(&str, &str)]) -> io::Result<String> {
    let text = guest.expect("sameday status --json", COMMAND)?;
    let value: serde_json::Value = serde_json::from_str(&text).map_err(io::Error::other)?;
    for (pointer, expected) in wanted {
        let found = value.pointer(pointer).and_then(serde_json::Value::as_str).unwrap_or_default();
        if found != *expected {
            return Err(io::Error::other(format!("{pointer} is {found:?}, not {expected:?}:\n{text}")));
        }
    }
    Ok(text)
}

/// What `boot.env` says, as `current previous tries good`.
pub fn boot_env(stick: &Stick) -> io::Result<String> {
    let env = BootEnv::parse(&stick.read(BOOT_ENV)?).map_err(io::Error::other)?;
    Ok(format!("{} {} {} {}", env.current, env.previous, env.tries, env.good))
}

pub fn good_env(stick: &Stick) -> io::Result<String> {
    Ok(GoodEnv::parse(&stick.read(GOOD_ENV)?).map_err(io::Error::other)?.version.to_string())
}

/// Two images are the same, byte for byte.
pub fn same_bytes(before: &Path, after: &Path) -> io::Result<()> {
    let (before, after) = (fs::read(before)?, fs::read(after)?);
    match before.iter().zip(&after).position(|(a, b)| a != b) {
        None if before.len() == after.len() => Ok(()),
        found => Err(io::Error::other(format!("the image changed, first at byte {found:?}"))),
    }
}

pub fn expect(found: &str, wanted: &str) -> io::Result<()> {
    if found == wanted { Ok(()) } else { Err(io::Error::other(format!("{found:?} where {wanted:?} was expected"))) }
}
