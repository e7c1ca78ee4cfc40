//! What the program promises to whoever drives it: exit codes, requests, files.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

#[path = "../../../trust/tests/support/repo.rs"]
mod repo;
#[path = "support/world.rs"]
mod world;

use std::fs;
use std::process::{Command, Stdio};

use repo::{Repo, TestKey, day, delegated, target};
use sameday_trust::schema::{Other, Targets};
use world::{Fault, World, run, run_command, text};

/// A century off: these tests must not expire.
fn for_long(repo: &mut Repo) {
    let end = day(36_500);
    repo.root.header.expires = end;
    repo.timestamp.header.expires = end;
    repo.snapshot.header.expires = end;
    repo.targets.header.expires = end;
    repo.delegated.values_mut().for_each(|role| role.header.expires = end);
}

/// A repository in which `targets` describes some files, and delegates nothing.
fn flat(files: &[(&str, &[u8])]) -> Repo {
    let mut repo = Repo::new();
    repo.files.clear();
    repo.delegated.clear();
    repo.targets.delegations = None;
    repo.targets.targets = files.iter().map(|(path, bytes)| ((*path).to_owned(), target(bytes))).collect();
    for_long(&mut repo);
    repo.publish_root();
    repo.publish();
    repo
}

/// Serves the repository's metadata, and files under their consistent names.
fn publish(world: &World, repo: &Repo, files: &[(&str, &[u8])]) {
    let mut site = world.server.site();
    site.files = repo.files.iter().map(|(name, bytes)| (format!("metadata/{name}"), bytes.clone())).collect();
    for (path, bytes) in files {
        let digest = &target(bytes).hashes["sha256"];
        let (folder, name) = path.rsplit_once('/').map_or(("", *path), |(folder, name)| (folder, name));
        let separator = if folder.is_empty() { "" } else { "/" };
        site.files.insert(format!("targets/{folder}{separator}{digest}.{name}"), bytes.to_vec());
    }
}

fn started(repo: &Repo, files: &[(&str, &[u8])]) -> World {
    let world = World::new();
    publish(&world, repo, files);
    world.init(&repo.anchor());
    world
}

fn asked(world: &World) -> Vec<String> {
    world.server.asked().iter().map(|path| path.strip_prefix("metadata/").unwrap_or(path).to_owned()).collect()
}

fn next(repo: &mut Repo) {
    repo.snapshot.header.version += 1;
    repo.timestamp.header.version += 1;
    repo.targets.header.version += 1;
    repo.publish();
}

#[test]
fn init_stores_the_root_and_asks_for_nothing() {
    let repo = flat(&[]);
    let world = started(&repo, &[]);
    assert_eq!(world.metadata().into_iter().collect::<Vec<_>>(), [("root.json".to_owned(), repo.anchor())]);
    assert!(asked(&world).is_empty());
}

#[test]
fn every_failure_is_exit_code_one() {
    let world = started(&flat(&[]), &[]);
    let metadata = world.metadata_dir();
    let metadata = text(&metadata);
    let nobody = "http://127.0.0.1:1/";
    let too_many = "x".repeat(100_000);
    let cases: [&[&str]; 16] = [
        &[],
        &["unknown"],
        &["--unknown", "refresh"],
        &["refresh"],
        &["--metadata-dir", metadata, "refresh"],
        &["--metadata-dir"],
        &["--metadata-dir", metadata, "init"],
        &["--metadata-dir", metadata, "init", "/nowhere/root.json"],
        &["--metadata-dir", metadata, "init", metadata],
        &["init", "/dev/null"],
        &["--metadata-dir", "/nowhere", "--metadata-url", nobody, "refresh"],
        &["--metadata-dir", metadata, "--metadata-url", nobody, "refresh"],
        &["--metadata-dir", metadata, "--metadata-url", "no url", "refresh"],
        &["--metadata-dir", metadata, "--metadata-url", "https://127.0.0.1:1/", "refresh"],
        &["--metadata-dir", metadata, "--metadata-url", nobody, "download"],
        &["--metadata-dir", metadata, "--metadata-url", &too_many, "refresh"],
    ];
    for args in cases {
        let outcome = run(args);
        assert_eq!(outcome.code, Some(1), "{args:?}");
        assert!(!outcome.stderr.is_empty() && !outcome.stderr.contains("panicked"), "{args:?}: {}", outcome.stderr);
    }
    // Nobody listens to what went wrong.
    let mut command = Command::new(env!("CARGO_BIN_EXE_tuf-client"));
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    assert_eq!(command.arg("refresh").stderr(Stdio::from(full)).status().unwrap().code(), Some(1));
    assert_eq!(run(&["--help"]).code, Some(0));
}

