//! Looking at another channel or server, by each who may choose; what that changes, and what it does not.

use std::fs;
use std::path::{Path, PathBuf};

use sameday_dbus::{ChosenBy, Dictionary, ErrorKind, MethodError, OPTION_BASE_URLS, State};
use sameday_lab::forge::Forge;
use sameday_lab::machine::{Call, Spec};
use sameday_publish::release::Release;

use super::common::{Case, given, start, told, with};

/// A repository in which alpha has 3.0.
fn with_alpha(dir: &Path) -> PathBuf {
    let world = &given().world;
    let forge = Forge::new(world, &dir.join("alpha")).unwrap();
    let release = Release { repository: forge.repository().to_owned(), ..world.prepared("3.0", &["1.0"]).unwrap() };
    world.publish(&Release { channel: "alpha".parse().unwrap(), ..release }).unwrap();
    forge.repository().to_owned()
}

fn look_at(case: &mut Case, channel: &str, urls: &[&str]) -> Result<(), (ErrorKind, String)> {
    let mut options = Dictionary::new();
    if !urls.is_empty() {
        let urls: Vec<String> = urls.iter().map(ToString::to_string).collect();
        options.insert(OPTION_BASE_URLS.into(), zbus::Variant::from(urls).try_into().unwrap());
    }
    case.machine().call(&Call::LookAt { channel, options }).unwrap().map_err(|error| match error {
        MethodError::Failure(failure) => (failure.kind, failure.reason),
        MethodError::Bus(error) => panic!("{error}"),
    })
}

#[test]
fn an_administrator_looks_at_another_channel_until_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let mut case = with(&with_alpha(dir.path()), &Spec::default());
    assert_eq!(case.machine().check().unwrap().offer.unwrap().version, "2.0");
    look_at(&mut case, "alpha", &[]).unwrap();
    let now = case.machine().snapshot().unwrap();
    assert_eq!((now.state, now.offer, now.channel.as_str()), (State::Idle, None, "stable"));
    assert_eq!((now.looking.channel.as_str(), now.looking.chosen_by), ("alpha", ChosenBy::Administrator));
    // It outlives the daemon, not the computer's run.
    case.machine().kill_daemon();
    case.machine().start_daemon().unwrap();
    assert_eq!(case.machine().snapshot().unwrap().looking.channel, "alpha");
    let offer = case.machine().check().unwrap().offer.unwrap();
    assert_eq!((offer.version.as_str(), offer.channel.as_str()), ("3.0", "alpha"));
    let done = case.machine().install().unwrap();
    assert_eq!(done.pending_version, "3.0", "{done:?}");
    case.start_again(&Spec::default());
    let now = case.machine().snapshot().unwrap();
    assert_eq!((now.running_version.as_str(), now.running_channel.as_str()), ("3.0", "alpha"));
    assert_eq!((now.channel.as_str(), now.looking.channel.as_str()), ("stable", "stable"), "{now:?}");
    assert_eq!(now.looking.chosen_by, ChosenBy::Image);
    assert_eq!(case.machine().check().unwrap().state, State::UpToDate, "stable has nothing newer than 3.0");
}

#[test]
fn a_kernel_parameter_and_a_drop_in_change_what_is_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let repository = with_alpha(dir.path());
    let mut case = with(&repository, &Spec { parameters: "sameday.channel=alpha".into(), ..Spec::default() });
    let offered = case.machine().check().unwrap();
    assert_eq!(offered.looking.chosen_by, ChosenBy::Kernel);
    assert_eq!(offered.offer.unwrap().version, "3.0");
    case.end_untouched();

    let mut case = with(&repository, &Spec::default());
    let folder = case.machine().live().path("/etc/sameday/upgrader.d");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("qa.toml"), "format = 1\nchannel = \"alpha\"\n").unwrap();
    case.machine().kill_daemon();
    case.machine().start_daemon().unwrap();
    let offered = case.machine().check().unwrap();
    assert_eq!(offered.looking.chosen_by, ChosenBy::DropIn);
    assert_eq!(offered.offer.unwrap().version, "3.0");
    fs::write(folder.join("qa.toml"), "format = 1\nchannel = \"al pha\"\n").unwrap();
    let after = case.machine().check().unwrap();
    told(&after, State::Failed, ErrorKind::NotConfigured, "drop-in-unreadable");
    case.end_untouched();
}

#[test]
fn a_candidates_servers_take_the_place_of_the_images() {
    let mut case = start();
    let _ = case.peer().opened();
    look_at(&mut case, "stable", &["http://candidate.invalid/"]).unwrap();
    let now = case.machine().snapshot().unwrap();
    assert_eq!(now.looking.base_urls, ["http://candidate.invalid/"]);
    assert_eq!(case.machine().check().unwrap().state, State::Available);
    assert_eq!(case.peer().opened(), [vec!["http://candidate.invalid/".to_owned()]]);
    look_at(&mut case, "", &[]).unwrap();
    assert_eq!(case.machine().snapshot().unwrap().looking.base_urls, Vec::<String>::new());
    for (channel, urls, reason) in
        [("root", &[][..], "bad-channel"), ("../x", &[], "bad-channel"), ("alpha", &["gopher://x/"], "bad-base-url")]
    {
        assert_eq!(look_at(&mut case, channel, urls), Err((ErrorKind::BadRequest, reason.into())));
    }
    case.end_untouched();
}

#[test]
fn checks_that_come_too_fast_are_refused() {
    let mut case = start();
    let mut refused = None;
    for count in 0..20 {
        match case.machine().call(&Call::Check).unwrap() {
            Ok(()) => drop(case.machine().settled(super::pausing::LIMIT).unwrap()),
            Err(MethodError::Failure(failure)) => {
                refused = Some((count, failure.kind, failure.reason));
                break;
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(refused, Some((10, ErrorKind::Busy, "too-soon".into())));
    case.end_untouched();
}
