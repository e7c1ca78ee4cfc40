//! A stick is upgraded twice, as its user does it, goes back once, and leaves no trace where nobody consented.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use sameday_lab::process::run;
use sameday_lab::stick::{PARTITION_START, Stick};
use sameday_lab::vm::Writes;
use sameday_lab::vm::guest::Guest;

use crate::computer::{
    BOOT, COMMAND, UPGRADE, boot, boot_env, computer, drive, expect, good_env, judged, same_bytes, status,
};
use crate::stick::{Material, NEW, NEWS, OLD, RELEASES};

/// The start that installs, and the first one of the new version: what each writes to the stick is noted down.
pub const FIRST: &str = "first";
pub const SECOND: &str = "second";

/// Where it is noted down.
pub fn log_of(material: &Material, start: &str) -> PathBuf {
    material.dir.join(format!("{start}.log"))
}

/// A boot with a check, but no consent, leaves the whole disk as it was.
pub fn no_trace(material: &Material) -> io::Result<()> {
    let stick = material.stick.clone_to(&material.dir.join("untouched.img"))?;
    let mut guest = boot(&computer(&stick), &material.dir, "base", "filesystem", OLD)?;
    expect(guest.expect("cat /sys/module/apparmor/parameters/enabled", COMMAND)?.trim(), "Y")?;
    judged(&mut guest)?;
    let checked = guest.run("sameday check", UPGRADE)?;
    println!("     sameday check: {}, {}", checked.status, checked.output.trim());
    status(&mut guest, &[("/running-version", OLD), ("/standing", "good")])?;
    guest.end("systemctl poweroff", BOOT)?;
    same_bytes(material.stick.image(), stick.image())
}

/// The user, on the first console, installs from a kit on a second stick, where a third disk has a `/live` of its own; the new version comes
/// up and is good. Answers the stick as it was before its first start, and after.
pub fn from_a_kit(material: &Material) -> io::Result<[Stick; 2]> {
    let stick = material.stick.clone_to(&material.dir.join("kit.img"))?;
    let mut vm = computer(&stick);
    vm.drives.push(drive(&second_stick(material, &material.kit(NEW)?)?, Writes::Refused));
    vm.drives.push(drive(&other_live(material)?, Writes::Refused));
    vm.log = Some(log_of(material, FIRST));
    let mut guest = boot(&vm, &material.dir, FIRST, "filesystem", OLD)?;
    judged(&mut guest)?;
    install(&mut guest, &material.kit(NEW)?)?;
    guest.ended(BOOT)?;
    expect(&boot_env(&stick)?, "1.1 base 3 false")?;
    expect(&good_env(&stick)?, "base")?;
    outside(material, &stick)?;
    let committed = stick.clone_to(&material.dir.join("committed.img"))?;

    vm.log = Some(log_of(material, SECOND));
    let mut guest = boot(&vm, &material.dir, SECOND, NEW, NEW)?;
    let line = guest.expect("cat /proc/cmdline", COMMAND)?;
    if !line.contains("systemd.wants=sameday-trial.target") {
        return Err(io::Error::other(format!("no limits for a version on trial: {line}")));
    }
    expect(guest.expect(&format!("cat /{NEWS}"), COMMAND)?.trim(), NEW)?;
    println!("     {}", judged(&mut guest)?.trim());
    expect(guest.expect("systemctl is-active sameday-trial.target", COMMAND)?.trim(), "active")?;
    status(&mut guest, &[("/running-version", NEW), ("/standing", "good"), ("/previous-version", OLD)])?;
    guest.end("systemctl poweroff", BOOT)?;
    expect(&boot_env(&stick)?, "1.1 base 0 true")?;
    expect(&good_env(&stick)?, NEW)?;
    stick.fsck()?;
    Ok([committed, stick])
}

