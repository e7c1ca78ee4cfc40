//! A stick with another boot loader, syslinux, which starts the same kernel and asks for the same list whatever happens.

use std::fs;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::process::Command;

use sameday_lab::process::run;
use sameday_lab::stick::{PARTITION_START, Stick};
use sameday_lab::vm::Writes;

use crate::computer::{BOOT, BOOT_ENV, COMMAND, GOOD_ENV, boot, computer, drive, expect, good_env, judged, status};
use crate::stick::{Material, NEW, OLD, PARAMETERS};
use crate::upgrade::{install, second_stick};

/// What syslinux asks for.
const MODULE: &str = "Tails";
/// A part of our GRUB, by which a stick that lost its `boot.env` is known.
const OUR_GRUB: &str = "grub/decide.cfg";
/// Starts the partition that is marked for it (package syslinux-common).
const BOOT_CODE: &str = "/usr/lib/SYSLINUX/gptmbr.bin";
/// So many bytes are in front of the disk's signature and partitions.
const BOOT_CODE_BYTES: usize = 440;

/// The user installs from a kit and is told what this stick cannot do; the new version comes up, is good, and is gone back from by hand.
pub fn upgraded(material: &Material) -> io::Result<()> {
    let stick = with_syslinux(material)?;
    let mut vm = computer(&stick);
    vm.drives.push(drive(&second_stick(material, &material.kit(NEW)?)?, Writes::Refused));
    let mut guest = boot(&vm, &material.dir, "syslinux-first", MODULE, OLD)?;
    judged(&mut guest)?;
    let asked = install(&mut guest, &material.kit(NEW)?)?;
    if !asked.contains("boot loader of another kind") || !asked.contains("it cannot go back") {
        return Err(io::Error::other(format!("it is not said what this stick cannot do:\n{asked}")));
    }
    guest.ended(BOOT)?;
    listed(&stick, &format!("filesystem.squashfs {NEW}/{NEW}.squashfs"))?;

    let mut guest = boot(&vm, &material.dir, "syslinux-second", MODULE, NEW)?;
    judged(&mut guest)?;
    status(&mut guest, &[("/running-version", NEW), ("/standing", "good"), ("/previous-version", OLD)])?;
    expect(&good_env(&stick)?, NEW)?;
    guest.expect("sameday rollback --yes", COMMAND)?;
    guest.end("systemctl reboot", BOOT)?;
    listed(&stick, "filesystem.squashfs")?;

    let mut guest = boot(&vm, &material.dir, "syslinux-back", MODULE, OLD)?;
    judged(&mut guest)?;
    status(&mut guest, &[("/running-version", OLD), ("/standing", "rolled-back"), ("/again-version", NEW)])?;
    guest.end("systemctl poweroff", BOOT)?;
    stick.fsck()
}

fn listed(stick: &Stick, wanted: &str) -> io::Result<()> {
    let list = stick.read(&format!("live/{MODULE}.module"))?;
    expect(&list.len().to_string(), "512")?;
    expect(&String::from_utf8_lossy(&list).split_whitespace().collect::<Vec<_>>().join(" "), wanted)
}

/// The same stick, with syslinux in GRUB's place.
fn with_syslinux(material: &Material) -> io::Result<Stick> {
    let stick = material.stick.clone_to(&material.dir.join("syslinux.img"))?;
    for ours in [BOOT_ENV, GOOD_ENV, OUR_GRUB] {
        stick.remove(ours)?;
    }
    stick.write(&format!("live/{MODULE}.module"), b"filesystem.squashfs\n")?;
    let serial = &material.summary.serial;
    let append = format!(
        "boot=live module={MODULE} live-media=/dev/disk/by-uuid/{serial} panic=10 noeject nopersistence {PARAMETERS}"
    );
    let menu = format!(
        "SERIAL 0 115200\nDEFAULT live\nLABEL live\nLINUX /live/vmlinuz\nINITRD /live/initrd.img\nAPPEND {append}\n"
    );
    stick.write("syslinux.cfg", menu.as_bytes())?;
    run(Command::new("syslinux").arg("--install").args(["--offset", &PARTITION_START.to_string()]).arg(stick.image()))?;
    // The attribute of GPT that says so: UEFI 2.10, table 5.8, bit 2.
    run(Command::new("sgdisk").arg("--attributes=1:set:2").arg(stick.image()))?;
    let code = fs::read(BOOT_CODE)?;
    let code = code.get(..code.len().min(BOOT_CODE_BYTES)).unwrap_or_default();
    fs::File::options().write(true).open(stick.image())?.write_all_at(code, 0)?;
    Ok(stick)
}
