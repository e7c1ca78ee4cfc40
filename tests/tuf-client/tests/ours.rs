//! Repositories made by `sameday-publish` and by the library, verified and downloaded from by python-tuf's client.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

#[path = "support/python.rs"]
mod python;
#[path = "../../../trust/tests/support/repo.rs"]
mod repo;
#[path = "support/world.rs"]
mod world;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use python::{NgClient, python};
use repo::{Repo, TestKey, delegated, target};
use sameday_publish::init::{Init, KeyCount, init};
use sameday_publish::keys::Passphrase;
use sameday_publish::release::{NewVersion, Release, Way, release};
use sameday_publish::timestamp::{Renewal, renew};
use sameday_trust::Time;
use sameday_trust::schema::Targets;
use world::World;

const CHANNELS: [&str; 3] = ["stable", "alpha", "test"];

fn now() -> Time {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    Time::from_unix(i64::try_from(seconds).unwrap())
}

/// A client of python-tuf that knows the first root of a repository.
fn client(anchor: &[u8]) -> World {
    let world = World::new();
    fs::create_dir_all(world.metadata_dir()).unwrap();
    fs::create_dir_all(world.target_dir()).unwrap();
    fs::write(world.metadata_dir().join("root.json"), anchor).unwrap();
    world
}

fn serve_folder(world: &World, folder: &Path, below: &str) {
    for entry in fs::read_dir(folder.join(below)).unwrap() {
        let name = format!("{below}/{}", entry.unwrap().file_name().to_str().unwrap());
        if folder.join(&name).is_dir() {
            serve_folder(world, folder, &name);
        } else {
            let bytes = fs::read(folder.join(&name)).unwrap();
            world.server.site().files.insert(name, bytes);
        }
    }
}

struct Publisher {
    folder: tempfile::TempDir,
    passphrase: Passphrase,
}

impl Publisher {
    fn new(change: impl FnOnce(&mut Init)) -> Self {
        let publisher = Self {
            folder: tempfile::tempdir().unwrap(),
            passphrase: Passphrase::new("a passphrase".to_owned()).unwrap(),
        };
        let mut plan = Init::new(publisher.repository(), publisher.keys(), now());
        change(&mut plan);
        init(&plan, &publisher.passphrase).unwrap();
        publisher
    }

    fn repository(&self) -> PathBuf {
        self.folder.path().join("repo")
    }

    fn keys(&self) -> PathBuf {
        self.folder.path().join("keys")
    }

    fn release(&self, channel: &str, version: &str) {
        let layer = self.folder.path().join("layer");
        fs::write(&layer, format!("{channel} {version}")).unwrap();
        let plan = Release {
            repository: self.repository(),
            keys: self.keys(),
            channel: channel.parse().unwrap(),
            product: "demo".parse().unwrap(),
            architecture: "amd64".parse().unwrap(),
            new: Some(NewVersion {
                version: version.parse().unwrap(),
                from: [("1.0".parse().unwrap(), Way::Layer(layer))].into(),
                kernel: None,
                initrd: None,
                notes: BTreeMap::from([("en".to_owned(), "ä \"note\" \\ with\nlines".to_owned())]),
                fixes: Vec::new(),
                details_url: None,
                test_record: None,
            }),
            withdraw: Vec::new(),
            now: now(),
        };
        release(&plan, &self.passphrase).unwrap();
    }

    fn anchor(&self) -> Vec<u8> {
        fs::read(self.repository().join("metadata/1.root.json")).unwrap()
    }

    fn publish(&self, world: &World) {
        world.server.site().files.clear();
        for below in ["metadata", "targets"] {
            serve_folder(world, &self.repository(), below);
        }
    }
}

#[test]
fn python_tuf_takes_what_we_publish_in_every_channel() {
    let mut ngclient = NgClient::start(&python());
    for change in [(|_| ()) as fn(&mut Init), |plan| {
        plan.root = KeyCount { keys: 7, threshold: 5 };
        plan.targets = KeyCount { keys: 5, threshold: 3 };
        plan.snapshot = KeyCount { keys: 2, threshold: 2 };
        plan.timestamp = KeyCount { keys: 3, threshold: 1 };
        plan.channel = KeyCount { keys: 4, threshold: 2 };
    }] {
        let publisher = Publisher::new(change);
        let world = client(&publisher.anchor());
        for version in ["1.1", "1.2"] {
            for channel in CHANNELS {
                publisher.release(channel, version);
            }
            publisher.publish(&world);
            let paths = CHANNELS.map(|channel| format!("{channel}/demo/amd64/upgrade.json"));
            let verdict = ngclient.run(&world, &paths.each_ref().map(String::as_str));
            assert!(verdict.accepted, "{}", verdict.why);
            for path in &paths {
                let file = &world.targets()[&path.replace('/', "%2F")];
                assert!(String::from_utf8_lossy(file).contains(version));
            }
            let verdict = ngclient.run(&world, &["stable/other/amd64/upgrade.json"]);
            assert!(!verdict.accepted && verdict.why.contains("there is no target"), "{}", verdict.why);
        }
        let renewal = Renewal { repository: publisher.repository(), keys: publisher.keys(), now: now() };
        renew(&renewal, &publisher.passphrase).unwrap();
        publisher.publish(&world);
        world.server.asked();
        assert!(ngclient.run(&world, &[]).accepted);
        assert_eq!(world.server.asked(), ["metadata/2.root.json", "metadata/timestamp.json"]);
    }
}

