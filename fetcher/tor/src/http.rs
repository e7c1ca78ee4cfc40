//! Requests to the repository: HTTP/1.1 inside Tor, one connection at a time, with no header beyond `Host` and `Range`.

use std::sync::Arc;
use std::time::Duration;

use arti_client::config::BoolOrAuto;
use arti_client::{DataStream, IsolationToken, StreamPrefs};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{HOST, RANGE};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use sameday_wire::{Get, Reason};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::base::Base;
use crate::failure::Failure;
use crate::judge::{Verdict, judge};
use crate::tor::Session;

/// To find an onion service and meet it, or to get through an exit, TLS included.
const CONNECT: Duration = Duration::from_secs(120);

/// From the request to the first line of the answer.
const FIRST_BYTE: Duration = Duration::from_secs(60);

/// Between two pieces of a file.
const IDLE: Duration = Duration::from_secs(60);

/// Most bytes that wait to be passed on, and most of an answer's headers.
const BUFFER: usize = 64 * 1024;

/// Most headers of an answer.
const MAX_HEADERS: usize = 64;

/// Where requests go, and the connection that they share.
pub struct Scope {
    bases: Vec<Base>,
    /// The base that worked last.
    preferred: usize,
    token: IsolationToken,
    live: Option<Live>,
    tls: TlsConnector,
}

struct Live {
    base: usize,
    sender: SendRequest<Empty<Bytes>>,
    driver: JoinHandle<()>,
}

impl Drop for Live {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// What a request led to.
pub enum Reply {
    /// Bytes follow.
    Body(Body),
    /// No such file.
    Absent,
}

/// Bytes on their way, never more than were asked for.
pub struct Body {
    /// The length of the whole file, as the server claims.
    pub total: Option<u64>,
    left: u64,
    exact: bool,
    incoming: Incoming,
}

impl Scope {
    pub fn new(bases: Vec<Base>) -> Self {
        let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let tls = TlsConnector::from(Arc::new(config));
        Self { bases, preferred: 0, token: IsolationToken::new(), live: None, tls }
    }

    /// From now on, other circuits.
    pub fn renew(&mut self) {
        self.token = IsolationToken::new();
        self.live = None;
        self.preferred = 0;
    }

    /// Asks each base in turn until one answers with the file, or that there is none.
    pub async fn request(&mut self, session: &Session, get: &Get) -> Result<Reply, Failure> {
        let mut failures = Vec::new();
        for turn in 0..self.bases.len() {
            let number = self.preferred.wrapping_add(turn).checked_rem(self.bases.len()).unwrap_or(0);
            let Some(base) = self.bases.get(number).cloned() else { continue };
            match self.request_from(session, number, &base, get).await {
                Ok(reply) => {
                    self.preferred = number;
                    return Ok(reply);
                }
                Err(failure) => {
                    self.live = None;
                    tracing::info!("base {number}: {failure}");
                    failures.push((number, failure));
                }
            }
        }
        match failures.as_slice() {
            [] => Err(Failure::new(Reason::BadRequest, "no base url")),
            [(_, only)] => Err(Failure::new(only.reason, &only.detail)),
            [(_, first), ..] => {
                let all = failures.iter().map(|(n, f)| format!("base {n}: {f}")).collect::<Vec<_>>();
                Err(Failure::new(first.reason, all.join("; ")))
            }
        }
    }

    /// Drops the connection unless the body that was just read ended where it should, so that no rest of it is taken for an answer.
    pub fn finish(&mut self, body: &Body) {
        if body.left > 0 || !body.incoming.is_end_stream() {
            self.live = None;
        }
    }

    async fn request_from(
        &mut self,
        session: &Session,
        number: usize,
        base: &Base,
        get: &Get,
    ) -> Result<Reply, Failure> {
        let kept = self.live.take().filter(|live| live.base == number);
        let response = match kept {
            // A server may close a kept connection at any time: that is no failure of the request.
            Some(mut live) => match ask(&mut live.sender, base, get).await {
                Ok(response) => {
                    self.live = Some(live);
                    response
                }
                Err(Unanswered::Dead) => self.ask_anew(session, number, base, get).await?,
                Err(Unanswered::Failed(failure)) => return Err(failure),
            },
            None => self.ask_anew(session, number, base, get).await?,
        };
        let (parts, incoming) = response.into_parts();
        match judge(parts.status, &parts.headers, get)? {
            Verdict::Bytes { total, length, exact } => Ok(Reply::Body(Body { total, left: length, exact, incoming })),
            Verdict::Absent => {
                // The page that explains it is not read.
                if !incoming.is_end_stream() {
                    self.live = None;
                }
                Ok(Reply::Absent)
            }
        }
    }

