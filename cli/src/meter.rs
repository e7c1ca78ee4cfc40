//! How far it is: a bar on a terminal, now and then a line elsewhere.

use std::time::{Duration, Instant};

use gettextrs::gettext;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use sameday_dbus::{Progress, Snapshot, State};

use crate::console::Console;
use crate::format::{size, time_left};
use crate::text::{fill, under_way};

/// Where there is no terminal, a line is printed at most this often, and only if the percentage has changed.
const BETWEEN_LINES: Duration = Duration::from_secs(1);
/// Speed is measured over about this long.
const WINDOW: Duration = Duration::from_secs(5);

/// Shows progress.
#[derive(Debug)]
pub struct Meter {
    bar: ProgressBar,
    speed: Speed,
    line: Option<(Instant, String, u64)>,
}

impl Meter {
    /// Draws on standard error if that is a terminal.
    pub fn new() -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{bar:25} {msg}").expect("the template is sound");
        Self { bar: bar.with_style(style.progress_chars("=> ")), speed: Speed::default(), line: None }
    }

    /// Shows what is under way.
    pub fn show(&mut self, snapshot: &Snapshot, console: &mut Console) {
        let nothing = Progress::default();
        let progress = snapshot.progress.as_ref().unwrap_or(&nothing);
        let now = Instant::now();
        let speed = self.speed.measure(progress, now);
        let text = render(progress, snapshot.state, speed);
        if !self.bar.is_hidden() {
            self.bar.set_length(progress.total.max(1));
            self.bar.set_position(progress.bytes.min(progress.total));
            self.bar.set_message(text);
            return;
        }
        let what = under_way(&progress.phase, snapshot.state);
        let percent = percent(progress);
        let due = self.line.as_ref().is_none_or(|(last, phase, shown)| {
            *phase != what || (*shown != percent && now.duration_since(*last) >= BETWEEN_LINES)
        });
        if due {
            console.say(&text);
            self.line = Some((now, what, percent));
        }
    }

    /// Takes the bar away.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }
}

fn percent(progress: &Progress) -> u64 {
    let percent = u128::from(progress.bytes) * 100 / u128::from(progress.total.max(1));
    u64::try_from(percent.min(100)).unwrap_or(100)
}

/// `Downloading: 12 MB of 273 MB, 1.2 MB a second, about 4 minutes left`, as far as it is known.
fn render(progress: &Progress, state: State, speed: Option<u64>) -> String {
    let what = under_way(&progress.phase, state);
    if progress.total == 0 {
        return what;
    }
    let bytes = gettext("{what}: {bytes} of {total}");
    let mut parts = vec![fill(
        &bytes,
        &[("what", &what), ("bytes", &size(progress.bytes.min(progress.total))), ("total", &size(progress.total))],
    )];
    if let Some(speed) = speed {
        parts.push(fill(&gettext("{size} a second"), &[("size", &size(speed))]));
    }
    parts.extend(progress.seconds_left.map(time_left));
    parts.join(", ")
}

/// Bytes a second, from what is done when; anew in each phase.
#[derive(Debug, Default)]
struct Speed {
    phase: String,
    last: Option<(Instant, u64)>,
    average: Option<f64>,
}

impl Speed {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate"
    )]
    fn measure(&mut self, progress: &Progress, now: Instant) -> Option<u64> {
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
        Progress { phase: phase.into(), bytes, total, seconds_left: None, ..Progress::default() }
    }

    #[test]
    fn progress_tells_what_is_known_and_no_more() {
        let mut shown = progress("downloading", 12_000_000, 273_000_000);
        assert_eq!(render(&shown, State::Downloading, None), "Downloading: 12 MB of 273 MB");
        shown.seconds_left = Some(240);
        let text = render(&shown, State::Downloading, Some(1_200_000));
        assert_eq!(text, "Downloading: 12 MB of 273 MB, 1.2 MB a second, about 4 minutes left");
        assert_eq!(render(&progress("connecting", 0, 0), State::Checking, None), "Connecting to Tor");
        assert_eq!(render(&progress("", 9, 3), State::Applying, None), "Checking what was written: 3 bytes of 3 bytes");
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
