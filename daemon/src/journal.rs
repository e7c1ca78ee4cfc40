//! The daemon's log: written to the journal, its last lines kept in memory for reports of faults, both without anything that tells who, where or
//! how somebody connects. The daemon is told nothing of that in the first place (what a fetcher says beside its codes is not looked at), so
//! this is the second line of defence.
//!
//! Taken out are URLs, host names with ports, onion and IP addresses, fingerprints and other long runs of digits of keys that are not digests
//! of ours, and paths outside of the system's own.

use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use std::io::Write as _;
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

    fn keep(&self, line: String) {
        let mut lines = self.lock();
        if lines.len() >= MOST_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Subscriber> Layer<S> for Journal {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let mut line = Line::default();
        event.record(&mut line);
        let line = format!("{} {}: {}", metadata.level(), metadata.target(), discreet(&line.0));
        // Nobody can be told of a journal that is gone.
        drop(writeln!(std::io::stderr().lock(), "{line}"));
        if *metadata.level() <= Level::INFO {
            self.keep(line);
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
    let line = line.replace(['\n', '\r', '\t'], " ");
    let line = text::line(&line, 4 * LONGEST_LINE);
    let mut out = String::new();
    let mut rest = line.as_str();
    while !rest.is_empty() {
        let run = rest.find(|c| !in_run(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(run);
        // The name before an equals sign says what was taken out.
        let start = word.find('=').map_or(0, |equals| equals.saturating_add(1));
        let (name, value) = word.split_at(start);
        out.push_str(name);
        out.push_str(if tells(value) { GONE } else { value });
        let mut chars = after.chars();
        out.extend(chars.next());
        rest = chars.as_str();
    }
    text::line(&without_grouped_fingerprints(&out), LONGEST_LINE)
}

/// What words, addresses and keys are made of; everything else separates them.
fn in_run(c: char) -> bool {
    c.is_ascii_alphanumeric() || ".:/+=$~%@_-[]".contains(c)
}

fn tells(word: &str) -> bool {
    word.contains("://")
        || word.contains(".onion")
        || word.contains('@')
        || is_foreign_path(word)
        || holds_address(word)
        || word.split(|c: char| !c.is_ascii_hexdigit()).any(|run| run.len() > LONGEST_PLAIN_RUN && run.len() != DIGEST)
        || word.split(|c: char| !(c.is_ascii_alphanumeric() || "+/=".contains(c))).any(is_key)
}

/// An IP address, or a host's name with a port, anywhere in the word.
fn holds_address(word: &str) -> bool {
    let is_ip = |text: &str| text.contains(['.', ':']) && text.parse::<std::net::IpAddr>().is_ok();
    let pieces = || word.split(['/', '[', ']', '=', '%']);
    let v4 = pieces().flat_map(|piece| piece.split(':')).any(|part| is_ip(part.trim_end_matches('.')));
    let v6 = pieces().any(|piece| {
        let without_port = piece.rsplit_once(':').map_or(piece, |(host, _)| host);
        is_ip(piece.trim_end_matches(':')) || (without_port.contains("::") && is_ip(without_port))
    });
    let named = pieces().any(|piece| {
        piece.rsplit_once(':').is_some_and(|(host, port)| {
            host.contains('.') && host.contains(|c: char| c.is_ascii_alphabetic()) && port.parse::<u16>().is_ok()
        })
    });
    v4 || v6 || named
}

/// A path of this computer that is not one of the system's: it may name people or their files.
fn is_foreign_path(word: &str) -> bool {
    let ours = ["/run/sameday", "/run/live", "/etc/sameday", "/usr/", "/proc/", "/sys/", "/dev/"];
    word.starts_with('/') && word.len() > 1 && !ours.iter().any(|ours| word.starts_with(ours))
}

/// A long run of digits of base64 or base32: letters of both cases, or letters of one, with digits among them, and no path of ours, whose
/// parts are shorter.
fn is_key(run: &str) -> bool {
    let has = |what: fn(&u8) -> bool| run.bytes().any(|b| what(&b));
    let mixed = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit);
    let longest = run.split('/').map(str::len).max().unwrap_or(0);
    let is_digest = |part: &str| part.len() == DIGEST && part.bytes().all(|b| b.is_ascii_hexdigit());
    let plain = run
        .split('/')
        .any(|part| part.len() > LONGEST_PLAIN_RUN && part.bytes().any(|b| b.is_ascii_digit()) && !is_digest(part));
    plain || (mixed && run.len() > LONGEST_PLAIN_RUN && longest < DIGEST)
}

/// Fingerprints are also written in groups of four digits.
fn without_grouped_fingerprints(line: &str) -> String {
    const FEWEST_GROUPS: usize = 5;
    let is_group = |word: &str| {
        let core = word.rsplit(|c: char| !c.is_ascii_alphanumeric()).find(|part| !part.is_empty());
        core.is_some_and(|core| core.len() == 4 && core.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    let words: Vec<&str> = line.split(' ').collect();
    let mut out: Vec<&str> = Vec::new();
    for same in words.chunk_by(|a, b| is_group(a) == is_group(b)) {
        let is_fingerprint = same.len() >= FEWEST_GROUPS && same.first().is_some_and(|word| is_group(word));
        if is_fingerprint { out.push(GONE) } else { out.extend(same) }
    }
    out.join(" ")
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
            "192.0.2.0/24",
            "connect:192.0.2.7",
            "bridge.example.org:443",
            "4352 E584 20E6 8F5E 40BF 7C74",
            "ssH+9rP8/dG2NLDN2XuFw/63hIO/9MNN/inLmxQDp",
        ] {
            let forms = [
                "{}",
                "bridge {} failed",
                "detail=\"{}\"",
                "({}), again",
                "f: {} : refused",
                "Some(V4({}))",
                "a,{},b",
                "a\n{}\nb",
            ];
            for around in forms {
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
            journal.keep(format!("line {number}"));
        }
        let lines = journal.lines();
        assert_eq!((lines.len(), lines[0].as_str()), (MOST_LINES, "line 5"));
    }
}
