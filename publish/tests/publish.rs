//! What the release side writes, the product's client accepts, and asks for no more than it must.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sameday_publish::error::Error;
use sameday_publish::init::{Init, KeyCount, init};
use sameday_publish::keys::Passphrase;
use sameday_publish::kit::{KitRequest, kit};
use sameday_publish::release::{NewVersion, Release, Released, Way, release};
use sameday_publish::timestamp::{Renewal, renew};
use sameday_trust::{Answer, Evidence, EvidenceSet, Limits, Next, Policy, Source, Store, Time, TimeVerdict, Updater};
use sameday_upgrade::chunks::{CHUNK, ChunkList};
use sameday_upgrade::description::{Description, Fix, Kind, Role, Severity};
use sameday_upgrade::digest::Digest;
use sameday_upgrade::names::Version;

const TARGET: &str = "stable/demo/amd64/upgrade.json";

fn day(days: u32) -> Time {
    "2026-11-22T00:00:00Z".parse::<Time>().unwrap().plus_days(days)
}

fn v(text: &str) -> Version {
    text.parse().unwrap()
}

struct World {
    folder: tempfile::TempDir,
    passphrase: Passphrase,
}

impl World {
    /// A repository with as many keys as in real life.
    fn new() -> Self {
        let world = Self {
            folder: tempfile::tempdir().unwrap(),
            passphrase: Passphrase::new("a passphrase".to_owned()).unwrap(),
        };
        init(&Init::new(world.repository(), world.keys(), day(0)), &world.passphrase).unwrap();
        world
    }

    fn repository(&self) -> PathBuf {
        self.folder.path().join("repo")
    }

    fn keys(&self) -> PathBuf {
        self.folder.path().join("keys")
    }

    fn file(&self, name: &str, length: u64) -> PathBuf {
        let path = self.folder.path().join(name);
        let bytes: Vec<u8> = (0..length).map(|i| (i % 251) as u8 ^ name.len() as u8).collect();
        fs::write(&path, bytes).unwrap();
        path
    }

    fn plan(&self, version: &str, from: &[(&str, &PathBuf)], now: Time) -> Release {
        Release {
            repository: self.repository(),
            keys: self.keys(),
            channel: "stable".parse().unwrap(),
            product: "demo".parse().unwrap(),
            architecture: "amd64".parse().unwrap(),
            new: Some(NewVersion {
                version: v(version),
                from: from.iter().map(|(initial, path)| (v(initial), Way::Layer((*path).clone()))).collect(),
                kernel: None,
                initrd: None,
                notes: BTreeMap::from([("en".to_owned(), "notes".to_owned())]),
                fixes: vec![Fix { name: "openssl".into(), severity: Severity::High, cves: vec!["CVE-2026-1".into()] }],
                details_url: None,
                test_record: None,
            }),
            withdraw: Vec::new(),
            now,
        }
    }

    fn release(&self, version: &str, from: &[(&str, &PathBuf)], now: Time) -> Released {
        release(&self.plan(version, from, now), &self.passphrase).unwrap()
    }

    fn renew(&self, now: Time) {
        renew(&Renewal { repository: self.repository(), keys: self.keys(), now }, &self.passphrase).unwrap();
    }

    fn metadata(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.repository().join("metadata").join(name)).ok()
    }

    fn anchor(&self) -> Vec<u8> {
        self.metadata("1.root.json").unwrap()
    }

    /// A check of the product: requests, bytes, and the updater that answers.
    fn check(&self, store: Store, now: Time) -> (Updater, Vec<String>, usize) {
        let policy = Policy::product(Source::Repository);
        let mut updater = Updater::new(store, now, day(0), policy, Limits::product()).unwrap();
        let (mut asked, mut bytes) = (Vec::new(), 0);
        for phase in 0..2 {
            while let Next::Fetch(request) = updater.next() {
                let answer = self.metadata(&request.path);
                bytes += answer.as_ref().map_or(0, Vec::len);
                asked.push(request.path);
                updater.supply(answer.map_or(Answer::Absent, Answer::Bytes)).unwrap();
            }
            if phase == 0 {
                updater.target(TARGET, Some("stable")).unwrap();
            }
        }
        (updater, asked, bytes)
    }

    fn description(&self, updater: &Updater) -> Description {
        let found = updater.found().unwrap();
        let bytes = fs::read(self.repository().join("targets").join(&found.location)).unwrap();
        found.verify(&bytes).unwrap();
        Description::parse(&bytes).unwrap()
    }
}

