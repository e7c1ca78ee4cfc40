//! The daemon's side. It blocks, it counts, it gives up by a clock, and another thread can stop it. It believes nothing.

use std::io::Write;
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use crate::message::{Get, Open, Opened, json};
use crate::{
    Error, Failed, GetError, HEADER_LENGTH, Head, Header, Kind, MAX_LENGTH, Path, Status, VERSION, read_frame,
    send_with_descriptor,
};

mod stream;

pub use stream::Canceller;
use stream::{Deadline, Shared};

/// Most STATUS frames during one request: one a second for over an hour. A server that sends more is keeping us busy.
const MAX_EVENTS: u32 = 4096;

/// How long a client waits.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Without a whole frame of any kind. A server that works sends a STATUS at least every 10 seconds.
    pub frame: Duration,
    /// Without anything but STATUS: what a first connection over a bad network may take.
    pub progress: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { frame: Duration::from_secs(60), progress: Duration::from_secs(15 * 60) }
    }
}

/// How a GET ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The bytes that were asked for, as many as there are, went to the sink.
    Complete {
        /// The length of the whole file, if the server claims one.
        total: Option<u64>,
    },
    /// The server says that there is no such file.
    Absent,
}

/// One connection to a fetcher or kit reader: one isolation scope.
#[derive(Debug)]
pub struct Client {
    shared: Arc<Shared>,
    patience: Patience,
    payload: Vec<u8>,
    /// STATUS frames that the request under way may still see.
    events_left: u32,
}

impl Client {
    /// Takes a connected stream.
    #[must_use]
    pub fn new(stream: UnixStream, patience: Patience) -> Self {
        Self { shared: Arc::new(Shared::new(stream)), patience, payload: Vec::new(), events_left: 0 }
    }

