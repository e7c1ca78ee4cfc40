//! Sticks that fail, lie, or are exchanged while they are written to.

use std::fs::{self, File};
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use sameday_lab::fault::{Behaviour, FaultyDisk};
use sameday_lab::live::Attached;
use sameday_lab::process::run;
use sameday_lab::stick::Stick;
use sameday_upgrade::boot_env::BootEnv;
use sameday_upgrade::digest::Digest;
use samedayd::medium::Medium;

use crate::inside::{Inside, MEDIUM, RELEASE, disk, on_trial, open, stage, version};
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
    let back =
        session.medium().read_back(PLACE, bytes.len() as u64, &Digest::of(&bytes), &mut |_| ControlFlow::Continue(()));
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
fn put_in(inside: &Inside, partition: &Path) {
    let kind = Some(inside.file_system.name());
    mount(Some(partition), MEDIUM, kind, MsFlags::MS_RDONLY | MsFlags::MS_NOATIME, None::<&str>).unwrap();
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
    put_in(inside, &device.partition(1));
    assert_eq!(medium.open(&version("1.1"), RELEASE).unwrap_err().reason(), "stick-changed");
    take_out();
    let mut session = medium.open(&version("1.1"), RELEASE).unwrap();
    stage(&mut session, PLACE, &material::noise(10_000, 1)).unwrap();
    put_in(inside, &device.partition(1));
    assert_eq!(session.stage("live/1.1/vmlinuz", 1).unwrap_err().reason(), "stick-changed");
    assert_eq!(session.settle().unwrap_err().reason(), "stick-changed");
    take_out();
    session.close().unwrap();
    drop(device);
    assert_eq!(other.digest().unwrap(), digest, "the other stick was written to");
}

/// A disk whose writes, or everything, can be made to fail, put in the medium's place.
fn failing(inside: &Inside) -> FaultyDisk {
    let stick = Stick::existing(&inside.dir.join("pristine.img"), inside.file_system);
    let stick = stick.clone_to(&inside.dir.join("failing.img")).unwrap();
    let disk = FaultyDisk::new("failing", stick.image()).unwrap();
    put_in(inside, &disk.partition(1));
    disk
}

fn end(disk: FaultyDisk) {
    umount2(MEDIUM, MntFlags::MNT_DETACH).unwrap();
    drop(disk);
}

pub fn write_error(inside: &Inside) {
    let disk = failing(inside);
    let mut session = open();
    let mut staging = session.stage(PLACE, 8 << 20).unwrap();
    staging.append(&material::noise(1 << 20, 1)).unwrap();
    disk.becomes(Behaviour::FailsWrites).unwrap();
    assert_eq!(staging.append(&material::noise(1 << 20, 2)).unwrap_err().reason(), "stick-io");
    drop(staging);
    // It ends, whatever the device does; what was staged could not be removed.
    let closed = session.close().unwrap_err();
    assert_eq!(closed.reason(), "stick-io", "{closed:?}");
    end(disk);
}

pub fn dropped_writes(inside: &Inside) {
    // What the device does not hold is found, whichever file it is: the layer, the small last one, and the sector of the commit.
    let small = b"filesystem.squashfs\n1.1/1.1.squashfs\n".to_vec();
    let files = [(PLACE, material::noise((3 << 20) + 17, 21)), ("live/1.1.module", small)];
    for dropped in 0..files.len() {
        let disk = failing(inside);
        let mut session = open();
        for (n, (place, bytes)) in files.iter().enumerate() {
            if n == dropped {
                disk.becomes(Behaviour::DropsWrites).unwrap();
            }
            stage(&mut session, place, bytes).unwrap();
        }
        session.settle().unwrap();
        let back = files.iter().map(|(place, bytes)| {
            let read = session
                .medium()
                .read_back(place, bytes.len() as u64, &Digest::of(bytes), &mut |_| ControlFlow::Continue(()));
            read.map(drop).map_err(|error| error.reason())
        });
        let back: Vec<_> = back.collect();
        for (n, found) in back.iter().enumerate() {
            assert_eq!(*found, if n < dropped { Ok(()) } else { Err("read-back-mismatch") }, "{}", files[n].0);
        }
        disk.becomes(Behaviour::Works).unwrap();
        drop(session);
        end(disk);
    }
    let disk = failing(inside);
    let mut session = open();
    stage(&mut session, PLACE, &files[0].1).unwrap();
    session.settle().unwrap();
    disk.becomes(Behaviour::DropsWrites).unwrap();
    let committed = session.commit(&on_trial()).map_err(|error| error.reason());
    disk.becomes(Behaviour::Works).unwrap();
    assert_eq!(committed, Err("read-back-mismatch"), "the device still chooses the base");
    drop(session);
    end(disk);
}

pub fn commit_error(inside: &Inside) {
    // The loop device over the disk can have a cache of its own, and then acts as a disk that has the sector and fails to flush; without it,
    // as one that fails to write the sector.
    for (cache, how, reason) in [
        (true, Behaviour::FailsWrites, None),
        (false, Behaviour::FailsWrites, Some("stick-io")),
        (false, Behaviour::Fails, Some("commit-unknown")),
    ] {
        let disk = failing(inside);
        if cache {
            run(Command::new("losetup").arg("--direct-io=off").arg(disk.path())).unwrap();
        }
        let mut session = open();
        stage(&mut session, PLACE, &material::noise(10_000, 1)).unwrap();
        session.settle().unwrap();
        disk.becomes(how).unwrap();
        let committed = session.commit(&on_trial()).map_err(|error| error.reason());
        let says = boot_env_or_not();
        disk.becomes(Behaviour::Works).unwrap();
        assert_eq!(committed.err(), reason, "{how:?}");
        match reason {
            None => assert_eq!(says, Some(on_trial())),
            Some("stick-io") => {
                assert_eq!(says, Some(BootEnv::base()), "from the device, not what the cache still had")
            }
            _ => assert_eq!(session.commit(&on_trial()).unwrap_err().reason(), "internal", "never again"),
        }
        drop(session);
        let stays = reason != Some("stick-io");
        assert_eq!(Path::new(MEDIUM).join(PLACE).exists(), stays, "{how:?}");
        end(disk);
    }
}

fn boot_env_or_not() -> Option<BootEnv> {
    fs::read(Path::new(MEDIUM).join("live/sameday/boot.env")).ok().map(|block| BootEnv::parse(&block).unwrap())
}