#[test]
fn the_client_accepts_a_release_and_asks_for_no_more_than_it_must() {
    let world = World::new();
    let layer = world.file("layer", 2 * CHUNK + 5);
    let (kernel, initrd) = (world.file("vmlinuz", 1000), world.file("initrd.img", CHUNK));
    let mut plan = world.plan("1.2", &[("1.0", &layer), ("1.1", &layer)], day(1));
    let new = plan.new.as_mut().unwrap();
    (new.kernel, new.initrd) = (Some(kernel), Some(initrd));
    let released = release(&plan, &world.passphrase).unwrap();
    assert_eq!(released.versions, [2, 2, 2]);

    let (updater, asked, _) = world.check(Store::from_root(world.anchor()), day(1));
    assert_eq!(asked, ["2.root.json", "timestamp.json", "2.snapshot.json", "1.targets.json", "2.stable.json"]);
    assert_eq!(updater.time_verdict(None), TimeVerdict::Fine);
    let description = world.description(&updater);
    assert_eq!(description, released.description);
    assert_eq!(description.published, day(1).to_string());
    let [upgrade] = description.upgrades.as_slice() else { panic!("one layer, one upgrade") };
    assert_eq!(upgrade.initial_versions, [v("1.0"), v("1.1")]);
    assert_eq!(upgrade.files.iter().map(|f| f.role).collect::<Vec<_>>(), [Role::Layer, Role::Kernel, Role::Initrd]);
    assert_eq!(upgrade.room, upgrade.files.iter().map(|f| f.length).sum::<u64>());
    for file in &upgrade.files {
        assert_eq!(Some(file.place.clone()), file.role.place(&v("1.2")));
        let read = |digest: Digest| fs::read(world.repository().join("files").join(digest.to_string())).unwrap();
        let (payload, list) = (read(file.sha256), read(file.chunks));
        assert_eq!((payload.len() as u64, list.len() as u64), (file.length, file.chunks_length));
        assert_eq!((Digest::of(&payload), Digest::of(&list)), (file.sha256, file.chunks));
        let list = ChunkList::parse(&list, file.length).unwrap();
        for ((length, digest), chunk) in list.chunks().zip(payload.chunks(CHUNK as usize)) {
            assert_eq!((length, digest), (chunk.len() as u64, Digest::of(chunk)));
        }
    }
}

#[test]
fn a_check_after_a_month_of_resigning_is_three_small_requests_and_then_two() {
    let world = World::new();
    world.release("1.2", &[("1.0", &world.file("layer", 10))], day(1));
    // The set as an image carries it.
    let set = EvidenceSet {
        roots: [(1, world.anchor())].into(),
        timestamp: world.metadata("timestamp.json"),
        snapshot: world.metadata("2.snapshot.json"),
        targets: world.metadata("1.targets.json"),
        channel: Some(("stable".to_owned(), world.metadata("2.stable.json").unwrap())),
    };
    let policy = Policy::product(Source::Repository);
    let evidence = Evidence::verify(&world.anchor(), set, &policy, &Limits::product()).unwrap();
    for days in 2..=50 {
        world.renew(day(days));
    }
    let (updater, asked, bytes) = world.check(evidence.into_store(), day(50));
    // The snapshot was renewed once, in the second half of its 90 days.
    assert_eq!(asked, ["2.root.json", "timestamp.json", "3.snapshot.json"]);
    assert!(bytes <= 16 << 10, "{bytes}");
    let (_, asked, bytes) = world.check(updater.into_store(), day(50));
    assert_eq!(asked, ["2.root.json", "timestamp.json"]);
    assert!(bytes <= 4 << 10, "{bytes}");
}

