//! Layers, judged by what the kernel's overlayfs makes of them. Needs root, squashfs-tools, squashfs-tools-ng and loop devices.

#![allow(clippy::unwrap_used, reason = "a test ends where something it needs fails")]

#[path = "layer/snapshot.rs"]
mod snapshot;
#[path = "layer/trees.rs"]
mod trees;

use std::collections::BTreeMap;
use std::error::Error;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use nix::mount::MsFlags;
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use sameday_publish::layer::{Compressor, LayerError, LayerOptions, LayerSummary, Phase, layer, layer_with_progress};
use sha2::{Digest, Sha256};
use snapshot::{Seen, Snapshot, expected, mounted, snapshot};
use tempfile::TempDir;
use trees::Dice;

const QUICK: LayerOptions = LayerOptions { time: 1_700_000_000, compressor: Compressor::Quick, processors: None };
/// An ICMP-only capability set, as setcap(8) writes it (VFS_CAP_REVISION_2, effective, CAP_NET_RAW).
const NET_RAW: [u8; 20] = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

struct Pair {
    dir: TempDir,
    old: PathBuf,
    new: PathBuf,
}

impl Pair {
    /// An old root as `make` leaves it, and a copy of it with everything kept.
    fn new(make: impl FnOnce(&Path)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (old, new) = (dir.path().join("old"), dir.path().join("new"));
        make(&old);
        let copied = Command::new("cp").arg("-a").arg(&old).arg(&new).status().unwrap();
        assert!(copied.success());
        Self { dir, old, new }
    }

    fn layer(&self) -> Result<LayerSummary, LayerError> {
        layer(&self.old, &self.new, &self.dir.path().join("layer"), &QUICK)
    }

    /// Makes the layer and holds it to its promise: over the base it shows the new root, and it holds nothing superfluous.
    fn check(&self) -> (LayerSummary, Snapshot) {
        let summary = self.layer().unwrap();
        let [base, layer] = ["base", "layer"].map(|name| self.dir.path().join(name));
        snapshot::base(&self.old, &base);
        let (alone, both) = mounted(&base, &layer, self.dir.path());
        let (old, new) = (snapshot(&self.old), snapshot(&self.new));
        // A new socket is left out; one that was there stays as it was.
        let without_sockets = |seen: &Snapshot| -> Snapshot {
            seen.iter().filter(|(_, seen)| !seen.is_socket()).map(|(path, seen)| (path.clone(), seen.clone())).collect()
        };
        assert_same(&without_sockets(&both), &without_sockets(&new));
        let held: BTreeMap<_, _> = alone.iter().map(|(path, seen)| (path.clone(), seen.is_whiteout())).collect();
        assert_eq!(held, expected(&old, &new));
        for seen in alone.values() {
            let marks = seen.xattrs.keys().filter(|name| name.as_bytes().starts_with(b"trusted.overlay."));
            assert!(marks.count() == 0 || seen.xattrs[OsStr::new("trusted.overlay.opaque")] == b"y");
        }
        (summary, alone)
    }
}

fn assert_same(shown: &Snapshot, wanted: &Snapshot) {
    for (path, seen) in wanted {
        assert_eq!(shown.get(path), Some(seen), "{}", path.display());
    }
    let more: Vec<_> = shown.keys().filter(|path| !wanted.contains_key(*path)).collect();
    assert!(more.is_empty(), "{more:?}");
}

fn is_opaque(seen: &Seen) -> bool {
    seen.xattrs.contains_key(OsStr::new("trusted.overlay.opaque"))
}

fn write(path: impl AsRef<Path>, contents: impl AsRef<[u8]>) {
    fs::create_dir_all(path.as_ref().parent().unwrap()).unwrap();
    fs::write(path, contents).unwrap();
}

fn device(path: &Path, kind: SFlag, number: u64) {
    mknod(path, kind, Mode::from_bits_truncate(0o660), number).unwrap();
}

#[test]
fn equal_roots_make_an_empty_layer() {
    let pair = Pair::new(|old| {
        write(old.join("dir/file"), "same");
        fs::hard_link(old.join("dir/file"), old.join("link")).unwrap();
        symlink("file", old.join("dir/symlink")).unwrap();
    });
    // Another time alone is no change, of a file as of a directory.
    let later = SystemTime::now() + Duration::from_secs(1000);
    for name in ["dir/file", "dir", ""] {
        fs::File::open(pair.new.join(name)).unwrap().set_modified(later).unwrap();
    }
    let (summary, alone) = pair.check();
    assert_eq!(alone.len(), 1);
    assert_eq!(LayerSummary { length: 0, ..summary }, LayerSummary::default());
}

