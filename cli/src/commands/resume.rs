//! `resume`: goes on with a download that was paused, under the consent that was given; or with one that was abandoned, after a check, an
//! offer and consent as ever.

use gettextrs::gettext;
use sameday_dbus::{Snapshot, State};

use super::{End, Looked, upgrade};
use crate::args::Consent;
use crate::client::Client;
use crate::console::Console;
use crate::text;

/// Goes on.
pub async fn run(client: &Client, console: &mut Console, wanted: &Consent) -> End {
    let snapshot = client.snapshot().await?;
    match (snapshot.state, &snapshot.left_over) {
        (State::LeftOvers, _) => abandoned(client, console, wanted, &snapshot).await,
        // Somebody has looked for upgrades since: the offer that there is counts what lies on the stick, or there is none any more.
        (State::Idle | State::UpToDate | State::Available | State::Manual | State::Undone | State::Failed, Some(_)) => {
            upgrade::run(client, console, wanted).await
        }
        (State::Paused, _) => paused(client, console, wanted).await,
        // Nothing to go on with, or somebody has gone on already: the daemon knows.
        _ => go_on(client, console, wanted).await,
    }
}

/// Goes on with what was consented to before it was paused.
pub async fn paused(client: &Client, console: &mut Console, wanted: &Consent) -> End {
    upgrade::hint(console);
    go_on(client, console, wanted).await
}

async fn go_on(client: &Client, console: &mut Console, wanted: &Consent) -> End {
    let ended = client.follow(console, client.upgrader.resume()).await?;
    upgrade::installed(client, console, wanted, ended).await
}

/// Looks for the upgrade that an abandoned download belongs to, and asks as if nothing were there of it.
pub async fn abandoned(client: &Client, console: &mut Console, wanted: &Consent, snapshot: &Snapshot) -> End {
    console.say(&snapshot.left_over.iter().flat_map(text::left_over).collect::<Vec<_>>().join("\n"));
    console.say(&gettext("Looking for the upgrade that it belongs to."));
    let looked = Looked::from(client.follow(console, client.upgrader.resume()).await?);
    upgrade::offered(client, console, wanted, looked).await
}
