//! A check: the signed metadata, the channel's description, and the plan that follows from it for this stick. Writes nothing anywhere.

use std::path::Path;

use sameday_dbus::{self as bus, ErrorKind, Failure, Offer, text};
use sameday_trust::{
    self as trust, Answer, ConsensusTime, Limits, Next, Policy, Source as Judged, Time, TimeVerdict, Updater,
};
use sameday_upgrade::description::{self, Description, Role, Upgrade};
use sameday_upgrade::digest::Digest;
use sameday_upgrade::kit::{self, KitInfo};
use sameday_upgrade::names::{Name, Version, description_path};
use sameday_upgrade::plan::{self, Outcome, Plan};

use super::install;
use crate::cancel::Cancel;
use crate::evidence::{self, Keepsake, Memory};
use crate::facts;
use crate::failure;
use crate::looking::Looking;
use crate::medium::{Medium, Refusal, RoomPlan};
use crate::report::Report;
use crate::source::{self, Origins, Source};
use crate::state::{Offered, Origin, Phase};
use crate::stick::Stick;
use crate::system::System;

/// A kit signed longer ago than this is installed only after its date was confirmed.
const OLD_KIT_SECONDS: i64 = 30 * 24 * 3600;

/// Looks for an upgrade; `None` when nothing is newer.
///
/// # Errors
/// Why there is no verdict, or why there is something newer that this stick cannot take.
pub fn run(
    system: &System,
    medium: Result<Medium, Refusal>,
    now: Time,
    (origin, origins): (&Origin, &dyn Origins),
    memory: &mut Memory,
    cancel: &Cancel,
    report: &mut Report,
) -> Result<Option<Offered>, Failure> {
    let initial = medium.as_ref().ok().and_then(|medium| medium.initial_os_release().ok());
    let own = initial.as_ref().map_or(&system.running.channel, |initial| &initial.channel).clone();
    let looking = Looking::find(Path::new("/"), &own, &facts::command_line())?;
    let bases = looking.bases.clone().unwrap_or_else(|| system.bases.clone());
    // Where the base cannot be read the running version stands in, to tell whether there is anything newer; an offer is then refused.
    let initial = initial.map_or_else(|| system.running.version.clone(), |initial| initial.version);
    // The time is fixed for the whole check (TUF 5.1).
    Check { system, now, cancel, report, own, channel: looking.channel, bases, initial }
        .run(medium, origin, origins, memory)
}

/// What a check works with.
#[derive(Debug)]
struct Check<'a> {
    /// The image.
    system: &'a System,
    /// The time.
    now: Time,
    /// How it is stopped.
    cancel: &'a Cancel,
    /// Where progress goes.
    report: &'a mut Report,
    /// The image's own channel.
    own: Name,
    /// The channel that is looked at.
    channel: Name,
    /// Where it is looked for.
    bases: Vec<String>,
    /// The version first installed.
    initial: Version,
}

