//! The image's set and the stick's set: each alone, broken, planted, missing. None of it stops anybody; a whole one guards against rollback.

use std::fs;

use sameday_dbus::{ErrorKind, State};
use sameday_lab::case::{Case, told};
use sameday_lab::forge::{Forge, place_of};
use sameday_lab::machine::Spec;

use crate::given::given;

/// Where an upgrade to 2.0 keeps evidence, and where the image does.
const ON_STICK: &str = "live/sameday/metadata/2.0";
const IN_IMAGE: &str = "/usr/share/sameday/metadata";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    Whole,
    /// A byte of the targets role is another one.
    Broken,
    /// The targets role is missing, on which the channel's hangs.
    Gap,
    /// Roots and roles of an attacker.
    Planted,
    /// All of it, kept by a newer daemon in a format of its own.
    Newer,
    None,
}

/// The attacker's file of this name.
fn planted(attacker: &Forge, name: &str) -> Vec<u8> {
    let role = name.trim_end_matches(".json").rsplit('.').next().unwrap();
    let repository = attacker.repository();
    fs::read(repository.join(place_of(repository, role).unwrap())).unwrap()
}

fn broken(bytes: &[u8]) -> Vec<u8> {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    text.replacen("\"version\":1", "\"version\":2", 1).into_bytes()
}

/// Changes the set of a system that runs: each check reads it anew.
fn in_the_image(set: Set, case: &mut Case, attacker: &Forge) {
    let folder = case.machine().live().path(IN_IMAGE);
    let targets = folder.join("targets.json");
    match set {
        // An image's set has no format number: it is read by the daemon that it came with.
        Set::Whole | Set::Newer => {}
        Set::Broken => {
            let bytes = fs::read(&targets).unwrap();
            assert_ne!(broken(&bytes), bytes);
            fs::write(targets, broken(&bytes)).unwrap();
        }
        Set::Gap => fs::remove_file(targets).unwrap(),
        Set::Planted => {
            for name in ["root.json", "2.root.json", "targets.json", "stable.json", "timestamp.json", "snapshot.json"] {
                fs::write(folder.join(name), planted(attacker, name)).unwrap();
            }
        }
        Set::None => fs::remove_dir_all(folder).unwrap(),
    }
}

fn on_the_stick(set: Set, case: &Case, attacker: &Forge) {
    let place = |name: &str| format!("{ON_STICK}/{name}");
    match set {
        Set::Whole => {}
        Set::Broken => {
            let targets = case.stick.read(&place("targets.json")).unwrap();
            assert_ne!(broken(&targets), targets);
            case.stick.write(&place("targets.json"), &broken(&targets)).unwrap();
        }
        Set::Gap => case.stick.remove(&place("targets.json")).unwrap(),
        Set::Newer => case.stick.write(&place("format"), b"2\n").unwrap(),
        Set::Planted => {
            for name in ["root.json", "1.root.json", "2.root.json", "targets.json", "stable.json"] {
                case.stick.write(&place(name), &planted(attacker, name)).unwrap();
            }
            case.stick.write("live/sameday/root.json", &planted(attacker, "root.json")).unwrap();
        }
        Set::None => {
            for name in ["format", "targets.json", "stable.json"] {
                case.stick.remove(&place(name)).unwrap();
            }
        }
    }
}

/// A stick that runs 2.0 from an image and with evidence like these, and the attacker who planted what is planted.
fn started(image: Set, stick: Set) -> (Case, Forge) {
    let mut case = Case::prepare(&given().upgraded, &given().state("empty").unwrap());
    let mut attacker = Forge::new(&given().world, &case.dir().join("attacker")).unwrap();
    attacker.usurp().unwrap();
    on_the_stick(stick, &case, &attacker);
    case.from_here();
    case.start_again(&Spec::default());
    in_the_image(image, &mut case, &attacker);
    (case, attacker)
}

#[test]
fn a_set_is_taken_as_a_whole_or_ignored_as_a_whole_and_stops_nobody() {
    use Set::{Broken, Gap, Newer, None, Planted, Whole};
    let mut cases: Vec<(Set, Set)> = [Whole, Broken, Gap, Planted, None].map(|image| (image, Whole)).to_vec();
    cases.extend([Broken, Gap, Planted, Newer, None].map(|stick| (Whole, stick)));
    cases.extend([(None, Broken), (None, Planted), (Broken, Gap), (Planted, Planted), (None, None)]);
    for (image, stick) in cases {
        let here = format!("image {image:?}, stick {stick:?}");
        let (mut case, attacker) = started(image, stick);
        // The state before 2.0 is served: only a stick's whole set knows better, and only an image's whole set spares the roles.
        let after = case.machine().check().unwrap();
        let asked: Vec<String> = case.peer().asked().into_iter().map(|asked| asked.path).collect();
        let asked: Vec<&str> = asked.iter().map(|path| path.trim_start_matches("metadata/")).collect();
        let first = ["2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json", "1.stable.json"];
        match (image, stick) {
            (_, Whole) => {
                told(&after, State::Failed, ErrorKind::NotVerified, "rollback");
                assert_eq!(asked, first[..3], "{here}");
            }
            (Whole, _) => {
                assert_eq!((after.state, after.failure), (State::UpToDate, Option::None), "{here}");
                assert_eq!(asked, first[..2], "{here}");
            }
            _ => {
                assert_eq!((after.state, after.failure), (State::UpToDate, Option::None), "{here}");
                assert_eq!(asked, first, "{here}");
            }
        }
        // The attacker's own repository convinces nobody, whatever he planted.
        case.serve(attacker.repository());
        let after = case.machine().check().unwrap();
        told(&after, State::Failed, ErrorKind::NotVerified, "signature-threshold");
        // And the truth is found in any case.
        case.serve(&given().state("next").unwrap());
        let after = case.machine().check().unwrap();
        assert_eq!(after.offer.map(|offer| offer.version).as_deref(), Some("3.0"), "{here}");
        case.end_untouched();
    }
}
