//! How far something under way is, in words; and how fast it goes.

use std::time::{Duration, Instant};

use gettextrs::gettext;
use sameday_dbus::{Progress, State, phase};

use crate::format::{size, time_left};
use crate::{blockage, fill, under_way};

/// Speed is measured over about this long.
const WINDOW: Duration = Duration::from_secs(5);

/// How much of it is done, in hundredths.
#[must_use]
pub fn percent(progress: &Progress) -> u64 {
    let percent = u128::from(progress.bytes) * 100 / u128::from(progress.total.max(1));
    u64::try_from(percent.min(100)).unwrap_or(100)
}

/// The phase, and what holds it up.
#[must_use]
pub fn what(progress: &Progress, state: State) -> String {
    let phase = under_way(&progress.phase, state);
    if progress.blockage.is_empty() {
        return phase;
    }
    fill(&gettext("{phase} ({blockage})"), &[("phase", &phase), ("blockage", &blockage(&progress.blockage))])
}

/// How much of how much. A connection is counted in hundredths, everything else in bytes.
#[must_use]
pub fn done(progress: &Progress, state: State) -> String {
    let what = what(progress, state);
    if progress.phase == phase::CONNECTING {
        let percent = percent(progress).to_string();
        return fill(&gettext("{what}: {percent} %"), &[("what", &what), ("percent", &percent)]);
    }
    let (bytes, total) = (size(progress.bytes.min(progress.total)), size(progress.total));
    fill(&gettext("{what}: {bytes} of {total}"), &[("what", &what), ("bytes", &bytes), ("total", &total)])
}

/// `Downloading: 12 MB of 273 MB, 1.2 MB a second, about 4 minutes left`, as far as it is known.
#[must_use]
pub fn line(progress: &Progress, state: State, speed: Option<u64>) -> String {
    if progress.total == 0 {
        return what(progress, state);
    }
    let mut parts = vec![done(progress, state)];
    if let Some(speed) = speed.filter(|_| progress.phase != phase::CONNECTING) {
        parts.push(fill(&gettext("{size} a second"), &[("size", &size(speed))]));
    }
    parts.extend(progress.seconds_left.map(time_left));
    parts.join(", ")
}

/// Bytes a second, from what is done when; anew in each phase.
#[derive(Debug, Default)]
pub struct Speed {
    phase: String,
    last: Option<(Instant, u64)>,
    average: Option<f64>,
}

impl Speed {
    /// The speed now, once it can be told.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate"
    )]
    pub fn measure(&mut self, progress: &Progress, now: Instant) -> Option<u64> {
        if self.phase != progress.phase {
            *self = Self { phase: progress.phase.clone(), ..Self::default() };
        }
        let (then, bytes) = *self.last.get_or_insert((now, progress.bytes));
        let elapsed = now.duration_since(then).as_secs_f64();
        if elapsed >= 0.1 {
            let current = progress.bytes.saturating_sub(bytes) as f64 / elapsed;
            let weight = (elapsed / WINDOW.as_secs_f64()).min(1.0);
            self.average = Some(self.average.map_or(current, |average| average + weight * (current - average)));
            self.last = Some((now, progress.bytes));
        }
        self.average.map(|average| average as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(phase: &str, bytes: u64, total: u64) -> Progress {
        Progress { phase: phase.into(), bytes, total, ..Progress::default() }
    }

    #[test]
    fn progress_tells_what_is_known_and_no_more() {
        let mut shown = progress("downloading", 12_000_000, 273_000_000);
        assert_eq!(line(&shown, State::Downloading, None), "Downloading: 12 MB of 273 MB");
        shown.seconds_left = Some(240);
        let text = line(&shown, State::Downloading, Some(1_200_000));
        assert_eq!(text, "Downloading: 12 MB of 273 MB, 1.2 MB a second, about 4 minutes left");
        assert_eq!(line(&progress("connecting", 0, 0), State::Checking, None), "Connecting to Tor");
        let blocked = Progress { blockage: "offline".into(), ..progress("connecting", 0, 0) };
        assert_eq!(line(&blocked, State::Connecting, None), "Connecting to Tor (there is no network)");
        assert_eq!(line(&progress("connecting", 15, 100), State::Connecting, Some(7)), "Connecting to Tor: 15 %");
        assert_eq!(line(&progress("", 9, 3), State::Applying, None), "Checking what was written: 3 bytes of 3 bytes");
    }

    #[test]
    fn speed_is_measured_anew_in_each_phase() {
        let start = Instant::now();
        let mut speed = Speed::default();
        assert_eq!(speed.measure(&progress("downloading", 0, 100), start), None);
        assert_eq!(speed.measure(&progress("downloading", 2000, 9000), start + Duration::from_secs(2)), Some(1000));
        assert_eq!(speed.measure(&progress("downloading", 2000, 9000), start + Duration::from_secs(12)), Some(0));
        assert_eq!(speed.measure(&progress("verifying", 5, 100), start + Duration::from_secs(13)), None);
    }

    #[test]
    fn percent_is_never_more_than_all() {
        assert_eq!(percent(&progress("", u64::MAX, 1)), 100);
        assert_eq!(percent(&progress("", u64::MAX, u64::MAX)), 100);
        assert_eq!(percent(&progress("", 0, 0)), 0);
    }
}
