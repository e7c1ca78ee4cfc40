//! The one task that owns the state: takes events in turn, asks [`state::next`] what follows, does it, and publishes the result.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sameday_dbus::{ErrorKind, Failure, Offer, Progress, State as Code};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::MissedTickBehavior;

use crate::cancel::Cancel;
use crate::facts::{Facts, Identity};
use crate::pace::Pace;
use crate::report::{self, Report};
use crate::state::{self, Effect, Event, Installed, State, Verdict};
use crate::stick::Stick;
use crate::work::Work;

/// A client's event, and where the answer goes.
#[derive(Debug)]
pub struct Ask {
    /// What it asks for.
    pub event: Event,
    /// Whether it was legal.
    pub reply: oneshot::Sender<Result<(), Failure>>,
}

/// All that clients can see.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// The state's code.
    pub state: Code,
    /// The offer, while there is one.
    pub offer: Option<Offer>,
    /// Whether it is from a channel that is not the image's own.
    pub other_channel: bool,
    /// Progress, while something is under way.
    pub progress: Option<Progress>,
    /// The failure that the state tells.
    pub failure: Option<Failure>,
    /// The version that starts next, if it is not the running one.
    pub pending: Option<String>,
    /// What the stick says of itself.
    pub stick: Stick,
    /// Who this system is.
    pub identity: Identity,
}

impl Published {
    fn of(state: &State, facts: &Facts) -> Self {
        let offered = state.offered();
        Self {
            state: state.code(),
            offer: offered.map(|offered| offered.offer.clone()),
            other_channel: offered.is_some_and(|offered| offered.other_channel),
            progress: state.progress().cloned(),
            failure: state.failure().cloned(),
            pending: pending(state, &facts.stick),
            stick: facts.stick.clone(),
            identity: facts.identity.clone(),
        }
    }
}

/// What was committed is known even when the stick that it is on was pulled out right after.
fn pending(state: &State, stick: &Stick) -> Option<String> {
    match state {
        State::RestartPending(version) => Some(version.clone()),
        _ => stick.starts_next(),
    }
}

/// What the work tells, and the facts as they are after it, if they may have changed.
pub type Told = (Event, Option<Facts>);

/// The engine.
#[derive(Debug)]
pub struct Engine {
    state: State,
    facts: Facts,
    work: Arc<Work>,
    cancel: Cancel,
    /// The count of the work under way.
    report: Option<Report>,
    /// Checks of the repository.
    pace: Pace,
    /// What a start showed, until nothing is under way. It comes before anything else that is asked: who keeps the daemon busy must not be able
    /// to undo an upgrade.
    judgement: Option<Ask>,
    asks: mpsc::Receiver<Ask>,
    told: mpsc::UnboundedReceiver<Told>,
    tell: mpsc::UnboundedSender<Told>,
    published: watch::Sender<Published>,
}

/// An engine that ends stops its work, instead of going on with nobody to tell; what is verified stays.
impl Drop for Engine {
    fn drop(&mut self) {
        self.cancel.pause();
    }
}

/// Requests that wait for the engine; it never takes long, so more than a few mean a flood.
const WAITING_ASKS: usize = 16;
/// Checks of the repository: so many at once, and one more each so often.
const CHECKS: (u32, Duration) = (10, Duration::from_secs(30));

impl Engine {
    /// An engine that begins with these facts.
    #[must_use]
    pub fn new(facts: Facts, work: Work) -> (Self, mpsc::Sender<Ask>, watch::Receiver<Published>) {
        let (ask, asks) = mpsc::channel(WAITING_ASKS);
        let (tell, told) = mpsc::unbounded_channel();
        let state = State::at_rest(&facts.stick);
        let (published, watcher) = watch::channel(Published::of(&state, &facts));
        let (work, cancel, pace) = (Arc::new(work), Cancel::default(), Pace::new(CHECKS.0, CHECKS.1));
        (
            Self { state, facts, work, cancel, report: None, pace, judgement: None, asks, told, tell, published },
            ask,
            watcher,
        )
    }

