//! A live system that runs in a computer, and commands in it. An agent of the test's own, in the test's own root, reads them from a port.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Running, Vm, plain};

/// The port's name, inside too: `/dev/virtio-ports/sameday-lab`.
pub(super) const PORT: &str = "sameday-lab";
/// What the agent says first.
pub(super) const READY: &str = "ready";
/// How long the agent's port may take to be there: QEMU makes it at once.
const CONNECT: Duration = Duration::from_secs(20);

/// A live system that is up.
#[derive(Debug)]
pub struct Guest {
    running: Running,
    port: BufReader<UnixStream>,
}

/// What a command printed, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its exit status.
    pub status: i32,
    /// What it printed, errors too.
    pub output: String,
}

impl Guest {
    /// Switches the computer on and waits until its system is up, at most `limit`.
    ///
    /// # Errors
    /// When it does not come up; the message holds the end of what came over the serial line.
    pub fn start(vm: &Vm, dir: &Path, limit: Duration) -> io::Result<Self> {
        let socket: PathBuf = dir.join("port");
        let mut vm = vm.clone();
        for argument in [
            "-device".to_owned(),
            "virtio-serial-pci".to_owned(),
            "-chardev".to_owned(),
            format!("socket,id=lab,server=on,wait=off,path={}", plain(&socket)?),
            "-device".to_owned(),
            format!("virtserialport,chardev=lab,name={PORT}"),
        ] {
            vm.more.push(argument);
        }
        let running = vm.start(dir)?;
        let end = Instant::now() + CONNECT;
        let stream = loop {
            match UnixStream::connect(&socket) {
                Ok(stream) => break stream,
                Err(error) if Instant::now() > end => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        let mut guest = Self { running, port: BufReader::new(stream) };
        match guest.line(limit) {
            Ok(line) if line == READY => Ok(guest),
            Ok(line) => Err(io::Error::other(format!("the agent says {line:?}"))),
            Err(error) => Err(io::Error::new(
                error.kind(),
                format!("the system does not come up: {error}\n{}", super::tail(&guest.running.serial()?)),
            )),
        }
    }

    fn line(&mut self, limit: Duration) -> io::Result<String> {
        self.port.get_ref().set_read_timeout(Some(limit))?;
        let mut line = String::new();
        if self.port.read_line(&mut line)? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the computer went off"));
        }
        Ok(line.trim_end().to_owned())
    }

    /// Runs a line of shell in it, as root.
    ///
    /// # Errors
    /// When no answer comes within `limit`.
    pub fn run(&mut self, command: &str, limit: Duration) -> io::Result<Answer> {
        writeln!(self.port.get_mut(), "{}", hex::encode(command))?;
        let answer = self.line(limit)?;
        let (status, output) = answer.split_once(' ').unwrap_or((&answer, ""));
        let bytes = hex::decode(output).map_err(io::Error::other)?;
        let status = status.parse().map_err(|_| io::Error::other(format!("the agent says {answer:?}")))?;
        Ok(Answer { status, output: String::from_utf8_lossy(&bytes).into_owned() })
    }

    /// As [`Self::run`], for a command that must end well.
    ///
    /// # Errors
    /// When it does not.
    pub fn expect(&mut self, command: &str, limit: Duration) -> io::Result<String> {
        let answer = self.run(command, limit)?;
        if answer.status == 0 {
            return Ok(answer.output);
        }
        Err(io::Error::other(format!("{command}: {}\n{}", answer.status, answer.output)))
    }

    /// Types a line on the first console, where the user is logged in: each byte is put into the terminal's input (`TIOCSTI`, ioctl_tty(2)).
    ///
    /// # Errors
    /// When the terminal does not take it.
    pub fn type_line(&mut self, line: &str, limit: Duration) -> io::Result<()> {
        let hex = hex::encode(format!("{line}\n"));
        let script =
            "open T, q(+<), q(/dev/tty1) or die; for (split //, pack q(H*), shift) { ioctl T, 0x5412, $_ or die }";
        self.expect(&format!("perl -e '{script}' {hex}"), limit).map(drop)
    }

    /// What stands on the first console.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn screen(&mut self, limit: Duration) -> io::Result<String> {
        self.expect("fold -w $(stty -F /dev/tty1 size | cut -d' ' -f2) /dev/vcs1 | sed 's/ *$//' | cat -s", limit)
    }

    /// Waits until a text stands on the first console.
    ///
    /// # Errors
    /// When it does not within `limit`; the message holds the screen.
    pub fn wait_on_screen(&mut self, text: &str, limit: Duration) -> io::Result<()> {
        let end = Instant::now() + limit;
        loop {
            let screen = self.screen(limit)?;
            if screen.contains(text) {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(io::Error::other(format!("no {text:?} on the screen:\n{screen}")));
            }
            std::thread::sleep(Duration::from_secs(1));
        }
    }

    /// Waits until the system goes off by itself. Answers what came over the serial line.
    ///
    /// # Errors
    /// When it does not within `limit`.
    pub fn ended(self, limit: Duration) -> io::Result<String> {
        self.running.ended(limit)
    }

    /// Lets the system end by itself, by a command such as `systemctl reboot`, and waits for it. Answers what came over the serial line.
    ///
    /// # Errors
    /// When it does not go off within `limit`.
    pub fn end(mut self, command: &str, limit: Duration) -> io::Result<String> {
        // It may go off before it answers.
        writeln!(self.port.get_mut(), "{}", hex::encode(command))?;
        self.running.ended(limit)
    }

    /// All that came over the serial line.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn serial(&self) -> io::Result<String> {
        self.running.serial()
    }
}
