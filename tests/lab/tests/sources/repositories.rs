//! Repositories that lack something, or are another one in the middle of a download.

use std::fs;
use std::time::Duration;

use sameday_dbus::State;
use sameday_lab::forge::{Forge, place_of};
use sameday_lab::machine::Spec;
use sameday_lab::peer::Lie;
use sameday_publish::release::Release;

use super::table;
use super::watched::{Told, Watched, compare};
use sameday_lab::given::given;

fn place(what: &str) -> String {
    place_of(&given().world.repository(), what).unwrap()
}

#[test]
fn every_file_that_a_repository_lacks_is_missed_by_name() {
    let absent = (State::Failed, "server", "metadata-absent");
    let cases: Vec<(&str, Told)> = vec![
        ("timestamp", absent),
        ("snapshot", absent),
        ("stable", absent),
        ("description", (State::Failed, "server", "file-missing")),
        ("layer-chunks", (State::Failed, "not-offered", "superseded")),
        ("layer", (State::Failed, "not-offered", "superseded")),
        ("kernel", (State::Failed, "not-offered", "superseded")),
        ("initrd", (State::Failed, "not-offered", "superseded")),
    ];
    table::run(
        "files that are lacking",
        cases,
        || Watched::start(&given().world.repository(), &Spec::default()),
        |computer, (what, expected)| {
            computer.fresh();
            computer.case.peer().honest();
            computer.case.peer().lie(&place(what), Lie::Absent);
            let mut found = computer.check();
            if found.state == State::Available {
                found = computer.install();
            }
            compare(&found, *expected)?;
            computer.is_as_before()
        },
        Watched::end,
        |(what, _)| (*what).to_owned(),
    );
}

/// A download that waits after its first chunk.
fn half_way() -> Watched {
    let mut computer = Watched::start(&given().world.repository(), &Spec::default());
    assert_eq!(computer.check().state, State::Available);
    // Once the first chunk is written the connection ends, and the download goes on with what is served then.
    computer.case.peer().lie(&place("layer"), Lie::StallAt((1 << 20) + 5));
    let offer = computer.caller.snapshot().unwrap().offer.unwrap();
    let consent = sameday_lab::caller::Method::Install(&offer.version, &offer.digest);
    computer.caller.call(&consent).unwrap().unwrap();
    let begun = |now: &sameday_dbus::Snapshot| now.progress.as_ref().is_some_and(|p| p.bytes > 1 << 20);
    computer.case.machine().wait(Duration::from_secs(60), begun).unwrap();
    computer
}

/// Breaks the connection that waits; from then on `change` is served.
fn goes_on_with(computer: &mut Watched, change: impl FnOnce(&mut Watched)) -> sameday_dbus::Snapshot {
    change(computer);
    computer.case.peer().honest();
    computer.case.peer().hang_up();
    computer.settled()
}

#[test]
fn a_newer_release_in_the_middle_of_a_download_does_not_disturb_it() {
    let mut computer = half_way();
    let dir = computer.case.dir().join("newer");
    Forge::new(&given().world, &dir).unwrap();
    let third = given().world.prepared("3.0", &["1.0"]).unwrap();
    given().world.publish(&Release { repository: dir.clone(), ..third }).unwrap();
    let done = goes_on_with(&mut computer, |computer| computer.case.serve(&dir));
    assert_eq!((done.state, done.pending_version.as_str()), (State::RestartPending, "2.0"), "{done:?}");
}

#[test]
fn a_release_that_is_taken_away_in_the_middle_of_a_download_is_superseded() {
    let mut computer = half_way();
    let dir = computer.case.dir().join("without");
    Forge::new(&given().world, &dir).unwrap();
    fs::remove_dir_all(dir.join("files")).unwrap();
    let after = goes_on_with(&mut computer, |computer| computer.case.serve(&dir));
    compare(&after, (State::Failed, "not-offered", "superseded")).unwrap();
    computer.is_as_before().unwrap();
    computer.end();
}

#[test]
fn a_file_that_becomes_another_in_the_middle_of_a_download_is_refused() {
    type Change = fn(&mut Vec<u8>);
    let changes: [(&str, Change, Told); 3] = [
        (
            "other bytes",
            |bytes| bytes.iter_mut().for_each(|byte| *byte ^= 1),
            (State::Failed, "not-verified", "chunk-mismatch"),
        ),
        ("longer", |bytes| bytes.extend([0; 9]), (State::Failed, "not-verified", "too-long")),
        (
            "its last byte another",
            |bytes| *bytes.last_mut().unwrap() ^= 1,
            (State::Failed, "not-verified", "chunk-mismatch"),
        ),
    ];
    for (name, change, expected) in changes {
        let mut computer = half_way();
        let after = goes_on_with(&mut computer, |computer| {
            let dir = computer.case.dir().join("other");
            let forge = Forge::new(&given().world, &dir).unwrap();
            let path = forge.repository().join(place("layer"));
            let mut bytes = fs::read(&path).unwrap();
            change(&mut bytes);
            fs::write(path, bytes).unwrap();
            computer.case.serve(&dir);
        });
        compare(&after, expected).unwrap_or_else(|problem| panic!("{name}: {problem}"));
        computer.is_as_before().unwrap();
        computer.end();
    }
}
