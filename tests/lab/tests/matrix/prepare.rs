//! What is done once before the cases of a kernel: an upgrade that makes the stick of those that have one, and the time that everything takes.

use std::path::Path;
use std::time::Instant;

use sameday_dbus::State;
use sameday_lab::machine::{Call, Spec};
use sameday_upgrade::boot_env::{BootEnv, Choice};

use crate::material::Material;
use crate::reach::{self, download_up_to};
use crate::stand::{Stand, Step, text, tried};

/// Makes the stick `upgraded` and measures.
pub fn prepare(dir: &Path) -> Step<Material> {
    let mut material = tried("load", Material::load(dir))?;
    let mut durations = material.durations;
    let start = |material: &'_ Material, name: &str, template: &str| -> Step<_> {
        let image = dir.join(format!("{name}.img"));
        tried("copy", material.template(template).clone_to(&image))
    };
    {
        let stick = start(&material, "prepared", "new")?;
        let mut stand = Stand::start(&material, &dir.join("prepare"), stick, &Spec::default(), None)?;
        // Half-way through the layer, everything that can be asked for then.
        let middle = material.layer.1 / 2;
        download_up_to(&mut stand, middle)?;
        let begin = Instant::now();
        stand.call(&Call::Cancel)?;
        wait(&stand, State::Available)?;
        durations.cancelling = begin.elapsed();
        stand.release()?;
        download_up_to(&mut stand, middle)?;
        let begin = Instant::now();
        stand.call(&Call::Pause)?;
        wait(&stand, State::Paused)?;
        durations.pausing = begin.elapsed();
        stand.release()?;
        stand.call(&Call::Discard)?;
        stand.settled()?;
        stand.check()?;
        let begin = Instant::now();
        stand.consent()?;
        stand.until("applying", |now| now.state == State::Applying)?;
        durations.downloading = begin.elapsed();
        let begin = Instant::now();
        wait(&stand, State::RestartPending)?;
        durations.applying = begin.elapsed();
        let stick = stand.end()?;
        let second = Choice::Version("2.0".parse().map_err(|e| format!("{e:?}"))?);
        let env = BootEnv { current: second.clone(), previous: Choice::Base, tries: 0, good: true };
        reach::choose(&stick, &env, second)?;
        tried("keep the stick", stick.clone_to(&dir.join("upgraded.img")))?;
    }
    {
        let stick = start(&material, "switched", "upgraded")?;
        let stand = Stand::start(&material, &dir.join("switch"), stick, &Spec::default(), None)?;
        let previous = stand.now()?.previous_version;
        let begin = Instant::now();
        stand.call(&Call::Rollback(&previous))?;
        wait(&stand, State::RestartPending)?;
        durations.switching = begin.elapsed();
        stand.end()?;
    }
    material.durations = durations;
    tried("save", material.save())?;
    Ok(material)
}

fn wait(stand: &Stand<'_>, state: State) -> Step<()> {
    let now = stand.settled()?;
    if now.state == state { Ok(()) } else { Err(format!("prepare: {} and not {state}", text(&now))) }
}