#[test]
fn all_kinds_of_changes_are_shown_by_overlayfs() {
    let pair = Pair::new(|old| {
        for name in [
            "keep/a",
            "keep/b",
            "gone/x/y",
            "replaced/old1",
            "replaced/old2",
            "emptied/x",
            "merged/in/f",
            "to-dir",
            "etc/shadow",
        ] {
            write(old.join(name), name);
        }
        write(old.join("to-file/below"), "");
        symlink("keep", old.join("link-to-dir")).unwrap();
        symlink("a", old.join("keep/symlink")).unwrap();
        device(&old.join("null"), SFlag::S_IFCHR, makedev(1, 3));
        write(old.join("ping"), "elf");
    });
    let new = |name: &str| pair.new.join(name);
    write(new("keep/a"), "changed");
    fs::remove_dir_all(new("gone")).unwrap();
    fs::remove_dir_all(new("replaced")).unwrap();
    write(new("replaced/fresh"), "1");
    fs::remove_file(new("emptied/x")).unwrap();
    write(new("merged/in/g"), "2");
    fs::remove_file(new("to-dir")).unwrap();
    write(new("to-dir/inside"), "3");
    fs::remove_dir_all(new("to-file")).unwrap();
    write(new("to-file"), "4");
    fs::remove_file(new("link-to-dir")).unwrap();
    write(new("link-to-dir/real"), "5");
    fs::remove_file(new("keep/symlink")).unwrap();
    symlink("b", new("keep/symlink")).unwrap();
    fs::remove_file(new("null")).unwrap();
    device(&new("null"), SFlag::S_IFCHR, makedev(1, 5));
    device(&new("disk"), SFlag::S_IFBLK, makedev(259, 70_000));
    device(&new("fifo"), SFlag::S_IFIFO, 0);
    fs::set_permissions(new("etc/shadow"), fs::Permissions::from_mode(0o640)).unwrap();
    lchown(new("etc/shadow"), Some(0), Some(42)).unwrap();
    xattr::set(new("ping"), "security.capability", &NET_RAW).unwrap();
    xattr::set(new("fifo"), "trusted.note", b"\0bytes\n").unwrap();
    xattr::set(new("merged"), "user.empty", b"").unwrap();
    fs::set_permissions(new("merged/in"), fs::Permissions::from_mode(0o1777)).unwrap();
    let (summary, alone) = pair.check();
    for (name, opaque) in
        [("replaced", true), ("emptied", true), ("to-dir", true), ("link-to-dir", true), ("merged", false), ("", false)]
    {
        assert_eq!(is_opaque(&alone[Path::new(name)]), opaque, "{name}");
    }
    assert!(alone[Path::new("gone")].is_whiteout());
    assert_eq!((summary.whiteouts, summary.opaque_directories), (1, 4));
    assert_eq!((summary.files, summary.symlinks, summary.specials), (8, 1, 3));
}

#[test]
fn nothing_of_the_top_directory_survives() {
    let pair = Pair::new(|old| write(old.join("old/file"), ""));
    fs::remove_dir_all(pair.new.join("old")).unwrap();
    write(pair.new.join("new/file"), "");
    // overlayfs does not look for the opaque mark on its root.
    let (summary, alone) = pair.check();
    assert!(!is_opaque(&alone[Path::new("")]));
    assert_eq!(summary.whiteouts, 1);
}

#[test]
fn the_top_directory_is_that_of_the_new_root() {
    let pair = Pair::new(|old| write(old.join("file"), ""));
    xattr::set(&pair.new, "user.note", b"top").unwrap();
    fs::set_permissions(&pair.new, fs::Permissions::from_mode(0o2711)).unwrap();
    lchown(&pair.new, Some(3_000_000_000), Some(5)).unwrap();
    let (_, alone) = pair.check();
    assert_eq!(alone[Path::new("")].mode & 0o7777, 0o2711);
}

