//! An installation: staged, proven, committed. Everything before the commit is undone by leaving, or kept for later by a pause; nothing
//! after it can fail.

use std::ops::ControlFlow;

use sameday_dbus::{ErrorKind, Failure, phase};
use sameday_trust::Time;
use sameday_upgrade::boot_env::{BootEnv, Choice, TRIES};
use sameday_upgrade::description::{Role, Upgrade};
use sameday_upgrade::digest::Digest;
use sameday_upgrade::module_list;
use sameday_upgrade::names::Version;

use crate::cancel::{Cancel, is_pause};
use crate::download::{self, Target};
use crate::evidence::Keepsake;
use crate::failure::Chain;
use crate::medium::{Medium, Promised, Session, Staging};
use crate::report::Report;
use crate::source::Source;
use crate::state::{Installed, Offered, Origin, Phase};
use crate::system::System;

impl Target for Staging<'_> {
    fn append(&mut self, chunk: &[u8]) -> Result<(), Failure> {
        Ok(Self::append(self, chunk)?)
    }
}

/// The small files that an upgrade brings besides its payload, in the order in which they are written. The module list comes last: it is what
/// makes the version a version.
fn small_files(version: &Version, keepsake: &Keepsake) -> Vec<(String, Vec<u8>)> {
    let mut files = vec![(format!("live/{version}/upgrade.json"), keepsake.description.clone())];
    for (name, bytes) in &keepsake.metadata {
        files.push((format!("live/sameday/metadata/{version}/{name}"), bytes.clone()));
    }
    let choice = Choice::Version(version.clone());
    files.push((format!("live/{}", module_list::file_name(&choice)), module_list::render(&choice).into_bytes()));
    files
}

/// Place and length of everything that an upgrade writes.
pub(super) fn places(upgrade: &Upgrade, keepsake: &Keepsake) -> Vec<(String, u64)> {
    let small = small_files(&upgrade.version, keepsake);
    let payload = upgrade.files.iter().map(|file| (file.place.clone(), file.length));
    payload.chain(small.into_iter().map(|(place, bytes)| (place, bytes.len() as u64))).collect()
}

/// Installs an offer that was consented to.
pub fn install(
    system: &System,
    medium: &Medium,
    offered: &Offered,
    source: &mut dyn Source,
    cancel: &Cancel,
    report: &mut Report,
) -> Installed {
    let (mut session, gives_up) = match begin(medium, offered) {
        Ok(begun) => begun,
        Err(failure) => return Installed::Not(failure),
    };
    let upgrade = &offered.plan.upgrade;
    let running = session.medium().running().choice.clone();
    report.begin(Phase::Download, phase::PREPARING, 0);
    let staged = make_room(&mut session, gives_up.as_ref(), offered)
        .and_then(|()| stage(&mut session, offered, source, cancel, report))
        .map_err(|failure| of(&offered.origin, failure));
    let broke_off = staged.as_ref().is_err_and(download::may_pass);
    let result = staged.and_then(|()| prove(&mut session, system, offered, cancel, report)).and_then(|()| {
        // The last moment at which a cancel counts.
        cancel.check()?;
        report.begin(Phase::Apply, phase::COMMITTING, 0);
        let current = Choice::Version(upgrade.version.clone());
        Ok(session.commit(&BootEnv { current, previous: running, tries: TRIES, good: false })?)
    });
    let Err(failure) = result else {
        // It is committed. That an old version stays until the next upgrade, or the stick mounted for writing until the restart, is no failure.
        match session.clear_superseded() {
            Ok(cleared) if cleared.versions.is_empty() => {}
            Ok(cleared) => tracing::info!("{} bytes are free again: {:?}", cleared.bytes, cleared.versions),
            Err(error) => tracing::warn!("{}", Chain(&error)),
        }
        if let Err(error) = session.close() {
            tracing::warn!("{}", Chain(&error));
        }
        return Installed::Committed(upgrade.version.clone());
    };
    // The stick tells only that it was broken off, not which way.
    let failure = match cancel.check() {
        Err(wish) if failure.kind == ErrorKind::Cancelled => wish,
        _ => failure,
    };
    if is_pause(&failure) {
        return match session.pause() {
            Ok(()) => Installed::Kept(None),
            Err(error) => Installed::Not(error.into()),
        };
    }
    if broke_off {
        let kept = if session.holds_payload() { session.pause() } else { session.close() };
        return match kept {
            Ok(()) => Installed::Kept(Some(failure)),
            Err(error) => Installed::Not(error.into()),
        };
    }
    // What was on the stick before stays, unless the user gave it up: it is believed no more than it was.
    let ended =
        if failure.kind != ErrorKind::Cancelled && session.took_over() { session.pause() } else { session.close() };
    match ended {
        // A cancel whose clean-up fails did not give the room back, and must not look as if it had.
        Err(error) if failure.kind == ErrorKind::Cancelled => Installed::Not(error.into()),
        Err(error) => {
            tracing::warn!("{}", Chain(&error));
            Installed::Not(failure)
        }
        Ok(()) => Installed::Not(failure),
    }
}

