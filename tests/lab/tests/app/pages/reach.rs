//! How the daemon comes to where a page is shown.

use std::fs;

use sameday_dbus::{ErrorKind, State};
use sameday_lab::forge::{Forge, place_of};
use sameday_lab::machine::Call;
use sameday_lab::peer::Lie;

use crate::app::stage::{LIMIT, STOP, Slow, Stage};
use crate::given::given;

pub fn layer() -> String {
    place_of(&given().world.repository(), "layer").unwrap()
}

/// Begins a check that does not come to its end.
pub fn begin_check(stage: &mut Stage, state: State) -> Option<Slow> {
    stage.call(&Call::Check);
    stage.until(state);
    None
}

/// Checks, and ends in this failure.
pub fn fail(stage: &mut Stage, kind: ErrorKind) -> Option<Slow> {
    let after = stage.case.machine().check().unwrap();
    let failure = after.failure.as_ref().unwrap_or_else(|| panic!("{after:?}"));
    assert_eq!(failure.kind, kind, "{after:?}");
    None
}

pub fn offer(stage: &mut Stage) -> Option<Slow> {
    let after = stage.case.machine().check().unwrap();
    assert_eq!(after.state, State::Available, "{after:?}");
    None
}

/// Two chunks are on the stick, and no more comes.
pub fn download(stage: &mut Stage) -> Option<Slow> {
    offer(stage);
    stage.case.peer().lie(&layer(), Lie::HoldAt(STOP));
    stage.case.machine().consent().unwrap();
    stage.case.machine().wait(LIMIT, |now| now.progress.as_ref().is_some_and(|p| p.bytes >= 2 << 20)).unwrap();
    None
}

pub fn pause(stage: &mut Stage) -> Option<Slow> {
    download(stage);
    stage.call(&Call::Pause);
    stage.until(State::Paused);
    None
}

/// Waits for a state that is over in an instant, of a daemon that is slowed down for it.
pub fn briefly(stage: &mut Stage, state: State, begin: impl FnOnce(&mut Stage)) -> Option<Slow> {
    let slow = stage.slow();
    begin(stage);
    stage.until(state);
    Some(slow)
}

pub fn install(stage: &mut Stage) {
    offer(stage);
    let done = stage.case.machine().install().unwrap();
    assert_eq!(done.state, State::RestartPending, "{done:?}");
}

pub fn kit(stage: &mut Stage, change: impl Fn(&mut Vec<u8>), kind: ErrorKind) -> Option<Slow> {
    let file = stage.lend(&given().world.kit().unwrap());
    let mut bytes = fs::read(&file).unwrap();
    change(&mut bytes);
    fs::write(&file, bytes).unwrap();
    stage.with_kits();
    let after = stage.case.machine().open_kit(&file).unwrap();
    assert_eq!(after.failure.as_ref().map(|failure| failure.kind), Some(kind), "{after:?}");
    None
}

pub fn forged(stage: &mut Stage, change: &dyn Fn(&Forge)) {
    let count = fs::read_dir(stage.case.dir()).unwrap().count();
    let forge = Forge::new(&given().world, &stage.case.dir().join(format!("forged-{count}"))).unwrap();
    change(&forge);
    stage.case.serve(forge.repository());
}
