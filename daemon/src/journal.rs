//! The last lines of the daemon's own log, for reports of faults: kept in memory, without times, and without anything that tells who, where
//! or how somebody connects.
//!
//! What is taken out is taken out before a line is kept, so that no report can hold it: URLs, onion and IP addresses, fingerprints and other
//! long runs of hexadecimal or base64 digits that are not digests of ours, and paths outside of the stick.

use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use sameday_dbus::text;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Enough for what led to a fault; half a megabyte at the most.
const MOST_LINES: usize = 400;
/// Whatever is longer repeats itself.
const LONGEST_LINE: usize = text::LINE;
/// What stands in place of what was taken out.
const GONE: &str = "[…]";
/// A digest of ours is longer; a relay's or bridge's fingerprint has 40, an onion address 56 characters.
const LONGEST_PLAIN_RUN: usize = 24;
const DIGEST: usize = 64;

/// The last lines, shared between the log and whoever reports.
#[derive(Debug, Clone, Default)]
pub struct Journal(Arc<Mutex<VecDeque<String>>>);

impl Journal {
    /// The lines, the oldest first.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.lock().iter().cloned().collect()
    }

    fn keep(&self, level: Level, line: &str) {
        let mut lines = self.lock();
        if lines.len() >= MOST_LINES {
            lines.pop_front();
        }
        lines.push_back(format!("{level} {}", discreet(line)));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Subscriber> Layer<S> for Journal {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = *event.metadata().level();
        // Of other crates nobody knows what their lines hold.
        if level <= Level::INFO && event.metadata().target().starts_with("samedayd") {
            let mut line = Line::default();
            event.record(&mut line);
            self.keep(level, &line.0);
        }
    }
}

#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let result = if field.name() == "message" {
            write!(self.0, "{value:?}")
        } else {
            write!(self.0, " {}={value:?}", field.name())
        };
        // Writing to a string fails only if the value's own formatting does.
        if result.is_err() {
            self.0.push_str(" [unreadable]");
        }
    }
}

/// A line without anything that tells who, where, or how somebody connects.
#[must_use]
pub fn discreet(line: &str) -> String {
    let line = text::line(line, 4 * LONGEST_LINE);
    let mut out = String::new();
    for (at, word) in line.split(' ').enumerate() {
        if at > 0 {
            out.push(' ');
        }
        // Quotes, brackets and the name before an equals sign say what was taken out.
        let start = word.find('=').map_or(0, |equals| equals.saturating_add(1));
        let (name, value) = word.split_at(start);
        out.push_str(name);
        let trimmed = value.trim_matches(|c: char| "\"'()[]{},;".contains(c));
        if tells(trimmed) {
            out.push_str(&value.replacen(trimmed, GONE, 1));
        } else {
            out.push_str(value);
        }
    }
    text::line(&out, LONGEST_LINE)
}

fn tells(word: &str) -> bool {
    word.contains("://")
        || word.contains(".onion")
        || word.contains('@')
        || is_address(word)
        || is_foreign_path(word)
        || word.split(|c: char| !(c.is_ascii_alphanumeric() || "+/=$~".contains(c))).any(is_secret_run)
}

/// An IP address, with or without port.
fn is_address(word: &str) -> bool {
    // Brackets around it may have been taken for punctuation of the line.
    let word = word.trim_end_matches([':', '.']);
    let word = word.split_once("]:").map_or(word, |(host, _)| host);
    word.parse::<std::net::SocketAddr>().is_ok() || word.parse::<std::net::IpAddr>().is_ok() || {
        let host = word.rsplit_once(':').map_or(word, |(host, _)| host);
        host.parse::<std::net::IpAddr>().is_ok()
    }
}

/// A path of this computer that is not one of ours: it may name people or their files.
fn is_foreign_path(word: &str) -> bool {
    let ours = ["/run/sameday", "/run/live", "/etc/sameday", "/usr/", "/proc/", "/sys/", "/dev/"];
    word.starts_with('/') && word.len() > 1 && !ours.iter().any(|ours| word.starts_with(ours))
}

/// A long run of digits of a key, fingerprint or bridge; digests of ours and paths are none.
fn is_secret_run(run: &str) -> bool {
    let hexadecimal = run.bytes().all(|b| b.is_ascii_hexdigit());
    let part = |part: &str| part.len() > LONGEST_PLAIN_RUN && part.bytes().any(|b| b.is_ascii_digit());
    if hexadecimal && run.len() == DIGEST {
        return false;
    }
    run.split('/').any(|piece| part(piece) && !(piece.len() == DIGEST && piece.bytes().all(|b| b.is_ascii_hexdigit())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_tells_who_where_or_how() {
        for secret in [
            "http://abcdefghijklmnop.onion/x",
            "https://[2001:db8::1]:443/",
            "abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqrstuvwx.onion",
            "192.0.2.7:9001",
            "192.0.2.7",
            "2001:db8::7",
            "[2001:db8::7]:443",
            "$4352E58420E68F5E40BF7C74FADDCCD9D1349413",
            "4352E58420E68F5E40BF7C74FADDCCD9D1349413",
            "cert=ssH+9rP8dG2NLDN2XuFw63hIO/9MNNinLmxQDpVa+7kTOa9/m+tGWT1SmSYpQ9uTBGa6Hw",
            "/home/amnesia/Persistent/kit.tar",
            "alice@example.org",
        ] {
            for around in ["{}", "bridge {} failed", "detail=\"{}\"", "({}), again", "fetcher: {}: refused"] {
                let line = discreet(&around.replace("{}", secret));
                assert!(line.contains(GONE), "{line}");
                let core = secret.trim_start_matches("cert=");
                assert!(!line.contains(core), "{line}");
            }
        }
    }

    #[test]
    fn what_a_fault_is_made_of_stays() {
        let digest = "ab".repeat(32);
        for line in [
            "downloading -> failed",
            "not-verified chunk-mismatch chunk=3 path=\"files/",
            "cannot write live/2.0~rc1/2.0~rc1.squashfs: Input/output error (os error 5)",
            "clock-in-doubt clock clock=\"2099-01-01T00:00:00Z\" floor=\"2026-11-26T10:00:00Z\"",
            "/run/sameday/fetcher.sock: Connection refused (os error 111)",
        ] {
            assert_eq!(discreet(line), line);
        }
        assert_eq!(discreet(&format!("files/{digest}")), format!("files/{digest}"));
    }

    #[test]
    fn only_the_last_lines_are_kept() {
        let journal = Journal::default();
        for number in 0..MOST_LINES + 5 {
            journal.keep(Level::INFO, &format!("line {number}"));
        }
        let lines = journal.lines();
        assert_eq!((lines.len(), lines[0].as_str()), (MOST_LINES, "INFO line 5"));
    }
}
