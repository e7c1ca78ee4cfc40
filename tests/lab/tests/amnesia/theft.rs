//! Online keys are stolen and versions raised as high as they go. A root that names new keys heals what a check, an upgrade or an image
//! had accepted, and nobody touches the stick.

use std::fs;
use std::path::PathBuf;

use sameday_dbus::{ErrorKind, State};
use sameday_lab::case::{Case, STICK, told};
use sameday_lab::forge::Forge;
use sameday_lab::machine::Spec;
use sameday_lab::stick::FileSystem;
use sameday_lab::world::{self, World};
use sameday_upgrade::boot_env::Choice;
use serde_json::json;

use crate::given::given;

const HIGHEST: u64 = (1 << 31) - 1;

/// A state of the repository with the versions of the online roles raised by a thief.
fn raised(state: &str, case: &Case) -> Forge {
    let forge = Forge::over(&given().world, &given().state(state).unwrap(), &case.dir().join("raised")).unwrap();
    for role in ["snapshot", "timestamp"] {
        forge.sign(role, 1, &|signed| signed["version"] = json!(HIGHEST)).unwrap();
    }
    forge
}

/// A true state after the root has named new keys for both online roles.
fn healed(state: &str, case: &Case) -> PathBuf {
    let mut forge =
        Forge::over(&given().world, &given().state(state).unwrap(), &case.dir().join(format!("healed-{state}")))
            .unwrap();
    forge.rotate(&["snapshot", "timestamp"], world::now()).unwrap();
    forge.repository().to_owned()
}

/// The stick is offered this version, and takes it.
fn upgrades(case: &mut Case, to: &str) {
    let after = case.machine().check().unwrap();
    assert_eq!(after.offer.as_ref().map(|offer| offer.version.as_str()), Some(to), "{after:?}");
    let after = case.machine().install().unwrap();
    assert_eq!((after.state, after.pending_version.as_str()), (State::RestartPending, to), "{after:?}");
}

/// Before the rotation the honest repository is refused: the raised versions were accepted.
fn held_back(case: &mut Case, state: &str) {
    case.serve(&given().state(state).unwrap());
    told(&case.machine().check().unwrap(), State::Failed, ErrorKind::NotVerified, "rollback");
}

#[test]
fn raised_versions_accepted_in_a_check() {
    let mut case = Case::prepare(&given().new, &given().world.repository());
    let raised = raised("released", &case);
    case.serve(raised.repository());
    case.start_again(&Spec::default());
    assert_eq!(case.machine().check().unwrap().state, State::Available);
    held_back(&mut case, "released");
    let healed = healed("released", &case);
    case.serve(&healed);
    upgrades(&mut case, "2.0");
}

#[test]
fn raised_versions_accepted_by_an_upgrade() {
    let mut case = Case::prepare(&given().new, &given().world.repository());
    let raised = raised("released", &case);
    case.serve(raised.repository());
    case.start_again(&Spec::default());
    upgrades(&mut case, "2.0");
    case.mark_good("2.0", Choice::Base);
    let kept: Vec<String> = case.stick.tree().unwrap().into_keys().filter(|p| p.contains("metadata/")).collect();
    assert_eq!(kept.len(), 3, "{kept:?}");
    for place in &kept {
        let text = String::from_utf8(case.stick.read(place).unwrap()).unwrap();
        assert!(!text.contains(&HIGHEST.to_string()), "{place}");
    }
    let healed = healed("next", &case);
    case.serve(&healed);
    case.start_again(&Spec::default());
    upgrades(&mut case, "3.0");
}

#[test]
fn raised_versions_accepted_by_an_image() {
    let stage = Case::prepare(&given().new, &given().world.repository());
    let raised = raised("empty", &stage);
    let system = FileSystem::of_this_kernel().unwrap();
    let stick = given().world.stick_built_from(raised.repository(), "raised", system, STICK).unwrap();
    let mut case = Case::of(&stick, &given().world.repository(), &Spec::default());
    let inside = case.machine().live().path("/usr/share/sameday/metadata/timestamp.json");
    assert!(fs::read_to_string(inside).unwrap().contains(&HIGHEST.to_string()));
    held_back(&mut case, "released");
    let healed = healed("released", &case);
    case.serve(&healed);
    upgrades(&mut case, "2.0");
}

#[test]
fn an_image_of_a_year_and_a_half_ago_follows_three_rotations_of_the_root() {
    let dir = tempfile::tempdir().unwrap();
    let ago = |days: i64| world::now().plus_seconds(-days * 86_400 - 3600);
    let spec = world::Spec { made: ago(548), newer: vec!["2.0".into()], ..world::Spec::default() };
    let world = World::tiny(&dir.path().join("world"), spec).unwrap();
    let stick = world.stick("old", FileSystem::of_this_kernel().unwrap(), STICK).unwrap();
    let mut release = world.prepared("2.0", &["1.0"]).unwrap();
    release.now = ago(540);
    world.publish(&release).unwrap();
    let mut forge = Forge::new(&world, &dir.path().join("now")).unwrap();
    forge.rotate(&["root"], ago(400)).unwrap();
    forge.rotate(&["root", "snapshot", "timestamp"], ago(200)).unwrap();
    forge.rotate(&["root", "targets", "stable", "timestamp"], ago(20)).unwrap();
    for role in ["stable", "targets", "snapshot", "timestamp"] {
        forge.renew(role, ago(0)).unwrap();
    }
    let mut case = Case::of(&stick, forge.repository(), &Spec::default());
    upgrades(&mut case, "2.0");
    let roots = |case: &Case| {
        let asked = case.peer().asked().into_iter().map(|asked| asked.path);
        asked.filter(|path| path.ends_with(".root.json")).collect::<Vec<_>>()
    };
    let expected = [2, 3, 4, 5].map(|version| format!("metadata/{version}.root.json"));
    assert_eq!(roots(&case), expected);
    // The next start begins with the chain that the stick keeps.
    case.mark_good("2.0", Choice::Base);
    case.start_again(&Spec::default());
    assert_eq!(case.machine().check().unwrap().state, State::UpToDate);
    assert_eq!(roots(&case), expected[3..]);
}
