//! Following the daemon: its properties as they change, its loss, its return.

use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _};
use sameday_dbus::{BUS_NAME, INTERFACE, PATH, Snapshot};
use tokio::sync::{mpsc, watch};
use zbus::fdo::{DBusProxy, PropertiesChanged, PropertiesProxy};
use zbus::names::BusName;
use zbus::{Connection, Error};

use super::talk::{tell, tell_away};
use super::{News, Watching};
use crate::page::{Away, Seen};

/// After a change, others that belong to it may still be on their way; and nobody reads faster than this.
const SETTLING: Duration = Duration::from_millis(200);
/// The daemon is asked this often even if nothing is heard of it, while somebody looks.
const LONGEST_SILENCE: Duration = Duration::from_secs(30);
/// A daemon that left is asked again, which starts it, after this long first, and after twice as long each time.
const FIRST_TRY: Duration = Duration::from_secs(3);
/// But no later than this.
const LAST_TRY: Duration = Duration::from_secs(60);

/// Follows until the bus has gone.
pub async fn follow(
    bus: &Connection,
    told: &watch::Sender<News>,
    watched: &watch::Receiver<Watching>,
    woken: &mut mpsc::UnboundedReceiver<()>,
) {
    if let Err(error) = try_follow(bus, told, watched, woken).await {
        tell_away(told, &error, true);
    }
}

async fn try_follow(
    bus: &Connection,
    told: &watch::Sender<News>,
    watched: &watch::Receiver<Watching>,
    woken: &mut mpsc::UnboundedReceiver<()>,
) -> zbus::Result<()> {
    let mut watched = watched.clone();
    let names = DBusProxy::new(bus).await?;
    let name = BusName::try_from(BUS_NAME)?;
    let mut owners = names.receive_name_owner_changed_with_args(&[(0, BUS_NAME)]).await?;
    let properties = PropertiesProxy::new(bus, BUS_NAME, PATH).await?;
    let mut changes = properties.receive_properties_changed_with_args(&[(0, INTERFACE)]).await?;
    let mut wait = FIRST_TRY;
    let mut lost = false;
    loop {
        match Snapshot::take(bus).await {
            Ok(snapshot) => {
                tell(told, Seen::Here(Box::new(snapshot)));
                (wait, lost) = (FIRST_TRY, true);
                // Until something is worth asking again.
                loop {
                    let silence = if *watched.borrow() == Watching::Closely { LONGEST_SILENCE } else { Duration::MAX };
                    tokio::select! {
                        change = changes.next() => {
                            let Some(change) = change else { return Err(closed()) };
                            if is_progress(&change) && *watched.borrow() == Watching::Idly {
                                continue;
                            }
                            tokio::time::sleep(SETTLING).await;
                            break;
                        }
                        owner = owners.next() => { if owner.is_none() { return Err(closed()) } break }
                        // Somebody looks again: what was passed over meanwhile is shown.
                        looks = watched.changed() => { if looks.is_err() { return Ok(()) } break }
                        _ = woken.recv() => break,
                        () = tokio::time::sleep(silence) => break,
                    }
                }
                while changes.next().now_or_never().flatten().is_some() {}
                while owners.next().now_or_never().flatten().is_some() {}
                if !names.name_has_owner(name.clone()).await? {
                    // Why, nobody knows yet.
                    tell(told, Seen::Away(Away { lost: true, ..Away::default() }));
                    pause(FIRST_TRY, &mut owners, woken).await?;
                }
            }
            Err(error) => {
                tell_away(told, &error, lost);
                pause(wait, &mut owners, woken).await?;
                wait = (wait * 2).min(LAST_TRY);
            }
        }
    }
}

/// Waits until the daemon comes back by itself, the user wants it asked, or the time has come.
async fn pause(
    wait: Duration,
    owners: &mut zbus::fdo::NameOwnerChangedStream,
    woken: &mut mpsc::UnboundedReceiver<()>,
) -> zbus::Result<()> {
    tokio::select! {
        owner = owners.next() => owner.map(|_| ()).ok_or_else(closed),
        _ = woken.recv() => Ok(()),
        () = tokio::time::sleep(wait) => Ok(()),
    }
}

fn closed() -> Error {
    Error::Failure("the bus has closed the connection".into())
}

/// Whether it tells of nothing but progress.
fn is_progress(change: &PropertiesChanged) -> bool {
    change.args().is_ok_and(|args| args.changed_properties().keys().all(|name| *name == "Progress"))
}
