//! Over a socket pair, with a logind that counts what it holds up.

use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::facts::Identity;
use crate::stick::Stick;

/// What it was asked for, and the other ends of the locks that it gave.
#[derive(Debug, Default, Clone)]
struct Logind {
    refuses: bool,
    asked: Arc<Mutex<Vec<String>>>,
    locks: Arc<Mutex<Vec<UnixStream>>>,
}

#[zbus::interface(name = "org.freedesktop.login1.Manager")]
impl Logind {
    fn inhibit(&self, what: String, _who: String, _why: String, mode: String) -> zbus::fdo::Result<zbus::OwnedFd> {
        self.asked.lock().unwrap().push(format!("{what} {mode}"));
        if self.refuses {
            return Err(zbus::fdo::Error::AccessDenied("no".into()));
        }
        let (kept, given) = UnixStream::pair().unwrap();
        self.locks.lock().unwrap().push(kept);
        Ok(OwnedFd::from(given).into())
    }
}

impl Logind {
    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    /// Whether the newest lock is still held.
    fn holds(&self) -> bool {
        let mut locks = self.locks.lock().unwrap();
        let Some(lock) = locks.last_mut() else { return false };
        lock.set_nonblocking(true).unwrap();
        !matches!(lock.read(&mut [0]), Ok(0))
    }
}

/// Tries a condition until it holds; ten seconds are longer than anything here takes.
async fn until(condition: impl Fn() -> bool) {
    for _ in 0..1000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it did not come to be");
}

fn published(state: State) -> Published {
    Published {
        state,
        offer: None,
        other_channel: false,
        progress: None,
        failure: None,
        pending: None,
        stick: Stick::default(),
        identity: Identity::default(),
    }
}

async fn beside(logind: Logind) -> (watch::Sender<Published>, tokio::task::JoinHandle<()>, zbus::Connection) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let server = zbus::connection::Builder::unix_stream(theirs)
        .server(zbus::Guid::generate())
        .p2p()
        .serve_at("/org/freedesktop/login1", logind)
        .build();
    let client = zbus::connection::Builder::unix_stream(ours).p2p().build();
    let (server, client) = tokio::join!(server, client);
    let (tell, told) = watch::channel(published(State::Downloading));
    (tell, tokio::spawn(run(client.unwrap(), told)), server.unwrap())
}

#[tokio::test]
async fn the_computer_is_kept_awake_while_an_upgrade_is_applied_and_no_longer() {
    let logind = Logind::default();
    let (tell, task, _server) = beside(logind.clone()).await;
    for round in 1..=2 {
        tell.send_replace(published(State::Applying));
        until(|| logind.asked() == round && logind.holds()).await;
        assert_eq!(logind.asked.lock().unwrap().last().unwrap(), "shutdown:sleep:handle-lid-switch block");
        tell.send_replace(published(State::RestartPending));
        until(|| !logind.holds()).await;
    }
    drop(tell);
    task.await.unwrap();
}

#[tokio::test]
async fn a_logind_that_says_no_is_no_failure() {
    let logind = Logind { refuses: true, ..Logind::default() };
    let (tell, task, _server) = beside(logind.clone()).await;
    for round in 1..=2 {
        tell.send_replace(published(State::Applying));
        until(|| logind.asked() == round).await;
        tell.send_replace(published(State::Failed));
        // What is published is looked at when there is time for it.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(!task.is_finished());
    drop(tell);
    task.await.unwrap();
}