impl Check<'_> {
    fn run(
        &mut self,
        medium: Result<Medium, Refusal>,
        origin: &Origin,
        origins: &dyn Origins,
        memory: &mut Memory,
    ) -> Result<Option<Offered>, Failure> {
        self.report.begin(Phase::Check, bus::phase::CONNECTING, 0);
        let mut source = origins.open(origin, &self.bases, self.cancel, self.report)?;
        let is_kit = matches!(origin, Origin::Kit(_));
        if is_kit {
            self.report.begin(Phase::Check, bus::phase::READING_KIT, 0);
            self.judge_kit(&mut *source)?;
        } else {
            self.report.begin(Phase::Check, bus::phase::METADATA, 0);
        }
        let of = Some((self.channel.clone(), self.bases.clone()));
        if memory.of != of {
            // Another server may be behind the first one, and is no attack.
            *memory = Memory { of, ..Memory::default() };
        }
        let known = evidence::gather(self.system, &self.channel, medium.as_ref().ok())?;
        let mut store = memory.store.clone().unwrap_or(known.store);
        if is_kit {
            // A kit may be older than the last check and still bring something newer than what runs: only its channel's role must not go back.
            (store.timestamp, store.snapshot) = (None, None);
        }
        let mut descriptions = known.descriptions;
        descriptions.extend(memory.description.clone());

        let policy = Policy::product(if is_kit { Judged::Kit } else { Judged::Repository });
        let updater = Updater::new(store, self.now, self.built()?, policy, Limits::product());
        let mut updater = updater.map_err(failure::of_trust)?;
        let result = self.refresh(&mut *source, &mut updater, &descriptions);
        let consensus = source.consensus();
        if !is_kit {
            // What was accepted before a failing step stays accepted.
            memory.store = Some(updater.store().clone());
        }
        let judged = result.map_err(|failure| match failure.reason.as_str() {
            "rollback" if is_kit => Failure { kind: ErrorKind::KitWrong, reason: "older-than-known".into(), ..failure },
            // A kit has no server that might serve better tomorrow.
            _ if is_kit && failure.kind == ErrorKind::Server => Failure { kind: ErrorKind::KitUnreadable, ..failure },
            _ => doubted(failure, self.now, &updater, consensus),
        });
        let Some(bytes) = judged? else {
            return self.nothing_newer(is_kit, &updater, consensus);
        };
        if !is_kit {
            memory.description = Some(bytes.clone());
        }
        let description = Description::parse(&bytes).map_err(|e| failure::of_description(&e))?;
        let system = self.plan_system();
        match plan::plan(&description, Digest::of(&bytes), &system).map_err(|r| failure::of_plan(&r))? {
            Outcome::UpToDate { running_withdrawn: true } => Err(Failure::new(ErrorKind::Withdrawn, "running-version")
                .text("version", self.system.running.version.as_str())),
            Outcome::UpToDate { running_withdrawn: false } => self.nothing_newer(is_kit, &updater, consensus),
            Outcome::Upgrade(plan) => {
                let keepsake = Keepsake::new(updater.store(), &self.channel, bytes);
                self.offer(medium, *plan, &updater, origin.clone(), keepsake).map(Some)
            }
        }
    }

    fn nothing_newer(
        &self,
        is_kit: bool,
        updater: &Updater,
        consensus: Option<ConsensusTime>,
    ) -> Result<Option<Offered>, Failure> {
        if is_kit {
            let running = self.system.running.version.as_str();
            return Err(Failure::new(ErrorKind::KitWrong, "not-newer").text("running", running));
        }
        up_to_date(updater, consensus).map(|()| None)
    }

    /// The build date: no check goes back before it.
    fn built(&self) -> Result<Time, Failure> {
        self.system.running.built.parse().map_err(|_| {
            Failure::new(ErrorKind::ManualUpgrade, "image-incomplete")
                .text("file", "os-release")
                .text("field", "SAMEDAY_BUILT")
        })
    }

    fn plan_system(&self) -> plan::System {
        let running = &self.system.running;
        plan::System {
            product: running.product.clone(),
            architecture: running.architecture.clone(),
            channel: self.channel.clone(),
            initial: self.initial.clone(),
            running: running.version.clone(),
        }
    }

    /// Walks the workflow to the description, and answers its verified bytes; `None` when the channel's role says that there is none yet.
    fn refresh(
        &mut self,
        source: &mut dyn Source,
        updater: &mut Updater,
        descriptions: &[Vec<u8>],
    ) -> Result<Option<Vec<u8>>, Failure> {
        let running = &self.system.running;
        let path = description_path(&self.channel, &running.product, &running.architecture);
        self.fetch_wanted(source, updater)?.map_err(failure::of_trust)?;
        let found = match updater.target(&path, Some(self.channel.as_str())) {
            Ok(()) => self.fetch_wanted(source, updater)?,
            Err(error) => Err(error),
        };
        match found {
            Err(trust::Error::TargetMissing { .. }) => return Ok(None),
            other => other.map_err(failure::of_trust)?,
        }
        let target = updater.found().cloned().ok_or_else(|| Failure::new(ErrorKind::Internal, "no-target"))?;
        if target.length > description::LARGEST {
            return Err(Failure::new(ErrorKind::NotVerified, "too-long")
                .text("path", &path)
                .number("limit", description::LARGEST));
        }
        if let Some(bytes) = descriptions.iter().find(|bytes| target.verify(bytes).is_ok()) {
            return Ok(Some(bytes.clone()));
        }
        let location = format!("targets/{}", target.location);
        let bytes = source::whole(source, &location, target.length)?
            .ok_or_else(|| Failure::new(ErrorKind::Server, "file-missing").text("path", &location))?;
        target.verify(&bytes).map_err(failure::of_trust)?;
        Ok(Some(bytes))
    }

    /// Fetches what the workflow wants until it is done, or refuses something: the inner error.
    fn fetch_wanted(
        &mut self,
        source: &mut dyn Source,
        updater: &mut Updater,
    ) -> Result<Result<(), trust::Error>, Failure> {
        while let Next::Fetch(request) = updater.next() {
            self.cancel.check()?;
            let answer = match source::whole(source, &format!("metadata/{}", request.path), request.limit)? {
                Some(bytes) => {
                    self.report.add(bytes.len() as u64);
                    Answer::Bytes(bytes)
                }
                None => Answer::Absent,
            };
            if let Err(error) = updater.supply(answer) {
                return Ok(Err(error));
            }
        }
        Ok(Ok(()))
    }

    /// Compares what the kit says of itself with this stick, so that a wrong one is told by its name and the right one's.
    fn judge_kit(&self, source: &mut dyn Source) -> Result<(), Failure> {
        let bytes = source::whole(source, kit::INFO, kit::LARGEST_INFO)?
            .ok_or_else(|| Failure::new(ErrorKind::KitUnreadable, "no-kit-json"))?;
        #[derive(serde::Deserialize)]
        struct Probe {
            format: u64,
        }
        let malformed = |error: serde_json::Error| {
            tracing::warn!("kit.json: {error}");
            Failure::new(ErrorKind::KitUnreadable, "kit-json-malformed")
        };
        let probe: Probe = serde_json::from_slice(&bytes).map_err(malformed)?;
        if probe.format != 1 {
            return Err(Failure::new(ErrorKind::KitWrong, "unknown-format").number("format", probe.format));
        }
        let info: KitInfo = serde_json::from_slice(&bytes).map_err(malformed)?;
        let system = self.plan_system();
        let right = KitInfo {
            format: 1,
            product: system.product,
            architecture: system.architecture,
            channel: system.channel,
            initial_version: system.initial,
        };
        if info != right {
            return Err(Failure::new(ErrorKind::KitWrong, "for-another-stick")
                .text("kit", &info.file_name())
                .text("right", &right.file_name()));
        }
        Ok(())
    }

    fn offer(
        &self,
        medium: Result<Medium, Refusal>,
        plan: Plan,
        updater: &Updater,
        origin: Origin,
        keepsake: Keepsake,
    ) -> Result<Offered, Failure> {
        let version = plan.upgrade.version.clone();
        let named = |failure: Failure| failure.text("version", version.as_str());
        let medium = medium.map_err(|refusal| named(refusal.into()))?;
        judge_base(&medium, &plan.upgrade).map_err(named)?;
        let plan = for_its_loader(&medium, plan).map_err(named)?;
        if plan.published.parse::<Time>().is_err() {
            return Err(named(Failure::new(ErrorKind::NotVerified, "malformed-description")));
        }
        let (room, gives_up) = judge_room(&medium, &plan.upgrade, &keepsake).map_err(named)?;
        let role = updater.role(self.channel.as_str());
        let signed = updater.issued();
        let is_kit = matches!(origin, Origin::Kit(_));
        let age = signed.map_or(i64::MAX, |signed| self.now.seconds_since(signed));
        let upgrade = &plan.upgrade;
        let offer = Offer {
            version: version.to_string(),
            digest: plan.description.to_string(),
            channel: self.channel.to_string(),
            published: plan.published.clone(),
            signed_on: signed.map(|signed| signed.to_string()).unwrap_or_default(),
            source: if is_kit { bus::Origin::Kit } else { bus::Origin::Repository },
            signers: role.map(|role| role.signers.key_ids).unwrap_or_default(),
            download_size: plan.download,
            staged: Stick::of(&medium).staged(&version).min(plan.download),
            room_needed: room.needed,
            room_free: room.free.saturating_add(room.freed),
            gives_up: gives_up.as_ref().map(Version::to_string).unwrap_or_default(),
            confirm_signed_on: is_kit && age >= OLD_KIT_SECONDS,
            fixes: upgrade.fixes.iter().map(fix).collect(),
            notes: upgrade
                .notes
                .iter()
                .map(|(language, note)| (clean(language), text::paragraphs(note, text::NOTES)))
                .collect(),
            details_url: upgrade.details_url.as_deref().map(clean).unwrap_or_default(),
        };
        let other_channel = self.channel != self.own;
        Ok(Offered {
            offer,
            plan,
            origin,
            bases: self.bases.clone(),
            channel: self.channel.clone(),
            other_channel,
            keepsake,
        })
    }
}

