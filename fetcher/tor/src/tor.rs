//! The one Tor client of this process: made when a client asks and the configuration allows it, never before.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arti_client::status::BlockageKind;
use arti_client::{BootstrapBehavior, DormantMode, TorClient};
use sameday_wire::{Blockage, Consensus, Phase, Reason, Status};
use tokio::sync::{Mutex, Notify};
use tokio::time::{Instant, sleep};
use tor_netdir::Timeliness;
use tor_rtcompat::PreferredRuntime;

use crate::configuration::{self, Configuration};
use crate::failure::Failure;
use crate::storage::Storage;

/// For this long a way that seems blocked may still come loose; people see the blockage meanwhile.
const BLOCKED_PATIENCE: Duration = Duration::from_secs(90);

/// For this long a slow network may take to give us the directory of relays.
const BOOTSTRAP_PATIENCE: Duration = Duration::from_secs(10 * 60);

/// How often a blockage is looked for.
const LOOK: Duration = Duration::from_secs(1);

type Client = Arc<TorClient<PreferredRuntime>>;

/// The Tor client, if there is one.
#[derive(Default)]
pub struct Tor {
    running: Mutex<Option<(Configuration, Client)>>,
    outdated: Notify,
    users: Arc<Users>,
}

/// Clients of ours that have an open connection.
#[derive(Default)]
struct Users {
    count: AtomicUsize,
    // Held while the client is woken or sent to sleep, so that the last word is the right one.
    order: std::sync::Mutex<()>,
}

/// The right to use Tor for as long as it is held. When nobody holds one, Tor sleeps.
pub struct Session {
    pub client: Client,
    users: Arc<Users>,
}

/// Why there is no session.
pub struct Refusal {
    pub failure: Failure,
    /// Whether Tor runs under a configuration that is no longer there.
    pub outdated: bool,
}

impl Tor {
    /// Reads the configuration, and gives the Tor client that it allows.
    pub async fn session(&self) -> Result<Session, Refusal> {
        let mut running = self.running.lock().await;
        let configuration = Configuration::read(std::path::Path::new(configuration::PATH))
            .map_err(|error| Refusal { failure: error.into(), outdated: running.is_some() })?;
        let client = match &*running {
            Some((same, client)) if *same == configuration => Arc::clone(client),
            Some(_) => {
                let failure = Failure::new(Reason::ConfigurationChanged, "the way to reach tor was changed");
                return Err(Refusal { failure, outdated: true });
            }
            None => {
                let client = start(&configuration).await.map_err(|failure| Refusal { failure, outdated: false })?;
                *running = Some((configuration, Arc::clone(&client)));
                client
            }
        };
        Ok(Session::begin(client, Arc::clone(&self.users)))
    }

    /// Makes the process end: only then it is certain that nothing is sent any more in a way that is not wanted now.
    pub fn declare_outdated(&self) {
        self.outdated.notify_one();
    }

    /// Waits until it is.
    pub async fn outdated(&self) {
        self.outdated.notified().await;
    }
}

async fn start(configuration: &Configuration) -> Result<Client, Failure> {
    let storage = Storage::claim()?;
    let arti = configuration.arti(&storage)?;
    let runtime = PreferredRuntime::current().map_err(|e| Failure::new(Reason::TorFailed, e))?;
    let builder = TorClient::with_runtime(runtime).config(arti).bootstrap_behavior(BootstrapBehavior::Manual);
    Ok(builder.create_unbootstrapped_async().await?)
}

impl Session {
    fn begin(client: Client, users: Arc<Users>) -> Self {
        let order = users.order.lock().unwrap_or_else(PoisonError::into_inner);
        if users.count.fetch_add(1, Ordering::SeqCst) == 0 {
            client.set_dormant(DormantMode::Normal);
        }
        drop(order);
        Self { client, users }
    }

    /// Waits until Tor is ready, as long as that makes sense.
    pub async fn ready(&self) -> Result<(), Failure> {
        let begun = Instant::now();
        let mut stuck: Option<Instant> = None;
        let mut attempt = std::pin::pin!(self.client.bootstrap());
        loop {
            tokio::select! {
                done = &mut attempt => return done.map_err(Failure::from),
                () = sleep(LOOK) => {}
            }
            if begun.elapsed() > BOOTSTRAP_PATIENCE {
                return Err(Failure::new(Reason::TimedOut, "tor did not get its directory in time"));
            }
            match (self.status().blockage, stuck) {
                (Some(blockage), Some(since)) if since.elapsed() > BLOCKED_PATIENCE => {
                    return Err(Failure::new(Reason::TorBlocked, blockage.code()));
                }
                (Some(_), None) => stuck = Some(Instant::now()),
                (Some(_), Some(_)) => {}
                (None, _) => stuck = None,
            }
        }
    }

    /// How Tor stands.
    pub fn status(&self) -> Status {
        let status = self.client.bootstrap_status();
        let blockage = status.blocked().and_then(|b| blockage(&b.kind()));
        let phase = match (status.ready_for_traffic(), blockage) {
            (true, _) => Phase::Ready,
            (false, Some(_)) => Phase::Blocked,
            (false, None) => Phase::Connecting,
        };
        let blockage = blockage.filter(|_| phase == Phase::Blocked);
        // Between 0 and 1 by Arti's promise; the conversion saturates if it is not.
        let percent = if phase == Phase::Ready { 100 } else { (status.as_frac() * 100.0) as u8 };
        Status { phase, percent, blockage, consensus: self.consensus() }
    }

    /// The validity of the newest consensus that Tor has, whatever the clock says of it.
    fn consensus(&self) -> Option<Consensus> {
        let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).ok().map(|d| d.as_secs());
        let directory = self.client.dirmgr().ok()?.netdir(Timeliness::Unchecked).ok()?;
        let lifetime = directory.lifetime();
        Some(Consensus { valid_after: seconds(lifetime.valid_after())?, valid_until: seconds(lifetime.valid_until())? })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let order = self.users.order.lock().unwrap_or_else(PoisonError::into_inner);
        if self.users.count.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.client.set_dormant(DormantMode::Soft);
        }
        drop(order);
    }
}

const fn blockage(kind: &BlockageKind) -> Option<Blockage> {
    Some(match kind {
        // Not told to start yet: that is no blockage.
        BlockageKind::Disabled => return None,
        BlockageKind::Offline => Blockage::Offline,
        BlockageKind::Filtering => Blockage::Filtered,
        BlockageKind::CantReachTor => Blockage::CannotReachTor,
        BlockageKind::ClockSkewed => Blockage::ClockSkewed,
        BlockageKind::CantBootstrap => Blockage::CannotBootstrap,
        _ => Blockage::Other,
    })
}
