//! Pages of what went wrong, and of what this stick cannot do by itself.

use gettextrs::gettext;
use sameday_dbus::{ErrorKind, Failure, Snapshot};
use sameday_text::{fill, help};

use super::{Action, Story};

/// There is something newer, which this stick cannot take by itself.
pub fn manual(snapshot: &Snapshot) -> Story {
    let mut story = told(snapshot, "dialog-warning-symbolic");
    let open =
        gettext("Until you have upgraded, this stick runs {running}, with the security holes that newer versions fix.");
    story.paragraphs.push(fill(&open, &[("running", &snapshot.running_version)]));
    story.actions = vec![Action::CheckAgain];
    story.standing(snapshot)
}

/// The last attempt failed.
pub fn failed(snapshot: &Snapshot) -> Story {
    let mut story = told(snapshot, "dialog-warning-symbolic");
    story.actions =
        snapshot.failure.as_ref().map_or_else(|| vec![Action::CheckAgain], |failure| what_helps(failure.kind));
    story.standing(snapshot)
}

fn told(snapshot: &Snapshot, icon: &'static str) -> Story {
    let unknown = Failure::new(ErrorKind::Internal, "unknown");
    let failure = snapshot.failure.as_ref().unwrap_or(&unknown);
    let title = help::title(failure.kind.code()).unwrap_or_default();
    Story { icon, title, ..Story::default() }.failure(failure)
}

/// What the user can do here and now; the sentences tell the rest.
fn what_helps(kind: ErrorKind) -> Vec<Action> {
    match kind {
        ErrorKind::TorBlocked | ErrorKind::NotConfigured | ErrorKind::Server => {
            vec![Action::CheckAgain, Action::OpenKit]
        }
        ErrorKind::KitUnreadable => vec![Action::OpenKit, Action::Check],
        ErrorKind::KitWrong => vec![Action::WhichKit, Action::OpenKit, Action::Check],
        ErrorKind::NotVerified | ErrorKind::StickFailed | ErrorKind::Internal => {
            vec![Action::CheckAgain, Action::Report]
        }
        _ => vec![Action::CheckAgain],
    }
}