#[test]
fn hard_links_stay_one_inode() {
    let pair = Pair::new(|old| {
        for group in ["same", "content", "grows", "shrinks", "splits"] {
            write(old.join(group).join("1"), group);
            fs::hard_link(old.join(group).join("1"), old.join(group).join("2")).unwrap();
        }
        write(old.join("joins/1"), "equal");
        write(old.join("joins/2"), "equal");
        symlink("x", old.join("symlink")).unwrap();
    });
    let new = |name: &str| pair.new.join(name);
    fs::write(new("content/1"), "CONTENT").unwrap();
    fs::hard_link(new("grows/1"), new("elsewhere")).unwrap();
    fs::remove_file(new("shrinks/2")).unwrap();
    fs::remove_file(new("splits/2")).unwrap();
    fs::write(new("splits/2"), "splits").unwrap();
    fs::remove_file(new("joins/2")).unwrap();
    fs::hard_link(new("joins/1"), new("joins/2")).unwrap();
    fs::hard_link(new("symlink"), new("symlink2")).unwrap();
    let (summary, alone) = pair.check();
    assert!(!alone.contains_key(Path::new("same")));
    // content 1, grows 2, joins 1; symlink 1.
    assert_eq!(summary.hard_links, 5);
}

#[test]
fn names_of_any_length_and_any_bytes() {
    let pair = Pair::new(|old| fs::create_dir(old).unwrap());
    let mut deep = pair.new.clone();
    for letter in ["a", "b", "c", "d", "e", "f"] {
        deep.push(letter.repeat(255));
    }
    write(deep.join("file"), "deep");
    fs::hard_link(deep.join("file"), deep.join("link")).unwrap();
    for (number, target) in ["/etc/x", "./x", "../../x", "x/", "/", "//", "."].into_iter().enumerate() {
        symlink(target, pair.new.join(format!("short-{number}"))).unwrap();
        symlink(target.to_owned() + &"/target".repeat(500), pair.new.join(format!("long-{number}"))).unwrap();
    }
    for name in [b"\xff\xfe not UTF-8".as_slice(), b"new\nline", b" ", b"-n", b"a=b", b"*", b"\\", b"..."] {
        write(pair.new.join(OsStr::from_bytes(name)), name);
    }
    for length in [99, 100, 101, 154, 155, 156, 255] {
        write(pair.new.join("n".repeat(length)), "");
    }
    // The kernel lets an inode on most file systems have little more.
    xattr::set(deep.join("file"), "user.large", &[7; 3000]).unwrap();
    pair.check();
}

#[test]
fn setuid_and_large_owners_are_kept() {
    let pair = Pair::new(|old| fs::create_dir(old).unwrap());
    for (number, id) in [0, 1, (1 << 21) - 1, 1 << 21, u32::MAX - 1].into_iter().enumerate() {
        let path = pair.new.join(number.to_string());
        write(&path, "");
        lchown(&path, Some(id), Some(id)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o6755)).unwrap();
    }
    pair.check();
}

#[test]
fn sockets_are_left_out_and_told() {
    let pair = Pair::new(|old| {
        fs::create_dir(old).unwrap();
        drop(UnixListener::bind(old.join("stays")).unwrap());
        drop(UnixListener::bind(old.join("goes")).unwrap());
        write(old.join("becomes-one"), "");
    });
    fs::remove_file(pair.new.join("goes")).unwrap();
    fs::remove_file(pair.new.join("becomes-one")).unwrap();
    drop(UnixListener::bind(pair.new.join("becomes-one")).unwrap());
    drop(UnixListener::bind(pair.new.join("comes")).unwrap());
    let (summary, _) = pair.check();
    assert_eq!(summary.skipped_sockets, ["becomes-one", "comes", "stays"]);
    assert_eq!(summary.whiteouts, 2);
}

#[test]
fn acls_are_counted_and_not_compared() {
    let pair = Pair::new(|old| write(old.join("file"), ""));
    // Version 2, then user::rw-, user:7:r--, group::r--, mask::r--, other::r-- (linux/posix_acl_xattr.h).
    let acl = [(1, 6, u32::MAX), (2, 4, 7), (4, 4, u32::MAX), (16, 4, u32::MAX), (32, 4, u32::MAX)].iter().fold(
        2_u32.to_le_bytes().to_vec(),
        |mut acl, (tag, permissions, id): &(u16, u16, u32)| {
            acl.extend(tag.to_le_bytes());
            acl.extend(permissions.to_le_bytes());
            acl.extend(id.to_le_bytes());
            acl
        },
    );
    xattr::set(pair.new.join("file"), "system.posix_acl_access", &acl).unwrap();
    let (summary, alone) = pair.check();
    assert_eq!((summary.acls, alone.len()), (1, 1));
}

#[test]
fn random_changes_are_shown_exactly() {
    for seed in 1..=60 {
        let mut dice = Dice(seed * 0x9e37_79b9);
        let pair = Pair::new(|old| trees::grow(old, &mut dice, 3));
        for _ in 0..dice.roll(30) {
            trees::change(&pair.new, &mut dice);
        }
        println!("seed {seed}");
        pair.check();
    }
}

