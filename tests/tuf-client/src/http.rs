//! Plain HTTP: one request, one answer. No redirects, no proxies, no content codings, no connection kept from one request to the next.

use std::io::{self, Read};
use std::time::Duration;

use ureq::{Agent, Body, config::Config};

use crate::error::Error;

/// A server on the same continent, or Tor, connects in less.
const CONNECT: Duration = Duration::from_secs(20);

/// From the request to the head of the answer.
const FIRST_BYTE: Duration = Duration::from_secs(30);

/// A whole answer. Slow retrieval: a server that trickles would hold the client for ever.
const WHOLE: Duration = Duration::from_secs(600);

/// Gets files.
#[derive(Debug)]
pub(crate) struct Http(Agent);

/// The body of an answer, as it streams in.
pub(crate) struct Incoming {
    url: String,
    body: ureq::BodyReader<'static>,
}

impl Http {
    pub(crate) fn new() -> Self {
        let config = Config::builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .max_idle_connections(0)
            .user_agent(concat!("sameday-tuf-client/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(FIRST_BYTE))
            .timeout_global(Some(WHOLE))
            .build();
        Self(config.new_agent())
    }

    /// None: the server has no such file. Static file stores answer 403 where others answer 404.
    pub(crate) fn get(&self, base: &str, path: &str) -> Result<Option<Incoming>, Error> {
        let url = join(base, path);
        let answer = self.0.get(&url).call();
        let answer = answer.map_err(|e| Error::Http { url: url.clone(), source: Box::new(e) })?;
        match answer.status().as_u16() {
            200 => Ok(Some(Incoming { url, body: Body::into_reader(answer.into_body()) })),
            403 | 404 => Ok(None),
            status => Err(Error::Status { url, status }),
        }
    }
}

impl Incoming {
    /// Everything, if it is at most `limit` bytes; otherwise one byte more than that, and nothing further is read.
    pub(crate) fn at_most(self, limit: u64) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        let Self { url, body } = self;
        body.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(|source| Error::Body { url, source })?;
        Ok(bytes)
    }

    /// The next piece; empty at the end.
    pub(crate) fn piece<'b>(&mut self, buffer: &'b mut [u8]) -> Result<&'b [u8], Error> {
        let failed = |source: io::Error| Error::Body { url: self.url.clone(), source };
        let n = self.body.read(buffer).map_err(failed)?;
        Ok(buffer.get(..n).unwrap_or_default())
    }
}

/// The base is kept as it was given, but for the one separator that a path below it needs.
pub(crate) fn join(base: &str, path: &str) -> String {
    let separator = if base.ends_with('/') { "" } else { "/" };
    format!("{base}{separator}{path}")
}
