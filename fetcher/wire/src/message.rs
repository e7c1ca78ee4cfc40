//! What the frames say: the payloads of both sides, parsed once and valid from then on.

use serde::{Deserialize, Serialize};

use crate::{FrameError, Header, Kind, MAX_PAYLOAD, Path, Reason};

/// The version of this protocol.
pub const VERSION: u32 = 1;

/// Most base URLs in OPEN: an onion service and a few mirrors.
pub const MAX_BASES: usize = 16;

/// Most bytes of a base URL. An onion address has 62.
pub const MAX_BASE: usize = 256;

/// The largest length that our formats know: 2^53 - 1, what JSON numbers hold exactly.
pub const MAX_LENGTH: u64 = (1 << 53) - 1;

/// Most bytes that one GET may ask for. The largest file on a FAT32 stick is smaller by one.
pub const MAX_RANGE: u64 = 1 << 32;

/// Most bytes of a detail that are kept: a sentence for a log, not a place for a server to write essays.
pub const MAX_DETAIL: usize = 512;

/// The first thing that a client says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// The protocol's version.
    pub version: u32,
    /// Base URLs, tried in this order; empty for a kit.
    #[serde(default)]
    pub bases: Vec<String>,
}

/// Asks for bytes `start .. start + length` of a file, as many as there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Get {
    /// The file.
    pub path: Path,
    /// The first byte, from 0.
    pub start: u64,
    /// The number of bytes, from 1 to [`MAX_RANGE`].
    pub length: u64,
}

/// The answer to [`Open`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// The protocol's version.
    pub version: u32,
}

/// How the way to the network stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// On the way.
    Connecting,
    /// Requests can be made.
    Ready,
    /// Stuck, and the blockage says on what; it may still come loose.
    Blocked,
}

/// What keeps Tor from connecting, as far as it can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Blockage {
    /// No connection to anything.
    Offline,
    /// Connections are made, and what goes through them seems to be filtered.
    Filtered,
    /// Tor's relays cannot be reached in some other way.
    CannotReachTor,
    /// The system's clock is so wrong that relays or their directory look invalid.
    ClockSkewed,
    /// The directory of relays cannot be had.
    CannotBootstrap,
    /// Anything else.
    #[serde(other)]
    Other,
}

impl Blockage {
    /// The stable code, as on the wire.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::Filtered => "filtered",
            Self::CannotReachTor => "cannot-reach-tor",
            Self::ClockSkewed => "clock-skewed",
            Self::CannotBootstrap => "cannot-bootstrap",
            Self::Other => "other",
        }
    }
}

/// Between which times the Tor network's own consensus is valid, in Unix seconds. A hint about the clock, nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consensus {
    /// From when.
    pub valid_after: u64,
    /// Until when.
    pub valid_until: u64,
}

/// The payload of STATUS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Where it stands.
    pub phase: Phase,
    /// How far the connection to the network is, 0 to 100; a client lowers more to 100.
    #[serde(default)]
    pub percent: u8,
    /// What it is stuck on.
    #[serde(default)]
    pub blockage: Option<Blockage>,
    /// The consensus, once there is one.
    #[serde(default)]
    pub consensus: Option<Consensus>,
}

/// The payload of HEAD.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The length of the whole file, as the server claims.
    #[serde(default)]
    pub total: Option<u64>,
}

/// The payload of FAILED.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// Why.
    pub reason: Reason,
    /// More, for a log.
    #[serde(default)]
    pub detail: String,
}

impl Failed {
    /// A failure whose detail is cut to [`MAX_DETAIL`] bytes and holds no control characters.
    #[must_use]
    pub fn new(reason: Reason, detail: impl AsRef<str>) -> Self {
        let mut text = String::new();
        for c in detail.as_ref().chars().map(|c| if c.is_control() { ' ' } else { c }) {
            if text.len().saturating_add(c.len_utf8()) > MAX_DETAIL {
                break;
            }
            text.push(c);
        }
        Self { reason, detail: text }
    }
}

/// Anything that a client may ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Once, first.
    Open(Open),
    /// Bytes.
    Get(Get),
    /// New circuits.
    Renew,
}

/// Why a frame is no request.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// A frame that only servers send.
    #[error("frame {0:?} is not a client's")]
    NotARequest(Kind),
    /// A payload that is not what its kind should hold.
    #[error("request cannot be understood")]
    Payload(#[from] serde_json::Error),
    /// Another version of the protocol.
    #[error("protocol version {0} is not {VERSION}")]
    Version(u32),
    /// Too many base URLs, or one too long.
    #[error("too many or too long base urls")]
    Bases,
    /// A range of nothing, of too much, or beyond the largest length.
    #[error("range of {length} bytes from {start} cannot be asked for")]
    Range {
        /// The first byte asked for.
        start: u64,
        /// The number of bytes asked for.
        length: u64,
    },
}

impl Get {
    /// A request that a server will take.
    ///
    /// # Errors
    /// [`RequestError::Range`].
    pub fn new(path: Path, start: u64, length: u64) -> Result<Self, RequestError> {
        let end = start.checked_add(length).filter(|end| *end <= MAX_LENGTH);
        if length == 0 || length > MAX_RANGE || end.is_none() {
            return Err(RequestError::Range { start, length });
        }
        Ok(Self { path, start, length })
    }
}

