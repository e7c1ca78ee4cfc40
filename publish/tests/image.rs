//! Images of sticks: what is on them, and that nothing but what they are made of shows in them.

#![allow(clippy::unwrap_used, reason = "a test ends where something it needs fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sameday_publish::image::{Efi, ImageError, StickImage, image};
use sameday_upgrade::boot_env::{BootEnv, Choice, GoodEnv};
use tempfile::TempDir;

const TIME: u32 = 1_767_225_600; // 2026-01-01
const SYSTEM_MIB: u64 = 40;
const MIB: usize = 1 << 20;

/// A folder with what a stick is made of.
fn material() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("base"), vec![b'b'; 3_000_001]).unwrap();
    fs::write(dir.path().join("kernel"), vec![b'k'; 70_000]).unwrap();
    fs::write(dir.path().join("initrd"), vec![b'i'; 90_000]).unwrap();
    dir
}

fn stick(dir: &Path) -> StickImage {
    StickImage {
        base: dir.join("base"),
        kernel: dir.join("kernel"),
        initrd: dir.join("initrd"),
        time: TIME,
        parameters: "quiet a.b=1,2".to_owned(),
        efi: Efi::Signed,
        system_mib: Some(SYSTEM_MIB),
        luks_mib: Some(8),
    }
}

fn made(dir: &Path, stick: &StickImage) -> PathBuf {
    let out = dir.join("stick.img");
    let summary = image(stick, &out).unwrap();
    assert_eq!(summary.length, fs::metadata(&out).unwrap().len());
    out
}