/// The plan as this stick's boot loader can start it. Our GRUB starts a version only with a kernel of its own, and another boot loader always
/// starts the one that it knows.
///
/// # Errors
/// `manual-upgrade` where that cannot be.
fn for_its_loader(medium: &Medium, mut plan: Plan) -> Result<Plan, Failure> {
    let cannot = |reason| Err(Failure::new(ErrorKind::ManualUpgrade, reason));
    match (medium.undoes_itself(), plan.file(Role::Kernel)) {
        (true, Some(_)) => return Ok(plan),
        (true, None) => return cannot("no-kernel"),
        (false, Some(kernel)) if medium.kernel()? != Some(kernel.sha256) => return cannot("kernel-changed"),
        (false, _) => {}
    }
    plan.upgrade.files.retain(|file| file.role == Role::Layer);
    let lengths = plan.upgrade.files.iter().map(|file| file.length.saturating_add(file.chunks_length));
    plan.download = lengths.fold(0, u64::saturating_add);
    Ok(plan)
}

fn fix(fix: &description::Fix) -> bus::Fix {
    let Ok(severity) = fix.severity.code().parse();
    bus::Fix { name: clean(&fix.name), severity, cves: fix.cves.iter().map(|cve| clean(cve)).collect() }
}

/// Signed text may still hold what D-Bus does not carry, such as a NUL.
fn clean(line: &str) -> String {
    text::line(line, text::LINE)
}

