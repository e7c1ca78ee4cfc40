//! The daemon, from the app's main loop: what is seen of it, and what is asked of it. The one place that speaks D-Bus, on a thread of its own.

mod battery;
mod follow;
mod talk;

use std::os::fd::OwnedFd;

use sameday_dbus::MethodError;
use tokio::sync::{mpsc, oneshot, watch};

use crate::page::Seen;

/// What the daemon, or logind, is asked for.
#[derive(Debug)]
pub enum Call {
    /// Looks for an upgrade.
    Check,
    /// Consents to exactly this.
    Install {
        /// As shown.
        version: String,
        /// As shown.
        digest: String,
        /// As shown and confirmed.
        signed_on: Option<String>,
    },
    /// Reads a kit.
    OpenKit(OwnedFd),
    /// Stops what is under way.
    Cancel,
    /// Stops a download, and keeps what there is.
    Pause,
    /// Goes on with a download.
    Resume,
    /// Removes what a download left.
    Discard,
    /// Goes back to this version.
    Rollback(String),
    /// Gives this version another try.
    TryAgain(String),
    /// Tells what a report needs.
    Report,
    /// Restarts the computer.
    Restart,
}

/// Why something was not done.
#[derive(Debug)]
pub enum Refused {
    /// The daemon says no, or cannot be asked.
    Call(MethodError),
    /// logind could not, or would not.
    Restart(String),
}

/// The lines of a report; none from any other call.
pub type Answer = Result<Vec<String>, Refused>;

/// What is known, as it changes. Only the newest is kept.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct News {
    /// Of the daemon.
    pub seen: Seen,
    /// The charge in hundredths, while the computer runs on its battery.
    pub battery: Option<u8>,
}

/// Whether somebody looks: nobody needs every step of the progress while the window is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watching {
    /// The window is closed.
    Idly,
    /// The window is open.
    Closely,
}

/// A call, and where its answer goes.
type Asked = (Call, oneshot::Sender<Answer>);

/// What the app holds.
#[derive(Debug, Clone)]
pub struct Daemon {
    calls: mpsc::UnboundedSender<Asked>,
    watching: watch::Sender<Watching>,
    wake: mpsc::UnboundedSender<()>,
    /// What is known.
    pub news: watch::Receiver<News>,
}

impl Daemon {
    /// Begins to watch the daemon.
    ///
    /// # Errors
    /// When no thread can be had.
    pub fn start() -> std::io::Result<Self> {
        let (calls, asked) = mpsc::unbounded_channel();
        let (wake, woken) = mpsc::unbounded_channel();
        let (told, news) = watch::channel(News::default());
        let (watching, watched) = watch::channel(Watching::Idly);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new()
            .name("bus".into())
            .spawn(move || runtime.block_on(talk::talk(asked, woken, watched, told)))?;
        Ok(Self { calls, watching, wake, news })
    }

    /// Asks for something. Answers when it is begun, or refused.
    pub async fn ask(&self, call: Call) -> Answer {
        let gone = || Refused::Call(MethodError::Bus(zbus::Error::Failure("the bus thread has ended".into())));
        let (reply, answer) = oneshot::channel();
        self.calls.send((call, reply)).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Tells whether somebody looks.
    pub fn watch(&self, watching: Watching) {
        self.watching.send_replace(watching);
    }

    /// Asks a daemon that is not there anew, at once.
    pub fn reconnect(&self) {
        if self.wake.send(()).is_err() {
            tracing::error!("the bus thread has ended");
        }
    }
}
