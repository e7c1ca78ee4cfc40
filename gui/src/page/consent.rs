//! The page that asks: all that an offer says, what follows from it, and exactly what is consented to.

use gettextrs::gettext;
use sameday_dbus::{Offer, Origin, Severity, Snapshot};
use sameday_text::{expected, fill, offer as said};

use super::Around;

/// Fixes on the screen: the worst come first, the count tells the rest.
const NAMES: usize = 500;
/// Bytes of the release notes on the screen. Nobody reads more, and laying out more makes a slow computer stop.
const NOTES: usize = 20_000;
/// A charge, in hundredths, with which an old battery may end before the upgrade does.
const LOW: u8 = 20;

/// The page.
#[derive(Debug, Clone, PartialEq)]
pub struct Consent {
    /// The version that is consented to.
    pub version: String,
    /// The digest of the description that was shown.
    pub digest: String,
    /// What is offered.
    pub title: String,
    /// What has to be seen before anything else.
    pub warnings: Vec<String>,
    /// How much it fixes.
    pub fixed: Option<String>,
    /// What it fixes, the worst first.
    pub fixes: Vec<Fixed>,
    /// What is new, as the release says it.
    pub notes: Option<String>,
    /// The facts, each with its name.
    pub facts: Vec<(String, String)>,
    /// What is lost, what is not, what follows.
    pub consequences: Vec<String>,
    /// What has to be confirmed about an old kit.
    pub old: Option<Old>,
}

/// Fixes of one severity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fixed {
    /// How bad it was.
    pub severity: String,
    /// The names, with their CVE ids.
    pub names: String,
}

/// An old kit: its date, what it means, and the question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Old {
    /// Exactly as in the offer.
    pub signed_on: String,
    /// What it means.
    pub warning: String,
    /// The question.
    pub question: String,
}

impl Consent {
    /// The page for an offer.
    pub fn of(offer: &Offer, snapshot: &Snapshot, around: &Around) -> Self {
        let mut facts = said::facts(offer, around.now);
        let room = facts.iter().position(|(name, _)| *name == gettext("Room")).unwrap_or(facts.len());
        facts.insert(room, (gettext("Time"), expected(offer, around.speed)));
        let first = match offer.source {
            // Who vouches for a file is the first thing to be known about it.
            Origin::Kit => [gettext("Signed by"), gettext("Channel"), gettext("Signed")],
            Origin::Repository => [gettext("Size"), gettext("Time"), gettext("Room")],
        };
        facts.sort_by_key(|(name, _)| first.iter().position(|wanted| wanted == name).unwrap_or(first.len()));
        let mut warnings = said::warnings(offer, snapshot);
        warnings.extend(around.battery.and_then(low_battery));
        Self {
            version: offer.version.clone(),
            digest: offer.digest.clone(),
            title: said::title(offer, snapshot),
            warnings,
            fixed: said::fixed(&offer.fixes),
            fixes: fixes(offer),
            notes: said::notes(offer, &around.languages).map(shortened),
            facts,
            consequences: said::consequences(offer),
            old: offer.confirm_signed_on.then(|| Old {
                signed_on: offer.signed_on.clone(),
                warning: said::old_kit(offer, around.now),
                question: said::old_kit_question(offer),
            }),
        }
    }

    /// Whether consent to one is consent to the other.
    pub fn is_the_same_as(&self, other: &Self) -> bool {
        (&self.version, &self.digest, &self.old) == (&other.version, &other.digest, &other.old)
    }
}

fn fixes(offer: &Offer) -> Vec<Fixed> {
    let mut left = NAMES;
    let mut shown = Vec::new();
    for (severity, fixes) in said::by_severity(&offer.fixes) {
        let names: Vec<String> =
            fixes
                .iter()
                .take(left)
                .map(|fix| {
                    if fix.cves.is_empty() {
                        fix.name.clone()
                    } else {
                        format!("{} ({})", fix.name, fix.cves.join(", "))
                    }
                })
                .collect();
        left = left.saturating_sub(names.len());
        if !names.is_empty() {
            shown.push(Fixed { severity: heading(severity), names: names.join("\n") });
        }
    }
    shown
}

fn heading(severity: Severity) -> String {
    said::severity(severity)
}

fn shortened(notes: &str) -> String {
    let short = sameday_text::short(notes, NOTES);
    if short.len() == notes.len() { notes.to_owned() } else { format!("{short}\n{}", gettext("(shortened)")) }
}

/// What to be told about a battery, if it is low.
pub fn low_battery(charge: u8) -> Option<String> {
    let text = gettext("The battery is at {percent} %. Plug the computer in, so that it does not run out on the way.");
    (charge < LOW).then(|| fill(&text, &[("percent", &charge.to_string())]))
}
