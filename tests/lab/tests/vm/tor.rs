//! The same over Tor: the guest's own fetcher, embedded Arti and all, reaches a private network whose relays have an address of their own, in
//! a network namespace that holds nothing else.

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nix::sched::{CloneFlags, unshare};
use sameday_lab::process::run;
use sameday_lab::repo::Repo;
use sameday_lab::tornet::TorNet;

use crate::computer::{BOOT, COMMAND, UPGRADE, boot, boot_env, computer, expect, judged, status};
use crate::stick::{Material, NEW, NEWER, Network, OLD};

/// For benchmarks of networks (RFC 2544): nobody's.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
/// Where this story's material is.
const ROOM: &str = "run-tor";
/// A network starts in 45 s when nothing else runs.
const READY: Duration = Duration::from_secs(300);
/// The timer's wait, made short, and what it waits for: the network, by a target of the image's choice.
const TIMER: &str = "[Unit]\nWants=network-online.target\nAfter=network-online.target\n\n[Timer]\nOnActiveSec=\nOnActiveSec=1s\nRandomizedDelaySec=0\n";
const DHCP: &str = "[Match]\nName=e*\n\n[Network]\nDHCP=ipv4\n";

/// The stick checks on its own when the network is there; the user, logged in on the first console, consents; the new version comes up.
pub fn over_tor(dir: &Path) -> io::Result<()> {
    let dir = dir.to_owned();
    // The namespace is this thread's and that of everything it starts.
    let played = std::thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWNET)?;
        run(Command::new("ip").args(["link", "set", "lo", "up"]))?;
        run(Command::new("ip").args(["address", "add", &format!("{ADDRESS}/32"), "dev", "lo"]))?;
        play(&dir)
    });
    played.join().unwrap_or_else(|_| Err(io::Error::other("the story panicked")))
}

fn play(dir: &Path) -> io::Result<()> {
    let served = Material::repository(&dir.join(ROOM));
    fs::create_dir_all(&served)?;
    let server = Repo::serve(&served)?;
    let nodes = tempfile::tempdir()?;
    let mut tor = TorNet::start_at(nodes.path(), server.address(), ADDRESS)?;
    let network =
        Network { base_urls: vec![tor.base_url()], tor: Some("direct".into()), arti: Some(tor.arti_settings()) };
    let furnish = |root: &Path| {
        for (place, text, name) in [
            ("etc/systemd/system/sameday-check.timer.d", TIMER, "lab.conf"),
            ("etc/systemd/network", DHCP, "lab.network"),
        ] {
            fs::create_dir_all(root.join(place))?;
            fs::write(root.join(place).join(name), text)?;
        }
        let enable = ["sameday-check.timer", "systemd-networkd.service", "systemd-networkd-wait-online.service"];
        run(Command::new("systemctl").arg("--root").arg(root).arg("enable").args(enable)).map(drop)
    };
    let material = Material::make_in(dir, ROOM, &network, &furnish)?;
    for version in [NEW, NEWER] {
        material.kit(version)?;
    }
    tor.wait_ready(READY)?;
    server.forget();

    let stick = material.stick.clone_to(&material.dir.join("over-tor.img"))?;
    let mut vm = computer(&stick);
    for argument in ["-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net"] {
        vm.more.push(argument.to_owned());
    }
    let mut guest = boot(&vm, &material.dir, "tor-base", "filesystem", OLD)?;
    judged(&mut guest)?;
    let found = "for i in $(seq 150); do sameday status --json | grep -q '\"state\":\"available\"' && exit; sleep 2; done; \
                 sameday status; journalctl -b -o cat -u 'sameday*' | tail -n 40; exit 1";
    guest.expect(found, Duration::from_secs(500))?;
    println!("     the timer has found {}", status(&mut guest, &[("/offer/version", NEWER)])?.len());
    guest.wait_on_screen("user@stick", COMMAND)?;
    guest.type_line("clear; sameday upgrade --restart", COMMAND)?;
    guest.wait_on_screen("[y/N]", UPGRADE)?;
    guest.type_line("y", COMMAND)?;
    guest.ended(Duration::from_secs(1200))?;
    expect(&boot_env(&stick)?, "1.2 base 3 false")?;
    let requests = server.requests();
    println!("figure: {} requests came through the onion service", requests.len());
    if requests.is_empty() || requests.iter().any(|request| request.circuit.is_none()) {
        return Err(io::Error::other("requests did not come through Tor"));
    }
    let mut guest = boot(&vm, &material.dir, "tor-new", NEWER, NEWER)?;
    judged(&mut guest)?;
    status(&mut guest, &[("/running-version", NEWER), ("/standing", "good")])?;
    guest.end("systemctl poweroff", BOOT)?;
    stick.fsck()
}
