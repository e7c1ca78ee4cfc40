//! Sticks that fail, lie, or are exchanged while they are written to.

use std::fs::{self, File};
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use sameday_lab::live::Attached;
use sameday_lab::process::run;
use sameday_lab::stick::Stick;
use sameday_upgrade::digest::Digest;
use samedayd::medium::Medium;

use crate::inside::{Inside, MEDIUM, RELEASE, disk, open, stage, version};
use crate::material;

const PLACE: &str = "live/1.1/1.1.squashfs";

pub fn flipped(inside: &Inside) {
    let bytes = fs::read(material::layer(&inside.dir, "good")).unwrap();
    let mut session = open();
    stage(&mut session, PLACE, &bytes).unwrap();
    session.settle().unwrap();
    // On the device, below the file system: what the page cache holds stays right.
    let node = Path::new("/dev").join(disk().file_name().unwrap());
    let device = File::options().read(true).write(true).open(node).unwrap();
    let place = find(&device, &bytes[..96]).expect("the layer is on the device");
    device.write_all_at(&[bytes[200] ^ 1], place + 200).unwrap();
    device.sync_all().unwrap();
    assert!(fs::read(Path::new(MEDIUM).join(PLACE)).unwrap() == bytes, "the page cache does not know it");
    let back = session.read_back(PLACE, bytes.len() as u64, &Digest::of(&bytes), &mut |_| ControlFlow::Continue(()));
    assert_eq!(back.unwrap_err().reason(), "read-back-mismatch");
    session.close().unwrap();
}

fn find(device: &File, needle: &[u8]) -> Option<u64> {
    let mut block = vec![0; 1 << 20];
    for start in (0..material::STICK_SIZE).step_by(block.len()) {
        device.read_exact_at(&mut block, start).unwrap();
        if let Some(at) = block.chunks(512).position(|sector| sector.starts_with(needle)) {
            return Some(start + at as u64 * 512);
        }
    }
    None
}

/// Another stick, mounted over the one that is there.
fn put_in(inside: &Inside, device: &Attached) {
    let kind = Some(inside.file_system.name());
    mount(Some(&device.partition(1)), MEDIUM, kind, MsFlags::MS_RDONLY | MsFlags::MS_NOATIME, None::<&str>).unwrap();
}

fn take_out() {
    umount2(MEDIUM, MntFlags::empty()).unwrap();
}

pub fn changed(inside: &Inside) {
    let other = Stick::existing(&inside.dir.join("pristine.img"), inside.file_system);
    let other = other.clone_to(&inside.dir.join("other.img")).unwrap();
    let digest = other.digest().unwrap();
    let device = Attached::new(other.image(), false, true).unwrap();
    let medium = Medium::find().unwrap();
    put_in(inside, &device);
    assert_eq!(medium.open(&version("1.1"), RELEASE).unwrap_err().reason(), "stick-changed");
    take_out();
    let mut session = medium.open(&version("1.1"), RELEASE).unwrap();
    stage(&mut session, PLACE, &material::noise(10_000, 1)).unwrap();
    put_in(inside, &device);
    assert_eq!(session.stage("live/1.1/vmlinuz", 1).unwrap_err().reason(), "stick-changed");
    assert_eq!(session.settle().unwrap_err().reason(), "stick-changed");
    take_out();
    session.close().unwrap();
    drop(device);
    assert_eq!(other.digest().unwrap(), digest, "the other stick was written to");
}

fn dmsetup(words: &[&str]) {
    run(Command::new("dmsetup").args(["--noudevsync", "--noudevrules"]).args(words)).unwrap();
}

pub fn write_error(inside: &Inside) {
    let stick = Stick::existing(&inside.dir.join("pristine.img"), inside.file_system);
    let stick = stick.clone_to(&inside.dir.join("failing.img")).unwrap();
    let below = Attached::new(stick.image(), false, false).unwrap();
    let sectors = material::STICK_SIZE / 512;
    // Up for an hour, down never; and the other way round, failing writes.
    let works = format!("0 {sectors} flakey {} 0 3600 0", below.path().display());
    let fails = format!("0 {sectors} flakey {} 0 0 3600 1 error_writes", below.path().display());
    dmsetup(&["create", "failing", "--table", &works]);
    // Without udev only the kernel's own names are in /dev.
    let is_it =
        |folder: &PathBuf| fs::read_to_string(folder.join("dm/name")).is_ok_and(|name| name.trim() == "failing");
    let folder = fs::read_dir("/sys/block").unwrap().map(|entry| entry.unwrap().path()).find(is_it).unwrap();
    let device = Attached::new(&Path::new("/dev").join(folder.file_name().unwrap()), false, true).unwrap();
    put_in(inside, &device);
    let mut session = open();
    let mut staging = session.stage(PLACE, 8 << 20).unwrap();
    staging.append(&material::noise(1 << 20, 1)).unwrap();
    dmsetup(&["suspend", "--noflush", "--nolockfs", "failing"]);
    dmsetup(&["load", "failing", "--table", &fails]);
    dmsetup(&["resume", "failing"]);
    assert_eq!(staging.append(&material::noise(1 << 20, 2)).unwrap_err().reason(), "stick-io");
    drop(staging);
    // It ends, whatever the device does; what was staged could not be removed.
    let closed = session.close().unwrap_err();
    assert_eq!(closed.reason(), "stick-io", "{closed:?}");
    umount2(MEDIUM, MntFlags::MNT_DETACH).unwrap();
    drop(device);
    dmsetup(&["remove", "--force", "--retry", "failing"]);
}
