//! `install FILE.kit`: hands the open file to the daemon, which reads it nowhere but through its unprivileged reader.

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::path::Path;

use gettextrs::gettext;
use sameday_dbus::State;

use super::{End, Looked, upgrade};
use crate::args::Install;
use crate::client::Client;
use crate::console::Console;
use crate::outcome::Outcome;
use crate::text::fill;

/// Opens the file, shows what is in it, asks, installs.
pub async fn run(client: &Client, console: &mut Console, install: &Install) -> End {
    let file = match open(&install.file) {
        Ok(file) => file,
        Err(error) => {
            let name = install.file.display().to_string();
            let name = sameday_dbus::text::line(&name, sameday_dbus::text::LINE);
            let text = gettext("{file} cannot be opened: {error}");
            console.complain(&fill(&text, &[("file", &name), ("error", &error.to_string())]));
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
            console.say(&gettext("The file holds nothing newer than what runs."));
            Ok(looked.outcome())
        }
        _ => Ok(looked.tell(console)),
    }
}

/// A regular file only: opening a pipe or a device may wait for ever.
fn open(path: &Path) -> io::Result<File> {
    if !path.metadata()?.is_file() {
        return Err(io::Error::other(gettext("it is not a regular file")));
    }
    File::open(path)
}
