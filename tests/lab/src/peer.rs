//! A fetcher that can lie: speaks the real protocol on a socket of its own choice, serves a repository's folder, and changes what a test tells it
//! to. The daemon does not trust its fetcher, so any fetcher may behave like this.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::net::Shutdown;
use std::os::unix::fs::FileExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use sameday_wire::{
    Answer, Blockage, Consensus, Failed, Get, Head, Phase, Reason, Request, ServeError, Server, Status,
};

pub mod script;

use script::{Mouth, Word};

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
    /// Nothing is said after so many bytes of the file, until this lie is taken back.
    HoldAt(u64),
    /// One byte at a time, with this pause after each.
    Drip(Duration),
    /// The file, with this pause after each [`PIECE`] of it.
    Pace(Duration),
    /// Instead of the file, STATUS without end, with this pause after each.
    Babble(Duration),
    /// Instead of an answer, these words.
    Words(Vec<Word>),
}

/// How its Tor is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tor {
    /// It has a way to the server.
    #[default]
    Ready,
    /// It looks for one, for as long as this is so.
    Connecting,
    /// It has lost it, in the middle of whatever it does.
    Lost,
}

/// Bytes that are told at once.
pub const PIECE: u64 = 65_536;

/// How often somebody who waits is told, or looks again.
const AGAIN: Duration = Duration::from_millis(20);

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
    tor: Mutex<Tor>,
    lies: Mutex<BTreeMap<String, Lie>>,
    opening: Mutex<Vec<Word>>,
    asked: Mutex<Vec<Asked>>,
    opened: Mutex<Vec<Vec<String>>>,
    stop: AtomicBool,
    /// Connections that are open, and can be ended.
    open: Mutex<BTreeMap<u64, UnixStream>>,
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
                    if let Err(error) = attend(stream, connection, &state) {
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

    /// From now on, its Tor is like this.
    pub fn tor(&self, tor: Tor) {
        *lock(&self.shared.tor) = tor;
    }

    /// From now on, lies about `path`.
    pub fn lie(&self, path: &str, lie: Lie) {
        lock(&self.shared.lies).insert(path.to_owned(), lie);
    }

    /// From now on, says these words to whoever opens a connection; if none of them ends it, it goes on as always.
    pub fn lie_at_open(&self, words: Vec<Word>) {
        *lock(&self.shared.opening) = words;
    }

    /// From now on, tells the truth.
    pub fn honest(&self) {
        lock(&self.shared.lies).clear();
        lock(&self.shared.opening).clear();
    }

    /// Ends all connections.
    pub fn hang_up(&self) {
        for stream in lock(&self.shared.open).values() {
            end(stream);
        }
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

/// Serves one connection, and ends it.
fn attend(stream: UnixStream, connection: u64, state: &Shared) -> Result<(), ServeError> {
    lock(&state.open).insert(connection, stream.try_clone()?);
    let served = serve(stream, connection, state);
    if let Some(stream) = lock(&state.open).remove(&connection) {
        end(&stream);
    }
    served
}

/// One that the client has ended already cannot be ended again.
fn end(stream: &UnixStream) {
    if let Err(error) = stream.shutdown(Shutdown::Both)
        && error.kind() != io::ErrorKind::NotConnected
    {
        eprintln!("peer: {error}");
    }
}

fn serve(stream: UnixStream, connection: u64, state: &Shared) -> Result<(), ServeError> {
    let raw = stream.try_clone()?;
    let mut server = Server::new(stream);
    let (open, _) = server.accept_open()?;
    lock(&state.opened).push(open.bases);
    let opening = lock(&state.opening).clone();
    if opening.is_empty() {
        server.answer(&Answer::Opened)?;
    } else {
        let root = lock(&state.root).clone();
        if !(Mouth { server: &mut server, raw: &raw, root: &root }).say(&opening, None)? {
            return Ok(());
        }
    }
    let consensus = *lock(&state.consensus);
    if consensus.is_some() {
        server.answer(&status(Phase::Ready, None, consensus))?;
    }
    while let Some(request) = server.next_request()? {
        let Request::Get(get) = request else { continue };
        let path = get.path.as_str().to_owned();
        lock(&state.asked).push(Asked { connection, path: path.clone(), start: get.start, length: get.length });
        let lie = lock(&state.lies).get(&path).cloned();
        let root = lock(&state.root).clone();
        let goes_on = match lie {
            Some(Lie::Words(words)) => Mouth { server: &mut server, raw: &raw, root: &root }.say(&words, Some(&get))?,
            lie => answer(&mut server, &root, &get, lie, state)?,
        };
        if !goes_on {
            return Ok(());
        }
    }
    Ok(())
}

fn status(phase: Phase, blockage: Option<Blockage>, consensus: Option<Consensus>) -> Answer {
    let percent = if phase == Phase::Ready { 100 } else { 10 };
    Answer::Status(Status { phase, percent, blockage, consensus })
}

/// Tells how Tor is until it is ready; `false` if it is lost, and the request has been answered by that.
fn connected(server: &mut Server, state: &Shared) -> Result<bool, ServeError> {
    loop {
        let tor = *lock(&state.tor);
        match tor {
            Tor::Ready => return Ok(true),
            Tor::Connecting => server.answer(&status(Phase::Connecting, None, None))?,
            Tor::Lost => {
                let blockage = Blockage::Offline;
                server.answer(&status(Phase::Blocked, Some(blockage), None))?;
                server.answer(&Answer::Failed(Failed::new(Reason::TorBlocked, blockage.code())))?;
                return Ok(false);
            }
        }
        thread::sleep(AGAIN);
    }
}

/// Answers one request; `false` ends the connection.
fn answer(server: &mut Server, root: &Path, get: &Get, lie: Option<Lie>, state: &Shared) -> Result<bool, ServeError> {
    if !connected(server, state)? {
        return Ok(true);
    }
    if let Some(Lie::Babble(pause)) = lie {
        loop {
            server.answer(&status(Phase::Ready, None, None))?;
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
        if let Some(Lie::HoldAt(place)) = lie
            && at >= place
        {
            while holds(state, get.path.as_str()) {
                thread::sleep(AGAIN);
            }
        }
        if *lock(&state.tor) == Tor::Lost && !connected(server, state)? {
            return Ok(true);
        }
        let mut piece = vec![0; usize::try_from((end - at).min(PIECE)).unwrap_or_default()];
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
        if let Some(Lie::Pace(pause)) = lie {
            thread::sleep(pause);
        }
        at += piece.len() as u64;
        if cut.is_some() {
            return ended(server, get.path.as_str(), lie, state);
        }
    }
    server.answer(&Answer::End).map(|()| true)
}

/// Whether an answer about this path is still held back.
fn holds(state: &Shared, path: &str) -> bool {
    !state.stop.load(Ordering::SeqCst)
        && *lock(&state.tor) != Tor::Lost
        && matches!(lock(&state.lies).get(path), Some(Lie::HoldAt(_)))
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
