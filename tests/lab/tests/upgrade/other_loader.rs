//! Sticks with another boot loader: the list that it asks for is overwritten in place, and nothing else tells what starts.

use std::sync::OnceLock;

use sameday_dbus::{ErrorKind, Standing, State};
use sameday_lab::case::{BOOT_ENV, Case, STICK, told};
use sameday_lab::live::OTHER_LOADER;
use sameday_lab::machine::{Call, Spec};
use sameday_lab::roots::kernel_and_initrd;
use sameday_lab::scratch::Scratch;
use sameday_lab::stick::{FileSystem, Stick};
use sameday_lab::world::{self, World};
use sameday_upgrade::boot_env::Choice;

use super::pausing::LIMIT;

const GOOD_ENV: &str = "live/sameday/good.env";

/// A world in which 2.0 has the kernel of the base, and 3.0 another one.
fn given() -> &'static (World, Stick) {
    static GIVEN: OnceLock<((World, Stick), Scratch)> = OnceLock::new();
    &GIVEN
        .get_or_init(|| {
            let dir = Scratch::until_exit().unwrap();
            let world = World::tiny(&dir.path().join("world"), world::Spec::default()).unwrap();
            let mut release = world.prepared("2.0", &["1.0"]).unwrap();
            let (kernel, _) = kernel_and_initrd(world.root("1.0").unwrap()).unwrap();
            release.new.as_mut().unwrap().kernel = Some(kernel);
            world.publish(&release).unwrap();
            let stick = world.stick("other", FileSystem::of_this_kernel().unwrap(), STICK).unwrap();
            ((world, stick), dir)
        })
        .0
}

fn list() -> String {
    format!("live/{OTHER_LOADER}.module")
}

/// A computer whose boot loader is not ours, with this list.
fn other(text: &str) -> Case {
    let (world, stick) = given();
    start(Case::prepare(stick, &world.repository()), text)
}

fn start(mut case: Case, text: &str) -> Case {
    case.stick.remove(BOOT_ENV).unwrap();
    case.stick.remove(GOOD_ENV).unwrap();
    case.stick.write(&list(), text.as_bytes()).unwrap();
    case.from_here();
    case.start_again(&Spec::default());
    case
}

fn listed(case: &Case) -> (usize, String) {
    let text = String::from_utf8(case.read(&list())).unwrap();
    (text.len(), text.trim_end().replace('\n', " "))
}

