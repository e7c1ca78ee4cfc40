//! The one task that owns the state: takes events in turn, asks [`state::next`] what follows, does it, and publishes the result.

use std::sync::Arc;

use sameday_dbus::{ErrorKind, Failure, Offer, Progress, State as Code};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::MissedTickBehavior;

use crate::cancel::Cancel;
use crate::report::{self, Report};
use crate::state::{self, Effect, Event, State, Verdict};
use crate::work::Work;

/// A client's event, and where the answer goes.
#[derive(Debug)]
pub struct Ask {
    /// What it asks for.
    pub event: Event,
    /// Whether it was legal.
    pub reply: oneshot::Sender<Result<(), Failure>>,
}

/// Who this system is, as texts for the bus; empty where unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The product.
    pub product: String,
    /// Debian's name of the architecture.
    pub architecture: String,
    /// The channel that is looked at.
    pub channel: String,
    /// The version that runs.
    pub running: String,
    /// The version first installed.
    pub initial: String,
}

/// All that clients can see.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// The state's code.
    pub state: Code,
    /// The offer, while there is one.
    pub offer: Option<Offer>,
    /// Progress, while something is under way.
    pub progress: Option<Progress>,
    /// The failure that the state tells.
    pub failure: Option<Failure>,
    /// The version that starts next, if it is not the running one.
    pub pending: Option<String>,
    /// Who this system is.
    pub identity: Identity,
}

impl Published {
    fn of(state: &State, identity: &Identity) -> Self {
        Self {
            state: state.code(),
            offer: state.offered().map(|offered| offered.offer.clone()),
            progress: state.progress().cloned(),
            failure: state.failure().cloned(),
            pending: match state {
                State::RestartPending(version) => Some(version.to_string()),
                _ => None,
            },
            identity: identity.clone(),
        }
    }
}

/// The engine.
#[derive(Debug)]
pub struct Engine {
    state: State,
    work: Arc<Work>,
    cancel: Cancel,
    /// The count of the work under way.
    report: Option<Report>,
    asks: mpsc::Receiver<Ask>,
    events: mpsc::UnboundedReceiver<Event>,
    tell: mpsc::UnboundedSender<Event>,
    published: watch::Sender<Published>,
    identity: Identity,
}

/// An engine that ends stops its work: it removes what it staged, instead of going on with nobody to tell.
impl Drop for Engine {
    fn drop(&mut self) {
        self.cancel.ask();
    }
}

/// Requests that wait for the engine; it never takes long, so more than a few mean a flood.
const WAITING_ASKS: usize = 16;

impl Engine {
    /// An engine that begins in `state`.
    #[must_use]
    pub fn new(state: State, identity: Identity, work: Work) -> (Self, mpsc::Sender<Ask>, watch::Receiver<Published>) {
        let (ask, asks) = mpsc::channel(WAITING_ASKS);
        let (tell, events) = mpsc::unbounded_channel();
        let (published, watcher) = watch::channel(Published::of(&state, &identity));
        let work = Arc::new(work);
        (
            Self { state, work, cancel: Cancel::default(), report: None, asks, events, tell, published, identity },
            ask,
            watcher,
        )
    }

    /// Runs until no client can ask any more.
    pub async fn run(mut self) {
        let mut ticks = tokio::time::interval(report::INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                ask = self.asks.recv() => match ask {
                    Some(Ask { event, reply }) => {
                        let answer = self.take(event);
                        if reply.send(answer).is_err() {
                            tracing::debug!("the client left before its answer");
                        }
                    }
                    None => return,
                },
                _ = ticks.tick(), if self.report.is_some() => {
                    if let Some((phase, progress)) = self.report.as_ref().and_then(Report::read) {
                        self.told(Event::Progressed(phase, progress));
                    }
                }
                Some(event) = self.events.recv() => self.told(event),
            }
        }
    }

    /// What our own work tells is always legal.
    fn told(&mut self, event: Event) {
        if let Err(failure) = self.take(event) {
            tracing::error!("an event of our own was refused: {failure}");
        }
    }

    fn take(&mut self, event: Event) -> Result<(), Failure> {
        let (next, effects) = state::next(&self.state, event)?;
        if next.code() != self.state.code() {
            tracing::info!("{} -> {}", self.state.code(), next.code());
            if let Some(failure) = next.failure() {
                tracing::warn!("{failure}");
            }
        }
        self.state = next;
        if !self.state.code().is_busy() {
            self.report = None;
        }
        for effect in effects {
            self.carry_out(effect);
        }
        let now = Published::of(&self.state, &self.identity);
        self.published.send_if_modified(|before| {
            let changed = *before != now;
            *before = now;
            changed
        });
        Ok(())
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::StopWork => self.cancel.ask(),
            Effect::StartCheck(origin) => {
                let (work, cancel, report) = self.start();
                self.follow(
                    move || Event::Checked(work.check(&origin, &cancel, report)),
                    |failure| Event::Checked(Verdict::Not(failure)),
                );
            }
            Effect::StartInstall(offered) => {
                let (work, cancel, report) = self.start();
                self.follow(
                    move || Event::Installed(work.install(&offered, &cancel, report)),
                    |failure| Event::Installed(Err(failure)),
                );
            }
        }
    }

    fn start(&mut self) -> (Arc<Work>, Cancel, Report) {
        self.cancel = Cancel::default();
        let report = Report::new(self.tell.clone());
        self.report = Some(report.clone());
        (Arc::clone(&self.work), self.cancel.clone(), report)
    }

    /// Runs blocking work on a thread of its own; if it panics, that is an event too.
    fn follow(&self, work: impl FnOnce() -> Event + Send + 'static, panicked: fn(Failure) -> Event) {
        let tell = self.tell.clone();
        tokio::spawn(async move {
            let event = match tokio::task::spawn_blocking(work).await {
                Ok(event) => event,
                Err(error) => {
                    tracing::error!("the work ended by a panic: {error}");
                    panicked(Failure::new(ErrorKind::Internal, "panic"))
                }
            };
            if tell.send(event).is_err() {
                tracing::debug!("the engine has gone before its work");
            }
        });
    }
}
