//! Versions that do not come up, each in another way; each ends in a system that works, and nobody has to edit anything.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use sameday_lab::process::run;
use sameday_lab::stick::Stick;
use sameday_upgrade::boot_env::{BootEnv, Choice};

use crate::computer::{BOOT, BOOT_ENV, COMMAND, GOOD_ENV, boot, boot_env, computer, expect, judged, status};
use crate::stick::{Material, NEW, OLD};

/// What is wrong with the stick, and what it then does.
pub struct Case {
    pub name: &'static str,
    /// Whether it is one of the few that are always played.
    pub core: bool,
    /// Whether the version was good already.
    good: bool,
    /// Starts left; fewer than the three that there are spare a quarter of an hour.
    tries: u8,
    damage: fn(&Stick, &Path) -> io::Result<()>,
    /// What each start that does not end in a system that stays up says, if it comes to a kernel.
    says: &'static str,
    /// How many of them there are.
    bad_starts: u8,
    /// `boot.env` after them; empty where it cannot be read.
    after: &'static str,
    /// How the system that stays up says it stands.
    standing: &'static str,
}

const PANIC: &str = "Kernel panic";
/// live-boot's last words before `panic=` restarts the computer.
const NO_ROOT: &str = "Can not mount";
const UNDONE: Case = Case {
    name: "",
    core: false,
    good: false,
    tries: 1,
    damage: |_, _| Ok(()),
    says: "",
    bad_starts: 1,
    after: "1.1 base 0 false",
    standing: "undone",
};

pub const CASES: [Case; 11] = [
    Case {
        name: "the_initrd_is_truncated",
        tries: 3,
        damage: |stick, _| half(stick, &format!("live/{NEW}/initrd.img")),
        says: PANIC,
        bad_starts: 3,
        ..UNDONE
    },
    Case { name: "the_layer_is_zeros", damage: |stick, _| zeros(stick, &layer()), says: NO_ROOT, ..UNDONE },
    Case { name: "the_layer_is_truncated", damage: |stick, _| half(stick, &layer()), says: NO_ROOT, ..UNDONE },
    // It was written, and lost when the stick was unplugged; nothing that the start reads is in it.
    Case { name: "the_layer_has_a_hole", core: true, tries: 3, damage: hole, ..UNDONE },
    Case { name: "the_layer_has_a_broken_init", damage: broken_init, says: PANIC, ..UNDONE },
    Case { name: "the_system_hangs", tries: 2, damage: hang, bad_starts: 2, ..UNDONE },
    Case {
        name: "the_list_names_a_missing_layer",
        tries: 3,
        damage: missing_layer,
        // The version is not complete: what its list says is not what belongs there.
        ..UNDONE
    },
    Case { name: "a_good_version_lacks_its_layer", good: true, tries: 0, damage: missing_layer, ..UNDONE },
    Case {
        name: "the_kernel_is_missing",
        tries: 3,
        damage: |stick, _| stick.remove(&format!("live/{NEW}/vmlinuz")),
        bad_starts: 0,
        after: "1.1 base 3 false",
        ..UNDONE
    },
    Case {
        name: "boot_env_is_zeros",
        damage: |stick, _| stick.write(BOOT_ENV, &[0; 512]),
        bad_starts: 0,
        after: "",
        standing: "unknown",
        ..UNDONE
    },
    Case {
        name: "both_blocks_are_gone",
        damage: |stick, _| stick.remove(BOOT_ENV).and_then(|()| stick.remove(GOOD_ENV)),
        bad_starts: 0,
        after: "",
        standing: "unknown",
        ..UNDONE
    },
];

/// Plays a case on a stick that was just upgraded.
pub fn play(case: &Case, material: &Material, committed: &Stick) -> io::Result<()> {
    let dir = material.dir.join(case.name);
    fs::create_dir_all(&dir)?;
    let stick = committed.clone_to(&dir.join("stick.img"))?;
    let env = BootEnv {
        current: Choice::Version(NEW.parse().map_err(io::Error::other)?),
        previous: Choice::Base,
        tries: case.tries,
        good: case.good,
    };
    stick.write(BOOT_ENV, &env.render())?;
    (case.damage)(&stick, &dir)?;
    let began = Instant::now();
    for number in 0..case.bad_starts {
        let said = computer(&stick).start(&dir.join(format!("bad-{number}")))?.ended(BOOT)?;
        if !said.contains(case.says) {
            return Err(io::Error::other(format!("start {number} does not say {:?}:\n{said}", case.says)));
        }
    }
    println!("figure: {}: {} bad starts in {:.0} s", case.name, case.bad_starts, began.elapsed().as_secs_f64());
    if !case.after.is_empty() {
        expect(&boot_env(&stick)?, case.after)?;
    }
    let mut guest = boot(&computer(&stick), &dir, "after", "filesystem", OLD)?;
    judged(&mut guest)?;
    status(&mut guest, &[("/running-version", OLD), ("/standing", case.standing)])?;
    println!("{}", guest.run("sameday status", COMMAND)?.output);
    guest.end("systemctl poweroff", BOOT)?;
    fs::remove_dir_all(&dir)
}