    async fn ask_anew(
        &mut self,
        session: &Session,
        number: usize,
        base: &Base,
        get: &Get,
    ) -> Result<Response<Incoming>, Failure> {
        let connecting = self.connect(session, number, base);
        let late = |_| Failure::new(Reason::TimedOut, "connecting took too long");
        let mut live = timeout(CONNECT, connecting).await.map_err(late)??;
        let response = match ask(&mut live.sender, base, get).await {
            Ok(response) => response,
            Err(Unanswered::Dead) => return Err(Failure::new(Reason::Closed, "connection closed before an answer")),
            Err(Unanswered::Failed(failure)) => return Err(failure),
        };
        self.live = Some(live);
        Ok(response)
    }

    async fn connect(&self, session: &Session, number: usize, base: &Base) -> Result<Live, Failure> {
        let mut prefs = StreamPrefs::new();
        prefs.set_isolation(self.token).connect_to_onion_services(BoolOrAuto::Explicit(true));
        let stream: DataStream = session.client.connect_with_prefs((base.host.as_str(), base.port), &prefs).await?;
        if !base.tls {
            return handshake(stream, number).await;
        }
        let name = ServerName::try_from(base.host.clone()).map_err(|e| Failure::new(Reason::BaseRefused, e))?;
        let stream = self.tls.connect(name, stream).await;
        handshake(stream.map_err(|e| Failure::new(Reason::ServerUnreachable, format!("tls: {e}")))?, number).await
    }
}

async fn handshake<S>(stream: S, base: usize) -> Result<Live, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = http1::Builder::new();
    builder.title_case_headers(true).max_buf_size(BUFFER).max_headers(MAX_HEADERS);
    let (sender, connection) =
        builder.handshake(TokioIo::new(stream)).await.map_err(|e| Failure::new(Reason::ServerUnreachable, e))?;
    let driver = tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!("connection ended: {error}");
        }
    });
    Ok(Live { base, sender, driver })
}

/// Why there is no answer.
enum Unanswered {
    /// The connection was closed before anything came back.
    Dead,
    Failed(Failure),
}

async fn ask(sender: &mut SendRequest<Empty<Bytes>>, base: &Base, get: &Get) -> Result<Response<Incoming>, Unanswered> {
    if sender.ready().await.is_err() {
        return Err(Unanswered::Dead);
    }
    let last = get.start.saturating_add(get.length).saturating_sub(1);
    let request = Request::get(base.target(&get.path))
        .header(HOST, base.authority())
        .header(RANGE, format!("bytes={}-{last}", get.start))
        .body(Empty::new())
        .map_err(|e| Unanswered::Failed(Failure::new(Reason::BadRequest, e)))?;
    match timeout(FIRST_BYTE, sender.send_request(request)).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) if error.is_parse() => {
            Err(Unanswered::Failed(Failure::new(Reason::ServerError, format!("answer cannot be understood: {error}"))))
        }
        Ok(Err(_)) => Err(Unanswered::Dead),
        Err(_) => Err(Unanswered::Failed(Failure::new(Reason::TimedOut, "no answer"))),
    }
}

impl Body {
    /// The next bytes, or `None` when all are there.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        while self.left > 0 {
            let frame = timeout(IDLE, self.incoming.frame()).await;
            let frame = frame.map_err(|_| Failure::new(Reason::TimedOut, "bytes stopped coming"))?;
            let mut bytes = match frame {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) => bytes,
                    Err(_trailers) => continue,
                },
                Some(Err(error)) => return Err(Failure::new(Reason::Closed, error)),
                None if self.exact => return Err(Failure::new(Reason::Closed, "fewer bytes than announced")),
                None => {
                    self.left = 0;
                    return Ok(None);
                }
            };
            bytes.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
            self.left = self.left.saturating_sub(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            if !bytes.is_empty() {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }
}
