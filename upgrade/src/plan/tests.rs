//! Which upgrade serves which stick.

use super::*;
use crate::description::{Fix, Severity};

fn v(text: &str) -> Version {
    text.parse().unwrap()
}

fn file(role: Role, version: &str, length: u64) -> File {
    let place = role.place(&v(version)).unwrap();
    let digest = Digest::of(place.as_bytes());
    File {
        role,
        place,
        length,
        sha256: digest,
        chunks: digest,
        chunks_length: 100,
        ways: vec![Way::Unknown, Way::Whole],
    }
}

fn upgrade(version: &str, from: &[&str]) -> Upgrade {
    Upgrade {
        version: v(version),
        kind: Kind::Layer,
        initial_versions: from.iter().map(|f| v(f)).collect(),
        fixes: vec![Fix { name: "openssl".into(), severity: Severity::High, cves: vec![] }],
        notes: [("en".to_owned(), "n".to_owned())].into(),
        details_url: None,
        files: vec![file(Role::Layer, version, 10), file(Role::Kernel, version, 20), file(Role::Initrd, version, 30)],
        room: 0,
        test_record: None,
    }
}

fn description(upgrades: Vec<Upgrade>) -> Description {
    let name = |n: &str| n.parse().unwrap();
    Description {
        format: 1,
        product: name("demo"),
        architecture: name("amd64"),
        channel: name("stable"),
        published: "2026-01-01T00:00:00Z".into(),
        withdrawn: vec![],
        upgrades,
    }
}

fn system(initial: &str, running: &str) -> System {
    let name = |n: &str| n.parse().unwrap();
    System {
        product: name("demo"),
        architecture: name("amd64"),
        channel: name("stable"),
        initial: v(initial),
        running: v(running),
    }
}

fn outcome(upgrades: Vec<Upgrade>, initial: &str, running: &str) -> Result<Outcome, Refusal> {
    plan(&description(upgrades), Digest::of(b"d"), &system(initial, running))
}

fn planned(outcome: Result<Outcome, Refusal>) -> String {
    match outcome.unwrap() {
        Outcome::Upgrade(plan) => plan.upgrade.version.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_initial_version_chooses_and_the_running_one_filters() {
    let all = || vec![upgrade("2.0", &["1.0"]), upgrade("3.0", &["1.0", "1.5"]), upgrade("2.5", &["1.0"])];
    assert_eq!(planned(outcome(all(), "1.0", "1.0")), "3.0");
    assert_eq!(planned(outcome(all(), "1.5", "1.5")), "3.0");
    assert_eq!(planned(outcome(all(), "1.0", "2.5")), "3.0");
    let nothing = Ok(Outcome::UpToDate { running_withdrawn: false });
    assert_eq!(outcome(all(), "1.0", "3.0"), nothing);
    assert_eq!(outcome(all(), "1.0", "3.1"), nothing, "a version not newer is never offered");
    assert_eq!(outcome(vec![], "1.0", "1.0"), nothing);
}

#[test]
fn other_software_is_refused_by_name() {
    for field in ["product", "architecture", "channel"] {
        let mut d = description(vec![upgrade("2.0", &["1.0"])]);
        match field {
            "product" => d.product = "other".parse().unwrap(),
            "architecture" => d.architecture = "i386".parse().unwrap(),
            _ => d.channel = "alpha".parse().unwrap(),
        }
        let refusal = plan(&d, Digest::of(b""), &system("1.0", "1.0")).unwrap_err();
        assert!(matches!(refusal, Refusal::WrongSoftware { field: f, .. } if f == field), "{refusal:?}");
    }
}

#[test]
fn no_path_for_an_initial_version_names_the_newest() {
    let refusal = outcome(vec![upgrade("2.0", &["1.5"]), upgrade("3.0", &["1.6"])], "1.0", "1.0");
    assert_eq!(refusal, Err(Refusal::NoPath { initial: v("1.0"), newest: v("3.0") }));
}

#[test]
fn withdrawn_versions_are_not_offered_and_told_to_those_who_run_them() {
    let mut d = description(vec![upgrade("2.0", &["1.0"]), upgrade("3.0", &["1.0"])]);
    d.withdrawn = vec![v("3.0")];
    assert_eq!(planned(plan(&d, Digest::of(b""), &system("1.0", "1.0"))), "2.0");
    let told = plan(&d, Digest::of(b""), &system("1.0", "3.0"));
    assert_eq!(told, Ok(Outcome::UpToDate { running_withdrawn: true }));
}

#[test]
fn what_is_unknown_needs_a_manual_upgrade() {
    let with = |change: fn(&mut Upgrade)| {
        let mut u = upgrade("2.0", &["1.0"]);
        change(&mut u);
        outcome(vec![u], "1.0", "1.0").unwrap_err()
    };
    let unknown = Refusal::UnknownKind { version: v("2.0") };
    assert_eq!(with(|u| u.kind = Kind::Unknown), unknown);
    assert_eq!(with(|u| u.files[0].role = Role::Unknown), unknown);
    assert_eq!(with(|u| u.files[0].ways = vec![Way::Unknown]), unknown);
    assert!(matches!(with(|u| u.kind = Kind::Manual), Refusal::Manual { .. }));
}

#[test]
fn inconsistent_files_are_refused() {
    let with = |change: fn(&mut Upgrade)| {
        let mut u = upgrade("2.0", &["1.0"]);
        change(&mut u);
        match outcome(vec![u], "1.0", "1.0").unwrap_err() {
            Refusal::Malformed { fault, .. } => fault,
            other => panic!("{other:?}"),
        }
    };
    assert!(with(|u| u.files[0].place = "live/../etc".into()).contains("elsewhere"));
    assert!(with(|u| u.files[0].place = "live/3.0/3.0.squashfs".into()).contains("elsewhere"));
    assert!(with(|u| u.files[0].length = 0).contains("empty"));
    assert!(with(|u| u.files[0].length = u64::MAX).contains("overflow"));
    assert!(with(|u| u.files[0].chunks_length = u64::MAX).contains("too large"));
    assert!(with(|u| drop(u.files.pop())).contains("pair"));
    assert!(with(|u| drop(u.files.remove(0))).contains("one layer"));
    assert!(with(|u| u.files.push(u.files[0].clone())).contains("one layer"));
}
