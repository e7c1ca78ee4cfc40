//! `upgrade`: an offer, the user's consent, and the installation followed to its end.

use gettextrs::gettext;
use sameday_dbus::{Dictionary, ErrorKind, Failure, OPTION_SIGNED_ON, Offer, Origin, Snapshot, State};
use sameday_text::format::date;
use sameday_text::{failure, fill, offer as said};
use zbus::OwnedVariant;

use super::{End, Looked, look, restart, restart_needed, resume, shown};
use crate::args::Consent;
use crate::client::{Client, Ended};
use crate::console::Console;
use crate::outcome::Outcome;
use crate::text;

/// Checks unless an upgrade is offered already, asks, installs. Goes on with what an earlier download left.
pub async fn run(client: &Client, console: &mut Console, wanted: &Consent) -> End {
    let snapshot = client.snapshot().await?;
    match (snapshot.state, &snapshot.offer) {
        (State::Downloading | State::Pausing | State::Applying | State::Cancelling, _) => {
            join(client, console, wanted).await
        }
        (State::RestartPending, _) if wanted.restart => restart(client, console, true).await,
        (State::Paused, _) => paused(client, console, wanted, &snapshot).await,
        (State::LeftOvers, _) => resume::abandoned(client, console, wanted, &snapshot).await,
        (State::Available, Some(offer)) if offer.source == Origin::Repository => {
            ask(client, console, wanted, None, &snapshot, offer).await
        }
        _ => {
            let looked = look(client, console).await?;
            offered(client, console, wanted, looked).await
        }
    }
}

/// Asks about what was found, or tells why there is nothing to ask about.
pub async fn offered(client: &Client, console: &mut Console, wanted: &Consent, looked: Looked) -> End {
    match (looked.snapshot.state, &looked.snapshot.offer) {
        (State::Available, Some(offer)) if !looked.interrupted => {
            ask(client, console, wanted, None, &looked.snapshot, offer).await
        }
        _ => Ok(looked.tell(console)),
    }
}

/// A download is paused: offers to go on with it, as consented to.
async fn paused(client: &Client, console: &mut Console, wanted: &Consent, snapshot: &Snapshot) -> End {
    let version = snapshot.offer.as_ref().map_or("", |offer| offer.version.as_str());
    console.say(&fill(&gettext("The download of {version} is paused."), &[("version", version)]));
    if let Some(why) = &snapshot.failure {
        console.say(&failure(why));
    }
    if !wanted.yes && !console.interactive() {
        console.complain(&gettext("Nobody is there to be asked. To go on without a question: sameday resume"));
        return Ok(Outcome::Usage);
    }
    if !wanted.yes && !console.confirm(&fill(&gettext("Go on with {version} now?"), &[("version", version)])) {
        console.say(&gettext("It stays paused. To remove what it left on the stick: sameday discard"));
        return Ok(Outcome::Failed);
    }
    resume::paused(client, console, wanted).await
}

/// How to stop, said while it can still be read.
pub fn hint(console: &mut Console) {
    console.say(&gettext(
        "Ctrl-C cancels and gives the room back. To stop now and go on later, type “sameday pause” in another terminal.",
    ));
}

/// Somebody has consented already: shows how that goes on.
async fn join(client: &Client, console: &mut Console, wanted: &Consent) -> End {
    console.say(&gettext("An upgrade is being installed already."));
    let ended = client.follow(console, async { Ok(()) }).await?;
    installed(client, console, wanted, ended).await
}

/// Shows the offer and asks for consent; installs what was shown, and nothing else. `--yes` is consent to what is newest, not to a kit that
/// was signed long ago: that needs its date, typed (`signed_on`) or confirmed.
pub async fn ask(
    client: &Client,
    console: &mut Console,
    wanted: &Consent,
    signed_on: Option<&str>,
    snapshot: &Snapshot,
    offer: &Offer,
) -> End {
    console.say(&shown(offer, snapshot));
    console.say("");
    if !wanted.yes && !console.interactive() {
        console.complain(&gettext("Nobody is there to be asked. To install it without a question, add --yes."));
        return Ok(Outcome::Usage);
    }
    let question = fill(&gettext("Install {version} now?"), &[("version", &offer.version)]);
    if !wanted.yes && !console.confirm(&question) {
        console.say(&gettext("Nothing was installed."));
        return Ok(Outcome::Failed);
    }
    let mut options = Dictionary::new();
    if offer.confirm_signed_on {
        match confirm_date(console, offer, signed_on) {
            Ok(()) => options
                .insert(OPTION_SIGNED_ON.to_owned(), OwnedVariant::from(zbus::Str::from(offer.signed_on.clone()))),
            Err(outcome) => return Ok(outcome),
        };
    }
    hint(console);
    let install = client.upgrader.install(&offer.version, &offer.digest, &options);
    let ended = client.follow(console, install).await?;
    installed(client, console, wanted, ended).await
}

fn confirm_date(console: &mut Console, offer: &Offer, typed: Option<&str>) -> Result<(), Outcome> {
    let on = date(&offer.signed_on);
    match typed {
        Some(typed) if typed == on || typed == offer.signed_on => Ok(()),
        Some(_) => {
            let text = gettext("The file was signed on {date}, which is not the date that you gave.");
            console.complain(&fill(&text, &[("date", &on)]));
            Err(Outcome::Usage)
        }
        None if console.interactive() => {
            console.say(&said::old_kit(offer, jiff::Timestamp::now()));
            if console.confirm(&said::old_kit_question(offer)) {
                return Ok(());
            }
            console.say(&gettext("Nothing was installed."));
            Err(Outcome::Failed)
        }
        None => {
            console.complain(&said::old_kit(offer, jiff::Timestamp::now()));
            let text = gettext("To install it all the same, add --signed-on {date}.");
            console.complain(&fill(&text, &[("date", &on)]));
            Err(Outcome::Usage)
        }
    }
}

/// Tells how an installation ended.
pub async fn installed(client: &Client, console: &mut Console, wanted: &Consent, ended: Ended) -> End {
    let Ended { snapshot, interrupted } = &ended;
    match snapshot.state {
        State::RestartPending => {
            if *interrupted {
                console.complain(&gettext("It was too late to cancel."));
            }
            restart_needed(console, snapshot);
            restart(client, console, wanted.restart && !interrupted).await
        }
        state if state.is_busy() => {
            console.say(&gettext("The upgrader goes on by itself; “sameday status” shows how far it is."));
            Ok(Outcome::Failed)
        }
        State::Paused => {
            if let Some(failure) = &snapshot.failure {
                console.complain(&text::told(failure));
            }
            console.say(&gettext(
                "The download is paused; what is verified is kept. To go on: sameday resume. To give its room back: sameday discard",
            ));
            Ok(Outcome::Failed)
        }
        State::Available | State::Idle => {
            console.say(&gettext("Cancelled. The system on the stick is as it was, and the room is free again."));
            Ok(Outcome::from(&Failure::new(ErrorKind::Cancelled, "cancelled")))
        }
        _ => {
            let looked = Looked { snapshot: ended.snapshot, interrupted: false };
            Ok(match looked.tell(console) {
                Outcome::Done | Outcome::Nothing => Outcome::Failed,
                outcome => outcome,
            })
        }
    }
}
