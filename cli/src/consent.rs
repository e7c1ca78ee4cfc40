//! What the user is shown before consenting, on a terminal.

use gettextrs::{gettext, ngettext};
use jiff::Timestamp;
use sameday_dbus::{Fix, Offer, Snapshot};
use sameday_text::{count, fill, offer as said, short};

use crate::text;

/// Names of fixes on the screen: the worst come first, the count tells the rest.
const NAMES: usize = 40;
/// Lines of the release notes on the screen.
const NOTE_LINES: usize = 60;
/// Bytes of one line of the release notes.
const NOTE_LINE: usize = 1000;

/// The whole text, of several lines.
#[must_use]
pub fn render(offer: &Offer, snapshot: &Snapshot, languages: &[String], now: Timestamp) -> String {
    let mut lines = vec![said::title(offer, snapshot)];
    for warning in said::warnings(offer, snapshot) {
        lines.push(String::new());
        lines.push(text::loud(&warning));
    }
    lines.push(String::new());
    for (name, value) in said::facts(offer, now) {
        lines.push(fill(&gettext("  {name}: {value}"), &[("name", &name), ("value", &value)]));
    }
    lines.extend(fixes(&offer.fixes));
    lines.extend(notes(offer, languages));
    lines.push(String::new());
    lines.extend(said::consequences(offer));
    lines.join("\n")
}

fn fixes(fixes: &[Fix]) -> Vec<String> {
    let Some(heading) = said::fixed(fixes) else { return Vec::new() };
    let mut lines = vec![String::new(), heading];
    let mut left = NAMES;
    for (severity, fixes) in said::by_severity(fixes) {
        let names: Vec<&str> = fixes.iter().map(|fix| fix.name.as_str()).take(left).collect();
        left -= names.len();
        if !names.is_empty() {
            let line = gettext("  {severity}: {names}");
            lines.push(fill(&line, &[("severity", &said::severity(severity)), ("names", &names.join(", "))]));
        }
    }
    if let Some(more) = (fixes.len() as u64).checked_sub(NAMES as u64).filter(|more| *more > 0) {
        let line = ngettext("  and {number} more", "  and {number} more", count(more));
        lines.push(fill(&line, &[("number", &more.to_string())]));
    }
    lines
}

fn notes(offer: &Offer, languages: &[String]) -> Vec<String> {
    let Some(notes) = said::notes(offer, languages) else { return Vec::new() };
    let mut all = notes.lines();
    let mut lines = vec![String::new(), gettext("What is new:")];
    lines.extend(all.by_ref().take(NOTE_LINES).map(|line| format!("  {}", short(line, NOTE_LINE))));
    if all.next().is_some() {
        lines.push(gettext("  (shortened)"));
    }
    lines
}

#[cfg(test)]
#[path = "consent/tests.rs"]
mod tests;