impl Request {
    /// Reads a request from a frame.
    ///
    /// # Errors
    /// What about it is wrong.
    pub fn parse(kind: Kind, payload: &[u8]) -> Result<Self, RequestError> {
        match kind {
            Kind::Open => {
                let open: Open = serde_json::from_slice(payload)?;
                if open.version != VERSION {
                    return Err(RequestError::Version(open.version));
                }
                if open.bases.len() > MAX_BASES || open.bases.iter().any(|b| b.len() > MAX_BASE) {
                    return Err(RequestError::Bases);
                }
                Ok(Self::Open(open))
            }
            Kind::Get => {
                let Get { path, start, length } = serde_json::from_slice(payload)?;
                Ok(Self::Get(Get::new(path, start, length)?))
            }
            Kind::Renew => Ok(Self::Renew),
            other => Err(RequestError::NotARequest(other)),
        }
    }
}

/// Anything that a server may answer, except data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// To [`Open`].
    Opened,
    /// At any time.
    Status(Status),
    /// Before data.
    Head(Head),
    /// After data.
    End,
    /// There is no such file.
    Absent,
    /// It did not work.
    Failed(Failed),
}

impl Answer {
    /// Appends the answer's frame to `out`.
    ///
    /// # Errors
    /// When it cannot be a frame; with the caps here, never.
    pub fn encode_into(&self, out: &mut Vec<u8>) -> Result<(), FrameError> {
        let (kind, payload) = match self {
            Self::Opened => (Kind::Opened, json(&Opened { version: VERSION })?),
            Self::Status(status) => (Kind::Status, json(status)?),
            Self::Head(head) => (Kind::Head, json(head)?),
            Self::End => (Kind::End, Vec::new()),
            Self::Absent => (Kind::Absent, Vec::new()),
            Self::Failed(failed) => (Kind::Failed, json(failed)?),
        };
        out.extend_from_slice(&Header::encode(kind, payload.len())?);
        out.extend_from_slice(&payload);
        Ok(())
    }

    /// Appends one DATA frame for each [`MAX_PAYLOAD`] of `bytes` to `out`.
    ///
    /// # Errors
    /// As [`Answer::encode_into`].
    pub fn encode_data_into(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        for piece in bytes.chunks(MAX_PAYLOAD) {
            out.extend_from_slice(&Header::encode(Kind::Data, piece.len())?);
            out.extend_from_slice(piece);
        }
        Ok(())
    }
}

pub(crate) fn json(value: &impl Serialize) -> Result<Vec<u8>, FrameError> {
    serde_json::to_vec(value).map_err(|error| FrameError::Io(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_come_back() {
        let get = br#"{"path":"metadata/timestamp.json","start":0,"length":16384,"later":[1]}"#;
        let path = Path::new("metadata/timestamp.json").unwrap();
        assert_eq!(Request::parse(Kind::Get, get).unwrap(), Request::Get(Get { path, start: 0, length: 16384 }));
        let open = br#"{"version":1,"bases":["http://a.onion/"]}"#;
        assert!(
            matches!(Request::parse(Kind::Open, open).unwrap(), Request::Open(Open { bases, .. }) if bases.len() == 1)
        );
        assert_eq!(Request::parse(Kind::Renew, b"").unwrap(), Request::Renew);
    }

    #[test]
    fn requests_that_make_no_sense_are_refused() {
        use RequestError as E;
        let get = |p: &str| Request::parse(Kind::Get, p.as_bytes()).unwrap_err();
        assert!(matches!(get(r#"{"path":"../x","start":0,"length":1}"#), E::Payload(_)));
        assert!(matches!(get(r#"{"path":"x","start":0,"length":0}"#), E::Range { .. }));
        assert!(matches!(get(r#"{"path":"x","start":0,"length":4294967297}"#), E::Range { .. }));
        assert!(matches!(get(r#"{"path":"x","start":18446744073709551615,"length":1}"#), E::Range { .. }));
        assert!(matches!(get(r#"{"path":"x","start":9007199254740991,"length":1}"#), E::Range { .. }));
        assert!(matches!(get(r#"{"path":"x","start":-1,"length":1}"#), E::Payload(_)));
        assert!(matches!(Request::parse(Kind::Data, b"x").unwrap_err(), E::NotARequest(Kind::Data)));
        assert!(matches!(Request::parse(Kind::Open, br#"{"version":2}"#).unwrap_err(), E::Version(2)));
        let many = format!(r#"{{"version":1,"bases":[{}"a"]}}"#, "\"a\",".repeat(MAX_BASES));
        assert!(matches!(Request::parse(Kind::Open, many.as_bytes()).unwrap_err(), E::Bases));
    }

    #[test]
    fn details_are_short_and_plain() {
        let failed = Failed::new(Reason::ServerError, format!("\x1b[31mä\n{}", "ö".repeat(MAX_DETAIL)));
        assert!(failed.detail.starts_with(" [31mä ö"));
        assert!(failed.detail.len() <= MAX_DETAIL);
    }
}
