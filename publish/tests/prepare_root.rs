//! What `prepare_root` puts into a root, and what it never touches.

#![allow(clippy::unwrap_used, reason = "a test ends where something it needs fails")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::{Mode, umask};
use sameday_publish::error::Error;
use sameday_publish::init::{Init, KeyCount, init};
use sameday_publish::keys::Passphrase;
use sameday_publish::prepare_root::{Image, PrepareError, prepare_root};
use sameday_publish::release::{NewVersion, Release, Way, release};
use sameday_trust::Time;
use sameday_upgrade::os_release::OsRelease;
use tempfile::TempDir;

const BUILT: &str = "2026-11-20T00:00:00Z";

/// A repository with a release in its stable channel and none in the others; made once, for making keys takes time.
fn repository() -> &'static Path {
    static MADE: OnceLock<TempDir> = OnceLock::new();
    let dir = MADE.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let now: Time = BUILT.parse().unwrap();
        let passphrase = Passphrase::new("words".to_owned()).unwrap();
        let one = KeyCount { keys: 1, threshold: 1 };
        let wanted = Init { root: one, targets: one, ..Init::new(at("repository"), at("keys"), now) };
        drop(init(&wanted, &passphrase).unwrap());
        fs::write(at("layer"), "a layer").unwrap();
        let new = NewVersion {
            version: "1.1".parse().unwrap(),
            from: vec![("1.0".parse().unwrap(), Way::Layer(at("layer")))],
            kernel: None,
            initrd: None,
            notes: BTreeMap::new(),
            fixes: Vec::new(),
            details_url: None,
            test_record: None,
        };
        let plan = Release {
            repository: at("repository"),
            keys: at("keys"),
            channel: "stable".parse().unwrap(),
            product: "demo".parse().unwrap(),
            architecture: "amd64".parse().unwrap(),
            new: Some(new),
            withdraw: Vec::new(),
            now,
        };
        release(&plan, &passphrase).unwrap();
        dir
    });
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| dir.path().join("repository"))
}

fn image() -> Image {
    Image {
        product: "demo".parse().unwrap(),
        version: "1.0".parse().unwrap(),
        channel: "stable".parse().unwrap(),
        architecture: "amd64".parse().unwrap(),
        built: BUILT.to_owned(),
        base_urls: vec!["http://abc.onion/".to_owned(), "https://dl.example/sameday/".to_owned()],
        tor: Some("direct".to_owned()),
        arti: Some("[address_filter]\nallow_local_addrs = true\n".to_owned()),
        repository: repository().to_owned(),
    }
}

/// A root as Debian has it.
fn root() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for folder in ["etc", "usr/lib", "usr/share"] {
        fs::create_dir_all(root.path().join(folder)).unwrap();
    }
    fs::write(root.path().join("usr/lib/os-release"), "PRETTY_NAME=\"Demo\"\nID=debian\n").unwrap();
    symlink("../usr/lib/os-release", root.path().join("etc/os-release")).unwrap();
    root
}

fn files(root: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut left = vec![root.to_owned()];
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            let contents = if metadata.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
            if metadata.is_dir() {
                left.push(path.clone());
            }
            found.insert(path.strip_prefix(root).unwrap().to_owned(), (metadata.mode() & 0o7777, contents));
        }
    }
    found
}

fn read(root: &TempDir, path: &str) -> String {
    fs::read_to_string(root.path().join(path)).unwrap()
}