#[test]
fn a_later_release_replaces_what_serves_the_same_initial_versions() {
    let world = World::new();
    let (a, b, c) = (world.file("a", 10), world.file("bb", 20), world.file("ccc", 30));
    world.release("1.2", &[("1.0", &a), ("1.1", &b)], day(1));
    let mut plan = world.plan("1.3", &[("1.1", &c)], day(2));
    plan.withdraw = vec![v("1.2")];
    release(&plan, &world.passphrase).unwrap();
    let (updater, _, _) = world.check(Store::from_root(world.anchor()), day(2));
    let description = world.description(&updater);
    let ways: Vec<_> =
        description.upgrades.iter().map(|u| (u.version.to_string(), u.initial_versions.clone())).collect();
    assert_eq!(ways, [("1.2".to_owned(), vec![v("1.0")]), ("1.3".to_owned(), vec![v("1.1")])]);
    assert_eq!(description.withdrawn, [v("1.2")]);

    let mut plan = world.plan("2.0", &[], day(3));
    plan.new.as_mut().unwrap().from = vec![(v("1.0"), Way::Manual)];
    release(&plan, &world.passphrase).unwrap();
    plan.new = None;
    plan.withdraw = vec![v("1.3")];
    let released = release(&plan, &world.passphrase).unwrap();
    assert_eq!(released.description.upgrades.last().unwrap().kind, Kind::Manual);
    assert_eq!(released.description.withdrawn, [v("1.2"), v("1.3")]);
}

fn members(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut tar = tar::Archive::new(fs::File::open(path).unwrap());
    tar.entries()
        .unwrap()
        .map(|entry| {
            let mut entry = entry.unwrap();
            assert!(entry.header().entry_type().is_file());
            let name = entry.path().unwrap().to_str().unwrap().to_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            (name, bytes)
        })
        .collect()
}

#[test]
fn a_kit_is_the_slice_of_the_repository_and_the_same_every_time() {
    let world = World::new();
    let (layer, other) = (world.file("layer", CHUNK + 7), world.file("other", 9));
    let released = world.release("1.2", &[("1.0", &layer), ("1.1", &other)], day(1));
    let request = |out: &str| KitRequest {
        repository: world.repository(),
        channel: "stable".parse().unwrap(),
        product: "demo".parse().unwrap(),
        architecture: "amd64".parse().unwrap(),
        initial_version: v("1.0"),
        out: world.folder.path().join(out),
    };
    let path = kit(&request("kits")).unwrap();
    assert_eq!(path.file_name().unwrap(), "demo-amd64-stable-from-1.0.kit");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o644);
    let again = kit(&request("elsewhere")).unwrap();
    assert_eq!(fs::read(&path).unwrap(), fs::read(&again).unwrap());

    let members = members(&path);
    let names: Vec<_> = members.iter().map(|(name, _)| name.as_str()).collect();
    let file =
        released.description.upgrades.iter().find(|u| u.initial_versions == [v("1.0")]).unwrap().files[0].clone();
    let expected = [
        "kit.json".to_owned(),
        "metadata/1.root.json".to_owned(),
        "metadata/timestamp.json".to_owned(),
        "metadata/2.snapshot.json".to_owned(),
        "metadata/1.targets.json".to_owned(),
        "metadata/2.stable.json".to_owned(),
        format!("targets/stable/demo/amd64/{}.upgrade.json", released.digest),
        format!("files/{}", file.chunks),
        format!("files/{}", file.sha256),
    ];
    assert_eq!(names, expected);
    for (name, bytes) in &members[1..] {
        assert_eq!(&fs::read(world.repository().join(name)).unwrap(), bytes, "{name}");
    }

    let none = KitRequest { initial_version: v("0.9"), ..request("kits") };
    assert!(matches!(kit(&none), Err(Error::NoUpgrade { .. })));
    fs::write(world.repository().join(format!("files/{}", file.sha256)), vec![0; file.length as usize]).unwrap();
    fs::remove_file(&path).unwrap();
    assert!(matches!(kit(&request("kits")), Err(Error::Damaged(_))));
    assert_eq!(fs::read_dir(world.folder.path().join("kits")).unwrap().count(), 0, "nothing is left over");
}

