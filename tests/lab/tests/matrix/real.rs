//! The real fetcher, over a private Tor network, from a server that can be told to hold things back.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sameday_lab::fetcher::{FetcherProcess, Network};
use sameday_lab::machine::Machine;
use sameday_lab::repo::{Fault, Repo};

/// So slow that what is held back does not come to its end while a case lasts: bytes a second.
const TRICKLE: u64 = 600 << 10;

/// What a repository's folder holds.
const PARTS: [&str; 3] = ["metadata", "targets", "files"];

/// The server behind the network's onion service. What it serves are links, so that it can be another repository at any time.
pub struct Server {
    repo: Repo,
    front: PathBuf,
}

impl Server {
    pub fn start(front: &Path) -> io::Result<Self> {
        fs::create_dir_all(front)?;
        Ok(Self { repo: Repo::serve(front)?, front: front.to_owned() })
    }

    pub fn address(&self) -> std::net::SocketAddr {
        self.repo.address()
    }

    /// From now on, what it serves.
    pub fn serve(&self, repository: &Path) -> io::Result<()> {
        for part in PARTS {
            let new = self.front.join("new");
            symlink(repository.join(part), &new)?;
            fs::rename(new, self.front.join(part))?;
        }
        Ok(())
    }
}

/// A fetcher of one computer.
pub struct Real {
    server: Arc<Server>,
    fetcher: Option<FetcherProcess>,
}

impl Real {
    pub fn new(server: &Arc<Server>, repository: &Path) -> io::Result<Self> {
        server.repo.mend();
        server.serve(repository)?;
        Ok(Self { server: Arc::clone(server), fetcher: None })
    }

    pub fn attach(&mut self, machine: &Machine) -> io::Result<()> {
        self.fetcher = Some(machine.start_fetcher(Network::Host)?);
        Ok(())
    }

    pub fn serve(&self, repository: &Path) -> io::Result<()> {
        self.server.serve(repository)
    }

    fn signal(&mut self, signal: Signal) -> io::Result<()> {
        let Some(fetcher) = &mut self.fetcher else { return Ok(()) };
        let id = i32::try_from(fetcher.process().id()).map_err(io::Error::other)?;
        Ok(kill(Pid::from_raw(id), signal)?)
    }

    pub fn freeze(&mut self) -> io::Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    pub fn hold(&self, path: &str) {
        let metadata = path.starts_with("metadata/");
        self.server.repo.break_file(path, if metadata { Fault::Silent } else { Fault::Throttled(TRICKLE) });
    }

    pub fn lack(&self, path: &str) {
        self.server.repo.break_file(path, Fault::Missing);
    }

    pub fn kill(&mut self) {
        if let Some(mut fetcher) = self.fetcher.take() {
            fetcher.process().kill();
        }
    }

    /// The server does what it should. A fetcher that was killed is started anew, as the service manager does for the next connection.
    pub fn release(&mut self, machine: &Machine) -> io::Result<()> {
        self.server.repo.mend();
        match self.fetcher {
            Some(_) => self.signal(Signal::SIGCONT),
            None => self.attach(machine),
        }
    }
}
