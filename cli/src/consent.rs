//! What the user is shown before consenting: all that the offer says, and what follows from it.

use gettextrs::{gettext, ngettext};
use jiff::Timestamp;
use sameday_dbus::{Fix, Offer, Origin, Severity, Snapshot};

use crate::format::{date, days_since, size};
use crate::text::{count, fill};
use crate::{locale, text};

/// Names of fixes on the screen: the worst come first, the count tells the rest.
const NAMES: usize = 40;
/// Lines of the release notes on the screen.
const NOTE_LINES: usize = 60;
/// Bytes of one line of the release notes.
const NOTE_LINE: usize = 1000;

/// The whole text, of several lines.
#[must_use]
pub fn render(offer: &Offer, snapshot: &Snapshot, languages: &[String], now: Timestamp) -> String {
    let mut lines = vec![fill(
        &gettext("Upgrade to {version} (this stick runs {running})"),
        &[("version", &offer.version), ("running", &snapshot.running_version)],
    )];
    if offer.source == Origin::Repository && !snapshot.looking.base_urls.is_empty() {
        let warning = gettext("*** WARNING: it comes from {servers} and not from this system's own servers. ***");
        lines.push(String::new());
        lines.push(fill(&warning, &[("servers", &snapshot.looking.base_urls.join(", "))]));
    }
    if offer.channel != snapshot.channel {
        let warning =
            gettext("*** WARNING: it comes from the channel “{channel}”. This system's own channel is “{own}”. ***");
        lines.push(String::new());
        lines.push(fill(&warning, &[("channel", &offer.channel), ("own", &snapshot.channel)]));
    }
    lines.push(String::new());
    let mut fact = |name: String, value: String| {
        if !value.is_empty() {
            lines.push(fill(&gettext("  {name}: {value}"), &[("name", &name), ("value", &value)]));
        }
    };
    fact(gettext("Channel"), offer.channel.clone());
    fact(gettext("From"), origin(offer.source));
    fact(gettext("Published"), date(&offer.published));
    fact(gettext("Signed"), signed(offer, now));
    fact(gettext("Signed by"), offer.signers.join(", "));
    fact(gettext("Size"), size(offer.download_size));
    if offer.staged > 0 {
        fact(gettext("Of that on the stick already"), size(offer.staged));
    }
    let room = gettext("{needed} needed on the stick, {free} free");
    let room = fill(&room, &[("needed", &size(offer.room_needed)), ("free", &size(offer.room_free))]);
    fact(gettext("Room"), room);
    fact(gettext("More to read"), offer.details_url.clone());
    lines.extend(fixes(&offer.fixes));
    lines.extend(notes(offer, languages));
    lines.push(String::new());
    if !offer.gives_up.is_empty() {
        let gives_up =
            gettext("To make room, version {version} is removed from the stick: you cannot go back to it any more.");
        lines.push(fill(&gives_up, &[("version", &offer.gives_up)]));
    }
    lines.push(gettext("Your Persistent Storage and everything else on the stick are not touched."));
    lines.push(gettext("The new version is used after a restart."));
    lines.join("\n")
}

/// The question about a kit whose signature is old.
#[must_use]
pub fn old_kit(offer: &Offer, now: Timestamp) -> String {
    let warning = gettext("This file was signed on {signed}. There may be a newer version by now, which fixes more.");
    fill(&warning, &[("signed", &signed(offer, now))])
}

fn origin(origin: Origin) -> String {
    match origin {
        Origin::Repository => gettext("the project's servers, over Tor"),
        Origin::Kit => gettext("the file that you gave"),
    }
}

fn signed(offer: &Offer, now: Timestamp) -> String {
    let on = date(&offer.signed_on);
    match days_since(&offer.signed_on, now) {
        Some(days) if offer.source == Origin::Kit => {
            let text = ngettext("{date}, {days} day ago", "{date}, {days} days ago", count(days));
            fill(&text, &[("date", &on), ("days", &days.to_string())])
        }
        _ => on,
    }
}

fn fixes(fixes: &[Fix]) -> Vec<String> {
    if fixes.is_empty() {
        return Vec::new();
    }
    let by_severity = |severity: Severity| fixes.iter().filter(move |fix| fix.severity == severity);
    let counts: Vec<String> = Severity::ALL
        .iter()
        .map(|severity| (*severity, by_severity(*severity).count() as u64))
        .filter(|(_, number)| *number > 0)
        .map(|(severity, number)| text::fixes(severity, number))
        .collect();
    let total = fixes.len() as u64;
    let heading = ngettext("Fixes {number} problem: {counts}", "Fixes {number} problems: {counts}", count(total));
    let heading = fill(&heading, &[("number", &total.to_string()), ("counts", &counts.join(", "))]);
    let mut lines = vec![String::new(), heading];
    let mut left = NAMES;
    for severity in Severity::ALL {
        let names: Vec<&str> = by_severity(*severity).map(|fix| fix.name.as_str()).take(left).collect();
        left -= names.len();
        if !names.is_empty() {
            let line = gettext("  {severity}: {names}");
            lines.push(fill(&line, &[("severity", &text::severity(*severity)), ("names", &names.join(", "))]));
        }
    }
    if let Some(more) = total.checked_sub(NAMES as u64).filter(|more| *more > 0) {
        let line = ngettext("  and {number} more", "  and {number} more", count(more));
        lines.push(fill(&line, &[("number", &more.to_string())]));
    }
    lines
}

fn notes(offer: &Offer, languages: &[String]) -> Vec<String> {
    let Some(notes) = locale::choose(&offer.notes, languages).filter(|notes| !notes.trim().is_empty()) else {
        return Vec::new();
    };
    let mut all = notes.trim().lines();
    let mut lines = vec![String::new(), gettext("What is new:")];
    lines.extend(all.by_ref().take(NOTE_LINES).map(|line| format!("  {}", text::short(line, NOTE_LINE))));
    if all.next().is_some() {
        lines.push(gettext("  (shortened)"));
    }
    lines
}

#[cfg(test)]
#[path = "consent/tests.rs"]
mod tests;
