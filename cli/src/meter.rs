//! How far it is: a bar on a terminal, now and then a line elsewhere.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use sameday_dbus::{Progress, Snapshot};
use sameday_text::progress::{Speed, line, percent, what};

use crate::console::Console;

/// Where there is no terminal, a line is printed at most this often, and only if the percentage has changed.
const BETWEEN_LINES: Duration = Duration::from_secs(1);

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
        let text = line(progress, snapshot.state, speed);
        if !self.bar.is_hidden() {
            self.bar.set_length(progress.total.max(1));
            self.bar.set_position(progress.bytes.min(progress.total));
            self.bar.set_message(text);
            return;
        }
        let what = what(progress, snapshot.state);
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
