//! `sameday-fetcher`: fetches bytes through Tor, for whoever holds its socket, and has no other right.
//!
//! It opens no connection at all before `/etc/sameday/fetcher.toml` says how Tor is to be reached. Each client's connection is an
//! isolation scope: its circuits are shared with no other. Nothing that it keeps lies outside its runtime directory in memory.

mod base;
mod configuration;
mod connection;
mod failure;
mod http;
mod judge;
mod storage;
mod tor;

use std::process::ExitCode;
use std::sync::Arc;

use listenfd::ListenFd;
use sd_notify::NotifyState;
use tokio::net::UnixListener;
use tokio::sync::Semaphore;
use tracing_subscriber::EnvFilter;

use crate::tor::Tor;

/// Most clients at once. The daemon uses two: one to check, one to download.
const MAX_CLIENTS: usize = 8;

/// Arti's own warnings are enough for a log; what it says below that can name relays and services.
const LOGGED: &str = "warn,sameday_fetcher=info";

fn main() -> ExitCode {
    // Arti comes without a provider of cryptography, and panics where none was chosen.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("sameday-fetcher: a cryptography provider is installed already");
        return ExitCode::FAILURE;
    }
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(LOGGED))
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .without_time()
        .init();
    // Two threads: Arti blocks one for its store now and then. More would only cost memory.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).max_blocking_threads(4).enable_all().build();
    match runtime.and_then(|runtime| runtime.block_on(serve())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("cannot serve: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until the configuration that Tor was started with is no longer the one that is there.
async fn serve() -> std::io::Result<()> {
    let listener = ListenFd::from_env().take_unix_listener(0)?;
    let listener = listener.ok_or_else(|| std::io::Error::other("no listening socket from the service manager"))?;
    listener.set_nonblocking(true)?;
    let listener = UnixListener::from_std(listener)?;
    let tor = Arc::new(Tor::default());
    let clients = Arc::new(Semaphore::new(MAX_CLIENTS));
    if let Err(error) = sd_notify::notify(&[NotifyState::Ready]) {
        tracing::warn!("cannot tell the service manager that we are ready: {error}");
    }
    loop {
        let next = async {
            let permit = Arc::clone(&clients).acquire_owned().await.map_err(std::io::Error::other)?;
            Ok::<_, std::io::Error>((listener.accept().await?.0, permit))
        };
        let (stream, permit) = tokio::select! {
            accepted = next => accepted?,
            () = tor.outdated() => {
                tracing::info!("configuration changed: ending, the next client finds the new one");
                return Ok(());
            }
        };
        let tor = Arc::clone(&tor);
        tokio::spawn(async move {
            connection::serve(stream, &tor).await;
            drop(permit);
        });
    }
}
