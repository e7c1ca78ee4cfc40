//! Progress for people: bytes, total, time left. The work counts; the engine reads the count at most five times a second.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sameday_dbus::{Progress, phase};
use tokio::sync::mpsc::UnboundedSender;

use crate::state::{Event, Phase};
use crate::stick::Stick;

/// Where events of the work go, and the stick with those after which it may be another one.
type Events = UnboundedSender<(Event, Option<Stick>)>;

/// How often the count is read: more nobody can see, and each reading that differs costs the bus a signal.
pub const INTERVAL: Duration = Duration::from_millis(200);
/// Speed is measured over about this long: shorter jumps about, longer hides a stall.
const WINDOW: Duration = Duration::from_secs(10);
/// No time left is told before this: the first bytes say nothing about the rest.
const SETTLING: Duration = Duration::from_secs(2);

/// The count, shared between the work and the engine.
#[derive(Debug, Clone)]
pub struct Report {
    events: Events,
    count: Arc<Mutex<Count>>,
}

#[derive(Debug)]
struct Count {
    phase: Phase,
    name: &'static str,
    bytes: u64,
    total: u64,
    /// What keeps Tor from connecting, or empty.
    blockage: &'static str,
    began: Instant,
    /// Bytes a second, an exponential average over [`WINDOW`].
    speed: f64,
    measured: (Instant, u64),
}

impl Report {
    /// A new phase is told to `events` at once.
    #[must_use]
    pub fn new(events: Events) -> Self {
        Self { events, count: Arc::new(Mutex::new(Count::new(Phase::Check, phase::CONNECTING, 0))) }
    }

    /// The way to the network is built to so many per cent, or stands; and what keeps it from being built. The per cent are shown while
    /// metadata is fetched; a download shows its own bytes.
    pub fn connecting(&self, percent: Option<u8>, blockage: Option<&'static str>) {
        let mut count = self.lock();
        count.blockage = blockage.filter(|_| percent.is_some()).unwrap_or_default();
        match percent {
            Some(percent) if count.phase == Phase::Check => {
                (count.name, count.bytes, count.total) = (phase::CONNECTING, u64::from(percent), 100);
            }
            None if count.phase == Phase::Check && count.name == phase::CONNECTING => {
                (count.name, count.bytes, count.total) = (phase::METADATA, 0, 0);
            }
            _ => {}
        }
    }

    /// A new part of the work begins, named by a code of [`sameday_dbus::phase`].
    pub fn begin(&mut self, phase: Phase, name: &'static str, total: u64) {
        let count = Count::new(phase, name, total);
        let event = Event::Progressed(phase, count.progress(count.began));
        *self.lock() = count;
        if self.events.send((event, None)).is_err() {
            tracing::debug!("the engine has gone, nobody hears of progress");
        }
    }

    /// `more` bytes are done.
    pub fn add(&mut self, more: u64) {
        let mut count = self.lock();
        count.bytes = count.bytes.saturating_add(more);
    }

    /// `bytes` of the whole are done.
    pub fn set(&mut self, bytes: u64) {
        self.lock().bytes = bytes;
    }

    /// The bytes done so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.lock().bytes
    }

    /// How far it is now; `None` while a part of the work does not count bytes.
    #[must_use]
    pub fn read(&self) -> Option<(Phase, Progress)> {
        let now = Instant::now();
        let mut count = self.lock();
        count.measure(now);
        let tells = count.bytes > 0 || count.phase == Phase::Check || !count.blockage.is_empty();
        tells.then(|| (count.phase, count.progress(now)))
    }

    fn lock(&self) -> MutexGuard<'_, Count> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Count {
    fn new(phase: Phase, name: &'static str, total: u64) -> Self {
        let now = Instant::now();
        Self { phase, name, bytes: 0, total, blockage: "", began: now, speed: 0.0, measured: (now, 0) }
    }

    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    fn measure(&mut self, now: Instant) {
        let (then, bytes) = self.measured;
        let elapsed = now.duration_since(then).as_secs_f64();
        if elapsed <= 0.0 {
            return;
        }
        let current = self.bytes.saturating_sub(bytes) as f64 / elapsed;
        let weight = if self.speed == 0.0 { 1.0 } else { (elapsed / WINDOW.as_secs_f64()).min(1.0) };
        self.speed += weight * (current - self.speed);
        self.measured = (now, self.bytes);
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate"
    )]
    fn seconds_left(&self, now: Instant) -> Option<u64> {
        let known = self.speed >= 1.0 && self.total > 0 && now.duration_since(self.began) >= SETTLING;
        known.then(|| (self.total.saturating_sub(self.bytes) as f64 / self.speed).ceil() as u64)
    }

    fn progress(&self, now: Instant) -> Progress {
        let (phase, seconds_left) = (self.name.to_owned(), self.seconds_left(now));
        Progress { phase, bytes: self.bytes, total: self.total, seconds_left, blockage: self.blockage.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_phase_is_told_at_once_and_bytes_only_when_they_are_read() {
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        let mut report = Report::new(sender);
        report.begin(Phase::Download, phase::DOWNLOADING, 1000);
        assert!(matches!(receiver.try_recv(), Ok((Event::Progressed(Phase::Download, _), None))));
        assert!(report.read().is_none());
        for _ in 0..1000 {
            report.add(1);
        }
        assert!(receiver.try_recv().is_err());
        let (phase, progress) = report.read().unwrap();
        assert_eq!((phase, progress.bytes, progress.total), (Phase::Download, 1000, 1000));
    }
}
