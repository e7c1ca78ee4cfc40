//! A fetcher that can lie: speaks the real protocol on a socket of its own choice, serves a repository's folder, and changes what a test tells it
//! to. The daemon does not trust its fetcher, so any fetcher may behave like this.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use sameday_wire::{Answer, Consensus, Failed, Get, Head, Phase, Reason, Request, ServeError, Server, Status};

/// What is done to the answer for one path.
#[derive(Debug, Clone)]
pub enum Lie {
    /// The byte at this offset is another one.
    Flip(u64),
    /// The file's content is this.
    Instead(Vec<u8>),
    /// There is no such file.
    Absent,
    /// So many bytes follow the file, and count in its length.
    Longer(u64),
    /// The answer ends by a failure after so many bytes of the file.
    FailAt(u64, Reason),
    /// The connection ends after so many bytes of the file, as often as the number says.
    CloseAt(u64, u32),
    /// Nothing is said after so many bytes of the file, until the connection ends.
    StallAt(u64),
    /// One byte at a time, with this pause after each.
    Drip(Duration),
    /// Instead of the file, STATUS without end, with this pause after each.
    Babble(Duration),
}

/// One request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The connection's number.
    pub connection: u64,
    /// The path.
    pub path: String,
    /// First byte.
    pub start: u64,
    /// Bytes asked for.
    pub length: u64,
}

#[derive(Debug, Default)]
struct Shared {
    root: Mutex<PathBuf>,
    consensus: Mutex<Option<Consensus>>,
    lies: Mutex<BTreeMap<String, Lie>>,
    asked: Mutex<Vec<Asked>>,
    opened: Mutex<Vec<Vec<String>>>,
    stop: AtomicBool,
}

/// The peer; ends with the value.
#[derive(Debug)]
pub struct Peer {
    shared: Arc<Shared>,
    socket: PathBuf,
    acceptor: Option<JoinHandle<()>>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Peer {
    /// Serves `repository` on `socket`.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn start(repository: &Path, socket: &Path) -> io::Result<Self> {
        let listener = UnixListener::bind(socket)?;
        let shared = Arc::new(Shared { root: Mutex::new(repository.to_owned()), ..Shared::default() });
        let state = Arc::clone(&shared);
        let acceptor = thread::Builder::new().name("peer".into()).spawn(move || {
            for (connection, stream) in (1..).zip(listener.incoming()) {
                let (Ok(stream), false) = (stream, state.stop.load(Ordering::SeqCst)) else { return };
                let state = Arc::clone(&state);
                thread::spawn(move || {
                    // A client that leaves in the middle is what tests are about.
                    if let Err(error) = serve(stream, connection, &state) {
                        eprintln!("peer: connection {connection}: {error}");
                    }
                });
            }
        })?;
        Ok(Self { shared, socket: socket.to_owned(), acceptor: Some(acceptor) })
    }

    /// From now on, serves this repository.
    pub fn serve(&self, repository: &Path) {
        repository.clone_into(&mut lock(&self.shared.root));
    }

    /// From the next connection on, claims that Tor's consensus is valid so.
    pub fn claim_consensus(&self, consensus: Option<Consensus>) {
        *lock(&self.shared.consensus) = consensus;
    }

    /// From now on, lies about `path`.
    pub fn lie(&self, path: &str, lie: Lie) {
        lock(&self.shared.lies).insert(path.to_owned(), lie);
    }

    /// From now on, tells the truth.
    pub fn honest(&self) {
        lock(&self.shared.lies).clear();
    }

    /// All requests since the last call.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut lock(&self.shared.asked))
    }
}

impl Peer {
    /// The base URLs of all connections since the last call.
    #[must_use]
    pub fn opened(&self) -> Vec<Vec<String>> {
        std::mem::take(&mut lock(&self.shared.opened))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        // Wakes the acceptor; if nobody can connect any more, it has ended already.
        if let Err(error) = UnixStream::connect(&self.socket) {
            eprintln!("peer: {error}");
            return;
        }
        if self.acceptor.take().is_some_and(|thread| thread.join().is_err()) {
            eprintln!("peer: the acceptor panicked");
        }
    }
}

