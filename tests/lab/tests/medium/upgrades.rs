//! Upgrades, cancels and clean-ups that work, and the bounds of places.

use std::fs;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use nix::mount::MsFlags;
use sameday_upgrade::boot_env::{BootEnv, Choice, GoodEnv};
use sameday_upgrade::digest::Digest;
use sameday_upgrade::module_list;
use samedayd::medium::{FileSystem, Medium};

use crate::inside::{
    self, Inside, MEDIUM, RELEASE, boot_env, free, is_read_only, on_trial, open, promised, remount, sectors, snapshot,
    stage, traces, version,
};
use crate::material;

/// Bytes written to the device, over those of the new files.
const MOST_WRITTEN: f64 = 1.02;

pub fn whole(inside: &Inside) {
    let medium = Medium::find().unwrap();
    assert_eq!(medium.running().choice, Choice::Base);
    assert_eq!(medium.running().module.as_deref(), Some("filesystem"));
    assert_eq!(medium.initial_os_release().unwrap().version, version("1.0"));
    assert_eq!((medium.boot_env(), medium.gives_up()), (&BootEnv::base(), None));
    assert_eq!(medium.good_env(), Some(&GoodEnv { version: Choice::Base }));
    assert!(medium.versions().unwrap().is_empty());
    let lengths = inside.lengths("large");
    let plan: Vec<(&str, u64)> = lengths.iter().map(|(place, length)| (place.as_str(), *length)).collect();
    assert!(medium.plan_room(&plan, None).unwrap().fits());
    let (traces_before, (_, written_before)) = (traces(), sectors());

    let mut session = medium.open(&version("1.1"), RELEASE).unwrap();
    session.clear(None).unwrap();
    inside.stage(&mut session, "large").unwrap();
    session.settle().unwrap();
    let read_before = sectors().0;
    let layer = inside.read_back(&session, "large").unwrap();
    let bytes: u64 = lengths.iter().map(|(_, length)| length).sum();
    assert!((sectors().0 - read_before) * 512 >= bytes, "read back from the page cache");
    session.check_stack(&layer, &promised()).unwrap();
    drop(layer);
    assert_eq!(traces(), traces_before, "mounts and loop devices of the look");
    assert_eq!(boot_env(), BootEnv::base(), "nothing refers to it before the commit");
    session.commit(&on_trial()).unwrap();
    session.close().unwrap();

    #[expect(clippy::cast_precision_loss, reason = "a figure")]
    let factor = ((sectors().1 - written_before) * 512) as f64 / bytes as f64;
    println!(
        "figure: {} written for files of {bytes} bytes: {factor:.4} times ({:?})",
        sectors().1 - written_before,
        medium.file_system()
    );
    if medium.file_system() == FileSystem::Vfat {
        assert!(factor <= MOST_WRITTEN, "{factor}");
    }
    assert!(is_read_only());
    assert_eq!(traces(), traces_before);
    for place in plan.iter().map(|(place, _)| *place).chain([
        "live",
        "live/1.1",
        "live/sameday/metadata/1.1",
        "live/sameday/boot.env",
    ]) {
        assert_eq!(fs::metadata(Path::new(MEDIUM).join(place)).unwrap().mtime(), RELEASE, "{place}");
    }
    let medium = Medium::find().unwrap();
    assert_eq!(medium.boot_env(), &on_trial());
    let present = medium.versions().unwrap();
    assert!(present.len() == 1 && present[0].listed && present[0].complete && present[0].referred_to, "{present:?}");
    let evidence = medium.evidence(&version("1.1")).unwrap();
    assert_eq!(evidence.description.as_deref(), Some(&inside.small()[0].1[..]));
    assert_eq!(evidence.files.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["format", "targets.json"]);
}

pub fn in_a_zone(inside: &Inside) {
    let mut session = open();
    inside.stage(&mut session, "good").unwrap();
    session.settle().unwrap();
    session.commit(&on_trial()).unwrap();
    session.close().unwrap();
    // This kernel reads the dates as its own zone's.
    let list = fs::metadata(Path::new(MEDIUM).join("live/1.1.module")).unwrap();
    assert_eq!(list.mtime(), RELEASE - 14 * 3600, "the kernel has no zone");
}

pub fn cancelled(inside: &Inside) {
    half_way(inside, |session| session.close().unwrap());
}

pub fn dropped(inside: &Inside) {
    half_way(inside, drop);
}

