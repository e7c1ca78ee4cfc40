//! A client of the daemon's with a connection of its own, which does not wait for ever.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use sameday_dbus::{Dictionary, MethodError, Snapshot, UpgraderProxy};
use tokio::runtime::Runtime;

/// A daemon that has not answered by then hangs; it takes milliseconds on an idle machine.
pub const HANGS: Duration = Duration::from_secs(30);

/// What can be asked for, with the values that it takes.
#[derive(Debug)]
pub enum Method<'a> {
    /// `Check`.
    Check,
    /// `OpenKit`.
    OpenKit(BorrowedFd<'a>),
    /// `Install`, of this version and digest.
    Install(&'a str, &'a str),
    /// `Cancel`.
    Cancel,
    /// `Pause`.
    Pause,
    /// `Resume`.
    Resume,
    /// `Discard`.
    Discard,
    /// `Rollback` to this version.
    Rollback(&'a str),
    /// `TryAgain` with this version.
    TryAgain(&'a str),
    /// `LookAt` this channel.
    LookAt(&'a str),
    /// `Report`.
    Report,
    /// `JudgeStart` of this version, which showed this.
    JudgeStart(&'a str, &'a str),
}

/// The client.
#[derive(Debug)]
pub struct Caller {
    connection: zbus::Connection,
    runtime: Runtime,
}

impl Caller {
    /// Connects to the bus at this address.
    ///
    /// # Errors
    /// When that fails.
    pub fn new(address: &str) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let connection = runtime
            .block_on(async { zbus::connection::Builder::address(address).build().await })
            .map_err(io::Error::other)?;
        Ok(Self { connection, runtime })
    }

    /// Calls a method; what the daemon answers is the value.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn call(&self, method: &Method<'_>) -> io::Result<Result<(), MethodError>> {
        self.within(async {
            let proxy = UpgraderProxy::new(&self.connection).await.map_err(io::Error::other)?;
            Ok(match method {
                Method::Check => proxy.check().await,
                Method::OpenKit(kit) => proxy.open_kit((*kit).into()).await,
                Method::Install(version, digest) => proxy.install(version, digest, &Dictionary::new()).await,
                Method::Cancel => proxy.cancel().await,
                Method::Pause => proxy.pause().await,
                Method::Resume => proxy.resume().await,
                Method::Discard => proxy.discard().await,
                Method::Rollback(version) => proxy.rollback(version).await,
                Method::TryAgain(version) => proxy.try_again(version).await,
                Method::LookAt(channel) => proxy.look_at(channel, &Dictionary::new()).await,
                Method::Report => proxy.report().await.map(drop),
                Method::JudgeStart(version, shown) => proxy.judge_start(version, shown).await,
            })
        })
    }

    /// The report of a fault.
    ///
    /// # Errors
    /// When it is refused, or there is no answer.
    pub fn report(&self) -> io::Result<Vec<String>> {
        self.within(async {
            let proxy = UpgraderProxy::new(&self.connection).await.map_err(io::Error::other)?;
            proxy.report().await.map_err(io::Error::other)
        })
    }

    /// All of the daemon's properties.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn snapshot(&self) -> io::Result<Snapshot> {
        self.within(async { Snapshot::take(&self.connection).await.map_err(io::Error::other) })
    }

    fn within<T>(&self, asked: impl Future<Output = io::Result<T>>) -> io::Result<T> {
        let answered = self.runtime.block_on(async { tokio::time::timeout(HANGS, asked).await });
        answered.unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "the daemon does not answer")))
    }
}
