//! One connection to the repository: requests one after the other, each answered from a file, rightly or as the fault says.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Component, Path};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::{Fault, Request, Shared, lock};

/// Most bytes of a request's head; ours have less than 300.
const MAX_HEAD: u64 = 8192;

/// Most bytes of a PROXY header, by its specification (version 1).
const MAX_PROXY_LINE: u64 = 107;

/// Bytes written at once.
const PIECE: usize = 64 * 1024;

/// Serves a connection until the client leaves or a fault ends it.
pub(super) fn connection(stream: &TcpStream, peer: SocketAddr, shared: &Shared) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut circuit = None;
    if reader.fill_buf()?.starts_with(b"PROXY ") {
        let mut line = String::new();
        (&mut reader).take(MAX_PROXY_LINE).read_line(&mut line)?;
        circuit = line.split(' ').nth(2).map(str::to_owned);
    }
    while let Some(head) = read_head(&mut reader)? {
        let mut request = parse(head, peer, circuit.clone())?;
        let fault = lock(&shared.faults).get(&request.path).cloned();
        let mut out = Counted { stream, bytes: 0 };
        let kept = answer(&mut out, &mut request, fault.as_ref(), shared);
        request.sent_body = out.bytes.saturating_sub(request.sent_head);
        lock(&shared.log).push(request);
        if !kept? {
            return Ok(());
        }
    }
    Ok(())
}

struct Counted<'a> {
    stream: &'a TcpStream,
    bytes: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.stream.write(bytes)?;
        self.bytes += u64::try_from(n).unwrap_or(0);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

fn read_head(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    let mut limited = reader.take(MAX_HEAD);
    loop {
        match limited.read_until(b'\n', &mut head) {
            Ok(0) if head.is_empty() => return Ok(None),
            Ok(0) => return Err(io::Error::other("request ends within its head, or has a very long one")),
            Ok(_) if head.ends_with(b"\r\n\r\n") => return String::from_utf8(head).map(Some).map_err(io::Error::other),
            Ok(_) => {}
            Err(error) if head.is_empty() && error.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
            Err(error) => return Err(error),
        }
    }
}

fn parse(head: String, peer: SocketAddr, circuit: Option<String>) -> io::Result<Request> {
    let mut lines = head.lines();
    let target = lines.next().and_then(|l| l.strip_prefix("GET /")).and_then(|l| l.strip_suffix(" HTTP/1.1"));
    let path = target.ok_or_else(|| io::Error::other("not a GET"))?.to_owned();
    let range = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("range").then(|| value.trim().to_owned())
    });
    Ok(Request { peer, circuit, head, path, range, status: 0, sent_head: 0, sent_body: 0 })
}

/// Answers, and says whether the connection may go on.
fn answer(out: &mut Counted<'_>, request: &mut Request, fault: Option<&Fault>, shared: &Shared) -> io::Result<bool> {
    let inside = Path::new(&request.path).components().all(|c| matches!(c, Component::Normal(_)));
    let file = if inside { File::open(shared.folder.join(&request.path)) } else { Err(io::ErrorKind::NotFound.into()) };
    let file = file.and_then(|file| file.metadata().map(|m| (m.is_file().then_some(file), m.len())));
    let (mut file, total) = match (fault, file) {
        (Some(Fault::Missing), _) | (None, Err(_) | Ok((None, _))) => {
            return empty(out, request, 404, "").map(|()| true);
        }
        (Some(Fault::Status(status)), _) => return empty(out, request, *status, "").map(|()| true),
        (Some(Fault::Redirect(to)), _) => {
            return empty(out, request, 302, &format!("Location: {to}\r\n")).map(|()| true);
        }
        (Some(Fault::Endless), _) => return endless(out, request, shared).map(|()| false),
        (_, Ok((Some(file), total))) => (file, total),
        (Some(_), _) => return Err(io::Error::other(format!("fault for a file that is not there: {}", request.path))),
    };
    let range = request.range.as_deref().filter(|_| fault != Some(&Fault::Whole)).map(|r| parse_range(r, total));
    let (start, length) = match range {
        Some(Some((start, end))) => {
            let start = if let Some(Fault::Shifted(by)) = fault { start + by } else { start };
            (start, (end + 1).saturating_sub(start))
        }
        Some(None) => return empty(out, request, 416, &format!("Content-Range: bytes */{total}\r\n")).map(|()| true),
        None => (0, total),
    };
    let more = match range {
        Some(_) => format!("Content-Range: bytes {start}-{}/{total}\r\n", (start + length).saturating_sub(1)),
        None => String::new(),
    };
    head(out, request, if range.is_some() { 206 } else { 200 }, &format!("Content-Length: {length}\r\n{more}"))?;
    if fault == Some(&Fault::Silent) {
        // Until the client, or the test, has had enough.
        io::copy(&mut &*out.stream, &mut io::sink())?;
        return Ok(false);
    }
    file.seek(SeekFrom::Start(start))?;
    let limit = if let Some(Fault::Truncated(limit)) = fault { length.min(*limit) } else { length };
    send(out, &mut file.take(limit), start, fault, shared)?;
    Ok(limit == length)
}

/// The first and last byte of `bytes=A-B`, the last within the file; `None` if there are none.
fn parse_range(text: &str, total: u64) -> Option<(u64, u64)> {
    let (start, end) = text.strip_prefix("bytes=")?.split_once('-')?;
    let (start, end): (u64, u64) = (start.parse().ok()?, end.parse().ok()?);
    (start <= end && start < total).then(|| (start, end.min(total - 1)))
}

fn head(out: &mut Counted<'_>, request: &mut Request, status: u16, more: &str) -> io::Result<()> {
    let text = format!("HTTP/1.1 {status} .\r\n{more}\r\n");
    request.status = status;
    out.write_all(text.as_bytes())?;
    request.sent_head = out.bytes;
    Ok(())
}

fn empty(out: &mut Counted<'_>, request: &mut Request, status: u16, more: &str) -> io::Result<()> {
    head(out, request, status, &format!("Content-Length: 0\r\n{more}"))
}

/// Answers with zeros until the client goes. It is meant to go, so its going is no error.
fn endless(out: &mut Counted<'_>, request: &mut Request, shared: &Shared) -> io::Result<()> {
    head(out, request, 200, "Connection: close\r\n")?;
    while !shared.stopping.load(Ordering::SeqCst) {
        if out.write_all(&[0; PIECE]).is_err() {
            break;
        }
    }
    Ok(())
}

fn send(
    out: &mut Counted<'_>,
    from: &mut impl Read,
    start: u64,
    fault: Option<&Fault>,
    shared: &Shared,
) -> io::Result<()> {
    let rate = if let Some(Fault::Throttled(rate)) = fault { Some((*rate).max(1)) } else { None };
    let begun = Instant::now();
    let mut piece = vec![0; if rate.is_some() { 1024 } else { PIECE }];
    let mut sent: u64 = 0;
    loop {
        let n = from.read(&mut piece)?;
        let Some(bytes) = piece.get_mut(..n).filter(|b| !b.is_empty()) else { return Ok(()) };
        let size = u64::try_from(n).unwrap_or(0);
        if let Some(Fault::Flip(at)) = fault
            && let Some(byte) = at.checked_sub(start + sent).and_then(|i| bytes.get_mut(usize::try_from(i).ok()?))
        {
            *byte ^= 1;
        }
        out.write_all(bytes)?;
        sent += size;
        if let Some(rate) = rate {
            let due = Duration::from_millis(sent.saturating_mul(1000) / rate);
            while begun.elapsed() < due && !shared.stopping.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}