fn half_way(inside: &Inside, end: impl Fn(samedayd::medium::Session)) {
    let before = snapshot();
    let date = |place: &str| fs::metadata(Path::new(MEDIUM).join(place)).unwrap().mtime();
    let live = date("live");
    // Once in the middle of a file, once with all in place but the commit.
    let mut session = open();
    stage(&mut session, "live/1.1/1.1.squashfs", &fs::read(material::layer(&inside.dir, "good")).unwrap()).unwrap();
    let mut staging = session.stage("live/1.1/vmlinuz", 5 << 20).unwrap();
    staging.append(&material::noise(1 << 20, 1)).unwrap();
    drop(staging);
    assert!(!is_read_only() && free() < before.1);
    // Were the power to go now, no date would tell the day.
    for (place, expected) in [("live", live), ("live/1.1", RELEASE), ("live/1.1/vmlinuz", RELEASE)] {
        assert_eq!(date(place), expected, "{place}");
    }
    end(session);
    assert_eq!(snapshot(), before);
    let mut session = open();
    inside.stage(&mut session, "good").unwrap();
    session.settle().unwrap();
    end(session);
    assert_eq!(snapshot(), before);
    assert!(is_read_only());
    assert_eq!(boot_env(), BootEnv::base());
}

pub fn lengths(_: &Inside) {
    let mut session = open();
    let lengths = [1, 511, 512, 513, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, (2 << 20) + 511];
    for length in lengths {
        stage(&mut session, &format!("live/1.1/f{length}"), &material::noise(length, length as u64)).unwrap();
    }
    session.settle().unwrap();
    for length in lengths {
        let (place, bytes) = (format!("live/1.1/f{length}"), material::noise(length, length as u64));
        let mut told = 0;
        let read = |length: u64, digest: &Digest, watch: &mut dyn FnMut(u64) -> ControlFlow<()>| {
            session.medium().read_back(&place, length, digest, watch).map(drop).map_err(|e| e.reason())
        };
        let keep_told = &mut |done| {
            told = done;
            ControlFlow::Continue(())
        };
        assert_eq!(read(length as u64, &Digest::of(&bytes), keep_told), Ok(()), "{length}");
        assert_eq!(told, length as u64);
        let go_on = &mut |_| ControlFlow::Continue(());
        assert_eq!(read(length as u64, &Digest::of(b"other"), go_on), Err("read-back-mismatch"));
        assert_eq!(read(length as u64 + 1, &Digest::of(&bytes), go_on), Err("read-back-mismatch"));
        assert_eq!(read(length as u64, &Digest::of(&bytes), &mut |_| ControlFlow::Break(())), Err("cancelled"));
    }
    session.close().unwrap();
}

pub fn places(_: &Inside) {
    let mut session = open();
    for place in [
        "",
        "live/vmlinuz",
        "live/filesystem.module",
        "live/1.2/1.2.squashfs",
        "live/1.2.module",
        "live/1.1",
        "live/1.1/../x",
        "live/1.1/a/b",
        "live/1.1/.x",
        "live/1.1/a b",
        "/live/1.1/x",
        "live/sameday/boot.env",
        "live/sameday/metadata/1.2/x",
        "EFI/x",
    ] {
        assert_eq!(session.stage(place, 1).unwrap_err().reason(), "internal", "{place:?}");
    }
    let mut staging = session.stage("live/1.1/1.1.squashfs", 10).unwrap();
    assert_eq!(staging.append(&[0; 11]).unwrap_err().reason(), "internal");
    staging.append(&[0; 9]).unwrap();
    assert_eq!(staging.finish().unwrap_err().reason(), "internal", "a byte is missing");
    assert_eq!(session.stage("live/1.1/1.1.squashfs", 10).unwrap_err().reason(), "stick-io", "the name is taken");
    assert_eq!(session.commit(&on_trial()).unwrap_err().reason(), "internal", "not settled");
    assert_eq!(session.clear(None).unwrap_err().reason(), "internal", "staged already");
    session.close().unwrap();
}

pub fn mend(_: &Inside) {
    let medium = Medium::find().unwrap();
    assert!(!medium.mend_read_write().unwrap());
    remount(MsFlags::empty());
    assert!(medium.mend_read_write().unwrap() && is_read_only());
    assert!(!medium.mend_read_write().unwrap());
    // As a later start finds it.
    remount(MsFlags::empty());
    assert!(Medium::find().unwrap().mend_read_write().unwrap() && is_read_only());
}

