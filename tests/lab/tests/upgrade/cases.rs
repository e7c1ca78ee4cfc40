//! Upgrades that go well, one that is cancelled, one after the other, and who may ask for what.

use std::time::Duration;

use sameday_dbus::{Dictionary, ErrorKind, MethodError, State};
use sameday_lab::case::BOOT_ENV;
use sameday_lab::machine::{Call, Spec};
use sameday_lab::peer::Lie;
use sameday_upgrade::boot_env::{BootEnv, Choice};
use sameday_upgrade::names::Version;

use super::common::{given, layer, start, told, with};

fn kind(answer: Result<(), MethodError>) -> (ErrorKind, String) {
    match answer.unwrap_err() {
        MethodError::Failure(failure) => (failure.kind, failure.reason),
        MethodError::Bus(error) => panic!("{error}"),
    }
}

fn version(text: &str) -> Choice {
    Choice::Version(text.parse::<Version>().unwrap())
}

#[test]
fn a_stick_is_upgraded_and_starts_the_new_version() {
    let mut case = start();
    let offered = case.machine().check().unwrap();
    assert_eq!(offered.state, State::Available, "{offered:?}");
    assert_eq!((offered.running_version.as_str(), offered.initial_version.as_str()), ("1.0", "1.0"));
    let offer = offered.offer.unwrap();
    assert_eq!(offer.version, "2.0");
    assert!(offer.room_needed > offer.download_size && offer.room_needed < offer.room_free, "{offer:?}");
    assert_eq!(offer.signers.len(), 1);

    let done = case.machine().install().unwrap();
    assert_eq!((done.state, done.pending_version.as_str()), (State::RestartPending, "2.0"), "{done:?}");
    let asked = case.peer().asked();
    let after_consent = asked.iter().skip_while(|a| !a.path.starts_with("files/"));
    assert!(after_consent.clone().count() >= 6, "{asked:?}");
    assert_eq!(
        after_consent.clone().find(|a| !a.path.starts_with("files/")),
        None,
        "after consent no metadata is asked for"
    );
    let env = BootEnv { current: version("2.0"), previous: Choice::Base, tries: 3, good: false };
    assert_eq!(BootEnv::parse(&case.read(BOOT_ENV)), Ok(env));

    // A daemon that starts anew derives it from the stick.
    case.machine().kill_daemon();
    case.machine().start_daemon().unwrap();
    assert_eq!(case.machine().snapshot().unwrap().state, State::RestartPending);

    case.start_again(&Spec::default());
    assert_eq!(*case.machine().live().choice(), version("2.0"));
    let status = case.machine().snapshot().unwrap();
    assert_eq!((status.running_version.as_str(), status.initial_version.as_str()), ("2.0", "1.0"));
    assert_eq!(status.state, State::Idle);
    let text = case.machine().run("cat", &["/usr/bin/program"]).unwrap().stdout;
    assert_eq!(String::from_utf8(text).unwrap(), "#!/bin/sh\necho 2.0\n");
    case.machine().run("test", &["!", "-e", "/var/lib/old/state"]).unwrap();
    let nothing_newer = case.machine().check().unwrap();
    assert_eq!(nothing_newer.state, State::UpToDate, "{nothing_newer:?}");
    // What the upgrade kept on the stick spares the channel's role and the targets role.
    let paths: Vec<String> = case.peer().asked().into_iter().map(|a| a.path).collect();
    let expected = ["metadata/2.root.json", "metadata/timestamp.json", "metadata/2.snapshot.json"];
    assert_eq!(paths, expected);
}

#[test]
fn the_next_upgrade_keeps_the_base_and_what_runs_and_takes_the_room_of_the_one_before() {
    let mut case = start();
    case.machine().check().unwrap();
    case.machine().install().unwrap();
    case.mark_good("2.0", Choice::Base);
    let dir = case.dir().join("forged");
    let forge = sameday_lab::forge::Forge::new(&given().world, &dir).unwrap();
    let third = given().world.prepared("3.0", &["1.0"]).unwrap();
    given().world.publish(&sameday_publish::release::Release { repository: dir.clone(), ..third }).unwrap();
    case.serve(forge.repository());
    case.start_again(&Spec::default());
    let offered = case.machine().check().unwrap();
    let offer = offered.offer.clone().unwrap_or_else(|| panic!("{offered:?}"));
    assert_eq!((offer.version.as_str(), offer.gives_up.as_str()), ("3.0", ""), "the base is never given up");
    let done = case.machine().install().unwrap();
    assert_eq!(done.pending_version, "3.0", "{done:?}");
    let env = BootEnv { current: version("3.0"), previous: version("2.0"), tries: 3, good: false };
    assert_eq!(BootEnv::parse(&case.read(BOOT_ENV)), Ok(env));
    case.mark_good("3.0", version("2.0"));
    let before = case.stick.tree().unwrap();
    assert!(before.contains_key("live/2.0/2.0.squashfs") && before.contains_key("live/3.0/3.0.squashfs"), "{before:?}");
}

