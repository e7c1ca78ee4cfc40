//! One client: its requests in their order, and word of how Tor stands whenever it has to wait.

use std::io;
use std::pin::pin;
use std::time::Duration;

use sameday_wire::{Answer, Get, HEADER_LENGTH, Head, Header, Kind, Reason, Request, RequestError, Status};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::base::Base;
use crate::failure::Failure;
use crate::http::{Reply, Scope};
use crate::tor::{Session, Tor};

/// How often Tor's state is looked at, and at most told: four times a second is enough for a progress bar.
const LOOK: Duration = Duration::from_millis(250);

/// The longest silence: a client gives up on a server that says nothing for a minute.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// The shortest silence between two words about a percentage alone.
const CALM: Duration = Duration::from_secs(1);

type Incoming = mpsc::Receiver<Result<Request, RequestError>>;

/// Serves one client until it leaves or breaks the protocol.
pub async fn serve(stream: UnixStream, tor: &Tor) {
    let (read, write) = stream.into_split();
    let (sender, requests) = mpsc::channel(1);
    let outcome = tokio::select! {
        // Also the way in which a client that leaves ends the work that was done for it.
        outcome = read_requests(read, sender) => outcome,
        outcome = converse(requests, Voice::new(write), tor) => outcome,
    };
    if let Err(error) = outcome {
        tracing::info!("client: {error}");
    }
}

async fn read_requests(
    mut read: OwnedReadHalf,
    requests: mpsc::Sender<Result<Request, RequestError>>,
) -> io::Result<()> {
    let mut payload = Vec::new();
    loop {
        let mut header = [0; HEADER_LENGTH];
        match read.read_exact(&mut header).await {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            result => result?,
        };
        let header = Header::decode(header).map_err(io::Error::other)?;
        payload.resize(header.length, 0);
        read.read_exact(&mut payload).await?;
        if requests.send(Request::parse(header.kind, &payload)).await.is_err() {
            return Ok(());
        }
    }
}

async fn converse(mut requests: Incoming, mut voice: Voice, tor: &Tor) -> io::Result<()> {
    let (session, mut scope) = match requests.recv().await {
        Some(Ok(Request::Open(open))) => match begin(&open.bases, tor).await {
            Ok(begun) => begun,
            Err((failure, outdated)) => {
                tracing::info!("refused: {failure}");
                let said = voice.say(&failure.answer()).await;
                if outdated {
                    tor.declare_outdated();
                }
                return said;
            }
        },
        Some(Err(error)) => return voice.say(&Failure::new(Reason::BadRequest, error).answer()).await,
        Some(Ok(_)) => return voice.say(&Failure::new(Reason::BadRequest, "open comes first").answer()).await,
        None => return Ok(()),
    };
    voice.say(&Answer::Opened).await?;
    while let Some(request) = requests.recv().await {
        match request {
            Ok(Request::Get(get)) => fetch(&mut voice, &session, &mut scope, &get).await?,
            Ok(Request::Renew) => scope.renew(),
            Ok(Request::Open(_)) => voice.say(&Failure::new(Reason::BadRequest, "open comes once").answer()).await?,
            Err(error) => voice.say(&Failure::new(Reason::BadRequest, error).answer()).await?,
        }
    }
    Ok(())
}

async fn begin(bases: &[String], tor: &Tor) -> Result<(Session, Scope), (Failure, bool)> {
    let bases = bases.iter().map(|b| Base::parse(b)).collect::<Result<Vec<_>, _>>().map_err(|f| (f, false))?;
    if bases.is_empty() {
        return Err((Failure::new(Reason::BadRequest, "no base url"), false));
    }
    let session = tor.session().await.map_err(|refusal| (refusal.failure, refusal.outdated))?;
    Ok((session, Scope::new(bases)))
}

async fn fetch(voice: &mut Voice, session: &Session, scope: &mut Scope, get: &Get) -> io::Result<()> {
    if let Err(failure) = voice.meanwhile(session, session.ready()).await? {
        return voice.say(&failure.answer()).await;
    }
    voice.tell(session.status()).await?;
    let mut body = match voice.meanwhile(session, scope.request(session, get)).await? {
        Ok(Reply::Body(body)) => body,
        Ok(Reply::Absent) => return voice.say(&Answer::Absent).await,
        Err(failure) => return voice.say(&failure.answer()).await,
    };
    voice.say(&Answer::Head(Head { total: body.total })).await?;
    let answer = loop {
        match voice.meanwhile(session, body.next()).await? {
            Ok(Some(bytes)) => voice.data(&bytes).await?,
            Ok(None) => break Answer::End,
            Err(failure) => break failure.answer(),
        }
    };
    scope.finish(&body);
    voice.say(&answer).await
}

/// What the client hears.
struct Voice {
    write: OwnedWriteHalf,
    out: Vec<u8>,
    last: Option<Status>,
    spoke: Instant,
}

impl Voice {
    fn new(write: OwnedWriteHalf) -> Self {
        Self { write, out: Vec::new(), last: None, spoke: Instant::now() }
    }

    async fn say(&mut self, answer: &Answer) -> io::Result<()> {
        self.out.clear();
        answer.encode_into(&mut self.out).map_err(io::Error::other)?;
        self.flush().await
    }

    async fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        for piece in bytes.chunks(sameday_wire::MAX_PAYLOAD) {
            let header = Header::encode(Kind::Data, piece.len()).map_err(io::Error::other)?;
            self.write.write_all(&header).await?;
            self.write.write_all(piece).await?;
        }
        self.spoke = Instant::now();
        Ok(())
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.spoke = Instant::now();
        self.write.write_all(&self.out).await
    }

    /// Tells how Tor stands, if that is news or the silence was long.
    async fn tell(&mut self, status: Status) -> io::Result<()> {
        let silence = self.spoke.elapsed();
        let news = match self.last {
            None => true,
            Some(last) if last == status => false,
            Some(last) if (Status { percent: status.percent, ..last }) == status => silence >= CALM,
            Some(_) => true,
        };
        if !news && silence < HEARTBEAT {
            return Ok(());
        }
        self.last = Some(status);
        self.say(&Answer::Status(status)).await
    }

    /// Waits for `work`, and tells how Tor stands meanwhile.
    async fn meanwhile<T>(&mut self, session: &Session, work: impl Future<Output = T>) -> io::Result<T> {
        let mut work = pin!(work);
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                _ = look.tick() => self.tell(session.status()).await?,
            }
        }
    }
}