fn layer() -> String {
    format!("live/{NEW}/{NEW}.squashfs")
}

fn half(stick: &Stick, place: &str) -> io::Result<()> {
    let whole = stick.read(place)?;
    stick.write(place, whole.get(..whole.len() / 2).unwrap_or_default())
}

fn zeros(stick: &Stick, place: &str) -> io::Result<()> {
    let length = stick.read(place)?.len();
    stick.write(place, &vec![0; length])
}

/// 64 KiB in the middle of the layer, where the file lies that nothing reads.
fn hole(stick: &Stick, _: &Path) -> io::Result<()> {
    let mut layer_bytes = stick.read(&layer())?;
    let middle = layer_bytes.len() / 2;
    layer_bytes.get_mut(middle..middle + (64 << 10)).ok_or(io::ErrorKind::InvalidData)?.fill(0);
    stick.write(&layer(), &layer_bytes)
}

/// Another layer, in which this file says this.
fn replace_layer(stick: &Stick, dir: &Path, files: &[(&str, &str, u32)]) -> io::Result<()> {
    let root = dir.join("layer");
    for (place, text, mode) in files {
        let path = root.join(place);
        fs::create_dir_all(path.parent().unwrap_or(&root))?;
        fs::write(&path, text)?;
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(*mode))?;
    }
    let image = dir.join("layer.squashfs");
    run(Command::new("mksquashfs").arg(&root).arg(&image).args(["-quiet", "-no-progress", "-noappend"]))?;
    stick.write(&layer(), &fs::read(image)?)
}

fn broken_init(stick: &Stick, dir: &Path) -> io::Result<()> {
    replace_layer(stick, dir, &[("usr/lib/systemd/systemd", "#!/nothing\n", 0o755)])
}

/// Something that the system waits for never ends; the limit is shorter than the product's quarter of an hour.
fn hang(stick: &Stick, dir: &Path) -> io::Result<()> {
    let unit = "[Unit]\nDefaultDependencies=no\nBefore=sysinit.target\n\n[Service]\nType=oneshot\nTimeoutStartSec=infinity\n\
                ExecStart=/bin/sleep infinity\n";
    replace_layer(
        stick,
        dir,
        &[
            ("etc/systemd/system/hang.service", unit, 0o644),
            ("etc/systemd/system/sysinit.target.d/hang.conf", "[Unit]\nRequires=hang.service\n", 0o644),
            ("etc/systemd/system/sameday-trial.target.d/lab.conf", "[Unit]\nJobTimeoutSec=45\n", 0o644),
        ],
    )
}

/// The layer is there for GRUB, and the list names another one.
fn missing_layer(stick: &Stick, _: &Path) -> io::Result<()> {
    stick.write(&format!("live/{NEW}.module"), b"filesystem.squashfs\n1.1/lost.squashfs\n")
}

/// Cuts the power of a computer in the middle of what it does: a start that is no good one, though nothing was wrong.
pub fn pulled_early(material: &Material, committed: &Stick) -> io::Result<()> {
    let stick = committed.clone_to(&material.dir.join("pulled.img"))?;
    for left in [2, 1, 0] {
        let mut running = computer(&stick).start(&material.dir.join("pulled"))?;
        // What live-boot says last before it hands over to systemd.
        running.wait_for("/root/etc/network/interfaces", BOOT)?;
        drop(running);
        expect(&boot_env(&stick)?, &format!("1.1 base {left} false"))?;
    }
    let mut guest = boot(&computer(&stick), &material.dir, "pulled-after", "filesystem", OLD)?;
    judged(&mut guest)?;
    status(&mut guest, &[("/running-version", OLD), ("/standing", "undone"), ("/again-version", NEW)])?;
    guest.expect("sameday try-again", COMMAND)?;
    guest.end("systemctl reboot", BOOT)?;
    expect(&boot_env(&stick)?, "1.1 base 3 false")?;
    let mut guest = boot(&computer(&stick), &material.dir, "pulled-again", NEW, NEW)?;
    judged(&mut guest)?;
    status(&mut guest, &[("/running-version", NEW), ("/standing", "good")])?;
    guest.end("systemctl poweroff", BOOT)?;
    stick.fsck()
}