fn serve(stream: UnixStream, connection: u64, state: &Shared) -> Result<(), ServeError> {
    let mut server = Server::new(stream);
    let (open, _) = server.accept_open()?;
    lock(&state.opened).push(open.bases);
    server.answer(&Answer::Opened)?;
    let consensus = *lock(&state.consensus);
    if consensus.is_some() {
        server.answer(&status(consensus))?;
    }
    while let Some(request) = server.next_request()? {
        let Request::Get(get) = request else { continue };
        let path = get.path.as_str().to_owned();
        lock(&state.asked).push(Asked { connection, path: path.clone(), start: get.start, length: get.length });
        let lie = lock(&state.lies).get(&path).cloned();
        let root = lock(&state.root).clone();
        if !answer(&mut server, &root, &get, lie, state)? {
            return Ok(());
        }
    }
    Ok(())
}

fn status(consensus: Option<Consensus>) -> Answer {
    Answer::Status(Status { phase: Phase::Ready, percent: 100, blockage: None, consensus })
}

/// Answers one request; `false` ends the connection.
fn answer(server: &mut Server, root: &Path, get: &Get, lie: Option<Lie>, state: &Shared) -> Result<bool, ServeError> {
    if let Some(Lie::Babble(pause)) = lie {
        loop {
            server.answer(&status(None))?;
            thread::sleep(pause);
        }
    }
    let path = root.join(get.path.as_str());
    let file = match File::open(&path) {
        Ok(file) if !matches!(lie, Some(Lie::Absent)) => file,
        Ok(_) => return server.answer(&Answer::Absent).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !matches!(lie, Some(Lie::Instead(_))) => {
            return server.answer(&Answer::Absent).map(|()| true);
        }
        Err(_) => File::open("/dev/null")?,
    };
    let length = match &lie {
        Some(Lie::Instead(bytes)) => bytes.len() as u64,
        Some(Lie::Longer(more)) => file.metadata()?.len() + more,
        _ => file.metadata()?.len(),
    };
    server.answer(&Answer::Head(Head { total: Some(length) }))?;
    let end = get.start.saturating_add(get.length).min(length);
    let mut at = get.start.min(length);
    while at < end {
        let mut piece = vec![0; usize::try_from((end - at).min(65_536)).unwrap_or(65_536)];
        match &lie {
            Some(Lie::Instead(bytes)) => {
                let from = usize::try_from(at).unwrap_or(usize::MAX);
                let length = piece.len();
                piece.copy_from_slice(&bytes[from..from + length]);
            }
            _ => {
                // What lies behind the file's end stays zeros: the longer file of the lie.
                let read = file.read_at(&mut piece, at)?;
                debug_assert!(read > 0 || matches!(lie, Some(Lie::Longer(_))));
            }
        }
        let stop = match &lie {
            Some(Lie::FailAt(stop, _) | Lie::CloseAt(stop, _) | Lie::StallAt(stop)) => Some(*stop),
            _ => None,
        };
        if let Some(Lie::Flip(offset)) = &lie
            && let Some(byte) = offset.checked_sub(at).and_then(|i| piece.get_mut(usize::try_from(i).ok()?))
        {
            *byte ^= 1;
        }
        let here = stop.and_then(|stop| stop.checked_sub(at)).and_then(|n| usize::try_from(n).ok());
        let cut = here.filter(|here| *here < piece.len());
        let told = &piece[..cut.unwrap_or(piece.len())];
        if let Some(Lie::Drip(pause)) = lie {
            for byte in told {
                server.data(&[*byte])?;
                thread::sleep(pause);
            }
        } else {
            server.data(told)?;
        }
        at += piece.len() as u64;
        if cut.is_some() {
            return ended(server, get.path.as_str(), lie, state);
        }
    }
    server.answer(&Answer::End).map(|()| true)
}

/// What the lie does when its place is reached.
fn ended(server: &mut Server, path: &str, lie: Option<Lie>, state: &Shared) -> Result<bool, ServeError> {
    match lie {
        Some(Lie::FailAt(_, reason)) => {
            server.answer(&Answer::Failed(Failed::new(reason, "the lab says so"))).map(|()| true)
        }
        Some(Lie::CloseAt(stop, times)) => {
            let mut lies = lock(&state.lies);
            match times.checked_sub(1) {
                None | Some(0) => drop(lies.remove(path)),
                Some(left) => drop(lies.insert(path.to_owned(), Lie::CloseAt(stop, left))),
            }
            Ok(false)
        }
        // Waits for the client to leave; what it says meanwhile is not answered.
        _ => {
            while server.next_request()?.is_some() {}
            Ok(false)
        }
    }
}