    /// Runs until `end`, or until no client can ask any more. What is under way then is stopped, and what of it is verified is kept.
    pub async fn run(mut self, end: impl Future<Output = ()>) {
        tokio::pin!(end);
        let mut ending = false;
        let mut ticks = tokio::time::interval(report::INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !ending || self.state.code().is_busy() {
            tokio::select! {
                () = &mut end, if !ending => {
                    ending = true;
                    self.cancel.pause();
                }
                ask = self.asks.recv(), if !ending => match ask {
                    Some(ask) => self.answer(ask),
                    None => return,
                },
                _ = ticks.tick(), if self.report.is_some() => {
                    if let Some((phase, progress)) = self.report.as_ref().and_then(Report::read) {
                        self.told(Event::Progressed(phase, progress), None);
                    }
                }
                Some((event, facts)) = self.told.recv() => self.told(event, facts),
            }
        }
    }

    fn answer(&mut self, ask: Ask) {
        if matches!(ask.event, Event::JudgeStart(..)) && self.state.code().is_busy() && self.judgement.is_none() {
            self.judgement = Some(ask);
            return;
        }
        let answer = self.take(ask.event);
        if ask.reply.send(answer).is_err() {
            tracing::debug!("the client left before its answer");
        }
    }

    /// What our own work tells is always legal.
    fn told(&mut self, event: Event, facts: Option<Facts>) {
        if let Some(facts) = facts {
            self.facts = facts;
        }
        if let Err(failure) = self.take(event) {
            tracing::error!("an event of our own was refused: {failure}");
        }
        if let Some(ask) = self.judgement.take_if(|_| !self.state.code().is_busy()) {
            self.answer(ask);
        }
    }

    fn take(&mut self, event: Event) -> Result<(), Failure> {
        let (next, effects) = state::next(&self.state, &self.facts.stick, event)?;
        if effects.iter().any(|effect| matches!(effect, Effect::StartCheck(state::Origin::Repository))) {
            self.pace.take(Instant::now()).map_err(|wait| {
                let seconds = wait.as_secs().saturating_add(1);
                Failure::new(ErrorKind::Busy, "too-soon").number("seconds", seconds)
            })?;
        }
        for effect in effects {
            self.carry_out(effect);
        }
        self.enter(next);
        Ok(())
    }

    fn enter(&mut self, next: State) {
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
        let now = Published::of(&self.state, &self.facts);
        self.published.send_if_modified(|before| {
            let changed = *before != now;
            *before = now;
            changed
        });
    }

    fn carry_out(&mut self, effect: Effect) {
        let work = Arc::clone(&self.work);
        match effect {
            Effect::StopWork => self.cancel.ask(),
            Effect::PauseWork => self.cancel.pause(),
            Effect::StartCheck(origin) => {
                let (cancel, report) = self.start();
                self.follow(
                    move || and_the_facts(Event::Checked(work.check(&origin, &cancel, report))),
                    |failure| Event::Checked(Verdict::Not(failure)),
                );
            }
            Effect::StartInstall(offered) => {
                let (cancel, report) = self.start();
                self.follow(
                    move || and_the_facts(Event::Installed(work.install(&offered, &cancel, report))),
                    |failure| Event::Installed(Installed::Not(failure)),
                );
            }
            Effect::StartDiscard(version) => self.follow(
                move || and_the_facts(Event::Discarded(work.discard(&version))),
                |failure| Event::Discarded(Err(failure)),
            ),
            Effect::StartSwitch(to) => self.follow(
                move || and_the_facts(Event::Switched(work.switch(&to))),
                |failure| Event::Switched(Err(failure)),
            ),
        }
    }

    fn start(&mut self) -> (Cancel, Report) {
        self.cancel = Cancel::default();
        let report = Report::new(self.tell.clone());
        self.report = Some(report.clone());
        (self.cancel.clone(), report)
    }

    /// Runs blocking work on a thread of its own; if it panics, that is an event too.
    fn follow(&self, work: impl FnOnce() -> Told + Send + 'static, panicked: fn(Failure) -> Event) {
        let tell = self.tell.clone();
        tokio::spawn(async move {
            let told = match tokio::task::spawn_blocking(work).await {
                Ok(told) => told,
                Err(error) => {
                    tracing::error!("the work ended by a panic: {error}");
                    (panicked(Failure::new(ErrorKind::Internal, "panic")), None)
                }
            };
            if tell.send(told).is_err() {
                tracing::debug!("the engine has gone before its work");
            }
        });
    }
}

fn and_the_facts(event: Event) -> Told {
    (event, Some(Facts::read()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_committed_is_told_though_the_stick_is_gone() {
        let gone = Stick::default();
        assert_eq!(pending(&State::RestartPending("2.0".to_owned()), &gone).as_deref(), Some("2.0"));
        assert_eq!(pending(&State::Idle, &gone), None);
    }
}
