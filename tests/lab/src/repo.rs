//! A repository served over HTTP on loopback, by a small server that keeps account of every byte and can be told to misbehave.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

mod serve;

/// One request as the server saw it, and what it cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Who was connected: of an onion service, the process that runs it.
    pub peer: SocketAddr,
    /// Which circuit the connection came through, if a PROXY header in front of it said so (an onion service of C tor does, with
    /// `HiddenServiceExportCircuitID haproxy`: the source address is made from a number of the circuit).
    pub circuit: Option<String>,
    /// The request line and headers, as they came, up to and with the empty line.
    pub head: String,
    /// The path without its leading slash.
    pub path: String,
    /// The value of the `Range` header.
    pub range: Option<String>,
    /// The status that was answered.
    pub status: u16,
    /// Bytes of the answer's status line and headers.
    pub sent_head: u64,
    /// Bytes of the answer's body that were handed to the network.
    pub sent_body: u64,
}

/// How a file is served wrongly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The lowest bit of the byte at this position is flipped.
    Flip(u64),
    /// 404, though it is there.
    Missing,
    /// This status, with an empty body.
    Status(u16),
    /// 302 to this place.
    Redirect(String),
    /// The connection is closed after this many bytes of a body that was announced in full.
    Truncated(u64),
    /// Bytes without end, in an answer that does not say how many.
    Endless,
    /// 200 and the whole file, whatever was asked for.
    Whole,
    /// A part that starts this many bytes too late, honestly labelled.
    Shifted(u64),
    /// At most this many bytes a second.
    Throttled(u64),
    /// The head, and then nothing.
    Silent,
}

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    stopping: AtomicBool,
    log: Mutex<Vec<Request>>,
    faults: Mutex<HashMap<String, Fault>>,
    connections: Mutex<Vec<TcpStream>>,
    peers: Mutex<Vec<SocketAddr>>,
}

/// A running server. It ends, with all its connections, when it is dropped.
#[derive(Debug)]
pub struct Repo {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Repo {
    /// Serves the files below `folder` on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn serve(folder: &Path) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            folder: folder.canonicalize()?,
            stopping: AtomicBool::new(false),
            log: Mutex::default(),
            faults: Mutex::default(),
            connections: Mutex::default(),
            peers: Mutex::default(),
        });
        let for_thread = Arc::clone(&shared);
        let acceptor = std::thread::Builder::new().name("repo".into()).spawn(move || accept(&listener, &for_thread))?;
        Ok(Self { address, shared, acceptor: Some(acceptor) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// All requests since the start or the last [`Repo::forget`], in the order in which their answers ended.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared.log).clone()
    }

    /// Everyone who connected, with or without a request, since the start or the last [`Repo::forget`].
    #[must_use]
    pub fn peers(&self) -> Vec<SocketAddr> {
        lock(&self.shared.peers).clone()
    }

    /// Starts the account anew.
    pub fn forget(&self) {
        lock(&self.shared.log).clear();
        lock(&self.shared.peers).clear();
    }

    /// Serves `path` wrongly from now on.
    pub fn break_file(&self, path: &str, fault: Fault) {
        lock(&self.shared.faults).insert(path.to_owned(), fault);
    }

    /// Serves everything rightly from now on.
    pub fn mend(&self) {
        lock(&self.shared.faults).clear();
    }

    /// Closes all connections, as a server may at any time.
    pub fn hang_up(&self) {
        for stream in lock(&self.shared.connections).drain(..) {
            hang_up(&stream);
        }
    }
}

fn hang_up(stream: &TcpStream) {
    if stream.shutdown(Shutdown::Both).is_err() {
        // The other side was first.
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut threads = Vec::new();
    for stream in listener.incoming() {
        if shared.stopping.load(Ordering::SeqCst) {
            break;
        }
        let Ok(stream) = stream else { continue };
        let (Ok(copy), Ok(peer)) = (stream.try_clone(), stream.peer_addr()) else { continue };
        lock(&shared.connections).push(copy);
        lock(&shared.peers).push(peer);
        let shared = Arc::clone(shared);
        threads.push(std::thread::spawn(move || {
            if let Err(error) = serve::connection(&stream, peer, &shared)
                && !shared.stopping.load(Ordering::SeqCst)
            {
                eprintln!("repo: {peer}: {error}");
            }
            hang_up(&stream);
        }));
    }
    for stream in lock(&shared.connections).drain(..) {
        hang_up(&stream);
    }
    for thread in threads {
        if thread.join().is_err() {
            eprintln!("repo: a connection's thread panicked");
        }
    }
}

impl Drop for Repo {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        if let Err(error) = TcpStream::connect(self.address) {
            eprintln!("repo: cannot be woken to end: {error}");
            return;
        }
        if self.acceptor.take().is_some_and(|thread| thread.join().is_err()) {
            eprintln!("repo: its thread panicked");
        }
    }
}

#[cfg(test)]
mod tests;
