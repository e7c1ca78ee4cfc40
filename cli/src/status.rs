//! `status`, for people.

use gettextrs::gettext;
use sameday_dbus::{Snapshot, State};
use sameday_text::format::size;
use sameday_text::{blockage, fill, progress, state, versions};

use crate::text;

/// A few lines: what is not as the image would have it, what runs, what starts next, what is offered or under way, what failed, what can be
/// done about it.
#[must_use]
pub fn render(snapshot: &Snapshot) -> String {
    let mut lines = text::warnings(snapshot);
    if !lines.is_empty() {
        lines.push(String::new());
    }
    let mut fact = |name: String, value: &str| {
        if !value.is_empty() {
            lines.push(fill(&gettext("{name}: {value}"), &[("name", &name), ("value", value)]));
        }
    };
    fact(gettext("System"), &versions::system(snapshot));
    fact(gettext("Runs"), &versions::runs(snapshot));
    fact(gettext("Came from the channel"), &snapshot.running_channel);
    fact(gettext("Channel"), &snapshot.channel);
    fact(gettext("Starts next"), &snapshot.pending_version);
    fact(gettext("Can go back to"), &snapshot.previous_version);
    fact(gettext("State"), &state(snapshot.state));
    fact(gettext("Kit for this stick"), &snapshot.kit().unwrap_or_default());
    if let Some(offer) = &snapshot.offer {
        let offered = fill(
            &gettext("{version}, {size}, channel {channel}"),
            &[("version", &offer.version), ("size", &size(offer.download_size)), ("channel", &offer.channel)],
        );
        fact(gettext("Offered"), &offered);
    }
    if let Some(shown) = &snapshot.progress {
        if !shown.blockage.is_empty() {
            fact(gettext("Held up"), &blockage(&shown.blockage));
        }
        if shown.total > 0 {
            fact(gettext("Progress"), &progress::done(shown, snapshot.state));
        }
    }
    if let Some(failure) = &snapshot.failure {
        fact(gettext("Why"), &text::told(failure));
    }
    lines.extend(text::standing(snapshot));
    lines.extend(snapshot.left_over.iter().flat_map(text::left_over));
    if snapshot.state == State::RestartPending {
        lines.push(gettext("Restart the computer to use it."));
    }
    lines.join("\n")
}

#[cfg(test)]
#[path = "status/tests.rs"]
mod tests;
