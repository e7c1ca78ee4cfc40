//! The thread's work: one connection to the system bus, calls carried out one beside the other, the daemon followed.

use std::time::Duration;

use sameday_dbus::logind::ManagerProxy;
use sameday_dbus::{Dictionary, MethodError, OPTION_SIGNED_ON, UpgraderProxy};
use tokio::sync::{mpsc, watch};
use zbus::proxy::CacheProperties;
use zbus::{Connection, OwnedVariant};

use super::{Answer, Asked, Call, News, Refused, Watching, battery, follow};
use crate::page::{Away, Seen};

/// While there is no system bus, it is looked for this often.
const NO_BUS: Duration = Duration::from_secs(5);

/// Runs until the app has gone.
pub async fn talk(
    mut asked: mpsc::UnboundedReceiver<Asked>,
    mut woken: mpsc::UnboundedReceiver<()>,
    watched: watch::Receiver<Watching>,
    told: watch::Sender<News>,
) {
    loop {
        match Connection::system().await {
            Ok(bus) => {
                let ended = tokio::select! {
                    () = answer(&bus, &mut asked) => true,
                    () = follow::follow(&bus, &told, &watched, &mut woken) => false,
                    () = battery::follow(&bus, &told, &watched) => false,
                };
                if ended {
                    return;
                }
            }
            Err(error) => tell_away(&told, &error, false),
        }
        tokio::select! {
            () = tokio::time::sleep(NO_BUS) => {}
            _ = woken.recv() => {}
            call = asked.recv() => {
                let Some((_, reply)) = call else { return };
                let refused = Refused::Call(MethodError::Bus(zbus::Error::Failure("no connection to the bus".into())));
                if reply.send(Err(refused)).is_err() {
                    tracing::debug!("nobody waits for the answer");
                }
            }
        }
    }
}

/// Tells that the daemon is not there.
pub fn tell_away(told: &watch::Sender<News>, error: &zbus::Error, lost: bool) {
    let details = sameday_dbus::text::line(&error.to_string(), sameday_dbus::text::LINE);
    tell(told, Seen::Away(Away { why: sameday_text::bus(error), details, lost }));
}

/// Tells what is known of the daemon.
pub fn tell(told: &watch::Sender<News>, seen: Seen) {
    told.send_if_modified(|news| {
        let changed = news.seen != seen;
        news.seen = seen;
        changed
    });
}

/// Carries out calls until nobody can ask any more. One that polkit asks about holds up no other.
async fn answer(bus: &Connection, asked: &mut mpsc::UnboundedReceiver<Asked>) {
    while let Some((call, reply)) = asked.recv().await {
        let bus = bus.clone();
        tokio::spawn(async move {
            if reply.send(carry_out(&bus, call).await).is_err() {
                tracing::debug!("nobody waits for the answer");
            }
        });
    }
}

async fn carry_out(bus: &Connection, call: Call) -> Answer {
    if matches!(call, Call::Restart) {
        return restart(bus)
            .await
            .map(|()| Vec::new())
            .map_err(|error| Refused::Restart(sameday_dbus::text::line(&error.to_string(), sameday_dbus::text::LINE)));
    }
    upgrader(bus, call).await.map_err(Refused::Call)
}

async fn restart(bus: &Connection) -> zbus::Result<()> {
    ManagerProxy::new(bus).await?.reboot(true).await
}

async fn upgrader(bus: &Connection, call: Call) -> Result<Vec<String>, MethodError> {
    let upgrader = UpgraderProxy::builder(bus).cache_properties(CacheProperties::No).build().await?;
    match call {
        Call::Check => upgrader.check().await?,
        Call::Install { version, digest, signed_on } => {
            let mut options = Dictionary::new();
            if let Some(signed_on) = signed_on {
                options.insert(OPTION_SIGNED_ON.to_owned(), OwnedVariant::from(zbus::Str::from(signed_on)));
            }
            upgrader.install(&version, &digest, &options).await?;
        }
        Call::OpenKit(kit) => upgrader.open_kit(kit.into()).await?,
        Call::Cancel => upgrader.cancel().await?,
        Call::Pause => upgrader.pause().await?,
        Call::Resume => upgrader.resume().await?,
        Call::Discard => upgrader.discard().await?,
        Call::Rollback(version) => upgrader.rollback(&version).await?,
        Call::TryAgain(version) => upgrader.try_again(&version).await?,
        Call::Report => {
            let lines = upgrader.report().await?;
            return Ok(lines.iter().map(|line| sameday_dbus::text::line(line, sameday_dbus::text::LINE)).collect());
        }
        Call::Restart => {}
    }
    Ok(Vec::new())
}
