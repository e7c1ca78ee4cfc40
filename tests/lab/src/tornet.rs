//! A private Tor network on loopback, of Debian's `tor`: three authorities, five relays, one onion service, one ordinary client.
//!
//! It starts in about 45 seconds and ends when it is dropped. What makes it work with both C tor and Arti stands in `tornet/node.rs`.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::process::{Process, run, tied};

mod node;
mod socks;

use node::{Kind, Node};

/// Where Debian puts it.
const TOR: &str = "/usr/sbin/tor";

/// Enough for a quorum, and for a vote that one of them misses.
const AUTHORITIES: usize = 3;

/// With the authorities, eight relays: enough for onion services' circuits, which use six different ones.
const RELAYS: usize = 5;

/// The address at which the onion service is asked for, whatever the port of the server behind it.
const ONION_PORT: u16 = 80;

/// A running network.
#[derive(Debug)]
pub struct TorNet {
    nodes: Vec<Node>,
    processes: Vec<Process>,
    onion: String,
    onion_process: usize,
    socks: SocketAddr,
}

impl TorNet {
    /// Starts a network whose files are below `dir`, and whose onion service leads to `server`, a [`Repo`](crate::repo::Repo): the
    /// first line of each connection names its circuit, as a PROXY header. Returns before it is ready.
    ///
    /// # Errors
    /// When `tor` is not installed, or a node cannot be made or started.
    pub fn start(dir: &Path, server: SocketAddr) -> io::Result<Self> {
        Self::start_at(dir, server, Ipv4Addr::LOCALHOST)
    }

