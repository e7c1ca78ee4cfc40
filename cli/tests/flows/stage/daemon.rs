//! The daemon's object, as the contract has it: each method says from which states it is legal and where it leads.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd as StdOwnedFd;
use std::sync::MutexGuard;
use std::time::Duration;

use sameday_dbus::{Dictionary, ErrorKind, Failure, LeftOver, Looking, MethodError, Offer, Progress, Standing};
use zbus::object_server::SignalEmitter;
use zbus::{OwnedFd, Variant};

use super::play::{Played, Shared};

#[derive(Clone)]
pub struct Daemon(pub Shared);

fn nothing(reason: &str) -> Result<(), MethodError> {
    Err(Failure::new(ErrorKind::BadRequest, reason).into())
}

impl Daemon {
    fn played(&self) -> MutexGuard<'_, Played> {
        self.0.lock().unwrap()
    }

    /// Notes a call, and refuses it if that is played.
    fn called(&self, call: impl Into<String>) -> Result<(), MethodError> {
        let mut played = self.played();
        match &played.part.refuse {
            Some(failure) => Err(failure.clone().into()),
            None => {
                played.calls.push(call.into());
                Ok(())
            }
        }
    }

    /// Something that takes a moment, tells its progress, and ends.
    fn later(
        &self,
        emitter: SignalEmitter<'_>,
        state: &'static str,
        end: impl FnOnce(&mut Played) + Send + 'static,
    ) -> Result<(), MethodError> {
        self.played().state = state;
        let (daemon, emitter) = (self.clone(), emitter.to_owned());
        tokio::spawn(async move {
            for step in 1..=3 {
                tokio::time::sleep(Duration::from_millis(60)).await;
                let progress = daemon.step(state, step);
                daemon.played().progress = Some(progress);
                daemon.progress_changed(&emitter).await.unwrap();
            }
            {
                let mut played = daemon.played();
                played.progress = None;
                end(&mut played);
            }
            daemon.state_changed(&emitter).await.unwrap();
        });
        Ok(())
    }

    fn step(&self, state: &str, step: u64) -> Progress {
        if state == "connecting" {
            let blockage = self.played().part.blockage.to_owned();
            return Progress { phase: "connecting".into(), blockage, ..Progress::default() };
        }
        let seconds_left = Some(3 - step);
        Progress { phase: "downloading".into(), bytes: step, total: 3, seconds_left, ..Progress::default() }
    }

    fn look(&self, emitter: SignalEmitter<'_>) -> Result<(), MethodError> {
        let state = if self.played().part.blockage.is_empty() { "checking" } else { "connecting" };
        self.later(emitter, state, |played| {
            let found = played.part.found.clone();
            found_is(played, found);
        })
    }

    fn download(&self, emitter: SignalEmitter<'_>) -> Result<(), MethodError> {
        self.played().state = "downloading";
        if self.played().part.endless {
            return Ok(());
        }
        self.later(emitter, "downloading", |played| match played.part.install.clone() {
            Ok(()) => pending(played, "1.2"),
            Err(failure) => {
                let state = if played.part.pauses { "paused" } else { "failed" };
                (played.state, played.failure) = (state, Some(failure));
            }
        })
    }
}

fn found_is(played: &mut Played, found: Result<Option<Offer>, Failure>) {
    let (state, offer, failure) = match found {
        Ok(Some(offer)) => ("available", Some(offer), None),
        Ok(None) => ("up-to-date", None, None),
        Err(failure) if failure.kind == ErrorKind::ManualUpgrade => ("manual", None, Some(failure)),
        Err(failure) => ("failed", None, Some(failure)),
    };
    (played.state, played.offer, played.failure) = (state, offer, failure);
}

fn pending(played: &mut Played, version: &str) {
    played.pending = version.to_owned();
    played.state = "restart-pending";
}

#[zbus::interface(name = "org.sameday.Upgrader1")]
impl Daemon {
    async fn check(&self, #[zbus(signal_emitter)] emitter: SignalEmitter<'_>) -> Result<(), MethodError> {
        self.called("Check")?;
        self.look(emitter)
    }

