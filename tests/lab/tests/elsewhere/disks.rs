//! A stick with neighbours of the system's partition, another disk that looks like it, and what both hold outside of that partition.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use sameday_lab::process::run;
use sameday_lab::stick::{PARTITION_START, Stick};
use sameday_upgrade::digest::Digest;

/// Of the stick as it is made; its neighbours come on top.
pub const SIZE: u64 = 96 << 20;
/// The neighbour: Persistent Storage, which is encrypted, so noise to everybody else.
const LUKS: u64 = 24 << 20;
/// The type of LUKS partitions, for sgdisk.
const LUKS_TYPE: &str = "8309";
/// The backup table and its header.
const TABLE_AT_END: u64 = 34 * 512;

/// A stick and another disk.
pub struct Disks {
    stick: PathBuf,
    other: PathBuf,
    end_of_system: u64,
    outside: Digest,
    whole_other: Digest,
}

/// The image of the other disk of a stick.
pub fn other(stick: &Path) -> PathBuf {
    stick.with_extension("other.img")
}

impl Disks {
    /// Makes `DIR/NAME.img` and its other disk from a plain stick.
    pub fn make(plain: &Stick, dir: &Path, name: &str) -> Self {
        let image = dir.join(format!("{name}.img"));
        plain.clone_to(&image).unwrap();
        let end_of_system = SIZE - TABLE_AT_END;
        let file = File::options().write(true).open(&image).unwrap();
        file.set_len(SIZE + LUKS + PARTITION_START).unwrap();
        // The table's copy moves to the new end, and a partition of the whole rest comes behind the system's.
        run(Command::new("sgdisk").args(["-e"]).arg(&image)).unwrap();
        let start = SIZE.next_multiple_of(PARTITION_START) / 512;
        run(Command::new("sgdisk")
            .args([
                format!("--new=3:{start}:0"),
                format!("--typecode=3:{LUKS_TYPE}"),
                "--change-name=3:TailsData".into(),
            ])
            .arg(&image))
        .unwrap();
        let mut noise = vec![0; usize::try_from(LUKS).unwrap()];
        File::open("/dev/urandom").unwrap().read_exact(&mut noise).unwrap();
        noise[..6].copy_from_slice(b"LUKS\xba\xbe");
        let mut file = File::options().write(true).open(&image).unwrap();
        file.seek(SeekFrom::Start(start * 512)).unwrap();
        file.write_all(&noise).unwrap();
        let other = other(&image);
        run(Command::new("cp").args(["--sparse=always", "--"]).arg(&image).arg(&other)).unwrap();
        let outside = outside(&image, end_of_system);
        let whole_other = Digest::of(&fs::read(&other).unwrap());
        Self { stick: image, other, end_of_system, outside, whole_other }
    }

    /// Nothing outside of the stick's system partition may have changed.
    #[track_caller]
    pub fn are_untouched(&self, fate: &str) {
        assert_eq!(
            outside(&self.stick, self.end_of_system),
            self.outside,
            "{fate}: the stick, outside of its partition"
        );
        assert_eq!(Digest::of(&fs::read(&self.other).unwrap()), self.whole_other, "{fate}: the other disk");
    }
}

/// All of an image but the system's partition: boot sector, tables, the other partitions and what lies between.
fn outside(image: &Path, end_of_system: u64) -> Digest {
    let mut bytes = fs::read(image).unwrap();
    let range = usize::try_from(PARTITION_START).unwrap()..usize::try_from(end_of_system).unwrap();
    bytes.drain(range);
    assert!(bytes.len() as u64 > LUKS);
    Digest::of(&bytes)
}
