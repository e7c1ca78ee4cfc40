//! What must be true of a stick after a case, judged on its image without the daemon's code.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

use sameday_lab::process::run;
use sameday_lab::stick::{Entry, PARTITION_START, Stick};
use sameday_upgrade::boot_env::{Choice, GoodEnv};

use crate::inside::RELEASE;

const BOOT_ENV: &str = "live/sameday/boot.env";
const GOOD_ENV: &str = "live/sameday/good.env";

/// Not one byte of the disk differs.
pub fn unchanged(before: &Stick, now: &Stick) {
    assert_eq!(before.digest().unwrap(), now.digest().unwrap(), "the image has changed");
}

/// The same files and the same free room, and a sound file system.
pub fn same_tree(before: &Stick, now: &Stick) {
    assert_eq!(before.tree().unwrap(), now.tree().unwrap());
    assert_eq!(before.free().unwrap(), now.free().unwrap(), "free room");
    now.fsck().unwrap();
}

/// What is new, and what was overwritten, is as old as the release; mtools reads the dates as they stand there.
pub fn has_the_releases_times(before: &Stick, now: &Stick) {
    let changed = differences(before, now);
    assert!(changed.contains_key(BOOT_ENV) && changed.contains_key("live/1.1/1.1.squashfs"), "{changed:?}");
    let partition = format!("{}@@{PARTITION_START}", now.image().display());
    for place in changed.keys() {
        let copy = tempfile::NamedTempFile::new().unwrap();
        let mut command = Command::new("mcopy");
        command.args(["-m", "-n", "-o", "-i", &partition]).arg(format!("::{place}")).arg(copy.path());
        run(command.env("TZ", "UTC")).unwrap();
        assert_eq!(fs::metadata(copy.path()).unwrap().mtime(), RELEASE, "{place}");
    }
}

fn variables(stick: &Stick) -> BTreeMap<String, String> {
    // On a copy: grub-editenv truncates what it touches, even to list it is better kept away from.
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("env");
    fs::write(&copy, stick.read(BOOT_ENV).unwrap()).unwrap();
    let out = run(Command::new("grub-editenv").arg(&copy).arg("list")).unwrap().stdout;
    let text = String::from_utf8(out).unwrap();
    text.lines().filter_map(|line| line.split_once('=')).map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
}

fn expect(stick: &Stick, expected: [(&str, &str); 4]) {
    let mut expected: BTreeMap<String, String> = expected.map(|(a, b)| (a.to_owned(), b.to_owned())).into();
    expected.insert("format".to_owned(), "1".to_owned());
    assert_eq!(variables(stick), expected, "what GRUB reads");
}

/// What differs, by place.
fn differences(before: &Stick, now: &Stick) -> BTreeMap<String, (bool, bool)> {
    let (before, now): (BTreeMap<String, Entry>, _) = (before.tree().unwrap(), now.tree().unwrap());
    let places = before.keys().chain(now.keys());
    let differing = places.filter(|place| before.get(*place) != now.get(*place));
    differing.map(|place| (place.clone(), (before.contains_key(place), now.contains_key(place)))).collect()
}

pub fn upgraded(before: &Stick, now: &Stick) {
    now.fsck().unwrap();
    expect(now, [("current", "1.1"), ("previous", "base"), ("tries", "3"), ("good", "0")]);
    let offsets = |stick: &Stick| {
        let block = stick.read(BOOT_ENV).unwrap();
        assert_eq!(block.len(), 512);
        ["\nformat=", "\ntries=", "\ngood=", "\ncurrent=", "\nprevious="]
            .map(|name| block.windows(name.len()).position(|window| window == name.as_bytes()).unwrap())
    };
    assert_eq!(offsets(before), offsets(now), "every variable keeps its offset");
    let new = [
        "live/1.1.module",
        "live/1.1/1.1.squashfs",
        "live/1.1/initrd.img",
        "live/1.1/upgrade.json",
        "live/1.1/vmlinuz",
        "live/sameday/metadata/1.1/format",
        "live/sameday/metadata/1.1/targets.json",
    ];
    let mut expected: BTreeMap<String, (bool, bool)> = new.map(|place| (place.to_owned(), (false, true))).into();
    expected.insert(BOOT_ENV.to_owned(), (true, true));
    assert_eq!(differences(before, now), expected);
    // Outside of the partition nothing differs: table, boot loader, backup table.
    let outside = |stick: &Stick| {
        let bytes = fs::read(stick.image()).unwrap();
        (bytes[..1 << 20].to_vec(), bytes[bytes.len() - 34 * 512..].to_vec())
    };
    assert!(outside(before) == outside(now), "something outside of the partition has changed");
}