/// A kit that lacks a file is no server that dropped it meanwhile: it has to be had again.
fn of(origin: &Origin, failure: Failure) -> Failure {
    match origin {
        Origin::Kit(_) if failure.reason == download::SUPERSEDED => {
            Failure { kind: ErrorKind::KitUnreadable, reason: "file-missing".into(), ..failure }
        }
        _ => failure,
    }
}

/// Mounts the stick for writing. Answers the version that is given up, too.
fn begin(medium: &Medium, offered: &Offered) -> Result<(Session, Option<Version>), Failure> {
    let upgrade = &offered.plan.upgrade;
    let time: Time = offered.plan.published.parse().map_err(|_| {
        Failure::new(ErrorKind::NotVerified, "malformed-description").text("published", &offered.plan.published)
    })?;
    super::check::judge_base(medium, upgrade)?;
    let (_, gives_up) = super::check::judge_room(medium, upgrade, &offered.keepsake)?;
    // To give up less than was consented to is covered by the consent; a version that was not named is not.
    if gives_up.as_ref().is_some_and(|version| version.as_str() != offered.offer.gives_up) {
        return Err(Failure::new(ErrorKind::StickChanged, "other-versions-kept"));
    }
    Ok((medium.open(&upgrade.version, time.unix())?, gives_up))
}

/// Removes what is in the way, and counts again now that the room is really free: a left-over may have held more or less than its directory
/// entry said.
fn make_room(session: &mut Session, gives_up: Option<&Version>, offered: &Offered) -> Result<(), Failure> {
    let cleared = session.clear(gives_up)?;
    if !cleared.versions.is_empty() {
        tracing::info!("removed {:?}: {} bytes", cleared.versions, cleared.bytes);
    }
    let places = places(&offered.plan.upgrade, &offered.keepsake);
    let places: Vec<(&str, u64)> = places.iter().map(|(place, length)| (place.as_str(), *length)).collect();
    session.way_is_free(&places)?;
    Ok(session.room_fits(&places)?)
}

/// Fetches everything and writes it under names that nothing refers to.
fn stage(
    session: &mut Session,
    offered: &Offered,
    source: &mut dyn Source,
    cancel: &Cancel,
    report: &mut Report,
) -> Result<(), Failure> {
    report.begin(Phase::Download, phase::DOWNLOADING, offered.plan.download);
    for file in &offered.plan.upgrade.files {
        cancel.check()?;
        let list = download::chunk_list(source, file)?;
        report.add(file.chunks_length);
        let digests: Vec<Digest> = list.chunks().map(|(_, digest)| digest).collect();
        // What an earlier download left is believed chunk by chunk, as what comes from a source is.
        let (mut staging, good) = session.go_on(&file.place, file.length, &mut |index, chunk| {
            if cancel.asked() {
                return ControlFlow::Break(());
            }
            let digest = usize::try_from(index).ok().and_then(|index| digests.get(index));
            let good = digest.is_some_and(|digest| *digest == Digest::of(chunk));
            if good {
                report.add(chunk.len() as u64);
            }
            ControlFlow::Continue(good)
        })?;
        download::file(source, file, &list, good, &mut staging, report, cancel)?;
        staging.finish()?;
    }
    for (place, bytes) in small_files(&offered.plan.upgrade.version, &offered.keepsake) {
        session.write_small(&place, &bytes)?;
    }
    session.keep_good_env()?;
    session.settle()?;
    Ok(())
}

/// Reads everything back from the device, and looks at the stack as it will be.
fn prove(
    session: &mut Session,
    system: &System,
    offered: &Offered,
    cancel: &Cancel,
    report: &mut Report,
) -> Result<(), Failure> {
    let upgrade = &offered.plan.upgrade;
    let payload =
        upgrade.files.iter().map(|file| (file.place.clone(), file.length, file.sha256, file.role == Role::Layer));
    let small = small_files(&upgrade.version, &offered.keepsake).into_iter();
    let small = small.map(|(place, bytes)| (place, bytes.len() as u64, Digest::of(&bytes), false));
    let all: Vec<(String, u64, Digest, bool)> = payload.chain(small).collect();
    report.begin(Phase::Apply, phase::VERIFYING, all.iter().map(|(_, length, ..)| length).sum());
    let mut layer = None;
    for (place, length, digest, is_layer) in &all {
        let mut last = 0_u64;
        let file = session.medium().read_back(place, *length, digest, &mut |done| {
            report.add(done.saturating_sub(last));
            last = done;
            if cancel.asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if *is_layer {
            layer = Some(file);
        }
    }
    let layer = layer.ok_or_else(|| Failure::new(ErrorKind::Internal, "no-layer"))?;
    let promised = Promised {
        product: system.running.product.clone(),
        channels: vec![system.running.channel.clone(), offered.channel.clone()],
        architecture: system.running.architecture.clone(),
        version: upgrade.version.clone(),
    };
    Ok(session.check_stack(&layer, &promised)?)
}
