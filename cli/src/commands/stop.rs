//! `cancel`, `pause` and `discard`: stopping, with or without keeping what there is.

use gettextrs::gettext;
use sameday_dbus::{MethodError, Snapshot, State};

use super::{End, Looked, restart_needed};
use crate::client::{Client, Ended};
use crate::console::Console;
use crate::outcome::Outcome;

/// Stops what is under way, whatever that is.
pub async fn cancel(client: &Client, console: &mut Console) -> End {
    let done = gettext("Cancelled. The system on the stick is as it was.");
    let too_late = gettext("It was too late to cancel.");
    stop(client, console, client.upgrader.cancel(), |_| true, &done, &too_late).await
}

/// Stops a download and keeps what is verified.
pub async fn pause(client: &Client, console: &mut Console) -> End {
    let done = gettext(
        "Paused. What is verified stays on the stick, also when the computer is restarted. To go on: sameday resume",
    );
    let too_late = gettext("It was too late to pause.");
    stop(client, console, client.upgrader.pause(), |state| state == State::Paused, &done, &too_late).await
}

/// Removes what a stopped download left.
pub async fn discard(client: &Client, console: &mut Console) -> End {
    let done = gettext("Removed. The room is free again, and the system on the stick is as it was.");
    let too_late = gettext("It was too late to remove anything.");
    stop(client, console, client.upgrader.discard(), |_| true, &done, &too_late).await
}

/// Asks, follows that to its end, and tells it. `right` tells the end that was asked for.
async fn stop(
    client: &Client,
    console: &mut Console,
    call: impl Future<Output = Result<(), MethodError>>,
    right: impl Fn(State) -> bool,
    done: &str,
    too_late: &str,
) -> End {
    let ended = client.follow(console, call).await?;
    let Ended { snapshot: Snapshot { state, .. }, .. } = ended;
    match state {
        State::RestartPending => {
            console.complain(too_late);
            restart_needed(console, &ended.snapshot);
            Ok(Outcome::Failed)
        }
        state if state.is_busy() => {
            console.say(&gettext("The upgrader goes on by itself; “sameday status” shows how far it is."));
            Ok(Outcome::Failed)
        }
        state if state != State::Failed && right(state) => {
            console.say(done);
            Ok(Outcome::Done)
        }
        _ => {
            let outcome = Looked { snapshot: ended.snapshot, interrupted: false }.tell(console);
            Ok(if outcome == Outcome::Done { Outcome::Failed } else { outcome })
        }
    }
}
