//! The side of a server that blocks, one request after the other: what the reader of kits is built on.

use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use crate::{
    Answer, FrameError, HEADER_LENGTH, Header, Open, Request, RequestError, read_frame, receive_with_descriptor,
};

/// Why a server cannot go on with its client.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The client's bytes are no frame, or the stream failed.
    #[error("client cannot be read or answered")]
    Frame(#[from] FrameError),
    /// The client's frame is no request.
    #[error("client's request is refused")]
    Request(#[from] RequestError),
    /// Something else than OPEN first, or OPEN again.
    #[error("client's request comes out of turn")]
    OutOfTurn,
}

impl From<io::Error> for ServeError {
    fn from(error: io::Error) -> Self {
        Self::Frame(error.into())
    }
}

/// One connection, seen from the server.
#[derive(Debug)]
pub struct Server {
    stream: UnixStream,
    payload: Vec<u8>,
    out: Vec<u8>,
}

impl Server {
    /// Takes an accepted stream.
    #[must_use]
    pub const fn new(stream: UnixStream) -> Self {
        Self { stream, payload: Vec::new(), out: Vec::new() }
    }

    /// Reads the OPEN frame and the descriptor that rides along, if any. Answer it yourself.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn accept_open(&mut self) -> Result<(Open, Option<OwnedFd>), ServeError> {
        let mut header = [0; HEADER_LENGTH];
        let mut filled = 0;
        let mut descriptor = None;
        while let Some(rest) = header.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let (n, more) = receive_with_descriptor(&self.stream, rest)?;
            if n == 0 {
                return Err(FrameError::Ended.into());
            }
            if more.is_some() && descriptor.is_some() {
                return Err(ServeError::OutOfTurn);
            }
            descriptor = descriptor.or(more);
            filled = filled.saturating_add(n);
        }
        let header = Header::decode(header)?;
        self.payload.resize(header.length, 0);
        // A plain read: the kernel closes any descriptor that would come with it.
        (&self.stream).read_exact(&mut self.payload)?;
        match Request::parse(header.kind, &self.payload)? {
            Request::Open(open) => Ok((open, descriptor)),
            _ => Err(ServeError::OutOfTurn),
        }
    }

    /// Reads the next request. `None`: the client left.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn next_request(&mut self) -> Result<Option<Request>, ServeError> {
        let kind = match read_frame(&mut &self.stream, &mut self.payload) {
            Err(FrameError::Ended) => return Ok(None),
            result => result?,
        };
        match Request::parse(kind, &self.payload)? {
            Request::Open(_) => Err(ServeError::OutOfTurn),
            request => Ok(Some(request)),
        }
    }

    /// Sends an answer.
    ///
    /// # Errors
    /// When the client is gone.
    pub fn answer(&mut self, answer: &Answer) -> Result<(), ServeError> {
        self.out.clear();
        answer.encode_into(&mut self.out)?;
        Ok((&self.stream).write_all(&self.out)?)
    }

    /// Sends bytes of a file; nothing if there are none.
    ///
    /// # Errors
    /// When the client is gone.
    pub fn data(&mut self, bytes: &[u8]) -> Result<(), ServeError> {
        self.out.clear();
        Answer::encode_data_into(bytes, &mut self.out)?;
        Ok((&self.stream).write_all(&self.out)?)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::os::fd::AsFd;
    use std::thread;

    use super::*;
    use crate::{Client, Get, Head, MAX_PAYLOAD, Outcome, Path, Patience, write_frame};

    #[test]
    fn client_and_server_understand_each_other_over_several_requests() {
        let (near, far) = UnixStream::pair().unwrap();
        let server = thread::spawn(move || {
            let mut server = Server::new(far);
            let (open, descriptor) = server.accept_open().unwrap();
            assert!(open.bases.is_empty() && descriptor.is_some());
            server.answer(&Answer::Opened).unwrap();
            let Some(Request::Get(Get { start, .. })) = server.next_request().unwrap() else { panic!("no get") };
            server.answer(&Answer::Head(Head { total: Some(200_000) })).unwrap();
            server.data(&vec![7; 200_000 - usize::try_from(start).unwrap()]).unwrap();
            server.answer(&Answer::End).unwrap();
            assert_eq!(server.next_request().unwrap(), Some(Request::Renew));
            assert!(server.next_request().unwrap().is_none());
        });
        let mut client = Client::new(near, Patience::default());
        let kit = tempfile::tempfile().unwrap();
        client.open(&[], Some(kit.as_fd()), &mut |_| {}).unwrap();
        let mut pieces = Vec::new();
        let mut sink = |piece: &[u8]| {
            pieces.push(piece.len());
            Ok::<_, Infallible>(())
        };
        let outcome = client.get(&Path::new("a").unwrap(), 10, 1 << 30, &mut sink, &mut |_| {}).unwrap();
        assert_eq!(outcome, Outcome::Complete { total: Some(200_000) });
        assert_eq!(pieces, [MAX_PAYLOAD, MAX_PAYLOAD, MAX_PAYLOAD, 199_990 - 3 * MAX_PAYLOAD]);
        client.renew().unwrap();
        drop(client);
        server.join().unwrap();
    }

    #[test]
    fn a_server_takes_open_first_and_once() {
        for (first, second) in [(false, true), (true, true)] {
            let (mut near, far) = UnixStream::pair().unwrap();
            let open = br#"{"version":1,"bases":[]}"#;
            if first {
                write_frame(&mut near, crate::Kind::Open, open).unwrap();
            }
            if second {
                let kind = if first { crate::Kind::Open } else { crate::Kind::Renew };
                write_frame(&mut near, kind, if first { open } else { b"" }).unwrap();
            }
            let mut server = Server::new(far);
            let result = match server.accept_open() {
                Ok(_) => server.next_request().map(|_| ()),
                Err(error) => Err(error),
            };
            assert!(matches!(result, Err(ServeError::OutOfTurn)), "{result:?}");
        }
    }
}
