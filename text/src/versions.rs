//! Sentences about versions: which runs, which starts next, and what going back costs.

use gettextrs::gettext;
use sameday_dbus::Snapshot;

use crate::fill;

/// What this system is.
#[must_use]
pub fn system(snapshot: &Snapshot) -> String {
    format!("{} {}", snapshot.product, snapshot.architecture).trim().to_owned()
}

/// What runs, and with what the stick began.
#[must_use]
pub fn runs(snapshot: &Snapshot) -> String {
    if snapshot.initial_version.is_empty() || snapshot.initial_version == snapshot.running_version {
        return snapshot.running_version.clone();
    }
    let text = gettext("{running} (first installed: {initial})");
    fill(&text, &[("running", &snapshot.running_version), ("initial", &snapshot.initial_version)])
}

/// Nothing is newer.
#[must_use]
pub fn newest(snapshot: &Snapshot) -> String {
    fill(&gettext("{running} is the newest version."), &[("running", &snapshot.running_version)])
}

/// Another version waits for a restart.
#[must_use]
pub fn restart_needed(snapshot: &Snapshot) -> String {
    let text = gettext("{version} starts next. Restart the computer to use it.");
    fill(&text, &[("version", &snapshot.pending_version)])
}

/// logind could not, or would not.
#[must_use]
pub fn restart_by_hand() -> String {
    gettext("The computer could not be restarted. Restart it by hand to use the upgrade.")
}

/// What going back to the version that is kept does, and what it costs.
#[must_use]
pub fn going_back(snapshot: &Snapshot) -> [String; 2] {
    let running = snapshot.running_version.as_str();
    let previous = snapshot.previous_version.as_str();
    let sentences = if previous == running {
        [
            gettext(
                "{other} starts next instead of {previous}, which runs. Going back means that {previous} stays in use.",
            ),
            gettext("If {other} is the newer one, {previous} has known security holes that it fixes."),
        ]
    } else {
        [
            gettext("{previous} starts next instead of {running}. Nothing is downloaded, and both stay on the stick."),
            gettext("{previous} has known security holes that {running} fixes. Use it no longer than you must."),
        ]
    };
    let values = [("running", running), ("previous", previous), ("other", snapshot.standing_version.as_str())];
    sentences.map(|sentence| fill(&sentence, &values))
}