#[test]
fn what_somebody_put_on_the_server_is_never_signed() {
    let world = World::new();
    let layer = world.file("layer", 10);
    let released = world.release("1.2", &[("1.0", &layer)], day(1));
    let target = world.repository().join(format!("targets/stable/demo/amd64/{}.upgrade.json", released.digest));
    for path in ["metadata/2.stable.json", "metadata/1.targets.json", "metadata/timestamp.json"] {
        let path = world.repository().join(path);
        let honest = fs::read(&path).unwrap();
        let mut evil = honest.clone();
        let at = evil.windows(6).position(|w| w == b"signed").unwrap() + 20;
        evil[at] ^= 1;
        fs::write(&path, evil).unwrap();
        let refused = release(&world.plan("1.3", &[("1.0", &layer)], day(2)), &world.passphrase);
        assert!(matches!(refused, Err(Error::Verify(_))), "{path:?}");
        fs::write(&path, honest).unwrap();
    }
    let honest = fs::read(&target).unwrap();
    fs::write(&target, [&honest[..], b" "].concat()).unwrap();
    let refused = release(&world.plan("1.3", &[("1.0", &layer)], day(2)), &world.passphrase);
    assert!(matches!(refused, Err(Error::Damaged(_))));
    fs::write(&target, honest).unwrap();

    // Another root, with a whole repository behind it that verifies by itself.
    let attacker = World::new();
    attacker.release("6.6.6", &[("1.0", &layer)], day(1));
    fs::rename(world.repository(), world.folder.path().join("honest")).unwrap();
    fs::rename(attacker.repository(), world.repository()).unwrap();
    let refused = release(&world.plan("1.3", &[("1.0", &layer)], day(2)), &world.passphrase);
    assert!(matches!(refused, Err(Error::Verify(_))));
}

#[test]
fn a_release_that_contradicts_itself_changes_nothing() {
    let world = World::new();
    let layer = world.file("layer", 10);
    let empty = world.file("empty", 0);
    type Break = fn(&mut Release, &PathBuf);
    type Expected = fn(&Error) -> bool;
    let cases: [(&str, Break, Expected); 9] = [
        ("nothing", |r, _| r.new = None, |e| matches!(e, Error::Nothing)),
        ("no way", |r, _| r.new.as_mut().unwrap().from.clear(), |e| matches!(e, Error::Nothing)),
        ("half a kernel", |r, e| r.new.as_mut().unwrap().kernel = Some(e.clone()), |e| matches!(e, Error::HalfAKernel)),
        ("to itself", |r, _| r.new.as_mut().unwrap().version = v("1.0"), |e| matches!(e, Error::SameVersion(_))),
        (
            "twice",
            |r, _| r.new.as_mut().unwrap().from.push((v("1.0"), Way::Manual)),
            |e| matches!(e, Error::InitialTwice(_)),
        ),
        ("empty", |r, e| r.new.as_mut().unwrap().from[0].1 = Way::Layer(e.clone()), |e| matches!(e, Error::Empty(_))),
        ("no channel", |r, _| r.channel = "beta".parse().unwrap(), |e| matches!(e, Error::NoChannel(_))),
        (
            "keys in the repository",
            |r, _| r.keys = r.repository.join("files"),
            |e| matches!(e, Error::KeysInRepository { .. }),
        ),
        (
            "too long",
            |r, _| drop(r.new.as_mut().unwrap().notes.insert("en".into(), "x".repeat(1 << 20))),
            |e| matches!(e, Error::DescriptionTooLong { .. }),
        ),
    ];
    let before: Vec<_> = fs::read_dir(world.repository().join("metadata")).unwrap().collect();
    for (name, spoil, expected) in cases {
        let mut plan = world.plan("1.2", &[("1.0", &layer)], day(1));
        spoil(&mut plan, &empty);
        let error = release(&plan, &world.passphrase).unwrap_err();
        assert!(expected(&error), "{name}: {error}");
    }
    assert_eq!(fs::read_dir(world.repository().join("metadata")).unwrap().count(), before.len());
    let wrong = Passphrase::new("another".to_owned()).unwrap();
    let refused = release(&world.plan("1.2", &[("1.0", &layer)], day(1)), &wrong);
    assert!(matches!(refused, Err(Error::Decrypt(_))));
    assert!(world.metadata("2.stable.json").is_none());
}