#[test]
fn what_a_layer_cannot_say_is_refused_by_name() {
    type Case = (&'static str, fn(&Pair), fn(&LayerError) -> bool);
    let cases: [Case; 6] = [
        (
            "a redirect in the new root",
            |pair| xattr::set(pair.new.join("dir"), "trusted.overlay.redirect", b"/elsewhere").unwrap(),
            |error| matches!(error, LayerError::OverlayAttribute { name, .. } if name == "trusted.overlay.redirect"),
        ),
        (
            "metacopy in the new root",
            |pair| xattr::set(pair.new.join("dir/file"), "trusted.overlay.metacopy", b"").unwrap(),
            |error| matches!(error, LayerError::OverlayAttribute { name, .. } if name == "trusted.overlay.metacopy"),
        ),
        (
            "an opaque directory in the old root",
            |pair| xattr::set(pair.old.join("dir"), "trusted.overlay.opaque", b"y").unwrap(),
            |error| matches!(error, LayerError::OverlayAttribute { path, .. } if path.ends_with("old/dir")),
        ),
        (
            "a whiteout in the new root",
            |pair| device(&pair.new.join("dir/gone"), SFlag::S_IFCHR, 0),
            |error| matches!(error, LayerError::WhiteoutInSource(path) if path.ends_with("new/dir/gone")),
        ),
        (
            "an attribute whose name a tar cannot carry",
            |pair| xattr::set(pair.new.join("dir/file"), "user.a=b", b"").unwrap(),
            |error| matches!(error, LayerError::UnsupportedAttribute { name, .. } if name == "user.a=b"),
        ),
        (
            "no directory",
            |pair| {
                fs::remove_dir_all(&pair.new).unwrap();
                fs::write(&pair.new, "").unwrap();
            },
            |error| matches!(error, LayerError::NotADirectory(_)),
        ),
    ];
    for (name, spoil, is_it) in cases {
        let pair = Pair::new(|old| write(old.join("dir/file"), ""));
        spoil(&pair);
        fs::write(pair.dir.path().join("layer"), "as before").unwrap();
        let error = pair.layer().unwrap_err();
        assert!(is_it(&error), "{name}: {error:?}");
        assert_untouched(&pair);
    }
}

fn assert_untouched(pair: &Pair) {
    assert_eq!(fs::read(pair.dir.path().join("layer")).unwrap(), b"as before");
    let mut names: Vec<_> = fs::read_dir(pair.dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["layer", "new", "old"]);
}

#[test]
fn a_file_that_changes_meanwhile_is_an_error_and_leaves_nothing_behind() {
    let pair = Pair::new(|old| fs::create_dir(old).unwrap());
    write(pair.new.join("1"), [b'x'; 100_000]);
    write(pair.new.join("2"), [b'x'; 100_000]);
    let out = pair.dir.path().join("layer");
    fs::write(&out, "as before").unwrap();
    let error = layer_with_progress(&pair.old, &pair.new, &out, &QUICK, &mut |progress| {
        if progress.phase == Phase::Write {
            fs::write(pair.new.join("2"), "shorter").unwrap();
        }
    })
    .unwrap_err();
    assert!(matches!(&error, LayerError::Changed(path) if path.ends_with("new/2")), "{error:?}");
    assert_untouched(&pair);
}

#[test]
fn a_full_disk_is_named_and_leaves_nothing_behind() {
    let pair = Pair::new(|old| fs::create_dir(old).unwrap());
    let mut dice = Dice(1);
    write(pair.new.join("file"), (0..3_000_000).map(|_| dice.roll(256) as u8).collect::<Vec<_>>());
    let small = pair.dir.path().join("small");
    fs::create_dir(&small).unwrap();
    let full_disk = || {
        snapshot::own_mounts();
        nix::mount::mount(Some("tmpfs"), &small, Some("tmpfs"), MsFlags::empty(), Some("size=1M")).unwrap();
        let error = layer(&pair.old, &pair.new, &small.join("layer"), &QUICK).unwrap_err();
        assert!(matches!(&error, LayerError::Packer { output, .. } if output.contains("I/O error")), "{error:?}");
        assert_eq!(fs::read_dir(&small).unwrap().count(), 0);
    };
    std::thread::scope(|scope| scope.spawn(full_disk).join().unwrap());
}

#[test]
fn progress_ends_at_its_total() {
    let pair = Pair::new(|old| write(old.join("same"), [0; 5000]));
    write(pair.new.join("more"), [1; 7000]);
    let mut last = BTreeMap::new();
    let out = pair.dir.path().join("layer");
    layer_with_progress(&pair.old, &pair.new, &out, &QUICK, &mut |progress| {
        last.insert(progress.phase == Phase::Write, (progress.done, progress.total));
    })
    .unwrap();
    assert_eq!(last, BTreeMap::from([(false, (12_000, 12_000)), (true, (7000, 7000))]));
}

#[test]
fn all_times_are_the_one_asked_for() {
    let pair = Pair::new(|old| write(old.join("dir/gone"), ""));
    fs::remove_file(pair.new.join("dir/gone")).unwrap();
    write(pair.new.join("dir/file"), "");
    symlink("x", pair.new.join("symlink")).unwrap();
    pair.layer().unwrap();
    let out = pair.dir.path().join("layer");
    let listing = Command::new("unsquashfs").args(["-UTC", "-lln"]).arg(&out).output().unwrap();
    let text = String::from_utf8(listing.stdout).unwrap();
    assert!(listing.status.success(), "{}", String::from_utf8_lossy(&listing.stderr));
    let lines: Vec<_> = text.lines().filter(|line| line.contains("squashfs-root")).collect();
    assert_eq!(lines.len(), 4, "{text}");
    assert!(lines.iter().all(|line| line.contains("2023-11-14 22:13")), "{text}");
    // Bytes 8 to 11 of the superblock are the time the file system was made.
    let superblock = fs::read(&out).unwrap();
    assert_eq!(superblock[8..12], QUICK.time.to_le_bytes());
    assert_eq!(fs::metadata(&out).unwrap().mode() & 0o777, 0o644);
}

/// Two roots whose directories are filled forwards or backwards.
fn fill(dir: &Path, backwards: bool) {
    let mut names: Vec<u32> = (0..60).collect();
    if backwards {
        names.reverse();
    }
    for name in names {
        let path = format!("{}/{name}", name % 7);
        // Some compress well, some not, some are equal, some are large.
        let contents: Vec<u8> =
            (0..name % 9 * 50_000).map(|i| (i.wrapping_mul(2_654_435_761) >> (name % 20)) as u8).collect();
        write(dir.join("new").join(&path), &contents);
        xattr::set(dir.join("new").join(&path), if backwards { "user.b" } else { "user.a" }, b"1").unwrap();
        xattr::set(dir.join("new").join(&path), if backwards { "user.a" } else { "user.b" }, b"1").unwrap();
        write(dir.join("old").join(if name % 3 == 0 { path } else { path + "gone" }), "");
    }
    fs::hard_link(dir.join("new/1/8"), dir.join("new/6/link")).unwrap();
    for folder in ["old", "new", "new/1"] {
        fs::set_permissions(dir.join(folder), fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
#[ignore = "not a test by itself: the_same_roots_make_the_same_bytes runs it in other environments"]
fn in_another_environment() {
    let dir = PathBuf::from(std::env::var_os("LAYER_TEST_DIR").unwrap());
    let processors = std::env::var("LAYER_TEST_PROCESSORS").unwrap().parse().ok();
    let options = LayerOptions { compressor: Compressor::Xz, processors, ..QUICK };
    layer(Path::new("old"), &dir.join("new"), &dir.join("layer"), &options).unwrap();
}

#[test]
fn the_same_roots_make_the_same_bytes() -> Result<(), Box<dyn Error>> {
    let me = std::env::current_exe()?;
    let mut digests = Vec::new();
    for (umask, zone, processors, cpus, backwards) in [
        ("022", "UTC", "", "0-", false),
        ("077", "Asia/Kathmandu", "1", "0", true),
        ("000", "America/Lima", "5", "0-", true),
    ] {
        let dir = tempfile::tempdir()?;
        fill(dir.path(), backwards);
        let cpus =
            if cpus == "0" { "0".to_owned() } else { format!("0-{}", std::thread::available_parallelism()?.get() - 1) };
        let output = Command::new("sh")
            .args(["-c", "umask $0; exec taskset -c \"$@\"", umask, &cpus])
            .arg(&me)
            .args(["--exact", "--ignored", "in_another_environment"])
            .env("TZ", zone)
            .env("SOURCE_DATE_EPOCH", "1")
            .env("LAYER_TEST_DIR", dir.path())
            .env("LAYER_TEST_PROCESSORS", processors)
            .current_dir(dir.path())
            .output()?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        digests.push(hex::encode(Sha256::digest(fs::read(dir.path().join("layer"))?)));
    }
    assert!(digests.iter().all(|digest| *digest == digests[0]), "{digests:?}");
    Ok(())
}