#[test]
fn a_file_that_is_no_root_is_refused_when_it_is_used() {
    let world = started(&flat(&[]), &[]);
    world.init(b"{}");
    let outcome = world.refresh();
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("root metadata is malformed"), "{}", outcome.stderr);
    assert!(asked(&world).is_empty());
}

#[test]
fn the_requests_are_those_that_are_needed() {
    let mut repo = flat(&[]);
    let world = started(&repo, &[]);
    assert_eq!(world.refresh().code, Some(0));
    assert_eq!(asked(&world), ["2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"]);
    assert_eq!(
        world.metadata().into_keys().collect::<Vec<_>>(),
        ["root.json", "snapshot.json", "targets.json", "timestamp.json"]
    );
    for _ in 0..2 {
        assert_eq!(world.refresh().code, Some(0));
        assert_eq!(asked(&world), ["2.root.json", "timestamp.json"]);
    }
    repo.rotate("targets", vec![TestKey::ed25519(70)]);
    next(&mut repo);
    publish(&world, &repo, &[]);
    assert_eq!(world.refresh().code, Some(0));
    assert_eq!(asked(&world), ["2.root.json", "3.root.json", "timestamp.json", "2.snapshot.json", "2.targets.json"]);
    assert_eq!(world.metadata()["root.json"], repo.files["2.root.json"]);
    assert_eq!(world.refresh().code, Some(0));
    assert_eq!(asked(&world), ["3.root.json", "timestamp.json"]);
}

#[test]
fn what_was_accepted_before_a_failure_stays() {
    let mut repo = flat(&[]);
    let world = started(&repo, &[]);
    assert_eq!(world.refresh().code, Some(0));
    let before = world.metadata();
    repo.rotate("root", vec![TestKey::ed25519(71), TestKey::ed25519(72)]);
    next(&mut repo);
    let bad = repo.files.insert("2.targets.json".into(), b"{}".to_vec()).unwrap();
    publish(&world, &repo, &[]);
    assert_eq!(world.refresh().code, Some(1));
    let after = world.metadata();
    for (name, file) in [("root", "2.root"), ("timestamp", "timestamp"), ("snapshot", "2.snapshot")] {
        assert_eq!(after[&format!("{name}.json")], repo.files[&format!("{file}.json")]);
    }
    assert_eq!(after["targets.json"], before["targets.json"]);
    asked(&world);
    repo.files.insert("2.targets.json".into(), bad);
    publish(&world, &repo, &[]);
    assert_eq!(world.refresh().code, Some(0));
    assert_eq!(asked(&world), ["3.root.json", "timestamp.json", "2.targets.json"]);
}

#[test]
fn a_root_that_rotates_the_online_keys_takes_their_files_away() {
    let mut repo = flat(&[]);
    let world = started(&repo, &[]);
    assert_eq!(world.refresh().code, Some(0));
    repo.rotate("snapshot", vec![TestKey::ed25519(73)]);
    publish(&world, &repo, &[]);
    world.server.site().files.remove("metadata/timestamp.json");
    assert_eq!(world.refresh().code, Some(1));
    assert_eq!(world.metadata().into_keys().collect::<Vec<_>>(), ["root.json", "targets.json"]);
}

#[test]
fn role_names_are_encoded_whole_in_requests_and_files() {
    let mut repo = flat(&[]);
    let key = TestKey::ed25519(74);
    for (n, name) in ["../x", "/x", "a?b#c", "ü"].into_iter().enumerate() {
        repo.delegate(delegated(name, &key, &[&format!("{n}")], true), &key);
        let mut role = Targets::new(1, day(0), day(36_500));
        role.targets.insert(n.to_string(), target(b"x"));
        repo.delegated.insert(name.to_owned(), role);
        repo.keys.insert(name.to_owned(), vec![key.clone()]);
    }
    repo.publish();
    let files: Vec<(String, &[u8])> = (0..4).map(|n| (n.to_string(), b"x".as_slice())).collect();
    let files: Vec<(&str, &[u8])> = files.iter().map(|(path, bytes)| (path.as_str(), *bytes)).collect();
    let world = started(&repo, &files);
    assert_eq!(world.download(&["0", "1", "2", "3"]).code, Some(0));
    let asked = asked(&world);
    let encoded = ["..%2Fx", "%2Fx", "a%3Fb%23c", "%C3%BC"];
    for name in encoded {
        assert!(asked.contains(&format!("1.{name}.json")), "{asked:?}");
        assert!(world.metadata().contains_key(&format!("{name}.json")));
    }
    assert_eq!(world.metadata().len(), 8);
    assert_eq!(world.download(&["0", "1", "2", "3"]).code, Some(0));
    assert_eq!(world.server.asked(), ["metadata/2.root.json", "metadata/timestamp.json"]);
}