    async fn open_kit(
        &self,
        kit: OwnedFd,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> Result<(), MethodError> {
        self.called("OpenKit")?;
        let mut bytes = Vec::new();
        File::from(StdOwnedFd::from(kit)).read_to_end(&mut bytes).unwrap();
        self.played().kit_read = bytes;
        self.later(emitter, "checking", |played| {
            let found = match played.part.kit.clone() {
                Some(offer) => Ok(Some(offer)),
                None => played.part.found.clone(),
            };
            found_is(played, found);
        })
    }

    async fn install(
        &self,
        version: String,
        digest: String,
        options: Dictionary,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> Result<(), MethodError> {
        self.called("Install")?;
        let signed_on = options.get("signed-on").map(|value| match &**value {
            Variant::Str(date) => date.to_string(),
            other => panic!("{other:?}"),
        });
        self.played().installed.push((version, digest, signed_on));
        self.download(emitter)
    }

    async fn cancel(&self, #[zbus(signal_emitter)] emitter: SignalEmitter<'_>) -> Result<(), MethodError> {
        if self.played().state != "downloading" {
            return nothing("nothing-to-cancel");
        }
        self.called("Cancel")?;
        self.later(emitter, "cancelling", |played| played.state = "available")
    }

    async fn pause(&self, #[zbus(signal_emitter)] emitter: SignalEmitter<'_>) -> Result<(), MethodError> {
        self.called("Pause")?;
        if self.played().state != "downloading" {
            return nothing("nothing-to-pause");
        }
        self.later(emitter, "pausing", |played| {
            played.part.left_over = Some(LeftOver { version: "1.2".into(), bytes: 7_000_000 });
            played.state = "paused";
        })
    }

    async fn resume(&self, #[zbus(signal_emitter)] emitter: SignalEmitter<'_>) -> Result<(), MethodError> {
        self.called("Resume")?;
        let state = self.played().state;
        match state {
            "paused" => self.download(emitter),
            "left-overs" => self.look(emitter),
            _ => nothing("nothing-to-resume"),
        }
    }

    async fn discard(&self, #[zbus(signal_emitter)] emitter: SignalEmitter<'_>) -> Result<(), MethodError> {
        self.called("Discard")?;
        if self.played().part.left_over.take().is_none() {
            return nothing("nothing-to-discard");
        }
        self.later(emitter, "cancelling", |played| played.state = "idle")
    }

    async fn rollback(
        &self,
        version: String,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> Result<(), MethodError> {
        self.called(format!("Rollback {version}"))?;
        self.later(emitter, "switching", move |played| {
            if version == "1.0" {
                (played.state, played.pending) = ("idle", String::new());
            } else {
                pending(played, &version);
            }
        })
    }

    async fn try_again(
        &self,
        version: String,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> Result<(), MethodError> {
        self.called(format!("TryAgain {version}"))?;
        self.later(emitter, "switching", move |played| pending(played, &version))
    }

    async fn look_at(&self, channel: String, options: Dictionary) -> Result<(), MethodError> {
        let asked = Looking::read(&options);
        let urls = asked.base_urls.join(" ");
        self.called(format!("LookAt {channel:?} {urls}"))?;
        let chosen_by = sameday_dbus::ChosenBy::Administrator;
        self.played().part.looking = match channel.as_str() {
            "" => Looking { channel: "stable".into(), ..Looking::default() },
            _ => Looking { channel, base_urls: asked.base_urls, chosen_by },
        };
        Ok(())
    }

    async fn report(&self) -> Result<Vec<String>, MethodError> {
        self.called("Report")?;
        Ok(self.played().part.report.clone())
    }

    #[zbus(property)]
    fn state(&self) -> String {
        self.played().state.to_owned()
    }

    #[zbus(property)]
    fn offer(&self) -> Dictionary {
        self.played().offer.as_ref().map(Dictionary::from).unwrap_or_default()
    }

    #[zbus(property)]
    fn progress(&self) -> Dictionary {
        self.played().progress.as_ref().map(Dictionary::from).unwrap_or_default()
    }

    #[zbus(property)]
    fn last_failure(&self) -> (String, String, Dictionary) {
        self.played().failure.as_ref().map(Into::into).unwrap_or_default()
    }

    #[zbus(property)]
    fn product(&self) -> String {
        "demo".into()
    }

    #[zbus(property)]
    fn architecture(&self) -> String {
        "amd64".into()
    }

    #[zbus(property)]
    fn channel(&self) -> String {
        "stable".into()
    }

    #[zbus(property)]
    fn running_channel(&self) -> String {
        "stable".into()
    }

    #[zbus(property)]
    fn looking(&self) -> Dictionary {
        (&self.played().part.looking).into()
    }

    #[zbus(property)]
    fn running_version(&self) -> String {
        "1.0".into()
    }

    #[zbus(property)]
    fn initial_version(&self) -> String {
        "1.0".into()
    }

    #[zbus(property)]
    fn pending_version(&self) -> String {
        self.played().pending.clone()
    }

    #[zbus(property)]
    fn previous_version(&self) -> String {
        self.played().part.previous.into()
    }

    #[zbus(property)]
    fn again_version(&self) -> String {
        let (standing, version) = self.played().part.standing;
        if matches!(standing, Standing::Undone | Standing::RolledBack) { version.into() } else { String::new() }
    }

    #[zbus(property)]
    fn standing(&self) -> (String, String) {
        let (standing, version) = self.played().part.standing;
        (standing.code().to_owned(), version.to_owned())
    }

    #[zbus(property)]
    fn left_over(&self) -> Dictionary {
        self.played().part.left_over.as_ref().map(Dictionary::from).unwrap_or_default()
    }
}
