//! The private Tor network that groups share, with one onion service in front of all their repositories.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sameday_lab::repo::Repo;
use sameday_lab::tornet::TorNet;
use sameday_lab::world::{Spec, World};

/// Longer than the network takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// The network and the server behind it.
pub struct Online {
    /// The network.
    pub tor: TorNet,
    /// The server.
    pub server: Repo,
    served: PathBuf,
}

impl Online {
    /// Starts both, and waits until one reaches the other.
    pub fn start(dir: &Path) -> io::Result<Self> {
        let served = dir.join("served");
        fs::create_dir_all(&served)?;
        let server = Repo::serve(&served)?;
        let mut tor = TorNet::start(&dir.join("tor"), server.address())?;
        tor.wait_ready(PATIENCE)?;
        Ok(Self { tor, server, served })
    }

    /// A world whose images look for their repository under this name here.
    pub fn spec(&self, name: &str) -> Spec {
        Spec {
            base_urls: vec![format!("{}{name}/", self.tor.base_url())],
            tor: Some("direct".into()),
            arti: Some(self.tor.arti_settings()),
            ..Spec::default()
        }
    }

    /// Serves a world's repository under this name.
    pub fn serve(&self, name: &str, world: &World) -> io::Result<()> {
        symlink(world.repository(), self.served.join(name))
    }
}
