//! Where bytes come from: the fetcher or the kit reader, which are believed nothing but the bytes themselves, and those only once verified.

use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use sameday_dbus::{ErrorKind, Failure};
use sameday_trust::{ConsensusTime, Time};
use sameday_wire::{Client, Error, GetError, Outcome, Path, Patience, Phase, Reason, Status};

use crate::cancel::Cancel;
use crate::failure::Chain;
use crate::report::Report;
use crate::state::Origin;

/// The reason of a fetcher that is not there. systemd starts it anew, so it passes.
pub const FETCHER_UNREACHABLE: &str = "fetcher-unreachable";

/// The sockets of systemd, owned by root.
const FETCHER: &str = "/run/sameday/fetcher.sock";
const KIT_READER: &str = "/run/sameday/kit.sock";

/// A small file that takes longer is withheld by dripping (TUF 1.5.2, slow retrieval).
const SLOWEST_FILE: Duration = Duration::from_secs(600);
/// A kit lies on a disk: half a minute of silence means that it cannot be read.
const KIT_PATIENCE: Patience = Patience { frame: Duration::from_secs(30), progress: Duration::from_secs(30) };

/// Takes the bytes as they come.
pub type Sink<'a> = dyn FnMut(&[u8]) -> Result<(), Failure> + 'a;

/// What a source knows of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The bytes were given to the sink. The length of the whole file, as the source claims.
    Given(Option<u64>),
    /// There is no such file, as the source claims.
    Absent,
}

/// Where bytes come from.
pub trait Source {
    /// Asks for `length` bytes of `path` from `start` on; at most so many reach the sink.
    ///
    /// # Errors
    /// What the sink failed with, or what keeps the source from answering.
    fn get(&mut self, path: &str, start: u64, length: u64, sink: &mut Sink<'_>) -> Result<Answer, Failure>;

    /// The validity of Tor's consensus, if the source told one: a hint that nobody vouches for.
    fn consensus(&self) -> Option<ConsensusTime>;

    /// Asks for other circuits from now on.
    ///
    /// # Errors
    /// When the source is gone.
    fn renew(&mut self) -> Result<(), Failure>;
}

/// Reads a whole small file of at most `limit` bytes; `None` when the source has none.
///
/// # Errors
/// `not-verified`, reason `too-long`, when there is more, and whatever the source fails with.
pub fn whole(source: &mut dyn Source, path: &str, limit: u64) -> Result<Option<Vec<u8>>, Failure> {
    let mut bytes = Vec::new();
    let more_than = limit.saturating_add(1);
    let began = Instant::now();
    let answer = source.get(path, 0, more_than, &mut |data| {
        if began.elapsed() > SLOWEST_FILE {
            return Err(Failure::new(ErrorKind::Server, "too-slow").text("path", path));
        }
        bytes.extend_from_slice(data);
        Ok(())
    })?;
    match answer {
        Answer::Absent => Ok(None),
        Answer::Given(_) if bytes.len() as u64 > limit => {
            Err(Failure::new(ErrorKind::NotVerified, "too-long").text("path", path).number("limit", limit))
        }
        Answer::Given(_) => Ok(Some(bytes)),
    }
}

/// Opens sources.
pub trait Origins: std::fmt::Debug + Send + Sync {
    /// Opens the source that an origin names. The fetcher tries `bases` in turn.
    ///
    /// # Errors
    /// When it cannot be reached, or says why it cannot serve.
    fn open(
        &self,
        origin: &Origin,
        bases: &[String],
        cancel: &Cancel,
        report: &Report,
    ) -> Result<Box<dyn Source>, Failure>;
}

/// The sockets on which systemd starts the fetcher and the kit reader.
#[derive(Debug, Clone, Copy)]
pub struct Sockets;

impl Origins for Sockets {
    fn open(
        &self,
        origin: &Origin,
        bases: &[String],
        cancel: &Cancel,
        report: &Report,
    ) -> Result<Box<dyn Source>, Failure> {
        let mut source = SocketSource {
            origin: origin.clone(),
            bases: bases.to_vec(),
            cancel: cancel.clone(),
            report: report.clone(),
            consensus: None,
            client: None,
        };
        source.connect()?;
        Ok(Box::new(source))
    }
}

/// A source behind a socket, connected anew when a connection broke. One connection is one isolation scope of the fetcher.
struct SocketSource {
    origin: Origin,
    bases: Vec<String>,
    cancel: Cancel,
    report: Report,
    consensus: Option<ConsensusTime>,
    client: Option<Client>,
}

impl SocketSource {
    fn connect(&mut self) -> Result<&mut Client, Failure> {
        if self.client.is_none() {
            self.client = Some(self.connected()?);
        }
        self.client.as_mut().ok_or_else(|| Failure::new(ErrorKind::Internal, "no-connection"))
    }