#[test]
fn the_list_is_padded_once_and_overwritten_in_place() {
    let mut case = other("filesystem.squashfs\n");
    let found = case.machine().check().unwrap();
    assert!(!found.undoes_itself && found.standing == Standing::Good, "{found:?}");
    let offer = found.offer.unwrap();
    let layer = given().0.layer("2.0").unwrap().metadata().unwrap().len();
    assert!(offer.download_size < layer + (1 << 20), "the kernel is not downloaded: {offer:?}");
    assert_eq!(listed(&case), (20, "filesystem.squashfs".to_owned()));
    let after = case.machine().install().unwrap();
    assert_eq!((after.state, after.pending_version.as_str()), (State::RestartPending, "2.0"), "{after:?}");
    assert_eq!(listed(&case), (512, "filesystem.squashfs 2.0/2.0.squashfs".to_owned()));
    for absent in ["live/2.0/vmlinuz", "live/2.0/initrd.img", BOOT_ENV] {
        assert!(case.stick.read(absent).is_err(), "{absent}");
    }

    // It comes up, and is good.
    case.start_again(&Spec::default());
    assert_eq!(case.machine().live().choice().to_string(), "2.0");
    assert_eq!(case.machine().snapshot().unwrap().standing, Standing::OnTrial);
    assert!(case.machine().boot_good().unwrap().status().unwrap().success());
    let now = case.machine().snapshot().unwrap();
    assert_eq!((now.standing, now.previous_version.as_str()), (Standing::Good, "1.0"), "{now:?}");
    let digest = case.stick.digest().unwrap();
    assert!(case.machine().boot_good().unwrap().status().unwrap().success());
    assert_eq!(case.stick.digest().unwrap(), digest);

    // And back by hand.
    case.machine().call(&Call::Rollback("1.0")).unwrap().unwrap();
    let after = case.machine().settled(LIMIT).unwrap();
    assert_eq!((after.state, after.pending_version.as_str()), (State::RestartPending, "1.0"), "{after:?}");
    assert_eq!(listed(&case), (512, "filesystem.squashfs".to_owned()));
    case.start_again(&Spec::default());
    assert_eq!(*case.machine().live().choice(), Choice::Base);
    let now = case.machine().snapshot().unwrap();
    assert_eq!((now.standing, now.again_version.as_str()), (Standing::RolledBack, "2.0"), "{now:?}");
    let digest = case.stick.digest().unwrap();
    assert!(case.machine().boot_good().unwrap().status().unwrap().success());
    assert_eq!(case.stick.digest().unwrap(), digest);
    let now = case.machine().snapshot().unwrap();
    assert_eq!((now.state, now.standing, now.left_over), (State::Idle, Standing::RolledBack, None));

    // And once more.
    case.machine().call(&Call::TryAgain("2.0")).unwrap().unwrap();
    let after = case.machine().settled(LIMIT).unwrap();
    assert_eq!((after.state, after.pending_version.as_str()), (State::RestartPending, "2.0"), "{after:?}");
    assert_eq!(listed(&case), (512, "filesystem.squashfs 2.0/2.0.squashfs".to_owned()));
    case.start_again(&Spec::default());
    let now = case.machine().snapshot().unwrap();
    assert_eq!((now.running_version.as_str(), now.standing), ("2.0", Standing::Good), "{now:?}");
}

#[test]
fn a_file_that_is_another_is_gone_back_from_as_far_as_the_list_goes() {
    let mut case = other("filesystem.squashfs\n\n");
    case.machine().check().unwrap();
    case.machine().install().unwrap();
    case.stop();
    let description = case.stick.read("live/2.0/upgrade.json").unwrap();
    case.stick.write("live/2.0/upgrade.json", &description[..description.len() / 2]).unwrap();
    case.start_again(&Spec::default());
    assert!(!case.machine().boot_good().unwrap().status().unwrap().success(), "nothing restarts the computer here");
    assert_eq!(listed(&case), (512, "filesystem.squashfs".to_owned()));
}

#[test]
fn a_cancel_leaves_nothing_but_the_list() {
    let mut case = other("filesystem.squashfs\n");
    case.machine().check().unwrap();
    case.peer().lie(
        &format!("files/{}", layer_digest()),
        sameday_lab::peer::Lie::Words(vec![sameday_lab::peer::script::Word::Silence]),
    );
    case.machine().consent().unwrap();
    case.machine().wait(LIMIT, |now| now.state == State::Downloading).unwrap();
    case.machine().call(&Call::Cancel).unwrap().unwrap();
    case.machine().settled(LIMIT).unwrap();
    case.end_as_before();
}

fn layer_digest() -> String {
    let bytes = std::fs::read(given().0.layer("2.0").unwrap()).unwrap();
    sameday_upgrade::digest::Digest::of(&bytes).to_string()
}

#[test]
fn a_new_kernel_is_refused_before_anything_is_downloaded() {
    let all = sameday_lab::given::given();
    let mut case = start(Case::prepare(&all.stick, &all.world.repository()), "filesystem.squashfs\n");
    told(&case.machine().check().unwrap(), State::Manual, ErrorKind::ManualUpgrade, "kernel-changed");
    case.end_untouched();
}

#[test]
fn lists_that_are_not_ours_are_refused_by_name() {
    let long = format!("filesystem.squashfs\n{}", "\n".repeat(600));
    for text in ["filesystem.squashfs\nmine.squashfs\n", "filesystem.squashfs\n2.0.squashfs\n", &long] {
        let mut case = other(text);
        told(&case.machine().check().unwrap(), State::Manual, ErrorKind::ManualUpgrade, "not-our-stick");
        case.end_untouched();
    }
}
