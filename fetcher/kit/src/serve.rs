//! The conversation: OPEN with the kit, then bytes of its files, until the client leaves.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use sameday_wire::{Answer, Failed, Get, Head, Reason, Request, ServeError, Server};

use crate::index::{Index, KitError};

/// Bytes read at once: one DATA frame.
const PIECE: usize = 64 * 1024;

/// Serves one client.
///
/// # Errors
/// When the client is gone or speaks another language. A kit that is none is the client's to hear, and no error here.
pub fn serve(server: &mut Server) -> Result<(), ServeError> {
    let (open, descriptor) = match server.accept_open() {
        Err(ServeError::Request(error)) => return refuse(server, Reason::BadRequest, &error.to_string()),
        result => result?,
    };
    if !open.bases.is_empty() {
        return refuse(server, Reason::BadRequest, "a kit has no base urls");
    }
    let kit = descriptor.map(File::from);
    let (kit, index) = match kit.ok_or(KitError::Missing).and_then(|kit| Index::read(&kit).map(|index| (kit, index))) {
        Ok(found) => found,
        Err(error) => return refuse(server, error.reason(), &error.to_string()),
    };
    server.answer(&Answer::Opened)?;
    let mut piece = vec![0; PIECE];
    loop {
        match server.next_request() {
            Ok(Some(Request::Get(get))) => send(server, &kit, &index, &get, &mut piece)?,
            // A kit has no circuits; a second OPEN is not let through.
            Ok(Some(Request::Renew | Request::Open(_))) => {}
            Ok(None) => return Ok(()),
            Err(ServeError::Request(error)) => server.answer(&failed(Reason::BadRequest, &error.to_string()))?,
            Err(error) => return Err(error),
        }
    }
}

/// Sends the bytes of one file that were asked for, as many as there are.
fn send(server: &mut Server, kit: &File, index: &Index, get: &Get, piece: &mut [u8]) -> Result<(), ServeError> {
    let Some(member) = index.find(&get.path) else {
        return server.answer(&Answer::Absent);
    };
    server.answer(&Answer::Head(Head { total: Some(member.length) }))?;
    let mut left = member.length.saturating_sub(get.start).min(get.length);
    // Cannot wrap: the index has seen that the member lies within the file.
    let mut at = member.offset.saturating_add(get.start.min(member.length));
    while left > 0 {
        let size = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        let Some(room) = piece.get_mut(..size) else { break };
        // The kit lies on a medium that can be pulled out, and its owner may write to it meanwhile.
        match kit.read_at(room, at) {
            Ok(0) => return server.answer(&failed(Reason::KitTruncated, "became shorter while it was read")),
            Ok(n) => {
                server.data(room.get(..n).unwrap_or_default())?;
                let n = u64::try_from(n).unwrap_or(left);
                left = left.saturating_sub(n);
                at = at.saturating_add(n);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return server.answer(&failed(Reason::KitUnreadable, &error.to_string())),
        }
    }
    server.answer(&Answer::End)
}

fn failed(reason: Reason, detail: &str) -> Answer {
    Answer::Failed(Failed::new(reason, detail))
}

fn refuse(server: &mut Server, reason: Reason, detail: &str) -> Result<(), ServeError> {
    server.answer(&failed(reason, detail))
}
