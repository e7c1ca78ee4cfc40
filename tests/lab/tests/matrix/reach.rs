//! Brings a computer to where something is to happen to it.

use std::thread::sleep;
use std::time::Duration;

use sameday_dbus::{Snapshot, Standing, State};
use sameday_lab::machine::{Call, Clock, Spec};
use sameday_lab::stick::Stick;
use sameday_upgrade::boot_env::{BootEnv, Choice, GoodEnv};

use crate::material::{Material, Served};
use crate::plan::{Case, Fault, Place};
use crate::stand::{Stand, Step, text, tried};
use sameday_lab::random::Random;

const TIMESTAMP: &str = "metadata/timestamp.json";

fn second() -> Choice {
    Choice::Version("2.0".parse().unwrap())
}

/// Writes what GRUB and the daemon read.
pub fn choose(stick: &Stick, env: &BootEnv, good: Choice) -> Step<()> {
    tried("write boot.env", stick.write("live/sameday/boot.env", &env.render()))?;
    tried("write good.env", stick.write("live/sameday/good.env", &GoodEnv { version: good }.render()))
}

/// The stick that the case starts with.
pub fn stick(material: &Material, case: &Case, image: &std::path::Path) -> Step<Stick> {
    let upgraded = matches!(case.place, Place::Switching | Place::Undone | Place::RolledBack | Place::ByHand);
    let template = material.template(if upgraded { "upgraded" } else { "new" });
    let stick = tried("copy the stick", template.clone_to(image))?;
    let on_base = |good| BootEnv { current: second(), previous: Choice::Base, tries: 0, good };
    match case.place {
        Place::Undone => choose(&stick, &on_base(false), Choice::Base)?,
        Place::RolledBack => {
            let env = BootEnv { current: Choice::Base, previous: second(), tries: 0, good: true };
            choose(&stick, &env, Choice::Base)?;
        }
        Place::Switching | Place::ByHand => choose(&stick, &on_base(true), second())?,
        _ => {}
    }
    Ok(stick)
}

/// How the computer is started.
pub fn spec(case: &Case) -> Spec {
    let has_clock = matches!(case.fault, Fault::ClockAhead | Fault::ClockBack | Fault::Suspend);
    Spec {
        clock: has_clock.then(|| Clock { time: "+0d".into(), waits: false }),
        chosen: (case.place == Place::ByHand).then_some(Choice::Base),
        ..Spec::default()
    }
}

fn is(now: Snapshot, state: State) -> Step<()> {
    if now.state == state { Ok(()) } else { Err(format!("on the way there: {} and not {state}", text(&now))) }
}

/// Consents, and waits until so much of the layer is on the stick and no more comes.
pub fn download_up_to(stand: &mut Stand<'_>, at: u64) -> Step<()> {
    is(stand.check()?, State::Available)?;
    let layer = stand.material.layer.0.clone();
    stand.hold(&layer, at);
    stand.consent()?;
    let whole_chunks = at & !0xf_ffff;
    stand.until("so far", |now| {
        now.progress.as_ref().is_some_and(|p| p.phase == "downloading" && p.bytes >= whole_chunks)
    })?;
    Ok(())
}

/// Goes there, and to an instant there that the case draws. Answers what it drew, in words.
pub fn go(stand: &mut Stand<'_>, case: &Case, random: &mut Random) -> Step<String> {
    let durations = stand.material.durations;
    // Between the first chunk and the last.
    let middle = (1 << 20) + random.below(stand.material.layer.1 - (2 << 20));
    let mut how = String::new();
    let mut instant = |of: Duration| {
        let instant = random.within(of);
        how = format!("after {} of {} ms", instant.as_millis(), of.as_millis());
        sleep(instant);
    };
    match case.place {
        Place::Idle => is(stand.now()?, State::Idle)?,
        Place::Connecting => {
            stand.hold_connecting()?;
            stand.call(&Call::Check)?;
            stand.until("connecting", |now| now.state == State::Connecting)?;
        }
        Place::Checking => {
            stand.hold(TIMESTAMP, 0);
            stand.call(&Call::Check)?;
            stand.until("checking", |now| now.state == State::Checking)?;
        }
        Place::UpToDate => {
            stand.serve(Served::Empty)?;
            is(stand.check()?, State::UpToDate)?;
        }
        Place::Available => is(stand.check()?, State::Available)?,
        Place::Manual => {
            stand.serve(Served::Manual)?;
            is(stand.check()?, State::Manual)?;
        }
        Place::Failed => {
            stand.lack(TIMESTAMP);
            is(stand.check()?, State::Failed)?;
            stand.release()?;
        }
        Place::Downloading if case.draw % 2 == 1 => {
            download_up_to(stand, middle)?;
            how = format!("after {middle} bytes of the layer");
        }
        Place::Downloading => {
            is(stand.check()?, State::Available)?;
            stand.consent()?;
            instant(durations.downloading);
        }
        Place::Pausing => {
            download_up_to(stand, middle)?;
            stand.call(&Call::Pause)?;
            instant(durations.pausing);
        }
        Place::Cancelling => {
            download_up_to(stand, middle)?;
            stand.call(&Call::Cancel)?;
            instant(durations.cancelling);
        }
        Place::Paused => {
            download_up_to(stand, middle)?;
            stand.call(&Call::Pause)?;
            is(stand.settled()?, State::Paused)?;
            stand.release()?;
        }
        Place::LeftOvers => {
            download_up_to(stand, middle)?;
            stand.machine.kill_daemon();
            stand.release()?;
            is(stand.start_daemon()?, State::LeftOvers)?;
        }
        Place::Applying => {
            is(stand.check()?, State::Available)?;
            stand.consent()?;
            stand.until("applying", |now| now.state == State::Applying)?;
            instant(durations.applying);
        }
        Place::Switching => {
            let previous = stand.now()?.previous_version;
            stand.call(&Call::Rollback(&previous))?;
            instant(durations.switching);
        }
        Place::RestartPending => {
            is(stand.check()?, State::Available)?;
            stand.consent()?;
            is(stand.settled()?, State::RestartPending)?;
        }
        Place::Undone => is(stand.now()?, State::Undone)?,
        Place::RolledBack => stands(stand, Standing::RolledBack)?,
        Place::ByHand => stands(stand, Standing::ByHand)?,
    }
    Ok(how)
}

fn stands(stand: &Stand<'_>, standing: Standing) -> Step<()> {
    let now = stand.now()?;
    if now.standing == standing { Ok(()) } else { Err(format!("it stands as {} and not {standing}", now.standing)) }
}
