//! From the start of applying to the commit, the computer neither sleeps nor shuts down: logind is asked to wait. It is a courtesy to the user
//! and no part of what keeps the stick whole: without logind, or if it says no, everything goes on as well.

use sameday_dbus::State;
use sameday_dbus::logind::ManagerProxy;
use tokio::sync::watch;
use zbus::proxy::CacheProperties;

use crate::engine::Published;

/// What logind is asked to hold up (org.freedesktop.login1(5)); closing the lid would sleep.
const WHAT: &str = "shutdown:sleep:handle-lid-switch";
/// Shown by programs that were held up.
const WHO: &str = "Sameday";
/// The daemon sends no sentences in the user's language; this is for logs and for `systemd-inhibit --list`.
const WHY: &str = "An upgrade of the stick is being finished";

/// Holds up what would interrupt the end of an upgrade, each time there is one, until nothing is published any more.
pub async fn run(connection: zbus::Connection, mut published: watch::Receiver<Published>) {
    while wait(&mut published, true).await {
        // Asking takes no longer than what it is asked for: a logind that does not answer is left alone then.
        let held = tokio::select! {
            held = hold(&connection) => Some(held),
            ended = wait(&mut published, false) => { if !ended { return } None }
        };
        match held {
            Some(Ok(lock)) => {
                let goes_on = wait(&mut published, false).await;
                drop(lock);
                if !goes_on {
                    return;
                }
            }
            Some(Err(error)) => {
                tracing::info!("nothing keeps the computer from sleeping: {error}");
                if !wait(&mut published, false).await {
                    return;
                }
            }
            None => {}
        }
    }
}

async fn hold(connection: &zbus::Connection) -> zbus::Result<zbus::OwnedFd> {
    let manager = ManagerProxy::builder(connection).cache_properties(CacheProperties::No).build().await?;
    manager.inhibit(WHAT, WHO, WHY, "block").await
}

/// Waits until an upgrade is being applied, or is not; false if that will never be told.
async fn wait(published: &mut watch::Receiver<Published>, applying: bool) -> bool {
    published.wait_for(|now| (now.state == State::Applying) == applying).await.is_ok()
}

#[cfg(test)]
#[path = "inhibit/tests.rs"]
mod tests;
