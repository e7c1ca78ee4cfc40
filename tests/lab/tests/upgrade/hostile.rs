//! Bad input from where bytes come from. Before consent nothing on the stick changes; after it, all is as it was.

use sameday_dbus::{ErrorKind, State};
use sameday_lab::forge::Forge;
use sameday_lab::peer::Lie;
use sameday_upgrade::digest::Digest;
use serde_json::{Value, json};

use sameday_lab::case::{Case, told};
use sameday_lab::given::{given, serving, start};

/// A check against a repository in which `lie` is told about `path`, or in which the bad release side made a change.
#[track_caller]
fn refused(setup: impl Fn(&Forge), lies: &[(&str, Lie)], state: State, kind: ErrorKind, reason: &str) -> Case {
    let dir = tempfile::tempdir().unwrap();
    let forge = Forge::new(&given().world, &dir.path().join("repository")).unwrap();
    setup(&forge);
    let mut case = serving(forge.repository());
    for (path, lie) in lies {
        case.peer().lie(path, lie.clone());
    }
    let after = case.machine().check().unwrap();
    told(&after, state, kind, reason);
    case
}

fn nothing(_: &Forge) {}

fn path_of(role: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let forge = Forge::new(&given().world, &dir.path().join("r")).unwrap();
    let (_, path, _) = forge.newest(role).unwrap();
    format!("metadata/{}", path.file_name().unwrap().to_str().unwrap())
}

#[test]
fn a_flipped_byte_in_metadata() {
    // Offsets in the signed part: not in whitespace, of which there is none.
    for (role, reason) in
        [("timestamp", "signature-threshold"), ("snapshot", "digest-mismatch"), ("stable", "digest-mismatch")]
    {
        let path = path_of(role);
        let bytes = std::fs::read(given().world.repository().join(&path)).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let at = text.find("\"version\":").unwrap() + "\"version\":".len();
        let case = refused(nothing, &[(&path, Lie::Flip(at as u64))], State::Failed, ErrorKind::NotVerified, reason);
        case.end_untouched();
    }
}

#[test]
fn a_flipped_byte_in_the_description() {
    let repository = given().world.repository();
    let folder = repository.join("targets/stable/lab/amd64");
    let name = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().file_name().into_string().unwrap();
    let path = format!("targets/stable/lab/amd64/{name}");
    let case = refused(nothing, &[(&path, Lie::Flip(100))], State::Failed, ErrorKind::NotVerified, "digest-mismatch");
    case.end_untouched();
}

#[test]
fn a_description_for_something_else() {
    for (field, value) in [("product", "other"), ("architecture", "i386"), ("channel", "alpha")] {
        let case = refused(
            |forge| forge.description(&|d| d[field] = json!(value)).unwrap(),
            &[],
            State::Failed,
            ErrorKind::NotVerified,
            "wrong-software",
        );
        case.end_untouched();
    }
}

#[test]
fn a_description_under_another_channels_role() {
    // The stable role has no such target, and alpha's, which may not speak for it, has: there is nothing, and alpha's is never looked at.
    let target = "stable/lab/amd64/upgrade.json";
    let dir = tempfile::tempdir().unwrap();
    let forge = Forge::new(&given().world, &dir.path().join("repository")).unwrap();
    let (_, _, stable) = forge.newest("stable").unwrap();
    let info = stable["signed"]["targets"][target].clone();
    forge.sign("stable", 1, &|signed| signed["targets"] = json!({})).unwrap();
    forge.sign("alpha", 1, &|signed| signed["targets"][target] = info.clone()).unwrap();
    let mut case = serving(forge.repository());
    let after = case.machine().check().unwrap();
    assert_eq!((after.state, after.offer), (State::UpToDate, None));
    assert!(!case.peer().asked().iter().any(|asked| asked.path.contains("alpha")));
    case.end_untouched();
    // The targets role itself hands the path to alpha.
    let case = refused(
        |forge| {
            forge
                .sign("targets", 2, &|signed| {
                    let roles = signed["delegations"]["roles"].as_array_mut().unwrap();
                    roles.retain(|role| role["name"] == "alpha" || role["name"] == "stable");
                    roles.sort_by_key(|role| role["name"].as_str().unwrap_or_default().to_owned());
                    roles[0]["paths"] = json!(["stable/*/*/upgrade.json"]);
                })
                .unwrap();
        },
        &[],
        State::Failed,
        ErrorKind::NotVerified,
        "other-channel",
    );
    case.end_untouched();
}

#[test]
fn no_upgrade_for_this_initial_version() {
    let from = |v: &'static str| move |d: &mut Value| d["upgrades"][0]["initial_versions"] = json!([v]);
    let case = refused(
        |forge| forge.description(&from("0.9")).unwrap(),
        &[],
        State::Manual,
        ErrorKind::ManualUpgrade,
        "no-upgrade-for-initial-version",
    );
    case.end_untouched();
}