/// From layer to layer, five in all, and back by hand. Between the starts of a good version nothing is written, and the stick does not fill up.
pub fn again_and_back(material: &Material, good: &Stick) -> io::Result<()> {
    const ALIKE: u64 = 1 << 20;
    let stick = good.clone_to(&material.dir.join("again.img"))?;
    let first = material.stick.free()?;
    let used = || Ok::<_, io::Error>(first.saturating_sub(stick.free()?));
    let mut room = vec![used()?];
    for two in RELEASES.windows(2) {
        let &[from, to] = two else { continue };
        let mut vm = computer(&stick);
        vm.drives.push(drive(&second_stick(material, &material.kit(to)?)?, Writes::Refused));
        let mut guest = boot(&vm, &material.dir, &format!("good-{from}"), from, from)?;
        let began_good = from == NEW;
        let line = guest.expect("cat /proc/cmdline", COMMAND)?;
        if line.contains("sameday-trial") == began_good {
            return Err(io::Error::other(format!("limits are for a version on trial, and for no other: {line}")));
        }
        judged(&mut guest)?;
        if began_good {
            same_bytes(good.image(), stick.image())?;
        }
        status(&mut guest, &[("/running-version", from), ("/standing", "good")])?;
        install(&mut guest, &material.kit(to)?)?;
        guest.ended(BOOT)?;
        expect(&boot_env(&stick)?, &format!("{to} {from} 3 false"))?;
        room.push(used()?);
    }
    println!("figure: bytes used on the stick after 1 to {} upgrades: {room:?}", room.len());
    if room.last() > room.get(1).map(|two| two + ALIKE).as_ref() {
        return Err(io::Error::other(format!("the stick fills up: {room:?}")));
    }

    let [.., kept, newest] = RELEASES;
    let vm = computer(&stick);
    let mut guest = boot(&vm, &material.dir, "newest", newest, newest)?;
    judged(&mut guest)?;
    status(&mut guest, &[("/running-version", newest), ("/standing", "good"), ("/previous-version", kept)])?;
    let back = guest.expect("sameday rollback --yes", COMMAND)?;
    println!("     {}", back.trim());
    guest.end("systemctl reboot", BOOT)?;
    expect(&boot_env(&stick)?, &format!("{kept} {newest} 3 false"))?;

    let mut guest = boot(&vm, &material.dir, "back", kept, kept)?;
    judged(&mut guest)?;
    status(&mut guest, &[("/running-version", kept), ("/standing", "rolled-back"), ("/again-version", newest)])?;
    guest.end("systemctl poweroff", BOOT)?;
    expect(&boot_env(&stick)?, &format!("{kept} {newest} 0 true"))?;
    outside(material, &stick)?;
    stick.fsck()
}

/// Types what the user would, and consents; the computer then restarts. Answers what was asked.
pub fn install(guest: &mut Guest, kit: &Path) -> io::Result<String> {
    let name = kit.file_name().unwrap_or_default().to_string_lossy().into_owned();
    guest.expect("mkdir -p /media/second && mount -o ro /dev/vdb /media/second", COMMAND)?;
    guest.wait_on_screen("user@stick", COMMAND)?;
    let began = Instant::now();
    guest.type_line(&format!("clear; sameday install /media/second/{name} --restart"), COMMAND)?;
    guest.wait_on_screen("[y/N]", UPGRADE)?;
    let asked = guest.screen(COMMAND)?;
    println!("{asked}");
    guest.type_line("y", COMMAND)?;
    println!("figure: consent after {:.0} s", began.elapsed().as_secs_f64());
    Ok(asked)
}

/// A stick with nothing on it but a kit.
pub fn second_stick(material: &Material, kit: &Path) -> io::Result<PathBuf> {
    let image = material.dir.join("second-stick.img");
    if image.exists() {
        fs::remove_file(&image)?;
    }
    let room = kit.metadata()?.len() + (8 << 20);
    fs::File::create(&image)?.set_len(room.next_multiple_of(1 << 20))?;
    run(Command::new("mkfs.vfat").args(["-n", "KITS"]).arg(&image))?;
    run(Command::new("mcopy").arg("-i").arg(&image).arg(kit).arg("::"))?;
    Ok(image)
}

/// Another stick of ours, with another serial, on which the same version lies.
fn other_live(material: &Material) -> io::Result<PathBuf> {
    let image = material.dir.join("other-live.img");
    material.stick.clone_to(&image)?;
    let file = fs::File::options().write(true).open(&image)?;
    // The serial of FAT32 and its copy in the backup sector (6).
    for sector in [0, 6] {
        std::os::unix::fs::FileExt::write_all_at(&file, &[1, 2, 3, 4], PARTITION_START + sector * 512 + 67)?;
    }
    Ok(image)
}

/// Everything but the system's partition is as it was: table, boot loader, Persistent Storage.
fn outside(material: &Material, stick: &Stick) -> io::Result<()> {
    let (before, after) = (fs::read(material.stick.image())?, fs::read(stick.image())?);
    let [start, end] = [PARTITION_START, PARTITION_START + material.summary.system_length]
        .map(|byte| usize::try_from(byte).unwrap_or(usize::MAX));
    if before.get(..start) != after.get(..start) || before.get(end..) != after.get(end..) {
        return Err(io::Error::other("something outside of the system's partition changed"));
    }
    Ok(())
}
