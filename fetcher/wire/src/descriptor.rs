//! One open file that rides along with bytes on a unix socket (SCM_RIGHTS): how a kit reaches its reader without a path.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};

/// Room for the control messages of a receiver: the one descriptor that is allowed, and no other. The kernel closes what has no
/// room and says so.
const ROOM: usize = rustix::cmsg_space!(ScmRights(1));

/// Sends `bytes` with `descriptor` attached to the first of them. Answers how many were sent.
///
/// # Errors
/// When the socket fails.
pub fn send_with_descriptor(stream: &UnixStream, bytes: &[u8], descriptor: BorrowedFd<'_>) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); ROOM];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors = [descriptor];
    if !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(io::Error::other("no room for a descriptor in the control message"));
    }
    loop {
        match sendmsg(stream, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL) {
            Err(rustix::io::Errno::INTR) => {}
            result => return Ok(result?),
        }
    }
}

/// Receives up to `buffer.len()` bytes and the descriptor attached to them, if any. 0 bytes: the stream ended.
///
/// # Errors
/// When the socket fails, or more than one descriptor was attached (all are closed then).
pub fn receive_with_descriptor(stream: &UnixStream, buffer: &mut [u8]) -> io::Result<(usize, Option<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); ROOM];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let message = loop {
        match recvmsg(stream, &mut [IoSliceMut::new(buffer)], &mut control, RecvFlags::CMSG_CLOEXEC) {
            Err(rustix::io::Errno::INTR) => {}
            result => break result?,
        }
    };
    let mut descriptors = control
        .drain()
        .filter_map(|m| if let RecvAncillaryMessage::ScmRights(fds) = m { Some(fds) } else { None })
        .flatten()
        .collect::<Vec<_>>();
    if message.flags.contains(ReturnFlags::CTRUNC) || descriptors.len() > 1 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "more than one descriptor was attached"));
    }
    Ok((message.bytes, descriptors.pop()))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek, Write};
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn a_descriptor_arrives_and_reads_the_same_file() {
        let (a, b) = UnixStream::pair().unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"kit").unwrap();
        file.rewind().unwrap();
        assert_eq!(send_with_descriptor(&a, b"12345", file.as_fd()).unwrap(), 5);
        let mut bytes = [0; 3];
        let (n, descriptor) = receive_with_descriptor(&b, &mut bytes).unwrap();
        assert_eq!((n, &bytes), (3, b"123"));
        let mut text = String::new();
        std::fs::File::from(descriptor.unwrap()).read_to_string(&mut text).unwrap();
        assert_eq!(text, "kit");
        let (n, none) = receive_with_descriptor(&b, &mut bytes).unwrap();
        assert_eq!((n, none.is_none()), (2, true));
    }

    #[test]
    fn two_descriptors_are_refused() {
        let (a, b) = UnixStream::pair().unwrap();
        let file = tempfile::tempfile().unwrap();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let descriptors = [file.as_fd(), a.as_fd(), b.as_fd()];
        assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)));
        sendmsg(&a, &[IoSlice::new(b"x")], &mut control, SendFlags::empty()).unwrap();
        assert_eq!(receive_with_descriptor(&b, &mut [0; 8]).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
