//! The commands: what each asks, and how it ends.

mod channel;
mod help;
mod install;
mod resume;
mod stop;
mod upgrade;
mod versions;

use gettextrs::gettext;
use sameday_dbus::logind::ManagerProxy;
use sameday_dbus::{ErrorKind, Failure, MethodError, Snapshot, State};
use sameday_text::{failure, fill, locale, state, versions as said};

use crate::args::{Args, Command};
use crate::client::{Client, Trouble};
use crate::console::Console;
use crate::outcome::Outcome;

use crate::{consent, json, status, text};

pub use help::run as help;

type End = Result<Outcome, Trouble>;

/// Carries out what the command line says.
pub async fn run(client: &Client, console: &mut Console, args: Args) -> Outcome {
    let end = match args.command {
        Command::Status(format) => status(client, console, format.json).await,
        Command::Check(format) => check(client, console, format.json).await,
        Command::Upgrade(consent) => upgrade::run(client, console, &consent).await,
        Command::Install(install) => install::run(client, console, &install).await,
        Command::Cancel => stop::cancel(client, console).await,
        Command::Pause => stop::pause(client, console).await,
        Command::Resume(consent) => resume::run(client, console, &consent).await,
        Command::Discard => stop::discard(client, console).await,
        Command::Rollback(rollback) => versions::rollback(client, console, rollback.yes).await,
        Command::TryAgain => versions::try_again(client, console).await,
        Command::Channel(wanted) => channel::run(client, console, &wanted).await,
        Command::Report => report(client, console).await,
        Command::Help(wanted) => Ok(help(console, &wanted)),
    };
    end.unwrap_or_else(|trouble| {
        if let Some(told) = nothing_to_do(&trouble) {
            console.say(&failure(told));
            return Outcome::Nothing;
        }
        console.complain(&text::trouble(&trouble));
        match &trouble {
            Trouble::Call(MethodError::Failure(failure)) => failure.into(),
            Trouble::Call(MethodError::Bus(_)) | Trouble::DaemonGone => Outcome::Failed,
        }
    })
}

async fn status(client: &Client, console: &mut Console, as_json: bool) -> End {
    let snapshot = client.snapshot().await?;
    if as_json {
        return Ok(say_json(console, &snapshot, Outcome::Done));
    }
    console.say(&status::render(&snapshot));
    Ok(Outcome::Done)
}

/// There is nothing that could be stopped, continued or changed: the answer to a question, and no failure.
fn nothing_to_do(trouble: &Trouble) -> Option<&Failure> {
    match trouble {
        Trouble::Call(MethodError::Failure(failure))
            if failure.kind == ErrorKind::BadRequest && failure.reason.starts_with("nothing-to-") =>
        {
            Some(failure)
        }
        _ => None,
    }
}

async fn report(client: &Client, console: &mut Console) -> End {
    for line in client.upgrader.report().await? {
        console.say(&sameday_dbus::text::line(&line, sameday_dbus::text::LINE));
    }
    Ok(Outcome::Done)
}

fn say_json(console: &mut Console, snapshot: &Snapshot, outcome: Outcome) -> Outcome {
    match json::render(snapshot) {
        Ok(line) => {
            console.say(&line);
            outcome
        }
        Err(error) => {
            console.complain(&error.to_string());
            Outcome::Failed
        }
    }
}

async fn check(client: &Client, console: &mut Console, as_json: bool) -> End {
    if as_json {
        let mut quiet = Console::quiet();
        return match look(client, &mut quiet).await {
            Ok(looked) => Ok(say_json(console, &looked.snapshot, looked.outcome())),
            Err(Trouble::Call(MethodError::Failure(failure))) => {
                let outcome = Outcome::from(&failure);
                Ok(say_json(console, &Snapshot { failure: Some(failure), ..client.snapshot().await? }, outcome))
            }
            Err(trouble) => Err(trouble),
        };
    }
    let looked = look(client, console).await?;
    match (looked.snapshot.state, &looked.snapshot.offer) {
        (State::Available, Some(offer)) if !looked.interrupted => {
            console.say(&shown(offer, &looked.snapshot));
            console.say("");
            console.say(&gettext("To install it: sameday upgrade"));
            Ok(Outcome::Done)
        }
        _ => Ok(looked.tell(console)),
    }
}

/// The text of an offer, in the language and at the time of this computer.
fn shown(offer: &sameday_dbus::Offer, snapshot: &Snapshot) -> String {
    let languages = locale::preferred(|name| std::env::var(name).ok());
    consent::render(offer, snapshot, &languages, jiff::Timestamp::now())
}

/// Where looking for something ended.
struct Looked {
    snapshot: Snapshot,
    interrupted: bool,
}

impl From<crate::client::Ended> for Looked {
    fn from(ended: crate::client::Ended) -> Self {
        Self { snapshot: ended.snapshot, interrupted: ended.interrupted }
    }
}

impl Looked {
    fn outcome(&self) -> Outcome {
        match self.snapshot.state {
            _ if self.interrupted => Outcome::Failed,
            State::Available if self.snapshot.offer.is_some() => Outcome::Done,
            State::RestartPending => Outcome::Nothing,
            // Up to date, as far as is known: a failure beside it says that this is in doubt.
            State::UpToDate => self.snapshot.failure.as_ref().map_or(Outcome::Nothing, Outcome::from),
            State::Manual => Outcome::NotOffered,
            _ => self.snapshot.failure.as_ref().map_or(Outcome::Failed, Outcome::from),
        }
    }

    /// Tells how it ended where there is no offer to show.
    fn tell(&self, console: &mut Console) -> Outcome {
        match (self.snapshot.state, &self.snapshot.failure) {
            _ if self.interrupted => console.say(&gettext("Stopped.")),
            (State::UpToDate, None) => {
                console.say(&said::newest(&self.snapshot));
            }
            (State::RestartPending, _) => restart_needed(console, &self.snapshot),
            (_, Some(failure)) => {
                console.complain(&text::told(failure));
            }
            (other, None) => console.say(&fill(&gettext("State: {state}"), &[("state", &state(other))])),
        }
        self.outcome()
    }
}

fn restart_needed(console: &mut Console, snapshot: &Snapshot) {
    console.say(&said::restart_needed(snapshot));
}

/// Looks for an upgrade in the repository, or joins whoever is looking. Not while an installation is under way.
async fn look(client: &Client, console: &mut Console) -> Result<Looked, Trouble> {
    let snapshot = client.snapshot().await?;
    if snapshot.state == State::RestartPending {
        return Ok(Looked { snapshot, interrupted: false });
    }
    Ok(client.follow(console, client.upgrader.check()).await?.into())
}

/// Restarts the computer if that was asked for.
async fn restart(client: &Client, console: &mut Console, wanted: bool) -> End {
    if wanted {
        let manager = ManagerProxy::new(client.connection()).await?;
        if let Err(error) = manager.reboot(true).await {
            console.complain(&said::restart_by_hand());
            console.complain(&sameday_dbus::text::line(&error.to_string(), sameday_dbus::text::LINE));
            return Ok(Outcome::Failed);
        }
        console.say(&gettext("Restarting."));
    }
    Ok(Outcome::Done)
}