#[test]
fn init_refuses_what_would_lose_or_expose_keys() {
    let folder = tempfile::tempdir().unwrap();
    let passphrase = Passphrase::new("p".to_owned()).unwrap();
    let (repository, keys) = (folder.path().join("repo"), folder.path().join("keys"));
    let small = |keys: PathBuf| {
        let one = KeyCount { keys: 1, threshold: 1 };
        Init {
            root: one,
            targets: one,
            channels: vec!["stable".parse().unwrap()],
            ..Init::new(repository.clone(), keys, day(0))
        }
    };
    let refused = init(&small(repository.join("keys")), &passphrase);
    assert!(matches!(refused, Err(Error::KeysInRepository { .. })));
    assert!(!repository.exists());
    for (keys_of, threshold) in [(0, 0), (1, 2), (1, 0), (33, 1)] {
        let counts = KeyCount { keys: keys_of, threshold };
        let refused = init(&Init { root: counts, ..small(keys.clone()) }, &passphrase);
        assert!(matches!(refused, Err(Error::KeyCount { .. })));
    }
    let twice = vec!["stable".parse().unwrap(), "stable".parse().unwrap()];
    let refused = init(&Init { channels: twice, ..small(keys.clone()) }, &passphrase);
    assert!(matches!(refused, Err(Error::ChannelTwice(_))));
    let named = vec!["targets".parse().unwrap()];
    let refused = init(&Init { channels: named, ..small(keys.clone()) }, &passphrase);
    assert!(matches!(refused, Err(Error::ChannelName(_))));

    let made = init(&small(keys.clone()), &passphrase).unwrap();
    assert_eq!(made.channels().collect::<Vec<_>>(), ["stable"]);
    let another = renew(&Renewal { repository: repository.clone(), keys: keys.clone(), now: day(1) }, &passphrase);
    assert!(matches!(another, Err(Error::Busy(_))), "two runs at once");
    drop(made);
    let refused = init(&small(keys.clone()), &passphrase);
    assert!(matches!(refused, Err(Error::Exists(_))));
    // Keys whose repository is gone are not overwritten either.
    fs::remove_dir_all(&repository).unwrap();
    let refused = init(&small(keys), &passphrase);
    assert!(matches!(refused, Err(Error::Exists(_))));
}

/// The program itself, from the first key to a kit.
#[test]
fn the_program_does_what_the_library_does() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(at("passphrase"), "words\n").unwrap();
    fs::write(at("layer.squashfs"), "layer").unwrap();
    fs::write(at("notes"), "Text.").unwrap();
    fs::write(at("fixes"), r#"[{"name":"openssl","severity":"high","cves":["CVE-2026-1"]}]"#).unwrap();
    let run = |line: &str| {
        let line = line.replace("@", &format!("{}/", folder.path().display()));
        let out = std::process::Command::new(env!("CARGO_BIN_EXE_sameday-publish"))
            .args(line.split_whitespace())
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        (out.status.code(), String::from_utf8(out.stdout).unwrap(), String::from_utf8(out.stderr).unwrap())
    };
    let signing = "--repository @repo --keys @keys --passphrase-file @passphrase --now 2026-11-22T00:00:00Z";
    let small = "--root-keys 1/1 --targets-keys 1/1 --channel stable";
    let product = "--channel stable --product demo --architecture amd64";
    let (code, _, error) = run(&format!("init {signing} {small}"));
    assert_eq!((code, error.as_str()), (Some(0), ""));
    let release = "--to 1.2 --layer 1.0=@layer.squashfs --notes en=@notes --fixes @fixes --withdraw 1.1";
    let (code, out, error) = run(&format!("release {signing} {product} {release}"));
    assert_eq!((code, error.as_str()), (Some(0), ""));
    assert!(out.starts_with(TARGET), "{out}");
    let (code, out, _) = run(&format!("timestamp {signing}"));
    assert_eq!((code, out.as_str()), (Some(0), "timestamp 3\n"));
    let (code, out, _) = run(&format!("kit --repository @repo {product} --from 1.0 --out @kits"));
    assert_eq!(code, Some(0));
    let path = PathBuf::from(out.trim_end());
    let description = members(&path).into_iter().find(|(name, _)| name.starts_with("targets/")).unwrap().1;
    let description = Description::parse(&description).unwrap();
    assert_eq!(description.upgrades[0].notes["en"], "Text.");
    assert_eq!(description.upgrades[0].fixes[0].severity, Severity::High);
    assert_eq!(description.withdrawn, [v("1.1")]);

    assert_eq!(run("release").0, Some(64));
    assert_eq!(run("--help").0, Some(0));
    let (code, _, error) = run(&format!("kit --repository @repo {product} --from 0.9"));
    assert_eq!((code, error.as_str()), (Some(1), "sameday-publish: stable has no automatic upgrade from 0.9\n"));
    let (code, _, error) = run("timestamp --repository @repo --keys @keys");
    assert_eq!(code, Some(1));
    assert!(error.contains("--passphrase-file"), "{error}");
}