#[test]
fn targets_keep_their_folders_in_requests_and_are_not_fetched_twice() {
    let files: [(&str, &[u8]); 3] = [("a/b/c.txt", b"one"), ("with space?.txt", b"two"), ("empty", b"")];
    let mut repo = flat(&files);
    let world = started(&repo, &files);
    let names = ["a/b/c.txt", "with space?.txt", "empty"];
    assert_eq!(world.download(&names).code, Some(0));
    let digest = |bytes: &[u8]| target(bytes).hashes["sha256"].clone();
    let requests = world.server.asked();
    assert_eq!(
        requests[4..],
        [
            format!("targets/a/b/{}.c.txt", digest(b"one")),
            format!("targets/{}.with%20space%3F.txt", digest(b"two")),
            format!("targets/{}.empty", digest(b"")),
        ]
    );
    assert_eq!(world.targets()["a%2Fb%2Fc.txt"], b"one");
    assert_eq!(world.targets().len(), 3);
    assert_eq!(world.download(&names).code, Some(0));
    assert_eq!(world.server.asked(), ["metadata/2.root.json", "metadata/timestamp.json"]);
    // A local file that is not the target is replaced; a new version is fetched.
    fs::write(world.target_dir().join("empty"), b"not empty").unwrap();
    repo.targets.targets.insert("a/b/c.txt".into(), target(b"new"));
    next(&mut repo);
    publish(&world, &repo, &[("a/b/c.txt", b"new"), files[1], files[2]]);
    assert_eq!(world.download(&names).code, Some(0));
    assert_eq!(
        world.server.asked()[4..],
        [format!("targets/a/b/{}.c.txt", digest(b"new")), format!("targets/{}.empty", digest(b"")),]
    );
    assert_eq!((&world.targets()["a%2Fb%2Fc.txt"][..], &world.targets()["empty"][..]), (&b"new"[..], &b""[..]));
}

#[test]
fn a_failed_download_leaves_no_file_and_ends_the_run() {
    let files: [(&str, &[u8]); 3] = [("one", b"one"), ("two", b"two"), ("three", b"three")];
    let repo = flat(&files);
    for (fault, why) in [
        (Fault::Status(500), "answered 500"),
        (Fault::Status(404), "no such file"),
        (Fault::Moved, "answered 302"),
        (Fault::Endless, "longer than 3 bytes"),
        (Fault::Broken, "get http"),
    ] {
        let world = started(&repo, &files);
        world.server.site().faults.insert(format!("targets/{}.two", target(b"two").hashes["sha256"]), fault);
        let outcome = world.download(&["one", "two", "three"]);
        assert_eq!(outcome.code, Some(1));
        assert!(outcome.stderr.contains(why), "{}", outcome.stderr);
        assert_eq!(world.targets().into_keys().collect::<Vec<_>>(), ["one"]);
        assert_eq!(world.server.asked().len(), 6);
    }
}

#[test]
fn answers_are_read_up_to_their_limits_and_followed_nowhere() {
    let repo = flat(&[]);
    for (path, fault, why) in [
        ("metadata/2.root.json", Fault::Status(500), Some("answered 500")),
        ("metadata/2.root.json", Fault::Status(403), None),
        ("metadata/2.root.json", Fault::Status(404), None),
        ("metadata/timestamp.json", Fault::Moved, Some("answered 302")),
        ("metadata/timestamp.json", Fault::Endless, Some("timestamp metadata is longer than")),
        ("metadata/1.snapshot.json", Fault::Endless, Some("snapshot metadata is longer than")),
        ("metadata/1.targets.json", Fault::Endless, Some("targets metadata is longer than")),
        ("metadata/1.targets.json", Fault::Chunked, None),
        ("metadata/1.targets.json", Fault::Old, None),
        ("metadata/1.targets.json", Fault::Broken, Some("get http")),
        ("metadata/1.targets.json", Fault::Status(403), Some("there is no targets metadata")),
    ] {
        let world = started(&repo, &[]);
        world.server.site().faults.insert(path.to_owned(), fault);
        let outcome = world.refresh();
        match why {
            None => assert_eq!(outcome.code, Some(0), "{}", outcome.stderr),
            Some(why) => {
                assert_eq!(outcome.code, Some(1));
                assert!(outcome.stderr.contains(why), "{}", outcome.stderr);
            }
        }
    }
}

