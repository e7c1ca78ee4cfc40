//! What an offer says, and what follows from it: all that a user is shown before consenting.

use gettextrs::{gettext, ngettext};
use jiff::Timestamp;
use sameday_dbus::{Fix, Offer, Origin, Severity, Snapshot, Standing};

use crate::format::{date, days_since, size};
use crate::{count, fill, locale};

/// What is offered, and in place of what.
#[must_use]
pub fn title(offer: &Offer, snapshot: &Snapshot) -> String {
    let title = gettext("Upgrade to {version} (this stick runs {running})");
    fill(&title, &[("version", &offer.version), ("running", &snapshot.running_version)])
}

/// What is not as this system would have it by itself.
#[must_use]
pub fn warnings(offer: &Offer, snapshot: &Snapshot) -> Vec<String> {
    let mut warnings = Vec::new();
    if offer.source == Origin::Repository && !snapshot.looking.base_urls.is_empty() {
        let warning = gettext("It comes from {servers} and not from this system's own servers.");
        warnings.push(fill(&warning, &[("servers", &snapshot.looking.base_urls.join(", "))]));
    }
    if offer.channel != snapshot.channel {
        let warning = gettext("It comes from the channel “{channel}”. This system's own channel is “{own}”.");
        warnings.push(fill(&warning, &[("channel", &offer.channel), ("own", &snapshot.channel)]));
    }
    if snapshot.standing != Standing::Unknown && !snapshot.undoes_itself {
        let warning = gettext(
            "This stick has a boot loader of another kind: if {version} does not start, it cannot go back to {running} by itself. Read first how to go back then: sameday help no-undo",
        );
        warnings.push(fill(&warning, &[("version", &offer.version), ("running", &snapshot.running_version)]));
    }
    warnings
}

/// The facts, each with its name. What is not known is left out.
#[must_use]
pub fn facts(offer: &Offer, now: Timestamp) -> Vec<(String, String)> {
    let staged = if offer.staged > 0 { size(offer.staged) } else { String::new() };
    let room = gettext("{needed} needed on the stick, {free} free");
    let room = fill(&room, &[("needed", &size(offer.room_needed)), ("free", &size(offer.room_free))]);
    let mut facts = vec![
        (gettext("Channel"), offer.channel.clone()),
        // Translators: where an upgrade comes from; before “the project's servers, over Tor”.
        (gettext("From"), origin(offer.source)),
        (gettext("Published"), date(&offer.published)),
        // Translators: when an upgrade was signed; before a date.
        (gettext("Signed"), signed(offer, now)),
        (gettext("Signed by"), offer.signers.join(", ")),
        (gettext("Size"), size(offer.download_size)),
        (gettext("Of that on the stick already"), staged),
        // Translators: how much of it is needed on the stick.
        (gettext("Room"), room),
        (gettext("More to read"), offer.details_url.clone()),
    ];
    facts.retain(|(_, value)| !value.is_empty());
    facts
}

/// How much it fixes, and how bad that was; nothing where the offer does not say.
#[must_use]
pub fn fixed(fixes: &[Fix]) -> Option<String> {
    let counts: Vec<String> =
        by_severity(fixes).map(|(severity, fixes)| number(severity, fixes.len() as u64)).collect();
    let total = fixes.len() as u64;
    let heading = ngettext("Fixes {number} problem: {counts}", "Fixes {number} problems: {counts}", count(total));
    let values = [("number", total.to_string()), ("counts", counts.join(", "))];
    (total > 0).then(|| fill(&heading, &values.each_ref().map(|(name, value)| (*name, value.as_str()))))
}

/// The fixes of each severity that there are any of, the worst first.
pub fn by_severity(fixes: &[Fix]) -> impl Iterator<Item = (Severity, Vec<&Fix>)> {
    Severity::ALL
        .iter()
        .map(|severity| (*severity, fixes.iter().filter(|fix| fix.severity == *severity).collect::<Vec<_>>()))
        .filter(|(_, fixes)| !fixes.is_empty())
}

/// A severity, as a heading.
#[must_use]
pub fn severity(severity: Severity) -> String {
    match severity {
        // Translators: how bad a security hole was, from here on.
        Severity::Critical => gettext("critical"),
        Severity::High => gettext("high"),
        Severity::Medium => gettext("medium"),
        Severity::Low => gettext("low"),
        Severity::Unknown => gettext("of unknown severity"),
    }
}

/// A number of fixes of one severity.
#[must_use]
fn number(severity: Severity, number: u64) -> String {
    let n = count(number);
    let text = match severity {
        Severity::Critical => ngettext("{number} critical", "{number} critical", n),
        Severity::High => ngettext("{number} high", "{number} high", n),
        Severity::Medium => ngettext("{number} medium", "{number} medium", n),
        Severity::Low => ngettext("{number} low", "{number} low", n),
        Severity::Unknown => ngettext("{number} of unknown severity", "{number} of unknown severity", n),
    };
    fill(&text, &[("number", &number.to_string())])
}

/// The release notes in the best language that there is, if there are any.
#[must_use]
pub fn notes<'n>(offer: &'n Offer, languages: &[String]) -> Option<&'n str> {
    locale::choose(&offer.notes, languages).map(str::trim).filter(|notes| !notes.is_empty())
}

/// What is lost and what is not, and what follows.
#[must_use]
pub fn consequences(offer: &Offer) -> Vec<String> {
    let mut consequences = Vec::new();
    if !offer.gives_up.is_empty() {
        let gives_up =
            gettext("To make room, version {version} is removed from the stick: you cannot go back to it any more.");
        consequences.push(fill(&gives_up, &[("version", &offer.gives_up)]));
    }
    consequences.push(gettext("Your Persistent Storage and everything else on the stick are not touched."));
    consequences.push(gettext("The new version is used after a restart."));
    consequences
}

/// What must be known about a kit whose signature is old.
#[must_use]
pub fn old_kit(offer: &Offer, now: Timestamp) -> String {
    let warning = gettext("This file was signed on {signed}. There may be a newer version by now, which fixes more.");
    fill(&warning, &[("signed", &signed(offer, now))])
}

/// The question that follows.
#[must_use]
pub fn old_kit_question(offer: &Offer) -> String {
    fill(&gettext("Install a version signed on {date} all the same?"), &[("date", &date(&offer.signed_on))])
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
