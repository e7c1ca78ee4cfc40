//! A repository over HTTP on loopback, one connection after the other; what was asked for is noted. Ends when dropped.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// How a path is answered, if not by its file.
#[derive(Clone)]
pub enum Fault {
    Status(u16),
    /// Elsewhere, where the file is.
    Moved,
    /// The file, without a length, and after it noughts until the client has enough.
    Endless,
    /// The file in pieces of HTTP's chunked coding.
    Chunked,
    /// Half of the promised bytes.
    Broken,
    /// By HTTP/1.0: the end of the connection is the end of the file.
    Old,
}

#[derive(Default)]
pub struct Site {
    /// By path without its first `/`, decoded.
    pub files: BTreeMap<String, Vec<u8>>,
    pub faults: BTreeMap<String, Fault>,
    /// Paths as they were asked for, undecoded, since the last look.
    asked: Vec<String>,
}

pub struct Server {
    address: SocketAddr,
    site: Arc<Mutex<Site>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let site = Arc::new(Mutex::new(Site::default()));
        let stop = Arc::new(AtomicBool::new(false));
        let (their_site, their_stop) = (Arc::clone(&site), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if their_stop.load(Ordering::SeqCst) {
                    return;
                }
                if let Ok(stream) = stream {
                    // A client that goes before the end has had enough: what that means is for the test to say.
                    answer(&stream, &their_site).unwrap_or_default();
                }
            }
        });
        Self { address, site, stop, thread: Some(thread) }
    }

    pub fn site(&self) -> MutexGuard<'_, Site> {
        lock(&self.site)
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    /// What was asked for since the last look.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.site().asked)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap_or_default();
        }
    }
}

fn lock(site: &Mutex<Site>) -> MutexGuard<'_, Site> {
    site.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer(stream: &TcpStream, site: &Mutex<Site>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let raw = line.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
    while line.trim() != "" {
        line.clear();
        reader.read_line(&mut line)?;
    }
    let (file, fault) = {
        let mut site = lock(site);
        let path = decode(&raw);
        site.asked.push(raw);
        let path = path.strip_prefix("moved/").unwrap_or(&path);
        (site.files.get(path).cloned(), site.faults.get(path).cloned())
    };
    let mut out = stream;
    let close = "Connection: close\r\n";
    match (fault, file) {
        (Some(Fault::Status(status)), _) => write!(out, "HTTP/1.1 {status} .\r\n{close}Content-Length: 0\r\n\r\n"),
        (Some(Fault::Moved), Some(_)) => {
            let path = line_path(&lock(site).asked);
            write!(out, "HTTP/1.1 302 .\r\n{close}Location: /moved/{path}\r\nContent-Length: 0\r\n\r\n")
        }
        (_, None) => write!(out, "HTTP/1.1 404 .\r\n{close}Content-Length: 0\r\n\r\n"),
        (Some(Fault::Endless), Some(file)) => {
            write!(out, "HTTP/1.1 200 .\r\n{close}\r\n")?;
            out.write_all(&file)?;
            loop {
                out.write_all(&[b' '; 1 << 16])?;
            }
        }
        (Some(Fault::Chunked), Some(file)) => {
            write!(out, "HTTP/1.1 200 .\r\n{close}Transfer-Encoding: chunked\r\n\r\n")?;
            for piece in file.chunks(7) {
                write!(out, "{:x}\r\n", piece.len())?;
                out.write_all(piece)?;
                write!(out, "\r\n")?;
            }
            write!(out, "0\r\n\r\n")
        }
        (Some(Fault::Old), Some(file)) => {
            write!(out, "HTTP/1.0 200 OK\r\nServer: old\r\n\r\n")?;
            out.write_all(&file)
        }
        (fault, Some(file)) => {
            write!(out, "HTTP/1.1 200 .\r\n{close}Content-Length: {}\r\n\r\n", file.len())?;
            let sent = if fault.is_some() { file.len() / 2 } else { file.len() };
            out.write_all(&file[..sent])
        }
    }
}

fn line_path(asked: &[String]) -> String {
    asked.last().cloned().unwrap_or_default()
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let digits = [rest.next(), rest.next()].map(|digit| char::from(digit.unwrap_or(b'x')));
                bytes.push(u8::from_str_radix(&digits.iter().collect::<String>(), 16).unwrap_or(b'%'));
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
