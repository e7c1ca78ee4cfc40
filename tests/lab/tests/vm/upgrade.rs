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
use crate::stick::{Material, NEW, NEWER, NEWS, OLD};

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
    vm.drives.push(drive(&second_stick(material, &material.kits[0])?, Writes::Refused));
    vm.drives.push(drive(&other_live(material)?, Writes::Refused));
    let mut guest = boot(&vm, &material.dir, "first", "filesystem", OLD)?;
    judged(&mut guest)?;
    install(&mut guest, material, 0)?;
    guest.ended(BOOT)?;
    expect(&boot_env(&stick)?, "1.1 base 3 false")?;
    expect(&good_env(&stick)?, "base")?;
    outside(material, &stick)?;
    let committed = stick.clone_to(&material.dir.join("committed.img"))?;

    let mut guest = boot(&vm, &material.dir, "second", NEW, NEW)?;
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

/// From layer to layer, and back by hand. Between the starts of a good version nothing is written.
pub fn again_and_back(material: &Material, good: &Stick) -> io::Result<()> {
    let stick = good.clone_to(&material.dir.join("again.img"))?;
    let mut vm = computer(&stick);
    vm.drives.push(drive(&second_stick(material, &material.kits[1])?, Writes::Refused));
    let mut guest = boot(&vm, &material.dir, "third", NEW, NEW)?;
    let line = guest.expect("cat /proc/cmdline", COMMAND)?;
    if line.contains("sameday-trial") {
        return Err(io::Error::other(format!("limits for a version that is good: {line}")));
    }
    judged(&mut guest)?;
    same_bytes(good.image(), stick.image())?;
    install(&mut guest, material, 1)?;
    guest.ended(BOOT)?;
    expect(&boot_env(&stick)?, "1.2 1.1 3 false")?;

    let mut guest = boot(&vm, &material.dir, "fourth", NEWER, NEWER)?;
    judged(&mut guest)?;
    status(&mut guest, &[("/running-version", NEWER), ("/standing", "good"), ("/previous-version", NEW)])?;
    let back = guest.expect("sameday rollback --yes", COMMAND)?;
    println!("     {}", back.trim());
    guest.end("systemctl reboot", BOOT)?;
    expect(&boot_env(&stick)?, "1.1 1.2 3 false")?;

    let mut guest = boot(&vm, &material.dir, "back", NEW, NEW)?;
    judged(&mut guest)?;
    status(&mut guest, &[("/running-version", NEW), ("/standing", "rolled-back"), ("/again-version", NEWER)])?;
    guest.end("systemctl poweroff", BOOT)?;
    expect(&boot_env(&stick)?, "1.1 1.2 0 true")?;
    outside(material, &stick)?;
    stick.fsck()
}

/// Types what the user would, and waits until the computer restarts.
fn install(guest: &mut Guest, material: &Material, kit: usize) -> io::Result<()> {
    let name = material.kits[kit].file_name().unwrap_or_default().to_string_lossy().into_owned();
    guest.expect("mkdir -p /media/second && mount -o ro /dev/vdb /media/second", COMMAND)?;
    guest.wait_on_screen("user@stick", COMMAND)?;
    let began = Instant::now();
    guest.type_line(&format!("clear; sameday install /media/second/{name} --restart"), COMMAND)?;
    guest.wait_on_screen("[y/N]", UPGRADE)?;
    println!("{}", guest.screen(COMMAND)?);
    guest.type_line("y", COMMAND)?;
    println!("figure: consent after {:.0} s", began.elapsed().as_secs_f64());
    Ok(())
}

/// A stick with nothing on it but a kit.
fn second_stick(material: &Material, kit: &Path) -> io::Result<PathBuf> {
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
    let start = usize::try_from(PARTITION_START).map_err(io::Error::other)?;
    // GPT: the first entry's last sector stands at byte 40 of it; entries begin in sector 2 (UEFI 2.10, 5.3.3).
    let last = before.get(1024 + 40..1024 + 48).and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes);
    let end = last.and_then(|last| usize::try_from((last + 1) * 512).ok()).unwrap_or(start);
    if end <= start || before.get(..start) != after.get(..start) || before.get(end..) != after.get(end..) {
        return Err(io::Error::other("something outside of the system's partition changed"));
    }
    Ok(())
}
