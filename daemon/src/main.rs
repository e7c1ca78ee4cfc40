//! `samedayd`: connects to the system bus, serves the object, runs the engine.

use std::process::ExitCode;
use std::sync::Arc;

use samedayd::authorizer::Polkit;
use samedayd::clock::SystemClock;
use samedayd::engine::Engine;
use samedayd::service::{self, Upgrader};
use samedayd::source::Sockets;
use samedayd::startup;
use samedayd::work::Work;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).without_time().init();
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let (state, identity) = startup::look();
    let work = Work::new(Box::new(Sockets), Box::new(SystemClock));
    let (engine, asks, published) = Engine::new(state, identity, work);
    let connection = zbus::connection::Builder::system().build().await?;
    let authorizer = Arc::new(Polkit::new(connection.clone()));
    let upgrader = Upgrader::new(asks, published.clone(), authorizer);
    connection.object_server().at(sameday_dbus::PATH, upgrader).await?;
    connection.request_name(sameday_dbus::BUS_NAME).await?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    if let Err(error) = sd_notify::notify(&[sd_notify::NotifyState::Ready]) {
        tracing::debug!("nobody to notify: {error}");
    }
    tracing::info!("{} serves {}", env!("CARGO_PKG_NAME"), sameday_dbus::BUS_NAME);
    tokio::select! {
        () = engine.run() => {}
        result = service::announce(&connection, published) => result?,
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
