//! The two sources of bytes as processes: started like the service manager starts them, without rights, each in its own view of the
//! file system. Nothing in them knows that it is not on a real system.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::process::{Process, tied};
use crate::programs;

mod account;

pub use account::peak_memory;

/// The users that they run as here. On a system, names that the service manager makes; here, numbers that own nothing.
const FETCHER_USER: u32 = 61_001;
const KIT_READER_USER: u32 = 61_002;

/// What the fetcher finds at `/run` and `/etc/sameday`, and for whom; then the service manager's own stand-in, which listens, and
/// becomes the program when the first client comes.
const FETCHER_SCRIPT: &str = r#"set -eu
ulimit -c 0
room=$1 user=$2 program=$3 network=$4
mount -t tmpfs -o mode=0755 tmpfs /run
mkdir -m 0700 /run/sameday-fetcher
chown "$user:$user" /run/sameday-fetcher
mount -t overlay overlay -o "lowerdir=$room/etc:/etc" /etc
mount --bind "$room/configuration" /etc/sameday
if [ "$network" = own ]; then
    echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
    echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
    ip link set lo up
    ip link add out type veth peer name nowhere
    ip addr add 192.0.2.1/24 dev out
    ip link set nowhere up
    ip link set out up
    ip route add default via 192.0.2.2
fi
exec systemd-socket-activate -l "$room/fetcher.sock" -E RUNTIME_DIRECTORY=/run/sameday-fetcher \
    setpriv --reuid "$user" --regid "$user" --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all \
    --pdeathsig KILL -- "$program"
"#;

/// The units' `LimitCORE=0` is `ulimit -c 0` here. The kit reader has no network and no name; the stand-in starts one for each connection.
const KIT_READER_SCRIPT: &str = r#"set -eu
ulimit -c 0
room=$1 user=$2 program=$3
mount -t tmpfs -o mode=0755 tmpfs /run
exec systemd-socket-activate --accept -l "$room/kit.sock" \
    setpriv --pdeathsig KILL -- unshare --net -- \
    setpriv --reuid "$user" --regid "$user" --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all \
    --pdeathsig KILL -- "$program"
"#;

/// Which network the fetcher sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// This machine's: loopback, where a [`TorNet`](crate::tornet::TorNet) is.
    Host,
    /// One of its own, with loopback and a route that leads nowhere, and in which every packet is counted.
    Own,
}

/// `sameday-fetcher`, listening on a socket.
#[derive(Debug)]
pub struct FetcherProcess {
    process: Process,
    room: PathBuf,
}

/// What starts a `sameday-kit-reader` for each connection to a socket.
#[derive(Debug)]
pub struct KitReaderProcess {
    process: Process,
    socket: PathBuf,
}

impl FetcherProcess {
    /// Starts it with its files in `room`, a directory that it makes, and `configuration` as its `fetcher.toml`, if any.
    ///
    /// # Errors
    /// When it has not been built, or does not come up.
    pub fn start(room: &Path, configuration: Option<&str>, network: Network) -> io::Result<Self> {
        let program = programs::path("sameday-fetcher")?;
        fs::create_dir_all(room.join("etc/sameday"))?;
        fs::create_dir_all(room.join("configuration"))?;
        let room = room.canonicalize()?;
        configure(&room, configuration)?;
        let mut command = tied("unshare");
        command.args(["--mount", "--propagation", "private"]);
        command.args(if network == Network::Own { ["--net"].as_slice() } else { &[] });
        command
            .args(["--", "bash", "-c", FETCHER_SCRIPT, "fetcher"])
            .arg(&room)
            .arg(FETCHER_USER.to_string())
            .arg(program);
        command.arg(if network == Network::Own { "own" } else { "host" });
        let mut process = Process::start("fetcher", &mut command, &room.join("log"))?;
        await_socket(&mut process, &room.join("fetcher.sock"))?;
        Ok(Self { process, room })
    }

