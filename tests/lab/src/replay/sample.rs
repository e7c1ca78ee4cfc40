//! A stick for the tests of this folder: folders, long names, more names than one cluster holds, and a version on trial.

use std::path::Path;

use sameday_upgrade::boot_env::{BootEnv, Choice};
use sameday_upgrade::digest::Digest;
use sameday_upgrade::module_list;

use super::image::{Image, SECTOR};
use super::judge::Wanted;
use crate::stick::{FileSystem, PARTITION_START, Spec, Stick};

const SIZE: usize = 48 << 20;
pub const LAYER: &str = "live/2.0~rc1/2.0~rc1.squashfs";

/// Makes it in `dir`.
pub fn stick(dir: &Path) -> Stick {
    let [base, kernel] = ["base", "kernel"].map(|name| dir.join(name));
    std::fs::write(&base, vec![1; 300_000]).unwrap();
    std::fs::write(&kernel, b"kernel").unwrap();
    let two = Choice::Version("2.0~rc1".parse().unwrap());
    let env = BootEnv { current: two.clone(), previous: Choice::Base, tries: 3, good: false };
    let mut more = vec![
        ("a folder/with a name that is long/and ünïcode.text".to_owned(), vec![3; 1000]),
        ("EMPTY.TXT".to_owned(), Vec::new()),
        (LAYER.to_owned(), vec![4; 70_000]),
        ("live/2.0~rc1/vmlinuz".to_owned(), vec![5; 10]),
        ("live/2.0~rc1/initrd.img".to_owned(), vec![6; 10]),
        ("live/2.0~rc1.module".to_owned(), module_list::render(&two).into_bytes()),
        ("live/sameday/boot.env".to_owned(), env.render().to_vec()),
    ];
    more.extend((0..60_u8).map(|n| (format!("many/file number {n}"), vec![n; 10])));
    let spec = Spec { more: &more, ..Spec::new(FileSystem::Vfat, SIZE as u64, &base, &kernel, &kernel) };
    Stick::build(dir, "stick", &spec).unwrap()
}

/// Its system partition.
pub fn image(stick: &Stick) -> Image {
    Image::read(stick.image(), PARTITION_START, SIZE - PARTITION_START as usize - 33 * SECTOR).unwrap()
}

/// What must be on it.
pub fn wanted() -> Wanted {
    let file = |place: &str, bytes: &[u8]| (place.to_owned(), bytes.len() as u64, Digest::of(bytes));
    let list = b"filesystem.squashfs\n2.0~rc1/2.0~rc1.squashfs\n";
    let base = vec![
        file("live/filesystem.squashfs", &[1; 300_000]),
        file("live/filesystem.module", b"filesystem.squashfs\n"),
        file("live/vmlinuz", b"kernel"),
        file("live/initrd.img", b"kernel"),
    ];
    let two = vec![
        file(LAYER, &[4; 70_000]),
        file("live/2.0~rc1/vmlinuz", &[5; 10]),
        file("live/2.0~rc1/initrd.img", &[6; 10]),
        file("live/2.0~rc1.module", list),
    ];
    Wanted::from([("base".to_owned(), base), ("2.0~rc1".to_owned(), two)])
}
