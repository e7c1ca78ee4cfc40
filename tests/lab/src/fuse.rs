//! A file on a file system of the lab's own: it answers what a test lets it answer, is silent about the rest for ever, and notes which process
//! asked for what. The kernel's protocol is that of FUSE 7.31 (include/uapi/linux/fuse.h in Linux); the file is the root of its file system.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

/// Every request begins with so many bytes, every answer with fewer.
const REQUEST_HEADER: usize = 40;
const ANSWER_HEADER: usize = 16;
/// More than the largest request that the kernel makes with [`LARGEST_WRITE`].
const BUFFER: usize = 1 << 17;
const LARGEST_WRITE: u32 = 4096;
/// The last descriptor was closed.
const RELEASE: u32 = 18;
/// FORGET, INTERRUPT and BATCH_FORGET have no answer.
const WITHOUT_ANSWER: [u32; 3] = [2, 36, 42];
/// How often the device is looked at.
const PAUSE: Duration = Duration::from_millis(1);

/// What a process wants of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Its length and kind.
    Attributes,
    /// A descriptor.
    Open,
    /// Bytes.
    Read,
    /// One of its descriptors is closed; the close waits for the answer.
    Flush,
    /// Anything else, by its number.
    Other(u32),
}

impl Operation {
    const fn of(code: u32) -> Self {
        match code {
            3 => Self::Attributes,
            14 => Self::Open,
            15 => Self::Read,
            25 => Self::Flush,
            other => Self::Other(other),
        }
    }
}

/// One request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// For what.
    pub operation: Operation,
    /// The process.
    pub process: u32,
    /// Its thread.
    pub thread: u32,
    /// Whether it was left without an answer.
    pub silent: bool,
}

type Silence = dyn Fn(&Asked) -> bool + Send;

#[derive(Debug, Default)]
struct Shared {
    asked: Mutex<Vec<Asked>>,
    stop: AtomicBool,
}

/// The file. When it goes, all who still wait for it get an error.
#[derive(Debug)]
pub struct FuseFile {
    shared: Arc<Shared>,
    server: Option<JoinHandle<()>>,
    file: Option<File>,
}

impl FuseFile {
    /// A file with this content. It is silent about every request of which `silent` says so.
    /// `dir` is a folder for the mount point; the mount is in a namespace of its own and goes with the file.
    ///
    /// # Errors
    /// When the kernel has no FUSE.
    pub fn start(dir: &Path, content: File, silent: impl Fn(&Asked) -> bool + Send + 'static) -> io::Result<Self> {
        let device = File::options().read(true).write(true).custom_flags(OFlag::O_NONBLOCK.bits()).open("/dev/fuse")?;
        let point = dir.join("fuse-file");
        File::create(&point)?;
        let options =
            format!("fd={},rootmode=100644,user_id=0,group_id=0,allow_other,default_permissions", device.as_raw_fd());
        let shared = Arc::new(Shared::default());
        let mut server = Server {
            device: device.try_clone()?,
            length: content.metadata()?.len(),
            content,
            silent: Box::new(silent),
            shared: Arc::clone(&shared),
        };
        // The thread that mounts it leaves nothing behind but the open file.
        let mounted = thread::spawn(move || -> io::Result<(Server, File)> {
            let none = None::<&str>;
            unshare(CloneFlags::CLONE_NEWNS)?;
            mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
            mount(Some("lab"), &point, Some("fuse"), MsFlags::MS_NOSUID | MsFlags::MS_NODEV, Some(options.as_str()))?;
            server.greet()?;
            let opener = thread::spawn(move || File::open(point));
            while !opener.is_finished() {
                server.once()?;
            }
            let file = opener.join().map_err(|_| io::Error::other("the opener panicked"))??;
            Ok((server, file))
        });
        let (mut server, file) = mounted.join().map_err(|_| io::Error::other("the mounter panicked"))??;
        drop(device);
        let server = thread::Builder::new().name("fuse".into()).spawn(move || {
            while !server.shared.stop.load(Ordering::SeqCst) {
                match server.once() {
                    Ok(()) => {}
                    // Nobody has it open any more.
                    Err(error) if error.raw_os_error() == Some(Errno::ENODEV as i32) => return,
                    Err(error) => eprintln!("fuse: {error}"),
                }
            }
        })?;
        Ok(Self { shared, server: Some(server), file: Some(file) })
    }

    /// An open descriptor.
    ///
    /// # Panics
    /// Never: it is there until the value goes.
    #[must_use]
    pub fn file(&self) -> &File {
        self.file.as_ref().expect("the file is there until the value goes")
    }