fn publish(world: &World, repo: &Repo, files: &[(&str, &[u8])]) {
    let mut site = world.server.site();
    site.files = repo.files.iter().map(|(name, bytes)| (format!("metadata/{name}"), bytes.clone())).collect();
    for (path, bytes) in files {
        let digest = &target(bytes).hashes["sha256"];
        let (folder, name) = path.rsplit_once('/').unwrap();
        site.files.insert(format!("targets/{folder}/{digest}.{name}"), bytes.to_vec());
    }
}

/// Keys of both kinds, in every role: what the library signs and orders, python-tuf must read the same way.
#[test]
fn python_tuf_follows_our_rotations_thresholds_and_delegations() {
    let mut ngclient = NgClient::start(&python());
    let end = now().plus_days(300);
    let mut repo = Repo::new();
    repo.files.clear();
    let deep = TestKey::p256(80);
    let mut deeper = Targets::new(1, now(), end);
    deeper.targets.insert("stable/deep/file".into(), target(b"deep"));
    repo.delegated.insert("deep é/\"\\".into(), deeper);
    repo.keys.insert("deep é/\"\\".into(), vec![deep.clone()]);
    repo.delegate(delegated("deep é/\"\\", &deep, &["stable/deep/*"], false), &deep);
    repo.root.header.expires = end;
    repo.timestamp.header.expires = end;
    repo.snapshot.header.expires = end;
    repo.targets.header.expires = end;
    repo.delegated.values_mut().for_each(|role| role.header.expires = end);
    repo.publish_root();
    repo.publish();
    // The name of the role as it is asked for.
    let mut files: [(&str, &[u8]); 2] = [(repo::PATH, b"description"), ("stable/deep/file", b"deep")];
    let world = client(&repo.anchor());
    let check = |ngclient: &mut NgClient, repo: &Repo, files: &[(&str, &[u8])], what: &str| {
        publish(&world, repo, files);
        let verdict = ngclient.run(&world, &files.iter().map(|(path, _)| *path).collect::<Vec<_>>());
        assert!(verdict.accepted, "{what}: {}", verdict.why);
        assert_eq!(fs::read(world.metadata_dir().join("timestamp.json")).unwrap(), repo.files["timestamp.json"]);
        let root = fs::read(world.metadata_dir().join("root.json")).unwrap();
        assert_eq!(root, repo.files[&format!("{}.root.json", repo.root.header.version)]);
    };
    check(&mut ngclient, &repo, &files, "first");
    for (n, role) in ["root", "timestamp", "snapshot", "targets", "root"].into_iter().enumerate() {
        let seed = 90 + 2 * u8::try_from(n).unwrap();
        repo.rotate(role, vec![TestKey::p256(seed), TestKey::ed25519(seed + 1)]);
        repo.set_role_keys(role, 2);
        repo.root.header.version += 1;
        repo.publish_root();
        repo.snapshot.header.version += 1;
        repo.timestamp.header.version += 1;
        repo.targets.header.version += 1;
        let text: &[u8] = [b"zero", b"one.", b"two.", b"thre", b"four"][n];
        repo.delegated.get_mut("stable").unwrap().targets.insert(repo::PATH.into(), target(text));
        repo.delegated.get_mut("stable").unwrap().header.version += 1;
        files[0].1 = text;
        repo.publish();
        check(&mut ngclient, &repo, &files, role);
    }
    // And a broken one is refused, so that acceptance means something.
    repo.timestamp.header.version += 1;
    let good = repo.keys.insert("timestamp".into(), vec![TestKey::ed25519(99)]);
    repo.publish_timestamp();
    publish(&world, &repo, &files);
    assert!(good.is_some() && !ngclient.run(&world, &[]).accepted);
}
