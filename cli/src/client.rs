//! The daemon, as commands need it: its calls, and following what is under way to its end.

use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _};
use gettextrs::gettext;
use sameday_dbus::{BUS_NAME, MethodError, PATH, Snapshot, State, UpgraderProxy};
use tokio::signal::unix::{SignalKind, signal};
use zbus::fdo::PropertiesProxy;
use zbus::proxy::CacheProperties;

use crate::console::Console;
use crate::meter::Meter;
use crate::text;

/// After a change, others that belong to it may still be on their way.
const SETTLING: Duration = Duration::from_millis(100);
/// The daemon is asked this often even if nothing is heard of it.
const LONGEST_SILENCE: Duration = Duration::from_secs(2);

/// Why a command could not be carried out.
#[derive(Debug)]
pub enum Trouble {
    /// A call was refused or did not get through.
    Call(MethodError),
    /// The daemon left the bus while something was under way.
    DaemonGone,
}

impl<E: Into<MethodError>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self::Call(error.into())
    }
}

/// What ended.
#[derive(Debug)]
pub struct Ended {
    /// The properties as they are now.
    pub snapshot: Snapshot,
    /// Whether the user asked to stop.
    pub interrupted: bool,
}

/// A connection to the system bus.
#[derive(Debug)]
pub struct Client {
    connection: zbus::Connection,
    /// The daemon's methods.
    pub upgrader: UpgraderProxy<'static>,
}

impl Client {
    /// Connects to the system bus. The daemon is started by the first call.
    ///
    /// # Errors
    /// When there is no system bus.
    pub async fn connect() -> Result<Self, Trouble> {
        let connection = zbus::Connection::system().await?;
        // Properties are read as snapshots, so nothing is cached.
        let upgrader = UpgraderProxy::builder(&connection).cache_properties(CacheProperties::No).build().await?;
        Ok(Self { connection, upgrader })
    }

    /// The bus.
    pub fn connection(&self) -> &zbus::Connection {
        &self.connection
    }

    /// All of the daemon's properties.
    ///
    /// # Errors
    /// When the daemon does not answer.
    pub async fn snapshot(&self) -> Result<Snapshot, Trouble> {
        Ok(Snapshot::take(&self.connection).await?)
    }

    /// Begins something by `call`, then shows how far it is until nothing is under way. An interrupt (Ctrl-C) asks the daemon to cancel what
    /// can be cancelled, and the end of that is waited for; a second one leaves the daemon to it.
    ///
    /// # Errors
    /// When the call is refused, or the daemon leaves the bus.
    pub async fn follow(
        &self,
        console: &mut Console,
        call: impl Future<Output = Result<(), MethodError>>,
    ) -> Result<Ended, Trouble> {
        // Listening begins before the call, so that nothing is missed; streams are read all the time, since full ones hold up the bus.
        let properties = PropertiesProxy::new(&self.connection, BUS_NAME, PATH).await?;
        let mut changes = properties.receive_properties_changed().await?;
        let mut owners = self.upgrader.inner().receive_owner_changed().await?;
        let mut interrupts = signal(SignalKind::interrupt()).map_err(zbus::Error::from)?;
        let mut interrupted = false;
        let mut meter = Meter::new();
        tokio::pin!(call);
        let mut calling = true;
        loop {
            if calling {
                tokio::select! {
                    answer = &mut call => { answer?; calling = false; }
                    // Before the call is answered (polkit may be asking) nothing is under way that is ours: leaving takes it back.
                    _ = interrupts.recv() => return Ok(Ended { snapshot: self.snapshot().await?, interrupted: true }),
                    _ = changes.next() => continue,
                    Some(owner) = owners.next() => {
                        if owner.is_none() { return Err(Trouble::DaemonGone) }
                        continue;
                    }
                }
            }
            let snapshot = self.snapshot().await?;
            if !snapshot.state.is_busy() {
                meter.end();
                return Ok(Ended { snapshot, interrupted });
            }
            meter.show(&snapshot, console);
            tokio::select! {
                _ = changes.next() => tokio::time::sleep(SETTLING).await,
                Some(None) = owners.next() => { meter.end(); return Err(Trouble::DaemonGone) }
                _ = interrupts.recv() => {
                    meter.end();
                    if interrupted {
                        return Ok(Ended { snapshot, interrupted });
                    }
                    interrupted = true;
                    meter = Meter::new();
                    self.interrupt(console, snapshot.state).await;
                }
                () = tokio::time::sleep(LONGEST_SILENCE) => {}
            }
            while changes.next().now_or_never().flatten().is_some() {}
        }
    }

    /// Asks the daemon to cancel. That it is too late is no failure: the end shows what came of it. What stops or is over in a moment is
    /// left to its end.
    async fn interrupt(&self, console: &mut Console, state: State) {
        match state {
            State::Cancelling => {}
            State::Pausing | State::Switching => {
                console.say(&gettext("This ends by itself; press Ctrl-C again to leave it to the upgrader."));
            }
            _ => {
                console.say(&gettext("Cancelling; press Ctrl-C again to leave this to the upgrader."));
                if let Err(error) = self.upgrader.cancel().await {
                    console.complain(&text::trouble(&error.into()));
                }
            }
        }
    }
}