/// A version as an earlier upgrade left it.
fn installed(name: &str) -> Vec<(String, Vec<u8>)> {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("tree/usr/lib")).unwrap();
    fs::write(dir.path().join("tree/usr/lib/os-release"), material::os_release(name)).unwrap();
    material::pack(&dir.path().join("tree"), &dir.path().join("image")).unwrap();
    vec![
        (format!("live/{name}/{name}.squashfs"), fs::read(dir.path().join("image")).unwrap()),
        (format!("live/{name}/vmlinuz"), material::noise(9_000, 11)),
        (format!("live/{name}/initrd.img"), material::noise(9_000, 12)),
        (format!("live/{name}.module"), module_list::render(&Choice::Version(version(name))).into_bytes()),
    ]
}

fn blocks(current: &str, previous: &str, tries: u8, good: bool, good_version: &str) -> Vec<(String, Vec<u8>)> {
    let choice = |name: &str| Choice::Version(version(name));
    let boot = BootEnv { current: choice(current), previous: choice(previous), tries, good };
    vec![
        ("live/sameday/boot.env".to_owned(), boot.render().to_vec()),
        ("live/sameday/good.env".to_owned(), GoodEnv { version: choice(good_version) }.render().to_vec()),
    ]
}

pub fn left_overs() -> Vec<(String, Vec<u8>)> {
    let list = |image: &str| format!("filesystem.squashfs\n{image}\n").into_bytes();
    [
        // What power cuts left of lists and files.
        ("live/0.8.module", vec![0; 512]),
        ("live/sameday/metadata/0.8/format", vec![b'1']),
        ("live/0.9.module", list("0.9/0.9.squashfs")),
        ("live/0.9/0.9.squashfs", material::noise(70_000, 4)),
        ("live/0.9/upgrade.json", Vec::new()),
        ("live/0.9/vmlinuz", material::noise(5_000, 4)),
        ("live/sameday/metadata/0.9/2.root.json", vec![b'x'; 10]),
        ("live/1.1/1.1.squashfs", material::noise(5_000, 6)),
        // What is not ours, whatever its name.
        ("live/mine/vmlinuz", material::noise(5_000, 8)),
        ("live/kept/kept.squashfs", material::noise(5_000, 8)),
        ("live/other.module", list("kept/kept.squashfs")),
        ("live/notes.txt", vec![b'n']),
        // What is empty and stands alone says nothing of who made it.
        ("live/0.6.module", Vec::new()),
        ("live/0.7.module", vec![0; 512]),
        ("live/sameday/metadata/0.9/no evidence", vec![b'n']),
    ]
    .map(|(place, bytes)| (place.to_owned(), bytes))
    .into()
}

pub fn clear_left_overs(inside: &Inside) {
    // Empty folders: one alone, and one with a second mark.
    remount(MsFlags::empty());
    for folder in ["0.5", "0.4", "sameday/metadata/0.4"] {
        fs::create_dir_all(Path::new(MEDIUM).join("live").join(folder)).unwrap();
    }
    remount(MsFlags::MS_RDONLY);
    let is_there = |folder: &str| Path::new(MEDIUM).join("live").join(folder).is_dir();
    let medium = Medium::find().unwrap();
    let plan = medium.plan_room(&[("live/1.1/1.1.squashfs", 1)], None).unwrap();
    let mut session = open();
    let (free_before, cleared) = (free(), session.clear(None).unwrap());
    assert_eq!(cleared.versions, ["0.4", "0.8", "0.9"].map(version), "what is left of 1.1 is gone on with");
    assert!(is_there("0.5") && !is_there("0.4") && !is_there("sameday/metadata/0.4"));
    assert_eq!(free() - free_before, cleared.bytes, "what clearing gives back");
    assert!(plan.freed > cleared.bytes, "in the end the room of 1.1 is there, too");
    inside.stage(&mut session, "good").unwrap();
    session.close().unwrap();
    // An empty list is in the way of its own version only.
    let mut session = Medium::find().unwrap().open(&version("0.7"), RELEASE).unwrap();
    assert_eq!(session.clear(None).unwrap().versions, []);
    session.write_small("live/0.7.module", b"x").unwrap();
    session.close().unwrap();
}

pub fn previous() -> Vec<(String, Vec<u8>)> {
    [installed("0.8"), installed("0.9"), blocks("0.9", "0.8", 0, true, "0.9")].concat()
}

