//! What a client can learn about a server that failed, lied or went away. Each case has a stable code.

use std::io;
use std::time::Duration;

use crate::{Failed, FrameError, Kind, RequestError};

/// Why the daemon's side gave up. All but [`Error::Refused`] and [`Error::BadRequest`] end the connection: what follows on it could
/// not be told from what belongs to the failed request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server says that it did not work. The connection may go on.
    #[error("server failed: {}: {}", .0.reason, .0.detail)]
    Refused(Failed),
    /// Our own request is not one; nothing was sent.
    #[error("request cannot be made")]
    BadRequest(#[from] RequestError),
    /// The server closed the connection.
    #[error("server closed the connection")]
    Closed,
    /// The server said nothing, or nothing that brought bytes nearer, for this long.
    #[error("server made no progress for {0:?}")]
    Stalled(Duration),
    /// Another thread used the [`Canceller`](crate::Canceller).
    #[error("cancelled")]
    Cancelled,
    /// More bytes than were asked for, or than the server itself had announced.
    #[error("server sent more than the {allowed} bytes that it may")]
    TooLong {
        /// What it was allowed to send.
        allowed: u64,
    },
    /// The server ended before the length that it had announced itself.
    #[error("server ended after {received} of {promised} bytes")]
    TooShort {
        /// What it had announced, within what was asked for.
        promised: u64,
        /// What it sent.
        received: u64,
    },
    /// A frame in a place where it has no meaning.
    #[error("server sent a {0:?} frame out of turn")]
    OutOfTurn(Kind),
    /// Bytes that are no frame, or a payload that is not its kind's.
    #[error("server sent garbage")]
    Garbage(#[source] FrameError),
    /// A status after the other, and nothing else.
    #[error("server sent more than {0} status frames for one request")]
    TooManyEvents(u32),
    /// A protocol that this version does not speak.
    #[error("server speaks version {0} of the protocol")]
    Version(u32),
    /// The socket itself failed.
    #[error("connection to the server failed")]
    Io(#[source] io::Error),
}

impl Error {
    /// The stable code of the case; for [`Error::Refused`] the server's.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused(failed) => failed.reason.code(),
            Self::BadRequest(_) => "bad-request",
            Self::Closed => "closed",
            Self::Stalled(_) => "stalled",
            Self::Cancelled => "cancelled",
            Self::TooLong { .. } => "too-long",
            Self::TooShort { .. } => "too-short",
            Self::OutOfTurn(_) => "out-of-turn",
            Self::Garbage(_) => "garbage",
            Self::TooManyEvents(_) => "too-many-events",
            Self::Version(_) => "unknown-version",
            Self::Io(_) => "connection-failed",
        }
    }

    /// Whether the connection can be used for another request.
    #[must_use]
    pub const fn connection_survives(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::BadRequest(_))
    }
}

/// Why a GET ended early: the connection's fault, or the wish of the one who took the bytes.
#[derive(Debug, thiserror::Error)]
pub enum GetError<E> {
    /// The connection or the server.
    #[error(transparent)]
    Wire(#[from] Error),
    /// The sink would take no more. The connection is closed, since bytes may still be under way.
    #[error("bytes were not taken")]
    Sink(E),
}

impl<E> GetError<E> {
    /// The same, with another error of the sink.
    pub fn map_sink<F>(self, convert: impl FnOnce(E) -> F) -> GetError<F> {
        match self {
            Self::Wire(error) => GetError::Wire(error),
            Self::Sink(error) => GetError::Sink(convert(error)),
        }
    }
}
