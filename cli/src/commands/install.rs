//! `install FILE.kit`: hands the open file to the daemon, which reads it nowhere but through its unprivileged reader.

use std::os::fd::AsFd as _;

use sameday_dbus::State;
use sameday_text::kit;

use super::{End, Looked, upgrade};
use crate::args::Install;
use crate::client::Client;
use crate::console::Console;
use crate::outcome::Outcome;

/// Opens the file, shows what is in it, asks, installs.
pub async fn run(client: &Client, console: &mut Console, install: &Install) -> End {
    let file = match kit::open(&install.file) {
        Ok(file) => file,
        Err(why) => {
            console.complain(&why);
            return Ok(Outcome::Usage);
        }
    };
    let open_kit = client.upgrader.open_kit(file.as_fd().into());
    let looked = Looked::from(client.follow(console, open_kit).await?);
    match (looked.snapshot.state, &looked.snapshot.offer) {
        (State::Available, Some(offer)) if !looked.interrupted => {
            let signed_on = install.signed_on.as_deref();
            upgrade::ask(client, console, &install.consent, signed_on, &looked.snapshot, offer).await
        }
        (State::UpToDate, _) if !looked.interrupted => {
            console.say(&kit::nothing_newer());
            Ok(looked.outcome())
        }
        _ => Ok(looked.tell(console)),
    }
}
