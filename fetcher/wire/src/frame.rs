//! Frames: a kind, a length, a payload that is never larger than one frame may be. No payload is allocated before its length is judged.

use std::io::{self, Read, Write};

/// Bytes before each payload: the kind, then the length, big-endian.
pub const HEADER_LENGTH: usize = 5;

/// Most bytes of a payload. Large enough that framing costs nothing, small enough to be held in memory once per connection.
pub const MAX_PAYLOAD: usize = 65_536;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Client: the first frame, once.
    Open,
    /// Client: asks for bytes.
    Get,
    /// Client: use new circuits from now on.
    Renew,
    /// Server: the answer to `Open`.
    Opened,
    /// Server: how the connection to the network stands; may come before any other frame.
    Status,
    /// Server: the file is there, and how long it claims to be.
    Head,
    /// Server: bytes of the file.
    Data,
    /// Server: those were all.
    End,
    /// Server: there is no such file.
    Absent,
    /// Server: it did not work, and why.
    Failed,
}

impl Kind {
    const fn code(self) -> u8 {
        match self {
            Self::Open => 1,
            Self::Get => 2,
            Self::Renew => 3,
            Self::Opened => 16,
            Self::Status => 17,
            Self::Head => 18,
            Self::Data => 19,
            Self::End => 20,
            Self::Absent => 21,
            Self::Failed => 22,
        }
    }

    const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Open,
            2 => Self::Get,
            3 => Self::Renew,
            16 => Self::Opened,
            17 => Self::Status,
            18 => Self::Head,
            19 => Self::Data,
            20 => Self::End,
            21 => Self::Absent,
            22 => Self::Failed,
            _ => return None,
        })
    }
}

/// The first five bytes of a frame, judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// What the frame is.
    pub kind: Kind,
    /// Bytes of payload that follow, at most [`MAX_PAYLOAD`].
    pub length: usize,
}

impl Header {
    /// Reads a header.
    ///
    /// # Errors
    /// An unknown kind, or a payload that is too large, or of a length that this kind cannot have.
    pub fn decode(bytes: [u8; HEADER_LENGTH]) -> Result<Self, FrameError> {
        let [code, length @ ..] = bytes;
        let kind = Kind::from_code(code).ok_or(FrameError::UnknownKind(code))?;
        let claimed = u32::from_be_bytes(length);
        let length =
            usize::try_from(claimed).ok().filter(|l| *l <= MAX_PAYLOAD).ok_or(FrameError::TooLarge(claimed))?;
        match (kind, length) {
            (Kind::Data, 0) => Err(FrameError::EmptyData),
            (Kind::Renew | Kind::End | Kind::Absent, 1..) => Err(FrameError::UnexpectedPayload(kind)),
            _ => Ok(Self { kind, length }),
        }
    }

    /// The header of a payload of `length` bytes.
    ///
    /// # Errors
    /// When a frame cannot hold that many.
    pub fn encode(kind: Kind, length: usize) -> Result<[u8; HEADER_LENGTH], FrameError> {
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        if usize::try_from(length).is_ok_and(|l| l > MAX_PAYLOAD) {
            return Err(FrameError::TooLarge(length));
        }
        let [a, b, c, d] = length.to_be_bytes();
        Ok([kind.code(), a, b, c, d])
    }
}

/// Why bytes are no frame.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The other side closed the stream between two frames.
    #[error("stream ended")]
    Ended,
    /// The stream could not be read or written, or ended within a frame.
    #[error("stream failed")]
    Io(#[from] io::Error),
    /// A kind that this version does not know.
    #[error("frame of unknown kind {0}")]
    UnknownKind(u8),
    /// A length above [`MAX_PAYLOAD`].
    #[error("frame of {0} bytes is larger than a frame may be")]
    TooLarge(u32),
    /// Data without data would let a server keep a client waiting for ever.
    #[error("data frame without data")]
    EmptyData,
    /// A payload where none belongs.
    #[error("payload in a frame that has none: {0:?}")]
    UnexpectedPayload(Kind),
}

/// Reads one frame; its payload replaces what `payload` held. The buffer never grows beyond [`MAX_PAYLOAD`].
///
/// # Errors
/// [`FrameError::Ended`] between two frames, otherwise what was wrong.
pub fn read_frame(stream: &mut impl Read, payload: &mut Vec<u8>) -> Result<Kind, FrameError> {
    let mut header = [0; HEADER_LENGTH];
    let (first, rest) = header.split_at_mut(1);
    loop {
        match stream.read(first) {
            Ok(0) => return Err(FrameError::Ended),
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    stream.read_exact(rest)?;
    let header = Header::decode(header)?;
    payload.resize(header.length, 0);
    stream.read_exact(payload)?;
    Ok(header.kind)
}

/// Writes one frame.
///
/// # Errors
/// When the payload is too large for a frame or the stream cannot be written.
pub fn write_frame(stream: &mut impl Write, kind: Kind, payload: &[u8]) -> Result<(), FrameError> {
    stream.write_all(&Header::encode(kind, payload.len())?)?;
    stream.write_all(payload)?;
    stream.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_comes_back_and_no_other_code_is_taken() {
        let known = (0..=u8::MAX).filter_map(Kind::from_code).map(Kind::code).collect::<Vec<_>>();
        assert_eq!(known, [1, 2, 3, 16, 17, 18, 19, 20, 21, 22]);
    }

    #[test]
    fn a_frame_survives_the_wire() {
        let mut wire = Vec::new();
        write_frame(&mut wire, Kind::Data, b"abc").unwrap();
        assert_eq!(wire, b"\x13\x00\x00\x00\x03abc");
        let mut payload = b"older and longer".to_vec();
        assert_eq!(read_frame(&mut wire.as_slice(), &mut payload).unwrap(), Kind::Data);
        assert_eq!(payload, b"abc");
    }

    #[test]
    fn broken_frames_are_refused_by_name() {
        let read = |bytes: &[u8]| read_frame(&mut &*bytes, &mut Vec::new()).unwrap_err();
        assert!(matches!(read(b""), FrameError::Ended));
        assert!(matches!(read(b"\x13\x00"), FrameError::Io(_)));
        assert!(matches!(read(b"\x13\x00\x00\x00\x00"), FrameError::EmptyData));
        assert!(matches!(read(b"\x13\x00\x01\x00\x01"), FrameError::TooLarge(65_537)));
        assert!(matches!(read(b"\x13\xff\xff\xff\xff"), FrameError::TooLarge(u32::MAX)));
        assert!(matches!(read(b"\x14\x00\x00\x00\x01x"), FrameError::UnexpectedPayload(Kind::End)));
        assert!(matches!(read(b"GET / HTTP/1.1\r\n"), FrameError::UnknownKind(b'G')));
        assert!(matches!(read(b"\x13\x00\x00\x00\x02x"), FrameError::Io(_)));
    }

    #[test]
    fn the_largest_frame_fits_and_one_byte_more_does_not() {
        assert!(Header::decode(Header::encode(Kind::Data, MAX_PAYLOAD).unwrap()).is_ok());
        assert!(matches!(Header::encode(Kind::Data, MAX_PAYLOAD + 1), Err(FrameError::TooLarge(65_537))));
    }
}