fn run(program: &str, arguments: &[&str]) -> Output {
    let output = Command::new(program).args(arguments).env("TZ", "UTC").output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn text(output: Output) -> String {
    String::from_utf8(output.stdout).unwrap()
}

/// A file of the system's partition.
fn read(image: &Path, place: &str) -> Vec<u8> {
    run("mtype", &["-i", &format!("{}@@1M", image.display()), &format!("::{place}")]).stdout
}

#[test]
fn the_same_files_make_the_same_image_wherever_and_whenever() {
    let (here, there) = (material(), material());
    let one = made(here.path(), &stick(here.path()));
    // FAT's times are even seconds.
    std::thread::sleep(std::time::Duration::from_millis(2100));
    let folder = there.path().join("another folder, with 10@@20 in its name");
    fs::create_dir(&folder).unwrap();
    let two = folder.join("other.img");
    let arguments = |out: &Path, dir: &Path| -> Vec<String> {
        let at = |name: &str| dir.join(name).display().to_string();
        let mut words = vec!["image".to_owned(), "--out".to_owned(), out.display().to_string()];
        for (option, name) in [("--base", "base"), ("--kernel", "kernel"), ("--initrd", "initrd")] {
            words.extend([option.to_owned(), at(name)]);
        }
        words.extend(["--system-mib", "40", "--luks-mib", "8", "--parameters", "quiet a.b=1,2"].map(str::to_owned));
        words
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_sameday-publish"));
    command.args(arguments(&two, there.path())).current_dir("/").env("SOURCE_DATE_EPOCH", TIME.to_string());
    // What a machine in another place has.
    command.env("TZ", "Pacific/Auckland").env("LC_ALL", "C.UTF-8").env("MTOOLSRC", here.path().join("base"));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(fs::read(&one).unwrap() == fs::read(&two).unwrap(), "{} differs from {}", one.display(), two.display());

    // Without a time there would be no such promise.
    let mut command = Command::new(env!("CARGO_BIN_EXE_sameday-publish"));
    let output = command.args(arguments(&folder.join("x.img"), there.path())).env_remove("SOURCE_DATE_EPOCH").output();
    assert_eq!(output.unwrap().status.code(), Some(1));
    assert!(!folder.join("x.img").exists());
}

#[test]
fn the_layout_is_that_of_the_design() {
    let dir = material();
    let image = made(dir.path(), &stick(dir.path()));
    let path = image.to_str().unwrap();
    run("sgdisk", &["--verify", path]);
    for (number, first, last, kind) in [
        (1, 2048, 2048 + 2048 * SYSTEM_MIB - 1, "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"),
        (2, 34, 2047, "21686148-6449-6E6F-744E-656564454649"),
        (3, 2048 + 2048 * SYSTEM_MIB, 2048 + 2048 * (SYSTEM_MIB + 8) - 1, "CA7D7CCB-63ED-4C53-861C-1742536059CC"),
    ] {
        let said = text(run("sgdisk", &[&format!("--info={number}"), path]));
        for wanted in [format!("First sector: {first} "), format!("Last sector: {last} "), kind.to_owned()] {
            assert!(said.contains(&wanted), "{wanted:?} in {said}");
        }
    }
    assert_eq!(BootEnv::parse(&read(&image, "live/sameday/boot.env")), Ok(BootEnv::base()));
    assert_eq!(GoodEnv::parse(&read(&image, "live/sameday/good.env")), Ok(GoodEnv { version: Choice::Base }));
    assert_eq!(read(&image, "live/filesystem.module"), b"filesystem.squashfs\n");
    for (place, source) in
        [("live/filesystem.squashfs", "base"), ("live/vmlinuz", "kernel"), ("live/initrd.img", "initrd")]
    {
        assert!(read(&image, place) == fs::read(dir.path().join(source)).unwrap(), "{place}");
    }
    assert_eq!(read(&image, "grub/settings.cfg"), b"set parameters='quiet a.b=1,2'\n");
    let listed = text(run("mdir", &["-/", "-b", "-i", &format!("{path}@@1M"), "::"]));
    for place in ["EFI/BOOT/BOOTX64.EFI", "EFI/BOOT/grubx64.efi", "EFI/debian/grub.cfg", "grub/decide.cfg"] {
        assert!(listed.contains(&format!("::/{place}\n")), "{place} in {listed}");
    }

    // The file system is in order, and the partition behind it empty.
    let bytes = fs::read(&image).unwrap();
    let system = usize::try_from(SYSTEM_MIB).unwrap() * MIB;
    let alone = dir.path().join("system");
    fs::write(&alone, &bytes[MIB..MIB + system]).unwrap();
    run("fsck.fat", &["-n", alone.to_str().unwrap()]);
    assert!(bytes[MIB + system..MIB + system + 8 * MIB].iter().all(|byte| *byte == 0));
}

#[test]
fn every_time_is_the_one_that_was_given() {
    let dir = material();
    let image = made(dir.path(), &stick(dir.path()));
    // FAT's dates, in every entry of every folder: created, last accessed, written (Microsoft's FAT specification, section 6).
    let bytes = fs::read(&image).unwrap();
    let date = u16::to_le_bytes((2026 - 1980) << 9 | 1 << 5 | 1);
    let names = ["BOOT    ENV", "GOOD    ENV", "VMLINUZ    ", "LIVE       ", "SAMEDAY    ", "GRUB    CFG"];
    for name in names {
        let entries: Vec<usize> = bytes
            .chunks(32)
            .enumerate()
            .filter(|(_, entry)| entry.starts_with(name.as_bytes()) && entry[11] & 0x08 == 0)
            .map(|(number, _)| number * 32)
            .collect();
        assert!(!entries.is_empty(), "{name}");
        for entry in entries {
            for (what, at) in [("created", 16), ("accessed", 18), ("written", 24)] {
                assert_eq!(&bytes[entry + at..entry + at + 2], date, "{name} {what}");
            }
        }
    }
}

#[test]
fn the_boot_code_points_at_grub() {
    let dir = material();
    let image = made(dir.path(), &stick(dir.path()));
    let bytes = fs::read(&image).unwrap();
    let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    assert_eq!(number(0x5c), 34);
    assert_eq!(number(34 * 512 + 500), 35);
    assert_eq!(&bytes[510..512], [0x55, 0xaa]);
    assert_eq!(bytes[450], 0xee, "the protective entry is still there");
}

#[test]
fn a_grub_of_its_own_is_one_file() {
    let dir = material();
    let image = made(dir.path(), &StickImage { efi: Efi::Own, system_mib: None, luks_mib: None, ..stick(dir.path()) });
    let listed = text(run("mdir", &["-/", "-b", "-i", &format!("{}@@1M", image.display()), "::EFI"]));
    assert_eq!(listed.lines().filter(|line| line.contains('.')).count(), 1, "{listed}");
    assert_eq!(&read(&image, "EFI/BOOT/BOOTX64.EFI")[..2], b"MZ");
}

#[test]
fn what_cannot_be_made_is_refused_by_name_and_leaves_nothing() {
    let dir = material();
    let out = dir.path().join("stick.img");
    let refused = |stick: StickImage| {
        let error = image(&stick, &out).unwrap_err();
        let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left.len(), 3, "{left:?}");
        error
    };
    let good = || stick(dir.path());
    assert!(matches!(refused(StickImage { system_mib: Some(3), ..good() }), ImageError::SystemSize(3)));
    assert!(matches!(refused(StickImage { luks_mib: Some(0), ..good() }), ImageError::LuksSize(0)));
    assert!(matches!(refused(StickImage { parameters: "'".to_owned(), ..good() }), ImageError::Parameters(_)));
    assert!(matches!(refused(StickImage { time: 0, ..good() }), ImageError::Time(0)));
    assert!(matches!(refused(StickImage { base: dir.path().join("none"), ..good() }), ImageError::Io { .. }));
    let large = fs::File::options().write(true).open(dir.path().join("base")).unwrap();
    large.set_len(60 << 20).unwrap();
    assert!(matches!(refused(good()), ImageError::Full { given: SYSTEM_MIB, .. }));
    large.set_len(1 << 32).unwrap();
    assert!(matches!(refused(StickImage { system_mib: Some(9000), ..good() }), ImageError::TooLarge(_)));
    large.set_len(1 << 20).unwrap();

    fs::write(&out, "somebody's").unwrap();
    assert!(matches!(image(&good(), &out), Err(ImageError::Io { .. })));
    assert_eq!(fs::read(&out).unwrap(), b"somebody's");
}
