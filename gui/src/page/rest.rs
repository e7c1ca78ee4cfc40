//! Pages of a daemon that has nothing to do, or that is not there.

use gettextrs::gettext;
use sameday_dbus::Snapshot;
use sameday_text::{fill, left_over, versions};

use super::{Action, Away, Story};

/// The daemon does not answer.
pub fn away(away: &Away) -> Story {
    let title =
        if away.lost { gettext("The upgrader stopped unexpectedly") } else { gettext("The upgrader does not answer") };
    let mut paragraphs = Vec::new();
    if !away.why.is_empty() {
        paragraphs.push(away.why.clone());
    }
    paragraphs
        .push(gettext("The stick still starts a whole system. As soon as the upgrader is back, it is shown here."));
    Story {
        icon: "dialog-warning-symbolic",
        title,
        paragraphs,
        actions: vec![Action::Reconnect],
        details: (!away.details.is_empty()).then(|| away.details.clone()),
        help: Some("internal"),
    }
}

/// Nothing was looked for yet.
pub fn idle(snapshot: &Snapshot) -> Story {
    let runs = gettext("This stick runs {running}. Nobody has looked for an upgrade since the computer was started.");
    let story = Story {
        icon: "org.sameday.Upgrader-symbolic",
        title: gettext("Not checked yet"),
        paragraphs: vec![fill(&runs, &[("running", &versions::runs(snapshot))])],
        actions: vec![Action::Check],
        ..Story::default()
    };
    let mut story = story.standing(snapshot);
    story.actions.push(Action::OpenKit);
    story
}

/// Nothing is newer.
pub fn up_to_date(snapshot: &Snapshot) -> Story {
    let story = Story {
        icon: "emblem-ok-symbolic",
        title: gettext("Up to date"),
        paragraphs: vec![versions::newest(snapshot)],
        actions: vec![Action::Check],
        ..Story::default()
    };
    let story = story.standing(snapshot);
    match &snapshot.failure {
        // As far as is known: what stands beside the verdict puts it in doubt.
        Some(failure) => story.failure(failure),
        None => story,
    }
}

/// A download is stopped.
pub fn paused(snapshot: &Snapshot) -> Story {
    let mut story = Story {
        icon: "media-playback-pause-symbolic",
        title: gettext("The download is paused"),
        actions: vec![Action::Resume, Action::Discard],
        help: Some("left-overs"),
        ..Story::default()
    };
    if let Some(failure) = &snapshot.failure {
        story = story.failure(failure);
    }
    story.paragraphs.extend(snapshot.left_over.as_ref().map(left_over));
    story.paragraphs.push(gettext("What is verified stays on the stick, also when the computer is restarted."));
    story
}

/// An earlier download lies on the stick.
pub fn left_overs(snapshot: &Snapshot) -> Story {
    let mut paragraphs: Vec<String> = snapshot.left_over.iter().map(left_over).collect();
    paragraphs.push(gettext("To continue, the upgrade that it belongs to is looked for, and you are asked again."));
    Story {
        icon: "folder-download-symbolic",
        title: gettext("An earlier download was not finished"),
        paragraphs,
        actions: vec![Action::Resume, Action::Discard],
        details: None,
        help: Some("left-overs"),
    }
}

/// Another version starts next.
pub fn restart_pending(snapshot: &Snapshot) -> Story {
    let title = fill(&gettext("{version} is ready"), &[("version", &snapshot.pending_version)]);
    let until = gettext("Until then {running} stays in use, with the security holes that {version} fixes.");
    let newer = snapshot.pending_version != snapshot.previous_version;
    let mut paragraphs = vec![versions::restart_needed(snapshot)];
    if newer {
        let values = [("running", snapshot.running_version.as_str()), ("version", snapshot.pending_version.as_str())];
        paragraphs.push(fill(&until, &values));
    }
    paragraphs.push(gettext("Save your work before you restart."));
    Story {
        icon: "system-reboot-symbolic",
        title,
        paragraphs,
        actions: vec![Action::Later, Action::Restart],
        details: None,
        help: None,
    }
}

/// What was installed last did not come up.
pub fn undone(snapshot: &Snapshot) -> Story {
    let story = Story {
        icon: "edit-undo-symbolic",
        title: gettext("The last upgrade was undone"),
        help: Some("undone"),
        ..Story::default()
    };
    let mut story = story.standing(snapshot);
    story.actions.extend([Action::Check, Action::Report]);
    story
}