#[test]
fn an_image_holds_what_its_readers_look_for() {
    let root = root();
    prepare_root(root.path(), &image()).unwrap();
    let text = read(&root, "etc/os-release");
    assert!(text.starts_with("PRETTY_NAME=\"Demo\"\nID=debian\n"));
    let running = OsRelease::parse(&text).unwrap();
    assert_eq!((running.product.as_str(), running.version.as_str()), ("demo", "1.0"));
    assert_eq!((running.channel.as_str(), running.architecture.as_str()), ("stable", "amd64"));
    assert_eq!(running.built, BUILT);
    assert!(root.path().join("etc/os-release").is_symlink());

    let published = |path: &str| fs::read(repository().join(path)).unwrap();
    let kept = |path: &str| fs::read(root.path().join("usr/share/sameday").join(path)).unwrap();
    assert_eq!(kept("root.json"), published("metadata/1.root.json"));
    assert_eq!(kept("metadata/1.root.json"), published("metadata/1.root.json"));
    assert_eq!(kept("metadata/timestamp.json"), published("metadata/timestamp.json"));
    // The release is the second state of the snapshot and of its channel.
    assert_eq!(kept("metadata/snapshot.json"), published("metadata/2.snapshot.json"));
    assert_eq!(kept("metadata/targets.json"), published("metadata/1.targets.json"));
    assert_eq!(kept("metadata/stable.json"), published("metadata/2.stable.json"));
    let upgrade: serde_json::Value = serde_json::from_slice(&kept("metadata/upgrade.json")).unwrap();
    assert_eq!(upgrade["upgrades"][0]["version"], "1.1");
    assert_eq!(fs::read_dir(root.path().join("usr/share/sameday/metadata")).unwrap().count(), 6);

    let repository: toml::Table = read(&root, "usr/share/sameday/repository.toml").parse().unwrap();
    let expected: toml::Table =
        "format = 1\nbase_urls = [\"http://abc.onion/\", \"https://dl.example/sameday/\"]".parse().unwrap();
    assert_eq!(repository, expected);
    let fetcher: toml::Table = read(&root, "etc/sameday/fetcher.toml").parse().unwrap();
    let expected: toml::Table =
        "format = 1\ntor = \"direct\"\n[arti.address_filter]\nallow_local_addrs = true".parse().unwrap();
    assert_eq!(fetcher, expected);
}

#[test]
fn a_second_run_changes_nothing_and_a_third_leaves_nothing_stale() {
    let root = root();
    prepare_root(root.path(), &image()).unwrap();
    let first = files(root.path());
    prepare_root(root.path(), &image()).unwrap();
    assert_eq!(files(root.path()), first);

    // A channel without a description, and no Tor mode.
    let other = Image { channel: "test".parse().unwrap(), tor: None, arti: None, ..image() };
    prepare_root(root.path(), &other).unwrap();
    let names: Vec<_> =
        files(root.path()).into_keys().filter(|path| path.starts_with("usr/share/sameday/metadata")).collect();
    let expected = ["", "/1.root.json", "/snapshot.json", "/targets.json", "/test.json", "/timestamp.json"];
    assert_eq!(names, expected.map(|name| PathBuf::from(format!("usr/share/sameday/metadata{name}"))));
    assert!(!root.path().join("etc/sameday/fetcher.toml").exists());
}

#[test]
fn everybody_may_read_it_whatever_the_umask() {
    let root = root();
    let prepare = || {
        // The umask of this thread alone.
        unshare(CloneFlags::CLONE_FS).unwrap();
        umask(Mode::from_bits_truncate(0o077));
        prepare_root(root.path(), &image()).unwrap();
    };
    std::thread::scope(|scope| scope.spawn(prepare).join().unwrap());
    let ours = files(root.path()).into_iter().filter(|(path, _)| path.to_string_lossy().contains("sameday"));
    let mut count = 0;
    for (path, (mode, _)) in ours {
        let expected = if root.path().join(&path).is_dir() { 0o755 } else { 0o644 };
        assert_eq!(mode, expected, "{}", path.display());
        count += 1;
    }
    assert_eq!(count, 12);
    assert_eq!(fs::metadata(root.path().join("usr/lib/os-release")).unwrap().permissions().mode() & 0o7777, 0o644);
}

#[test]
fn a_regular_os_release_in_etc_is_edited_too() {
    let root = root();
    fs::remove_file(root.path().join("etc/os-release")).unwrap();
    fs::write(root.path().join("etc/os-release"), "NAME=other\nIMAGE_VERSION=0\n").unwrap();
    prepare_root(root.path(), &image()).unwrap();
    assert!(read(&root, "etc/os-release").starts_with("NAME=other\nIMAGE_VERSION=\"1.0\"\n"));
    assert!(read(&root, "usr/lib/os-release").starts_with("PRETTY_NAME"));

    fs::remove_file(root.path().join("usr/lib/os-release")).unwrap();
    prepare_root(root.path(), &image()).unwrap();
    assert_eq!(read(&root, "usr/lib/os-release"), read(&root, "etc/os-release"));
}

