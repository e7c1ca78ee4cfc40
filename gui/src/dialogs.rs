//! Questions and answers in windows of their own. Whatever is asked, Enter, Escape and closing are the answer that changes nothing.

use std::cell::Cell;

use adw::prelude::*;
use gettextrs::gettext;
use sameday_dbus::{MethodError, Snapshot};
use sameday_text::{fill, versions};
use tokio::sync::oneshot;

use crate::daemon::Refused;
use crate::page::Old;
use crate::window::Window;

/// The answer that changes nothing.
const NO: &str = "no";
/// The other one.
const YES: &str = "yes";

/// Whether an old kit shall be installed, its date being known.
pub async fn old_kit(window: &Window, old: &Old) -> bool {
    let no = gettext("_Cancel");
    // Translators: button; installs a version although it was signed long ago.
    let yes = gettext("_Install All the Same");
    ask(window, &old.question, &old.warning, &no, &yes).await
}

/// Whether to give up what was downloaded.
pub async fn cancel(window: &Window) -> bool {
    let what = gettext("What was downloaded is removed from the stick. The system on it is not changed.");
    // Translators: buttons that answer “Cancel the upgrade?”.
    let (no, yes) = (gettext("_Keep Going"), gettext("_Cancel the Upgrade"));
    ask(window, &gettext("Cancel the upgrade?"), &what, &no, &yes).await
}

/// Whether to go back, its cost being known.
pub async fn go_back(window: &Window, snapshot: &Snapshot) -> bool {
    let [goes, holes] = versions::going_back(snapshot);
    let administrator = gettext("An administrator is needed for this.");
    let question = fill(&gettext("Go back to {version}?"), &[("version", &snapshot.previous_version)]);
    let body = [holes, goes, administrator].join("\n\n");
    ask(window, &question, &body, &gettext("_Cancel"), &gettext("_Go Back")).await
}

async fn ask(window: &Window, question: &str, body: &str, no: &str, yes: &str) -> bool {
    let dialog = adw::MessageDialog::new(Some(window), Some(question), Some(body));
    dialog.add_response(NO, no);
    dialog.add_response(YES, yes);
    dialog.set_response_appearance(YES, adw::ResponseAppearance::Destructive);
    dialog.set_default_response(Some(NO));
    dialog.set_close_response(NO);
    let (tell, told) = oneshot::channel();
    let tell = Cell::new(Some(tell));
    dialog.connect_response(None, move |_, response| {
        if let Some(tell) = tell.take()
            && tell.send(response == YES).is_err()
        {
            tracing::debug!("nobody waits for the answer");
        }
    });
    dialog.present();
    // A window that goes without an answer has said nothing.
    told.await.unwrap_or(false)
}

/// The daemon, or logind, said no.
pub fn refused(window: &Window, refused: &Refused) {
    let (body, details, topic) = match refused {
        Refused::Call(MethodError::Failure(failure)) => {
            (sameday_text::failure(failure), failure.to_string(), Some(failure.kind.code()))
        }
        Refused::Call(MethodError::Bus(error)) => (
            sameday_text::bus(error),
            sameday_dbus::text::line(&error.to_string(), sameday_dbus::text::LINE),
            Some("internal"),
        ),
        Refused::Restart(details) => (versions::restart_by_hand(), details.clone(), None),
    };
    let body = format!("{body}\n\n{}", fill(&gettext("({details})"), &[("details", &details)]));
    // Translators: heading of a message about something that the user asked for and that was refused.
    let dialog = tell_with(window, &gettext("This was not done"), &body);
    if let Some(topic) = topic {
        dialog.add_response(YES, &gettext("What This _Means"));
        let window = window.clone();
        dialog.connect_response(Some(YES), move |_, _| window.show_help(Some(topic)));
    }
    dialog.present();
}

/// Tells something.
pub fn tell(window: &Window, heading: &str, body: &str) {
    tell_with(window, heading, body).present();
}

fn tell_with(window: &Window, heading: &str, body: &str) -> adw::MessageDialog {
    let dialog = adw::MessageDialog::new(Some(window), Some(heading), Some(body));
    dialog.add_response(NO, &gettext("_Close"));
    dialog.set_default_response(Some(NO));
    dialog.set_close_response(NO);
    dialog
}