    /// Changes its `fetcher.toml`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn configure(&self, configuration: Option<&str>) -> io::Result<()> {
        configure(&self.room, configuration)
    }

    /// Its socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.room.join("fetcher.sock")
    }

    /// A connection to it. The first one starts it.
    ///
    /// # Errors
    /// When it cannot be connected to.
    pub fn connect(&self) -> io::Result<UnixStream> {
        UnixStream::connect(self.socket())
    }

    /// The process, which is the same before and after the first client came.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// What it wrote to its log so far.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn log(&self) -> io::Result<String> {
        fs::read_to_string(self.process.log())
    }

    /// Most memory that it ever held, in bytes (VmHWM).
    ///
    /// # Errors
    /// When it has ended.
    pub fn peak_memory(&self) -> io::Result<u64> {
        account::peak_memory(self.process.id())
    }

    /// Bytes of the files in its runtime directory, which are in memory too.
    ///
    /// # Errors
    /// When it has ended.
    pub fn runtime_files(&self) -> io::Result<u64> {
        account::size_of_tree(&PathBuf::from(format!("/proc/{}/root/run/sameday-fetcher", self.process.id())))
    }

    /// Packets that its network saw, on any interface in any direction; of [`Network::Own`], all of them are its own.
    ///
    /// # Errors
    /// When it has ended.
    pub fn packets(&self) -> io::Result<u64> {
        account::packets(self.process.id())
    }

    /// Whom it is connected to now.
    ///
    /// # Errors
    /// When it has ended.
    pub fn peers(&self) -> io::Result<Vec<SocketAddr>> {
        account::peers(self.process.id())
    }
}

impl KitReaderProcess {
    /// Starts listening, with files in `room`, a directory that it makes.
    ///
    /// # Errors
    /// When the reader has not been built, or the socket does not come up.
    pub fn start(room: &Path) -> io::Result<Self> {
        let program = programs::path("sameday-kit-reader")?;
        fs::create_dir_all(room)?;
        let room = room.canonicalize()?;
        let mut command = tied("unshare");
        command.args(["--mount", "--propagation", "private", "--", "bash", "-c", KIT_READER_SCRIPT, "kit-reader"]);
        command.arg(&room).arg(KIT_READER_USER.to_string()).arg(program);
        let mut process = Process::start("kit-reader", &mut command, &room.join("kit-log"))?;
        let socket = room.join("kit.sock");
        await_socket(&mut process, &socket)?;
        Ok(Self { process, socket })
    }

    /// Its socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// A connection to a reader of its own.
    ///
    /// # Errors
    /// When it cannot be connected to.
    pub fn connect(&self) -> io::Result<UnixStream> {
        UnixStream::connect(&self.socket)
    }

    /// The processes that serve connections now.
    ///
    /// # Errors
    /// When it has ended.
    pub fn readers(&self) -> io::Result<Vec<u32>> {
        account::children(self.process.id())
    }

    /// What its readers wrote to their log so far.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn log(&self) -> io::Result<String> {
        fs::read_to_string(self.process.log())
    }
}

fn configure(room: &Path, configuration: Option<&str>) -> io::Result<()> {
    let file = room.join("configuration/fetcher.toml");
    match configuration {
        Some(text) => fs::write(file, text),
        None if file.exists() => fs::remove_file(file),
        None => Ok(()),
    }
}

fn await_socket(process: &mut Process, socket: &Path) -> io::Result<()> {
    let end = Instant::now() + Duration::from_secs(10);
    while !socket.exists() {
        let log = || fs::read_to_string(process.log()).unwrap_or_else(|e| e.to_string());
        if Instant::now() >= end {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("{} does not come up: {}", socket.display(), log()),
            ));
        }
        if let Some(status) = process.ended()? {
            let log = fs::read_to_string(process.log())?;
            return Err(io::Error::other(format!("{} did not come up, {status}: {log}", socket.display())));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}
