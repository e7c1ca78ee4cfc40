//! `status`, for people.

use gettextrs::gettext;
use sameday_dbus::{Snapshot, State};

use crate::format::size;
use crate::text::{self, fill};

/// A few lines: what runs, what starts next, what is offered or under way, what failed.
#[must_use]
pub fn render(snapshot: &Snapshot) -> String {
    let mut lines = Vec::new();
    let mut fact = |name: String, value: &str| {
        if !value.is_empty() {
            lines.push(fill(&gettext("{name}: {value}"), &[("name", &name), ("value", value)]));
        }
    };
    fact(gettext("System"), &system(snapshot));
    fact(gettext("Runs"), &runs(snapshot));
    fact(gettext("Channel"), &snapshot.channel);
    fact(gettext("Starts next"), &snapshot.pending_version);
    fact(gettext("State"), &text::state(snapshot.state));
    fact(gettext("Kit for this stick"), &snapshot.kit().unwrap_or_default());
    if let Some(offer) = &snapshot.offer {
        let offered = fill(
            &gettext("{version}, {size}, channel {channel}"),
            &[("version", &offer.version), ("size", &size(offer.download_size)), ("channel", &offer.channel)],
        );
        fact(gettext("Offered"), &offered);
    }
    if let Some(progress) = snapshot.progress.as_ref().filter(|progress| progress.total > 0) {
        let done = fill(
            &gettext("{phase}: {bytes} of {total}"),
            &[
                ("phase", &text::under_way(&progress.phase, snapshot.state)),
                ("bytes", &size(progress.bytes)),
                ("total", &size(progress.total)),
            ],
        );
        fact(gettext("Progress"), &done);
    }
    if let Some(failure) = &snapshot.failure {
        fact(gettext("Why"), &text::failure(failure));
        lines.push(text::details(failure));
    }
    if snapshot.state == State::RestartPending {
        lines.push(gettext("Restart the computer to use it."));
    }
    lines.join("\n")
}

fn system(snapshot: &Snapshot) -> String {
    format!("{} {}", snapshot.product, snapshot.architecture).trim().to_owned()
}

fn runs(snapshot: &Snapshot) -> String {
    if snapshot.initial_version.is_empty() || snapshot.initial_version == snapshot.running_version {
        return snapshot.running_version.clone();
    }
    let text = gettext("{running} (first installed: {initial})");
    fill(&text, &[("running", &snapshot.running_version), ("initial", &snapshot.initial_version)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use sameday_dbus::{ErrorKind, Failure, Offer, Progress};

    fn snapshot(state: State) -> Snapshot {
        Snapshot {
            state,
            offer: None,
            progress: None,
            failure: None,
            product: "demo".into(),
            architecture: "amd64".into(),
            channel: "stable".into(),
            running_version: "1.1".into(),
            initial_version: "1.0".into(),
            pending_version: String::new(),
        }
    }

    #[test]
    fn the_status_tells_what_runs_and_what_starts_next() {
        let pending = Snapshot { pending_version: "1.2".into(), ..snapshot(State::RestartPending) };
        let expected = "\
System: demo amd64
Runs: 1.1 (first installed: 1.0)
Channel: stable
Starts next: 1.2
State: an upgrade is installed and used after a restart
Kit for this stick: demo-amd64-stable-from-1.0.kit
Restart the computer to use it.";
        assert_eq!(render(&pending), expected);
    }

    #[test]
    fn the_status_tells_how_far_it_is_and_what_failed() {
        let progress = Progress {
            phase: "downloading".into(),
            bytes: 1_000_000,
            total: 2_000_000,
            seconds_left: None,
            ..Progress::default()
        };
        let offer =
            Offer { version: "1.2".into(), channel: "stable".into(), download_size: 2_000_000, ..Offer::default() };
        let busy = Snapshot { progress: Some(progress), offer: Some(offer), ..snapshot(State::Downloading) };
        let text = render(&busy);
        assert!(
            text.contains("Offered: 1.2, 2.0 MB, channel stable\nProgress: Downloading: 1.0 MB of 2.0 MB"),
            "{text}"
        );
        let failed = Snapshot { failure: Some(Failure::new(ErrorKind::Server, "closed")), ..snapshot(State::Failed) };
        assert!(render(&failed).ends_with("Try again later.\n(server closed)"));
    }
}