    fn connected(&mut self) -> Result<Client, Failure> {
        let (path, patience, unreachable, kit, bases) = match &self.origin {
            Origin::Repository => (FETCHER, Patience::default(), FETCHER_UNREACHABLE, None, self.bases.as_slice()),
            Origin::Kit(kit) => (KIT_READER, KIT_PATIENCE, "kit-reader-unreachable", kit.descriptor(), [].as_slice()),
        };
        let stream = UnixStream::connect(path).map_err(|error| {
            tracing::error!("{path}: {error}");
            Failure::new(ErrorKind::Internal, unreachable)
        })?;
        let mut client = Client::new(stream, patience);
        let canceller = client.canceller();
        self.cancel.interrupt_with(move || canceller.cancel());
        let (report, consensus) = (&self.report, &mut self.consensus);
        let opened = client.open(bases, kit, &mut |status| heard(status, report, consensus));
        opened.map_err(|error| of_wire(&error, &self.origin))?;
        Ok(client)
    }

    /// Ends the connection if nothing more can be asked on it, and says what the error means to the user.
    fn broken(&mut self, error: &Error) -> Failure {
        if !error.connection_survives() {
            self.client = None;
        }
        of_wire(error, &self.origin)
    }
}

/// Notes how far the way to the network is, and the hint about the time.
fn heard(status: Status, report: &Report, consensus: &mut Option<ConsensusTime>) {
    if let Some(hint) = status.consensus {
        let time = |seconds| Time::from_unix(i64::try_from(seconds).unwrap_or(i64::MAX));
        let (valid_after, valid_until) = (time(hint.valid_after), time(hint.valid_until));
        *consensus = Some(ConsensusTime { valid_after, valid_until });
    }
    let blockage = status.blockage.map(sameday_wire::Blockage::code);
    report.connecting((status.phase != Phase::Ready).then_some(status.percent), blockage);
}

impl Source for SocketSource {
    fn get(&mut self, path: &str, start: u64, length: u64, sink: &mut Sink<'_>) -> Result<Answer, Failure> {
        let path: Path = path.parse().map_err(|error| {
            tracing::warn!("{path:?}: {error}");
            Failure::new(ErrorKind::Internal, "bad-path")
        })?;
        self.connect()?;
        let Some(client) = &mut self.client else {
            return Err(Failure::new(ErrorKind::Internal, "no-connection"));
        };
        let (report, consensus) = (&self.report, &mut self.consensus);
        match client.get(&path, start, length, sink, &mut |status| heard(status, report, consensus)) {
            Ok(Outcome::Complete { total }) => Ok(Answer::Given(total)),
            Ok(Outcome::Absent) => Ok(Answer::Absent),
            Err(GetError::Wire(error)) => Err(self.broken(&error)),
            Err(GetError::Sink(failure)) => {
                // Bytes may still be under way on it.
                self.client = None;
                Err(failure)
            }
        }
    }

    fn consensus(&self) -> Option<ConsensusTime> {
        self.consensus
    }

    fn renew(&mut self) -> Result<(), Failure> {
        // Without a connection there is nothing to renew: the next one has circuits of its own.
        match self.client.as_mut().map(Client::renew) {
            Some(Err(error)) => {
                tracing::info!("renew: {}", Chain(&error));
                self.client = None;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// What a source's failure means to the user.
fn of_wire(error: &Error, origin: &Origin) -> Failure {
    tracing::warn!("{}", Chain(error));
    let where_from = match origin {
        Origin::Repository => ErrorKind::Server,
        Origin::Kit(_) => ErrorKind::KitUnreadable,
    };
    let kind = match error {
        Error::Cancelled => ErrorKind::Cancelled,
        Error::TooLong { .. } => ErrorKind::NotVerified,
        Error::BadRequest(_) | Error::Version(_) => ErrorKind::Internal,
        Error::Refused(failed) => match failed.reason {
            Reason::Unconfigured | Reason::ConfigurationUnreadable | Reason::ModeUnsupported => {
                ErrorKind::NotConfigured
            }
            Reason::TorBlocked | Reason::TorFailed => ErrorKind::TorBlocked,
            Reason::StorageRefused | Reason::BaseRefused | Reason::BadRequest => ErrorKind::Internal,
            Reason::KitUnreadable | Reason::KitTruncated | Reason::KitFormat => ErrorKind::KitUnreadable,
            _ => where_from,
        },
        _ => where_from,
    };
    let failure = Failure::new(kind, error.code());
    match error {
        Error::Refused(failed) if !failed.detail.is_empty() => failure.text("detail", &failed.detail),
        _ => failure,
    }
}