#[test]
fn links_lead_nowhere_outside_of_the_root() {
    let outside = tempfile::tempdir().unwrap();
    let target = outside.path().join("file");
    fs::write(&target, "ID=host\n").unwrap();
    let absolute = outside.path().to_str().unwrap();

    // Absolute links are followed within the root, as on the running system.
    let inside = root();
    fs::create_dir_all(inside.path().join("real")).unwrap();
    symlink("/real", inside.path().join("usr/share/sameday")).unwrap();
    fs::remove_file(inside.path().join("etc/os-release")).unwrap();
    symlink("/usr/lib/os-release", inside.path().join("etc/os-release")).unwrap();
    prepare_root(inside.path(), &image()).unwrap();
    assert!(inside.path().join("real/root.json").is_file());

    // Folders that lead out, by name or by dots.
    for (name, link) in
        [("usr/share/sameday", absolute), ("etc/sameday", absolute), ("usr/share/sameday", "../../../../../../nowhere")]
    {
        let root = root();
        symlink(link, root.path().join(name)).unwrap();
        let error = prepare_root(root.path(), &image()).unwrap_err();
        assert!(matches!(&error, PrepareError::Root { path, .. } if path == Path::new(name)), "{error:?}");
    }
    // A file that is a link is replaced, not written through.
    let replaced = root();
    fs::create_dir_all(replaced.path().join("etc/sameday")).unwrap();
    symlink(&target, replaced.path().join("etc/sameday/fetcher.toml")).unwrap();
    symlink(&target, replaced.path().join("etc/sameday/.fetcher.toml.new")).unwrap();
    prepare_root(replaced.path(), &image()).unwrap();
    assert!(!replaced.path().join("etc/sameday/fetcher.toml").is_symlink());
    // os-release is not read from outside.
    for name in ["etc/os-release", "usr/lib/os-release"] {
        let root = root();
        fs::remove_file(root.path().join(name)).unwrap();
        symlink(&target, root.path().join(name)).unwrap();
        let error = prepare_root(root.path(), &image()).unwrap_err();
        assert!(matches!(error, PrepareError::OsReleaseElsewhere), "{error:?}");
    }
    assert_eq!(fs::read_to_string(&target).unwrap(), "ID=host\n");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
}

#[test]
fn what_clients_would_refuse_is_refused_before_anything_is_written() {
    type Case = (&'static str, fn(&mut Image), fn(&PrepareError) -> bool);
    let cases: [Case; 9] = [
        ("a top-level role", |i| i.channel = "root".parse().unwrap(), |e| matches!(e, PrepareError::ChannelName(_))),
        // Its metadata would be taken for the description.
        (
            "a channel upgrade",
            |i| i.channel = "upgrade".parse().unwrap(),
            |e| matches!(e, PrepareError::ChannelName(_)),
        ),
        (
            "no such channel",
            |i| i.channel = "beta".parse().unwrap(),
            |e| matches!(e, PrepareError::Repository(Error::NoChannel(_))),
        ),
        ("a day only", |i| i.built = "2026-11-20".to_owned(), |e| matches!(e, PrepareError::Built(..))),
        ("no base", |i| i.base_urls.clear(), |e| matches!(e, PrepareError::BaseUrls(0))),
        (
            "plain http",
            |i| i.base_urls.push("http://dl.example/".to_owned()),
            |e| matches!(e, PrepareError::BaseUrl(_)),
        ),
        ("a Tor mode of its own", |i| i.tor = Some("off".to_owned()), |e| matches!(e, PrepareError::Tor(_))),
        ("Arti without Tor", |i| i.tor = None, |e| matches!(e, PrepareError::ArtiAlone)),
        ("no TOML", |i| i.arti = Some("[".to_owned()), |e| matches!(e, PrepareError::Arti(_))),
    ];
    for (name, spoil, is_it) in cases {
        let root = root();
        let before = files(root.path());
        let mut image = image();
        spoil(&mut image);
        let error = prepare_root(root.path(), &image).unwrap_err();
        assert!(is_it(&error), "{name}: {error:?}");
        assert_eq!(files(root.path()), before, "{name}");
    }
    let root = root();
    fs::write(root.path().join("usr/lib/os-release"), b"ID=\xff\n").unwrap();
    assert!(matches!(prepare_root(root.path(), &image()), Err(PrepareError::OsRelease(_))));
}

#[test]
fn a_repository_that_does_not_verify_is_not_trusted() {
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("repository");
    assert!(std::process::Command::new("cp").arg("-r").arg(repository()).arg(&copy).status().unwrap().success());
    let path = copy.join("metadata/2.stable.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("demo", "dem0")).unwrap();
    let root = root();
    let error = prepare_root(root.path(), &Image { repository: copy, ..image() }).unwrap_err();
    assert!(matches!(error, PrepareError::Repository(Error::Verify(_))), "{error:?}");
}