#[test]
fn a_newer_format_needs_a_manual_upgrade() {
    let case = refused(
        |forge| forge.description(&|d| *d = json!({ "format": 2, "upgrades": 7 })).unwrap(),
        &[],
        State::Manual,
        ErrorKind::ManualUpgrade,
        "unknown-format",
    );
    case.end_untouched();
}

#[test]
fn a_version_that_is_not_newer_is_not_offered() {
    for version in ["1.0", "0.9", "1.0~rc1"] {
        let dir = tempfile::tempdir().unwrap();
        let forge = Forge::new(&given().world, &dir.path().join("repository")).unwrap();
        forge.description(&|d| d["upgrades"][0]["version"] = json!(version)).unwrap();
        let mut case = serving(forge.repository());
        let after = case.machine().check().unwrap();
        assert_eq!(after.state, State::UpToDate, "{version}: {after:?}");
        case.end_untouched();
    }
}

#[test]
fn an_expired_channel_role() {
    let case = refused(
        |forge| {
            forge
                .sign("stable", 1, &|signed| {
                    signed["issued"] = json!("2026-01-01T00:00:00Z");
                    signed["expires"] = json!("2026-02-01T00:00:00Z");
                })
                .unwrap();
        },
        &[],
        State::Failed,
        ErrorKind::Expired,
        "expired",
    );
    case.end_untouched();
}

#[test]
fn too_few_signers() {
    let case = refused(
        |forge| forge.sign("targets", 1, &|_| {}).unwrap(),
        &[],
        State::Failed,
        ErrorKind::NotVerified,
        "signature-threshold",
    );
    case.end_untouched();
    let case = refused(
        |forge| forge.sign("root", 2, &|_| {}).unwrap(),
        &[],
        State::Failed,
        ErrorKind::NotVerified,
        "signature-threshold",
    );
    case.end_untouched();
}

#[test]
fn metadata_longer_than_it_may_be() {
    let timestamp = Lie::Longer(1 << 30);
    let case =
        refused(nothing, &[("metadata/timestamp.json", timestamp)], State::Failed, ErrorKind::NotVerified, "too-long");
    case.end_untouched();
}

/// Path of the layer's file and of its chunk list.
fn layer_paths() -> (String, String, u64) {
    let bytes = std::fs::read(given().world.layer("2.0").unwrap()).unwrap();
    let chunks = bytes.chunks(1 << 20).map(Digest::of).collect();
    let list = sameday_upgrade::chunks::ChunkList::new(bytes.len() as u64, chunks).unwrap();
    (format!("files/{}", Digest::of(&bytes)), format!("files/{}", Digest::of(&list.to_bytes())), bytes.len() as u64)
}

#[test]
fn bad_files_after_consent_leave_the_stick_as_it_was() {
    let (layer, list, length) = layer_paths();
    let cases = [
        (&list, Lie::Flip(40), ErrorKind::NotVerified, "chunk-list-mismatch"),
        (&list, Lie::Longer(1), ErrorKind::NotVerified, "too-long"),
        (&list, Lie::Absent, ErrorKind::NotOffered, "superseded"),
        (&layer, Lie::Flip(0), ErrorKind::NotVerified, "chunk-mismatch"),
        (&layer, Lie::Flip(length - 1), ErrorKind::NotVerified, "chunk-mismatch"),
        (&layer, Lie::Longer(1), ErrorKind::NotVerified, "too-long"),
        (&layer, Lie::Absent, ErrorKind::NotOffered, "superseded"),
    ];
    for (path, lie, kind, reason) in cases {
        let mut case = start();
        assert_eq!(case.machine().check().unwrap().state, State::Available);
        case.peer().lie(path, lie.clone());
        let after = case.machine().install().unwrap();
        told(&after, State::Failed, kind, reason);
        case.end_as_before();
    }
}

#[test]
fn a_layer_that_is_not_what_was_promised() {
    // Signed, whole, and still something else: the os-release inside says 3.0.
    let dir = tempfile::tempdir().unwrap();
    let world = &given().world;
    let forge = Forge::new(world, &dir.path().join("repository")).unwrap();
    let mut release = world.prepared("3.0", &["1.0"]).unwrap();
    release.repository = forge.repository().to_owned();
    if let Some(new) = &mut release.new {
        new.version = "4.0".parse().unwrap();
    }
    world.publish(&release).unwrap();
    let mut case = serving(forge.repository());
    assert_eq!(case.machine().check().unwrap().offer.unwrap().version, "4.0");
    let after = case.machine().install().unwrap();
    told(&after, State::Failed, ErrorKind::NotVerified, "stack-refused");
    case.end_as_before();
}