fn gone(before: &Stick, now: &Stick, places: &[&str], [boot_env, good_env]: [bool; 2]) {
    now.fsck().unwrap();
    let mut expected: BTreeMap<String, (bool, bool)> =
        places.iter().map(|place| ((*place).to_owned(), (true, false))).collect();
    if boot_env {
        expected.insert(BOOT_ENV.to_owned(), (true, true));
    }
    if good_env {
        expected.insert(GOOD_ENV.to_owned(), (true, true));
    }
    assert_eq!(differences(before, now), expected);
    assert!(now.free().unwrap() > before.free().unwrap());
}

pub fn left_overs_gone(before: &Stick, now: &Stick) {
    gone(
        before,
        now,
        &[
            "live/0.7.module",
            "live/0.8.module",
            "live/0.9.module",
            "live/0.9/0.9.squashfs",
            "live/0.9/upgrade.json",
            "live/0.9/vmlinuz",
            "live/1.1/1.1.squashfs",
            "live/sameday/metadata/0.9/2.root.json",
            "live/sameday/metadata/0.8/format",
        ],
        [false, false],
    );
    expect(now, [("current", "base"), ("previous", "base"), ("tries", "0"), ("good", "1")]);
}

pub fn previous_gone(before: &Stick, now: &Stick) {
    gone(
        before,
        now,
        &["live/0.8.module", "live/0.8/0.8.squashfs", "live/0.8/initrd.img", "live/0.8/vmlinuz"],
        [true, false],
    );
    expect(now, [("current", "0.9"), ("previous", "base"), ("tries", "0"), ("good", "1")]);
}

pub fn superseded_gone(before: &Stick, now: &Stick) {
    now.fsck().unwrap();
    expect(now, [("current", "1.1"), ("previous", "0.9"), ("tries", "3"), ("good", "0")]);
    let left: Vec<String> = now.tree().unwrap().into_keys().filter(|place| place.contains("0.8")).collect();
    assert!(before.read("live/0.8.module").is_ok() && left.is_empty(), "{left:?}");
}

pub fn undone_gone(before: &Stick, now: &Stick) {
    gone(
        before,
        now,
        &["live/1.0.5.module", "live/1.0.5/1.0.5.squashfs", "live/1.0.5/initrd.img", "live/1.0.5/vmlinuz"],
        [true, true],
    );
    // The one that was good is gone, and nobody knows whether what runs instead is.
    expect(now, [("current", "0.9"), ("previous", "base"), ("tries", "3"), ("good", "0")]);
    assert_eq!(now.read(GOOD_ENV).unwrap(), GoodEnv { version: Choice::Base }.render());
}

pub fn no_longer_kept_gone(before: &Stick, now: &Stick) {
    let places = ["live/0.8.module", "live/0.8/0.8.squashfs", "live/0.8/initrd.img", "live/0.8/vmlinuz"];
    gone(before, now, &places, [false, false]);
}

pub fn cut_off_gone(before: &Stick, now: &Stick) {
    // It has lost clusters, as far as a checker goes: that is what the case is about.
    assert!(before.fsck().is_err());
    gone(before, now, &["live/77/77.squashfs"], [false, false]);
}
