//! `samedayd`: connects to the system bus, serves the object, runs the engine.

use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;

use nix::sys::resource::{Resource, setrlimit};
use samedayd::authorizer::Polkit;
use samedayd::clock::SystemClock;
use samedayd::engine::Engine;
use samedayd::facts::{self, Facts};
use samedayd::held::Held;
use samedayd::inhibit;
use samedayd::journal::Journal;
use samedayd::service::{self, Upgrader};
use samedayd::source::Sockets;
use samedayd::work::Work;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::Layer as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Messages that wait inside the daemon; more wait in the socket. The bus lets one have 128 MiB, and anybody may send some.
const MOST_QUEUED: NonZeroUsize = NonZeroUsize::new(8).expect("not zero");

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    let journal = Journal::default();
    tracing_subscriber::registry().with(journal.clone().with_filter(filter)).init();
    match serve(journal).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(journal: Journal) -> Result<(), Box<dyn std::error::Error>> {
    // A core dump would lie on a disk, with whatever was in memory.
    if let Err(error) = setrlimit(Resource::RLIMIT_CORE, 0, 0) {
        tracing::warn!("forbid core dumps: {error}");
    }
    facts::mend();
    let facts = Facts::read();
    let work = Work::new(Box::new(Sockets), Box::new(SystemClock), facts.stick.disk.clone());
    let (engine, asks, published) = Engine::new(facts, work);
    let connection = zbus::connection::Builder::system().max_queued(MOST_QUEUED).build().await?;
    let authorizer = Arc::new(Polkit::new(connection.clone()));
    let held = Held::default();
    tokio::spawn(held.clone().run(&connection).await?);
    let upgrader = Upgrader::new(asks, published.clone(), authorizer, journal, held);
    connection.object_server().at(sameday_dbus::PATH, upgrader).await?;
    tokio::spawn(inhibit::run(connection.clone(), published.clone()));
    connection.request_name(sameday_dbus::BUS_NAME).await?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let end = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    if let Err(error) = sd_notify::notify(&[sd_notify::NotifyState::Ready]) {
        tracing::debug!("nobody to notify: {error}");
    }
    tracing::info!("{} serves {}", env!("CARGO_PKG_NAME"), sameday_dbus::BUS_NAME);
    tokio::select! {
        () = engine.run(end) => {}
        result = service::announce(&connection, published) => result?,
    }
    Ok(())
}