    /// All requests so far.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for FuseFile {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        // With the server the device goes, and with it whatever waits, our own close too.
        if self.server.take().is_some_and(|server| server.join().is_err()) {
            eprintln!("fuse: the server panicked");
        }
        drop(self.file.take());
    }
}

struct Server {
    device: File,
    content: File,
    length: u64,
    silent: Box<Silence>,
    shared: Arc<Shared>,
}

impl Server {
    /// Answers the kernel's first request, which only asks what this is.
    fn greet(&mut self) -> io::Result<()> {
        let mut request = vec![0; BUFFER];
        while self.next(&mut request)?.is_none() {}
        let words = [7, 31, LARGEST_WRITE, 0, 0, LARGEST_WRITE, 1];
        let mut answer: Vec<u8> = words.iter().flat_map(|word: &u32| word.to_ne_bytes()).collect();
        answer.resize(64, 0);
        self.answer(u64_at(&request, 8), &answer)
    }

    /// A request, if there is one.
    fn next(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match self.device.read(buffer) {
            Ok(length) if length >= REQUEST_HEADER => Ok(Some(length)),
            Ok(_) => Err(io::Error::other("a request without a header")),
            // The other: a request that was taken back.
            Err(error)
                if error.kind() == io::ErrorKind::WouldBlock || error.raw_os_error() == Some(Errno::ENOENT as i32) =>
            {
                thread::sleep(PAUSE);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn once(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER];
        if self.next(&mut buffer)?.is_none() {
            return Ok(());
        }
        let (code, unique) = (u32_at(&buffer, 4), u64_at(&buffer, 8));
        let (operation, thread) = (Operation::of(code), u32_at(&buffer, 32));
        let mut asked = Asked { operation, process: process_of(thread), thread, silent: false };
        let silent = (self.silent)(&asked);
        asked.silent = silent;
        self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
        if silent || WITHOUT_ANSWER.contains(&code) {
            return Ok(());
        }
        match operation {
            Operation::Attributes => self.answer(unique, &self.attributes()),
            // The page cache is bypassed, so that each read is seen.
            Operation::Open => self.answer(unique, &[0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]),
            Operation::Read => {
                let (offset, size) = (u64_at(&buffer, REQUEST_HEADER + 8), u32_at(&buffer, REQUEST_HEADER + 16));
                let mut bytes = vec![0; size as usize];
                let read = self.content.read_at(&mut bytes, offset)?;
                self.answer(unique, &bytes[..read])
            }
            Operation::Flush | Operation::Other(RELEASE) => self.answer(unique, &[]),
            Operation::Other(_) => self.refuse(unique),
        }
    }

    /// `struct fuse_attr_out`: a regular file.
    fn attributes(&self) -> Vec<u8> {
        let mut out = vec![0; 16];
        for word in [1, self.length, self.length.div_ceil(512), 0, 0, 0] {
            out.extend(word.to_ne_bytes());
        }
        for word in [0_u32, 0, 0, 0o100_644, 1, 0, 0, 0, 4096, 0] {
            out.extend(word.to_ne_bytes());
        }
        out
    }

    fn answer(&mut self, unique: u64, payload: &[u8]) -> io::Result<()> {
        self.send(unique, 0, payload)
    }

    fn refuse(&mut self, unique: u64) -> io::Result<()> {
        self.send(unique, -(Errno::ENOSYS as i32), &[])
    }

    fn send(&mut self, unique: u64, error: i32, payload: &[u8]) -> io::Result<()> {
        let length = u32::try_from(ANSWER_HEADER + payload.len()).map_err(io::Error::other)?;
        let mut out = length.to_ne_bytes().to_vec();
        out.extend(error.to_ne_bytes());
        out.extend(unique.to_ne_bytes());
        out.extend(payload);
        match self.device.write(&out) {
            Ok(_) => Ok(()),
            // Whoever asked does not wait any more.
            Err(error) if error.raw_os_error() == Some(Errno::ENOENT as i32) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_ne_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_ne_bytes)
}

/// The process of a thread; the thread's own number if it has ended.
fn process_of(thread: u32) -> u32 {
    let status = fs::read_to_string(format!("/proc/{thread}/status")).unwrap_or_default();
    let group = status.lines().find_map(|line| line.strip_prefix("Tgid:")).and_then(|id| id.trim().parse().ok());
    group.unwrap_or(thread)
}
