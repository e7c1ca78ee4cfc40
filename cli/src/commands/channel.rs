//! `channel`: where upgrades are looked for. Looking elsewhere is for testers, needs an administrator, and ends with the next start.

use gettextrs::gettext;
use sameday_dbus::{Dictionary, OPTION_BASE_URLS, Snapshot, State};
use sameday_text::{chosen_by, failure, fill};
use zbus::{OwnedVariant, Variant};

use super::End;
use crate::args::Channel;
use crate::client::{Client, Trouble};
use crate::console::Console;
use crate::outcome::Outcome;
use crate::text;

/// Shows it, after changing it if that is wanted.
pub async fn run(client: &Client, console: &mut Console, wanted: &Channel) -> End {
    let mut snapshot = client.snapshot().await?;
    if wanted.reset {
        snapshot = look_at(client, console, "", &Dictionary::new()).await?;
    } else if wanted.name.is_some() || !wanted.base_urls.is_empty() {
        // Other servers alone serve the channel that is looked at now.
        let channel = wanted.name.clone().unwrap_or_else(|| looked_at(&snapshot).to_owned());
        let mut options = Dictionary::new();
        if !wanted.base_urls.is_empty() {
            let urls = OwnedVariant::try_from(Variant::from(wanted.base_urls.clone()))?;
            options.insert(OPTION_BASE_URLS.to_owned(), urls);
        }
        snapshot = look_at(client, console, &channel, &options).await?;
    }
    if let Some(told) = snapshot.failure.as_ref().filter(|_| snapshot.state == State::Failed) {
        console.complain(&failure(told));
        return Ok(told.into());
    }
    console.say(&render(&snapshot));
    Ok(Outcome::Done)
}

/// Begins it, and waits until it is so.
async fn look_at(
    client: &Client,
    console: &mut Console,
    channel: &str,
    options: &Dictionary,
) -> Result<Snapshot, Trouble> {
    Ok(client.follow(console, client.upgrader.look_at(channel, options)).await?.snapshot)
}

fn looked_at(snapshot: &Snapshot) -> &str {
    let looking = snapshot.looking.channel.as_str();
    if looking.is_empty() { &snapshot.channel } else { looking }
}

/// What is not as the image would have it first, then all of it.
fn render(snapshot: &Snapshot) -> String {
    let mut lines = text::warnings(snapshot);
    if !lines.is_empty() {
        lines.push(String::new());
    }
    let servers = match snapshot.looking.base_urls.as_slice() {
        [] => gettext("this system's own"),
        urls => urls.join(", "),
    };
    for (name, value) in [
        (gettext("Looks for upgrades in the channel"), looked_at(snapshot)),
        (gettext("At the servers"), servers.as_str()),
        (gettext("Chosen by"), chosen_by(snapshot.looking.chosen_by).as_str()),
        (gettext("This system's own channel"), snapshot.channel.as_str()),
        (gettext("What runs came from the channel"), snapshot.running_channel.as_str()),
    ] {
        if !value.is_empty() {
            lines.push(fill(&gettext("{name}: {value}"), &[("name", &name), ("value", value)]));
        }
    }
    lines.join("\n")
}