#[test]
fn cancel_gives_the_room_back_and_goes_back_to_the_offer() {
    let mut case = start();
    let offer = case.machine().check().unwrap().offer.unwrap();
    assert!(offer.download_size > 2 << 20);
    // The layer never comes to its end, so there is something to cancel, and something is staged.
    case.peer().lie(&layer(), Lie::StallAt((2 << 20) + 5));
    case.machine().consent().unwrap();
    let limit = Duration::from_secs(20);
    case.machine().wait(limit, |now| now.progress.as_ref().is_some_and(|p| p.bytes > 2 << 20)).unwrap();
    let (busy, reason) = kind(case.machine().call(&Call::Check).unwrap());
    assert_eq!((busy, reason.as_str()), (ErrorKind::Busy, "installing"));
    case.machine().call(&Call::Cancel).unwrap().unwrap();
    let after = case.machine().settled(limit).unwrap();
    assert_eq!(after.state, State::Available, "{after:?}");
    case.end_as_before();
}

#[test]
fn only_what_is_offered_can_be_consented_to() {
    let mut case = start();
    let none = Call::Install { version: "2.0", digest: "", options: Dictionary::new() };
    assert_eq!(kind(case.machine().call(&none).unwrap()), (ErrorKind::NotOffered, "no-offer".into()));
    let offer = case.machine().check().unwrap().offer.unwrap();
    let other_digest = "0".repeat(64);
    for (version, digest) in [("2.0", other_digest.as_str()), ("3.0", offer.digest.as_str())] {
        let call = Call::Install { version, digest, options: Dictionary::new() };
        assert_eq!(kind(case.machine().call(&call).unwrap()), (ErrorKind::NotOffered, "other-offer".into()));
    }
    let mut options = Dictionary::new();
    options.insert("force".into(), zbus::Variant::from(true).try_into().unwrap());
    let call = Call::Install { version: "2.0", digest: &offer.digest, options };
    assert_eq!(kind(case.machine().call(&call).unwrap()), (ErrorKind::BadRequest, "unknown-option".into()));
    case.end_untouched();
}

#[test]
fn a_caller_whom_polkit_refuses_gets_nothing_done() {
    let mut case = start();
    for arguments in [&["check"][..], &["cancel"]] {
        let output = case.machine().cli(65_534, arguments).unwrap().output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{text}");
    }
    let watch = case.machine().cli(65_534, &["status", "--json"]).unwrap().output().unwrap();
    assert!(watch.status.success(), "everybody may watch: {}", String::from_utf8_lossy(&watch.stderr));
    assert_eq!(case.machine().snapshot().unwrap().state, State::Idle);
    assert!(case.peer().asked().is_empty(), "nothing was asked for");
    case.end_untouched();
}

#[test]
fn a_client_that_leaves_does_not_stop_what_it_consented_to() {
    let rule = "if (action.id.indexOf('org.sameday.') == 0 && subject.user == 'nobody') { return polkit.Result.YES; }";
    let spec = Spec { rule: Some(rule.into()), ..Spec::default() };
    let mut case = with(&given().world.repository(), &spec);
    case.peer().lie(&layer(), Lie::CloseAt((1 << 20) + 9, 2));
    let mut cli = case.machine().cli(65_534, &["upgrade", "--yes"]).unwrap();
    let log = case.dir().join("cli.log");
    let mut client = sameday_lab::process::Process::start("sameday", &mut cli, &log).unwrap();
    case.machine().wait(Duration::from_secs(20), |now| now.state == State::Downloading).unwrap();
    client.kill();
    let done = case.machine().settled(Duration::from_secs(60)).unwrap();
    assert_eq!(done.state, State::RestartPending, "{done:?}");
}

#[test]
fn an_unreachable_fetcher_is_named() {
    let mut case = start();
    std::fs::remove_file(case.machine().live().path("/run/sameday/fetcher.sock")).unwrap();
    let after = case.machine().check().unwrap();
    told(&after, State::Failed, ErrorKind::Internal, "fetcher-unreachable");
}
