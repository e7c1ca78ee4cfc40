//! `rollback` and `try-again`: which of the versions on the stick starts next, without any download.

use gettextrs::gettext;
use sameday_dbus::{MethodError, Snapshot, Standing, State};
use sameday_text::{fill, versions};

use super::{End, Looked, restart_needed};
use crate::client::Client;
use crate::console::Console;
use crate::outcome::Outcome;

/// Shows the version that is kept and what going back to it means, asks, and goes back to that version and no other.
pub async fn rollback(client: &Client, console: &mut Console, yes: bool) -> End {
    let snapshot = client.snapshot().await?;
    let previous = snapshot.previous_version.as_str();
    if previous.is_empty() {
        console.say(&gettext("There is no earlier version on the stick to go back to."));
        return Ok(Outcome::Nothing);
    }
    console.say(&what_it_means(&snapshot));
    console.say("");
    if !yes && !console.interactive() {
        console.complain(&gettext("Nobody is there to be asked. To go back without a question, add --yes."));
        return Ok(Outcome::Usage);
    }
    let question = fill(&gettext("Go back to {version}?"), &[("version", previous)]);
    if !yes && !console.confirm(&question) {
        console.say(&gettext("Nothing was changed."));
        return Ok(Outcome::Failed);
    }
    switch(client, console, client.upgrader.rollback(previous), previous).await
}

fn what_it_means(snapshot: &Snapshot) -> String {
    let [goes, holes] = versions::going_back(snapshot);
    format!("{goes}\n*** {holes} ***")
}

/// Gives the version that was undone or gone back from its tries again.
pub async fn try_again(client: &Client, console: &mut Console) -> End {
    let snapshot = client.snapshot().await?;
    let (version, again) = (snapshot.standing_version.as_str(), snapshot.again_version.as_str());
    match snapshot.standing {
        _ if !again.is_empty() => switch(client, console, client.upgrader.try_again(again), again).await,
        Standing::Undone => {
            console
                .say(&gettext("The version that did not come up is not whole any more, or not newer than what runs."));
            Ok(Outcome::Nothing)
        }
        Standing::ByHand | Standing::RestartPending if !version.is_empty() => {
            let text = gettext("{version} starts at the next start of the computer anyway.");
            console.say(&fill(&text, &[("version", version)]));
            Ok(Outcome::Nothing)
        }
        _ => {
            console.say(&gettext("No version was undone or gone back from."));
            Ok(Outcome::Nothing)
        }
    }
}

/// Asks, follows that to its end, and tells which version starts next.
async fn switch(
    client: &Client,
    console: &mut Console,
    call: impl Future<Output = Result<(), MethodError>>,
    to: &str,
) -> End {
    let ended = client.follow(console, call).await?;
    let snapshot = &ended.snapshot;
    match snapshot.state {
        State::RestartPending => {
            restart_needed(console, snapshot);
            Ok(Outcome::Done)
        }
        // Gone back to what runs: there is nothing to restart for.
        state if !state.is_busy() && state != State::Failed && snapshot.running_version == to => {
            console.say(&fill(&gettext("{version} stays in use."), &[("version", to)]));
            Ok(Outcome::Done)
        }
        state if state.is_busy() => {
            console.say(&gettext("The upgrader goes on by itself; “sameday status” shows how far it is."));
            Ok(Outcome::Failed)
        }
        _ => {
            let outcome = Looked { snapshot: ended.snapshot, interrupted: false }.tell(console);
            Ok(if outcome == Outcome::Done { Outcome::Failed } else { outcome })
        }
    }
}