/// Whether the upgrade is for this stick's base: a layer over another base would start, and be a mixture.
///
/// # Errors
/// When the base does not say its version, or is not among those that the upgrade serves.
pub(super) fn judge_base(medium: &Medium, upgrade: &Upgrade) -> Result<(), Failure> {
    let initial = medium.initial_os_release()?.version;
    if upgrade.initial_versions.contains(&initial) {
        return Ok(());
    }
    Err(Failure::new(ErrorKind::ManualUpgrade, "no-upgrade-for-initial-version").text("initial", initial.as_str()))
}

/// Whether an upgrade fits, left-overs counted as free; and the version whose room it takes, if it does not fit beside that one.
///
/// # Errors
/// `no-room` with the numbers; `manual-upgrade` when a file is too long for the file system, or the version is kept and cannot make way for
/// itself: it was gone back from, and what runs instead is not known to be good yet.
pub(super) fn judge_room(
    medium: &Medium,
    upgrade: &Upgrade,
    keepsake: &Keepsake,
) -> Result<(RoomPlan, Option<Version>), Failure> {
    let places = install::places(upgrade, keepsake);
    let places: Vec<(&str, u64)> = places.iter().map(|(place, length)| (place.as_str(), *length)).collect();
    let (room, gives_up) = medium.needs_room_of(&places)?;
    medium.can_take(&upgrade.version)?;
    if room.fits() {
        return Ok((room, gives_up));
    }
    Err(Failure::new(ErrorKind::NoRoom, "not-enough-room")
        .number("needed", room.needed)
        .number("free", room.free.saturating_add(room.freed)))
}

/// "Up to date" and "expired" are worth nothing when the clock cannot be believed, so both tell its date.
fn doubted(failure: Failure, now: Time, updater: &Updater, consensus: Option<ConsensusTime>) -> Failure {
    match (failure.kind, updater.time_verdict(consensus)) {
        (ErrorKind::Expired, TimeVerdict::ClockInDoubt { clock, floor }) => clock_in_doubt(clock, floor),
        (ErrorKind::Expired, _) => failure.text("clock", &now.to_string()),
        _ => failure,
    }
}

fn clock_in_doubt(clock: Time, floor: Time) -> Failure {
    Failure::new(ErrorKind::ClockInDoubt, "clock").text("clock", &clock.to_string()).text("floor", &floor.to_string())
}

fn up_to_date(updater: &Updater, consensus: Option<ConsensusTime>) -> Result<(), Failure> {
    match updater.time_verdict(consensus) {
        TimeVerdict::Fine => Ok(()),
        TimeVerdict::ClockInDoubt { clock, floor } => Err(clock_in_doubt(clock, floor)),
        TimeVerdict::NotConfirmedNewest { issued } => {
            Err(Failure::new(ErrorKind::NotConfirmedNewest, "timestamp-old").text("issued", &issued.to_string()))
        }
    }
}