    /// As [`TorNet::start`], with relays at another address of this machine's, such as one that a computer in QEMU can reach.
    ///
    /// # Errors
    /// As [`TorNet::start`].
    pub fn start_at(dir: &Path, server: SocketAddr, address: Ipv4Addr) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let dir = dir.canonicalize()?;
        // Relays that leave the network would ask this name server, which is none: nothing leaves the machine.
        fs::write(dir.join("resolv.conf"), "nameserver 127.0.0.1\n")?;
        let mut ports = free_ports(3 * (AUTHORITIES + RELAYS) + 1)?.into_iter();
        let mut next = || ports.next().ok_or_else(|| io::Error::other("too few ports"));
        let mut nodes = Vec::new();
        for number in 0..AUTHORITIES + RELAYS {
            let kind = if number < AUTHORITIES { Kind::Authority } else { Kind::Relay };
            nodes.push(Node::create(&dir, kind, number, address, [next()?, next()?])?);
        }
        let authorities = nodes.iter().filter_map(Node::authority_line).collect::<String>();
        let socks = SocketAddr::from((Ipv4Addr::LOCALHOST, next()?));
        let hidden = dir.join("service/hidden");
        let mut torrcs = nodes.iter().map(|n| (n.dir.clone(), n.torrc())).collect::<Vec<_>>();
        let service = format!(
            "SocksPort 0\nHiddenServiceDir {}\nHiddenServicePort {ONION_PORT} {server}\nHiddenServiceExportCircuitID haproxy\n",
            hidden.display()
        );
        torrcs.push((dir.join("service"), service));
        torrcs.push((dir.join("client"), format!("SocksPort {socks}\n")));
        let mut processes = Vec::new();
        for (home, own) in torrcs {
            let common = node::common(&home, &dir.join("resolv.conf"));
            processes.push(launch(&home, &format!("{common}{own}{authorities}"))?);
        }
        let onion = await_text(&hidden.join("hostname"), Duration::from_secs(20))?.trim().to_owned();
        Ok(Self { nodes, onion_process: processes.len() - 2, processes, onion, socks })
    }

    /// Waits until a client of the network can reach the server behind the onion service.
    ///
    /// # Errors
    /// When that takes longer than `limit`, or a node ends.
    pub fn wait_ready(&mut self, limit: Duration) -> io::Result<()> {
        let end = Instant::now() + limit;
        loop {
            for process in &mut self.processes {
                if let Some(status) = process.ended()? {
                    return Err(io::Error::other(format!(
                        "a node ended with {status}, see {}",
                        process.log().display()
                    )));
                }
            }
            // One attempt at a time: a client that looks for the service too early has to wait before it looks again.
            match socks::reach(self.socks, &self.onion, ONION_PORT) {
                Ok(()) => return Ok(()),
                Err(error) if Instant::now() >= end => {
                    return Err(io::Error::new(
                        io::ErrorKind::TimedOut,
                        format!("network is not ready after {limit:?}: {error}"),
                    ));
                }
                Err(_) => std::thread::sleep(Duration::from_millis(500)),
            }
        }
    }

    /// The onion service's name, with `.onion`.
    #[must_use]
    pub fn onion_address(&self) -> &str {
        &self.onion
    }

    /// The base URL of the server behind the onion service.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/", self.onion)
    }

    /// The SOCKS port of the ordinary client, for comparisons with what others use.
    #[must_use]
    pub fn socks(&self) -> SocketAddr {
        self.socks
    }

    /// The process of the onion service: the only one that has business with the server.
    #[must_use]
    pub fn onion_process_id(&self) -> Option<u32> {
        self.processes.get(self.onion_process).map(Process::id)
    }

    /// Where the relays are: the only places that a client of Tor connects to.
    #[must_use]
    pub fn relays(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(Node::or_address).collect()
    }

    /// What a client needs to know to use this network instead of the public one: the table `arti` of `fetcher.toml`.
    #[must_use]
    pub fn arti_toml(&self) -> String {
        let mut text = String::from(
            "[arti.path_rules]\nipv4_subnet_family_prefix = 33\nipv6_subnet_family_prefix = 129\n\
             [arti.address_filter]\nallow_local_addrs = true\n",
        );
        let idents = self.nodes.iter().filter_map(|n| n.v3ident.as_deref()).collect::<Vec<_>>();
        let add = write!(text, "[arti.tor_network.authorities]\nv3idents = {idents:?}\n").and_then(|()| {
            self.nodes.iter().try_for_each(|node| {
                write!(
                    text,
                    "[[arti.tor_network.fallback_caches]]\nrsa_identity = \"{}\"\ned_identity = \"{}\"\norports = [\"{}\"]\n",
                    node.rsa_identity,
                    node.ed_identity,
                    node.or_address()
                )
            })
        });
        add.expect("writing to a string never fails");
        text
    }

    /// The same as the text of an arti.toml.
    #[must_use]
    pub fn arti_settings(&self) -> String {
        self.arti_toml().replace("[arti.", "[")
    }

    /// A whole `fetcher.toml` that leads into this network.
    #[must_use]
    pub fn fetcher_toml(&self) -> String {
        format!("format = 1\ntor = \"direct\"\n{}", self.arti_toml())
    }
}

fn launch(home: &Path, torrc: &str) -> io::Result<Process> {
    node::make_home(home)?;
    let file = home.join("torrc");
    fs::write(&file, torrc)?;
    let name = home.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut command = tied(TOR);
    command.arg("--defaults-torrc").arg("/nonexistent").arg("--ignore-missing-torrc").arg("-f").arg(&file);
    Process::start(&format!("tor {name}"), &mut command, &home.join("log"))
}

/// Ports that are free now. They are found together, so that none is handed out twice.
fn free_ports(number: usize) -> io::Result<Vec<u16>> {
    let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let held = std::iter::repeat_with(bind).take(number).collect::<io::Result<Vec<_>>>()?;
    held.iter().map(|l| l.local_addr().map(|a| a.port())).collect()
}

fn await_text(path: &PathBuf, limit: Duration) -> io::Result<String> {
    let end = Instant::now() + limit;
    loop {
        match fs::read_to_string(path) {
            Ok(text) if text.ends_with('\n') => return Ok(text),
            Err(error) if Instant::now() >= end => {
                return Err(io::Error::new(error.kind(), format!("{}: {error}", path.display())));
            }
            _ => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// Runs a program of Tor's to its end, and answers what it printed.
fn ask(command: &mut Command) -> io::Result<String> {
    String::from_utf8(run(command)?.stdout).map_err(io::Error::other)
}