pub fn give_up(inside: &Inside) {
    let medium = Medium::find().unwrap();
    assert_eq!(medium.running().choice.to_string(), "0.9");
    assert_eq!(medium.gives_up(), Some(&version("0.8")));
    let files = [("live/1.1/1.1.squashfs", 1)];
    assert_eq!(medium.plan_room(&files, None).unwrap().freed, 0);
    assert!(medium.plan_room(&files, Some(&version("0.8"))).unwrap().freed > 0);
    let needs = |length| medium.needs_room_of(&[("live/1.1/1.1.squashfs", length)]).unwrap();
    let (plan, given_up) = needs(1);
    assert!(plan.fits() && plan.freed == 0 && given_up.is_none(), "nothing is given up for room that is there");
    for (length, fits) in [(free(), true), (free() << 1, false)] {
        let (plan, given_up) = needs(length);
        assert_eq!((plan.fits(), given_up), (fits, Some(version("0.8"))), "{plan:?}");
    }
    let before = snapshot();
    let mut session = open();
    assert_eq!(session.clear(None).unwrap().versions, []);
    assert_eq!(session.clear(Some(&version("0.9"))).unwrap_err().reason(), "internal", "it runs");
    session.close().unwrap();
    assert_eq!(snapshot(), before);
    let mut session = open();
    assert_eq!(session.clear(Some(&version("0.8"))).unwrap().versions, ["0.8"].map(version));
    inside.stage(&mut session, "good").unwrap();
    session.close().unwrap();
    assert_eq!(Medium::find().unwrap().gives_up(), None);
}

/// Once a third version is committed, nothing refers to the first.
pub fn superseded(inside: &Inside) {
    let mut session = open();
    inside.stage(&mut session, "good").unwrap();
    session.settle().unwrap();
    assert_eq!(session.clear_superseded().unwrap_err().reason(), "internal", "it is fallen back to until the commit");
    let env = BootEnv { previous: Choice::Version(version("0.9")), ..on_trial() };
    session.commit(&env).unwrap();
    assert_eq!(session.clear_superseded().unwrap().versions, ["0.8"].map(version));
    assert_eq!(session.clear_superseded().unwrap().versions, []);
    session.close().unwrap();
    assert_eq!(fs::metadata(Path::new(MEDIUM).join("live")).unwrap().mtime(), RELEASE);
    let present = Medium::find().unwrap().versions().unwrap();
    assert_eq!(present.iter().map(|present| present.version.as_str()).collect::<Vec<_>>(), ["0.9", "1.1"]);
}

pub fn undone() -> Vec<(String, Vec<u8>)> {
    // It was good once.
    [installed("1.0.5"), installed("0.9"), blocks("1.0.5", "0.9", 0, false, "1.0.5")].concat()
}

pub fn clear_undone(_: &Inside) {
    let medium = Medium::find().unwrap();
    assert_eq!(medium.running().choice.to_string(), "0.9");
    assert_eq!(medium.open(&version("0.9"), RELEASE).unwrap_err().reason(), "version-kept");
    assert!(is_read_only());
    let mut session = medium.open(&version("1.0.5"), RELEASE).unwrap();
    assert_eq!(session.clear(None).unwrap().versions, []);
    assert_eq!(inside::boot_env().current.to_string(), "0.9");
    // The same one once more.
    stage(&mut session, "live/1.0.5/1.0.5.squashfs", &material::noise(10_000, 1)).unwrap();
    session.close().unwrap();
}

pub fn no_longer_kept() -> Vec<(String, Vec<u8>)> {
    [installed("0.8"), installed("0.9"), installed("1.0.5"), blocks("1.0.5", "0.9", 0, true, "1.0.5")].concat()
}

pub fn clear_no_longer_kept(_: &Inside) {
    let medium = Medium::find().unwrap();
    assert_eq!((medium.running().choice.to_string().as_str(), medium.gives_up()), ("1.0.5", Some(&version("0.9"))));
    assert_eq!(medium.open(&version("1.0.5"), RELEASE).unwrap_err().reason(), "version-kept");
    // One that can be given up makes way for itself.
    medium.open(&version("0.9"), RELEASE).unwrap().close().unwrap();
    assert_eq!(medium.needs_room_of(&[("live/0.9.module", 1)]).unwrap().1, Some(version("0.9")));
    let mut session = open();
    assert_eq!(session.clear(None).unwrap().versions, ["0.8"].map(version));
    session.close().unwrap();
}

pub fn incomplete() -> Vec<(String, Vec<u8>)> {
    let mut newer = installed("1.0.5");
    newer.retain(|(place, _)| place != "live/1.0.5/vmlinuz");
    [newer, installed("0.9"), blocks("1.0.5", "0.9", 0, true, "1.0.5")].concat()
}

pub fn falls_back(_: &Inside) {
    let medium = Medium::find().unwrap();
    assert_eq!(medium.running().choice.to_string(), "0.9");
    let present = medium.versions().unwrap();
    let complete: Vec<_> = present.iter().map(|present| (present.version.as_str(), present.complete)).collect();
    assert_eq!(complete, [("0.9", true), ("1.0.5", false)]);
}
