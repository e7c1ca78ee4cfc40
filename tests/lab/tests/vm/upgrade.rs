//! The base comes up; a kit upgrades it; the new version comes up.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use sameday_lab::stick::Stick;
use sameday_lab::vm::guest::Guest;
use sameday_lab::vm::{Bus, Drive, Firmware, Vm, Writes};
use sameday_upgrade::boot_env::BootEnv;

use crate::stick::{Material, NEW, NEWS, OLD};

/// A boot takes a minute when nothing else runs.
pub const BOOT: Duration = Duration::from_secs(900);
pub const COMMAND: Duration = Duration::from_secs(60);
const UPGRADE: Duration = Duration::from_secs(600);

/// Upgrades a stick, and answers it as it was before the first start of the new version.
pub fn from_a_kit(material: &Material) -> io::Result<Stick> {
    let stick = material.stick.clone_to(&material.dir.join("kit.img"))?;
    let mut vm = computer(&stick);
    vm.drives.push(Drive { image: material.kit.clone(), writes: Writes::Refused, bus: Bus::Virtio });

    let mut guest = boot(&vm, material, "base", "filesystem", OLD)?;
    expect(guest.expect("cat /sys/module/apparmor/parameters/enabled", COMMAND)?.trim(), "Y")?;
    println!("{}", guest.run("sameday status", COMMAND)?.output);
    guest.expect("cat /dev/vdb >/home/user/a.kit && chown user: /home/user/a.kit", COMMAND)?;
    let began = Instant::now();
    println!("{}", guest.expect("sameday install /home/user/a.kit --yes", UPGRADE)?);
    println!("figure: upgraded from a kit in {:.0} s", began.elapsed().as_secs_f64());
    guest.end("systemctl reboot", BOOT)?;
    let env = BootEnv::parse(&stick.read("live/sameday/boot.env")?).map_err(io::Error::other)?;
    expect(&format!("{} {} {} {}", env.current, env.previous, env.tries, env.good), "1.1 base 3 false")?;
    let committed = stick.clone_to(&material.dir.join("committed.img"))?;

    let mut guest = boot(&vm, material, "new", NEW, NEW)?;
    guest.expect(&format!("grep new /{NEWS}"), COMMAND)?;
    println!("{}", guest.run("sameday status; findmnt --list -o TARGET,SOURCE,OPTIONS | grep live", COMMAND)?.output);
    guest.end("systemctl poweroff", BOOT)?;
    stick.fsck()?;
    Ok(committed)
}

/// A computer with this stick and no other.
pub fn computer(stick: &Stick) -> Vm {
    let drive = |image: &Path| Drive { image: image.to_owned(), writes: Writes::Kept, bus: Bus::Virtio };
    let vm = Vm::new(Firmware::Bios, drive(stick.image()));
    Vm { memory: 1024, processors: 2, ..vm }
}

/// Boots, and sees that this list and this version run.
pub fn boot(vm: &Vm, material: &Material, name: &str, module: &str, version: &str) -> io::Result<Guest> {
    let began = Instant::now();
    let mut guest = Guest::start(vm, &material.dir.join(name), BOOT)?;
    println!("figure: {name} is up after {:.0} s", began.elapsed().as_secs_f64());
    let line = guest.expect("cat /proc/cmdline", COMMAND)?;
    println!("     {}", line.trim());
    for wanted in [format!("module={module} "), "live-media=/dev/disk/by-uuid/".to_owned(), "panic=10 ".to_owned()] {
        if !line.contains(&wanted) {
            return Err(io::Error::other(format!("no {wanted:?} in {line}")));
        }
    }
    expect(guest.expect(". /usr/lib/os-release && echo $IMAGE_VERSION", COMMAND)?.trim(), version)?;
    Ok(guest)
}

pub fn expect(found: &str, wanted: &str) -> io::Result<()> {
    if found == wanted { Ok(()) } else { Err(io::Error::other(format!("{found:?} where {wanted:?} was expected"))) }
}