    /// What lets another thread stop this client, at any time and for good.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        Canceller(Arc::clone(&self.shared))
    }

    /// Says what is to be served: the repository at `bases`, or `kit`. Once, first.
    ///
    /// # Errors
    /// [`Error::Refused`] with the server's reason, or what went wrong.
    pub fn open(
        &mut self,
        bases: &[String],
        kit: Option<BorrowedFd<'_>>,
        events: &mut dyn FnMut(Status),
    ) -> Result<(), Error> {
        let payload = json(&Open { version: VERSION, bases: bases.to_vec() }).map_err(Error::Garbage)?;
        self.events_left = MAX_EVENTS;
        let result = self.send(Kind::Open, &payload, kit).and_then(|()| match self.answer(events)? {
            Kind::Opened => match self.parse::<Opened>()?.version {
                VERSION => Ok(()),
                other => Err(Error::Version(other)),
            },
            other => Err(Error::OutOfTurn(other)),
        });
        self.close_if_broken(result)
    }

    /// Fetches bytes `start .. start + length` of `path`, as many as there are, into `sink`, piece by piece (at most 64 KiB each).
    ///
    /// # Errors
    /// [`GetError::Sink`] when the sink refuses, otherwise what went wrong; the sink may have got bytes already.
    pub fn get<E>(
        &mut self,
        path: &Path,
        start: u64,
        length: u64,
        sink: &mut dyn FnMut(&[u8]) -> Result<(), E>,
        events: &mut dyn FnMut(Status),
    ) -> Result<Outcome, GetError<E>> {
        let result = self.get_or_break(path, start, length, sink, events);
        match &result {
            Err(GetError::Sink(_)) => self.shared.close(),
            Err(GetError::Wire(error)) if !error.connection_survives() => self.shared.close(),
            _ => {}
        }
        result
    }

    /// Asks for new circuits from now on. There is no answer.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn renew(&mut self) -> Result<(), Error> {
        let result = self.send(Kind::Renew, &[], None);
        self.close_if_broken(result)
    }

    fn get_or_break<E>(
        &mut self,
        path: &Path,
        start: u64,
        length: u64,
        sink: &mut dyn FnMut(&[u8]) -> Result<(), E>,
        events: &mut dyn FnMut(Status),
    ) -> Result<Outcome, GetError<E>> {
        let get = Get::new(path.clone(), start, length).map_err(Error::BadRequest)?;
        let payload = json(&get).map_err(Error::Garbage)?;
        self.events_left = MAX_EVENTS;
        self.send(Kind::Get, &payload, None)?;
        let total = match self.answer(events)? {
            Kind::Head => self.parse::<Head>()?.total,
            Kind::Absent => return Ok(Outcome::Absent),
            other => return Err(Error::OutOfTurn(other).into()),
        };
        // What the server claims can only lower what it may send.
        let promised = match total {
            Some(claimed) if claimed > MAX_LENGTH => return Err(Error::TooLong { allowed: MAX_LENGTH }.into()),
            Some(claimed) => Some(claimed.saturating_sub(start).min(length)),
            None => None,
        };
        let allowed = promised.unwrap_or(length);
        let mut received: u64 = 0;
        loop {
            match self.answer(events)? {
                Kind::Data => {
                    let more = u64::try_from(self.payload.len()).unwrap_or(u64::MAX);
                    received = received.saturating_add(more);
                    if received > allowed {
                        return Err(Error::TooLong { allowed }.into());
                    }
                    sink(&self.payload).map_err(GetError::Sink)?;
                }
                Kind::End => break,
                other => return Err(Error::OutOfTurn(other).into()),
            }
        }
        match promised {
            Some(promised) if received < promised => Err(Error::TooShort { promised, received }.into()),
            _ => Ok(Outcome::Complete { total }),
        }
    }

    /// Reads the next frame that is not STATUS. FAILED becomes an error.
    fn answer(&mut self, events: &mut dyn FnMut(Status)) -> Result<Kind, Error> {
        let progress = Deadline::new(self.patience.progress);
        loop {
            let deadline = Deadline::new(self.patience.frame).or_earlier(progress);
            let mut reader = self.shared.reader(deadline);
            let kind = read_frame(&mut reader, &mut self.payload).map_err(|e| self.shared.explain(e, deadline))?;
            match kind {
                Kind::Status => {
                    self.events_left = self.events_left.checked_sub(1).ok_or(Error::TooManyEvents(MAX_EVENTS))?;
                    let mut status = self.parse::<Status>()?;
                    status.percent = status.percent.min(100);
                    events(status);
                }
                Kind::Failed => {
                    let Failed { reason, detail } = self.parse()?;
                    return Err(Error::Refused(Failed::new(reason, detail)));
                }
                other => return Ok(other),
            }
        }
    }

    fn parse<T: serde::de::DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.payload).map_err(|e| Error::Garbage(crate::FrameError::Io(e.into())))
    }

    fn send(&mut self, kind: Kind, payload: &[u8], descriptor: Option<BorrowedFd<'_>>) -> Result<(), Error> {
        let mut frame = Vec::with_capacity(HEADER_LENGTH.saturating_add(payload.len()));
        frame.extend_from_slice(&Header::encode(kind, payload.len()).map_err(Error::Garbage)?);
        frame.extend_from_slice(payload);
        let deadline = Deadline::new(self.patience.frame);
        let stream = self.shared.writer(self.patience.frame).map_err(Error::Io)?;
        let sent = match descriptor {
            Some(descriptor) => send_with_descriptor(stream, &frame, descriptor),
            None => Ok(0),
        };
        sent.and_then(|n| (&*stream).write_all(frame.get(n..).unwrap_or_default()))
            .map_err(|e| self.shared.explain(e.into(), deadline))
    }

    fn close_if_broken<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        if let Err(error) = &result
            && !error.connection_survives()
        {
            self.shared.close();
        }
        result
    }
}

/// The connection ends with the client, even where a [`Canceller`] is still around.
impl Drop for Client {
    fn drop(&mut self) {
        self.shared.close();
    }
}

#[cfg(test)]
mod tests;
