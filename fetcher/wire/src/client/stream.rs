//! The socket below the client: reads that end by a deadline, and a way to end them from another thread.

use std::io::{self, Read};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::{Error, FrameError};

#[derive(Debug)]
pub(super) struct Shared {
    stream: UnixStream,
    cancelled: AtomicBool,
}

/// Stops a [`Client`](crate::Client) from another thread: what it waits for ends with [`Error::Cancelled`], and so does all that
/// it is asked afterwards.
#[derive(Debug, Clone)]
pub struct Canceller(pub(super) Arc<Shared>);

impl Canceller {
    /// Stops the client. Calling it again changes nothing.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::SeqCst);
        self.0.close();
    }
}

/// Until when something may take, and how long that was at first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    at: Option<Instant>,
    patience: Duration,
}

impl Deadline {
    pub(super) fn new(patience: Duration) -> Self {
        // Further away than the clock can count is no deadline.
        Self { at: Instant::now().checked_add(patience), patience }
    }

    pub(super) fn or_earlier(self, other: Self) -> Self {
        match (self.at, other.at) {
            (Some(a), Some(b)) if b < a => other,
            (None, Some(_)) => other,
            _ => self,
        }
    }

    fn left(&self) -> io::Result<Option<Duration>> {
        match self.at.map(|at| at.saturating_duration_since(Instant::now())) {
            Some(Duration::ZERO) => Err(io::ErrorKind::TimedOut.into()),
            left => Ok(left),
        }
    }
}

/// Reads from the stream until the deadline, however the bytes are spread over it.
pub(super) struct Reader<'a> {
    shared: &'a Shared,
    deadline: Deadline,
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.shared.stream.set_read_timeout(self.deadline.left()?)?;
        (&self.shared.stream).read(buffer)
    }
}

impl Shared {
    pub(super) const fn new(stream: UnixStream) -> Self {
        Self { stream, cancelled: AtomicBool::new(false) }
    }

    pub(super) const fn reader(&self, deadline: Deadline) -> Reader<'_> {
        Reader { shared: self, deadline }
    }

    pub(super) fn writer(&self, patience: Duration) -> io::Result<&UnixStream> {
        self.stream.set_write_timeout(Some(patience))?;
        Ok(&self.stream)
    }

    /// Shuts the stream down, so that a blocked read or write ends. It fails only when the other side was first.
    pub(super) fn close(&self) {
        if self.stream.shutdown(Shutdown::Both).is_err() {
            // Not connected any more: what was wanted.
        }
    }

    /// Tells a cancelled or stalled stream from a broken one.
    pub(super) fn explain(&self, error: FrameError, deadline: Deadline) -> Error {
        if self.cancelled.load(Ordering::SeqCst) {
            return Error::Cancelled;
        }
        match error {
            FrameError::Ended => Error::Closed,
            FrameError::Io(error) => match error.kind() {
                io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Error::Stalled(deadline.patience),
                io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => {
                    Error::Closed
                }
                _ => Error::Io(error),
            },
            garbage => Error::Garbage(garbage),
        }
    }
}