#[test]
fn the_bases_are_kept_as_given() {
    let files: [(&str, &[u8]); 1] = [("one", b"one")];
    let repo = flat(&files);
    let world = started(&repo, &files);
    let site_files = std::mem::take(&mut world.server.site().files);
    let moved = site_files.into_iter().map(|(path, bytes)| (format!("a/../b//{path}"), bytes));
    world.server.site().files = moved.collect();
    let (metadata_dir, target_dir) = (world.metadata_dir(), world.target_dir());
    for slash in ["", "/"] {
        let (metadata, targets) = (format!("a/../b//metadata{slash}"), format!("a/../b//targets{slash}"));
        let outcome = run(&[
            "--metadata-url",
            &world.server.url(&metadata),
            "--metadata-dir",
            text(&metadata_dir),
            "--target-name",
            "one",
            "--target-dir",
            text(&target_dir),
            "--target-base-url",
            &world.server.url(&targets),
            "download",
        ]);
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        assert_eq!(world.server.asked()[0], "a/../b//metadata/2.root.json");
    }
}

#[test]
fn a_server_is_found_by_name() {
    let world = started(&flat(&[]), &[]);
    let url = world.server.url("metadata").replace("127.0.0.1", "localhost");
    let metadata_dir = world.metadata_dir();
    let outcome = run(&["--metadata-url", &url, "--metadata-dir", text(&metadata_dir), "refresh"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
}

#[test]
fn proxies_of_the_environment_are_not_used() {
    let world = started(&flat(&[("one", b"one")]), &[("one", b"one")]);
    let mut command = world.download_command(&["one"]);
    command.envs(["http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"].map(|name| (name, "http://127.0.0.1:1")));
    assert_eq!(run_command(&mut command).code, Some(0));
}

#[test]
fn without_consistent_snapshots_names_are_plain() {
    let files: [(&str, &[u8]); 1] = [("dir/one", b"one")];
    let mut repo = flat(&files);
    repo.root.consistent_snapshot = false;
    repo.publish_root();
    for name in ["snapshot", "targets"] {
        let bytes = repo.files.remove(&format!("1.{name}.json")).unwrap();
        repo.files.insert(format!("{name}.json"), bytes);
    }
    let world = started(&repo, &[]);
    world.server.site().files.insert("targets/dir/one".into(), b"one".to_vec());
    assert_eq!(world.download(&["dir/one"]).code, Some(0));
    assert_eq!(
        world.server.asked(),
        [
            "metadata/2.root.json",
            "metadata/timestamp.json",
            "metadata/snapshot.json",
            "metadata/targets.json",
            "targets/dir/one"
        ]
    );
}

#[test]
fn the_time_is_that_of_the_system_clock() {
    let files: [(&str, &[u8]); 1] = [("one", b"one")];
    let repo = flat(&files);
    let world = started(&repo, &files);
    let at = |date: &str| {
        let plain = world.download_command(&["one"]);
        let mut command = Command::new("faketime");
        command.arg(date).arg(plain.get_program()).args(plain.get_args());
        run_command(&mut command)
    };
    let outcome = at("2200-01-01 00:00:00");
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("root metadata expired on 2126-10-29"), "{}", outcome.stderr);
    assert_eq!(at("2030-01-01 00:00:00").code, Some(0));
    // A stored timestamp that is served again is judged by today's date (5.4.3.1).
    let mut repo = flat(&files);
    repo.timestamp.header.expires = day(1_000);
    repo.publish();
    let world = started(&repo, &files);
    let mut command = Command::new("faketime");
    let plain = world.download_command(&["one"]);
    command.arg("2027-01-01 00:00:00").arg(plain.get_program()).args(plain.get_args());
    assert_eq!(run_command(&mut command).code, Some(0));
    let mut command = Command::new("faketime");
    command.arg("2030-01-01 00:00:00").arg(plain.get_program()).args(plain.get_args());
    let outcome = run_command(&mut command);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("timestamp metadata expired"), "{}", outcome.stderr);
}

#[test]
fn an_odd_folder_does_not_confuse_the_store() {
    let mut repo = flat(&[]);
    let key = TestKey::ed25519(75);
    repo.delegate(delegated("role", &key, &["x"], true), &key);
    repo.delegated.insert("role".into(), Targets::new(1, day(0), day(36_500)));
    repo.keys.insert("role".into(), vec![key]);
    repo.targets.other = Other::new();
    repo.publish();
    let world = started(&repo, &[]);
    for name in ["%2", "%zz.json", "notes.txt", "1.root.json"] {
        fs::write(world.metadata_dir().join(name), b"\xff").unwrap();
    }
    fs::create_dir(world.metadata_dir().join("folder.json")).unwrap();
    fs::write(world.metadata_dir().join("role.json"), b"planted").unwrap();
    let outcome = world.download(&["x"]);
    assert!(outcome.stderr.contains("there is no target x"), "{}", outcome.stderr);
    assert_eq!(world.metadata()["role.json"], repo.files["1.role.json"]);
    assert_eq!(world.metadata()["1.root.json"], b"\xff");
}
