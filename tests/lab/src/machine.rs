//! A computer that was started from a stick: the live root, a bus with polkit, the real daemon without a network, and a client.

use std::fs;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use sameday_dbus::{BUS_NAME, Dictionary, MethodError, Snapshot, UpgraderProxy};
use sameday_upgrade::boot_env::Choice;
use tokio::runtime::Runtime;

use crate::bus::{Bus, Judge, Listen};
use crate::fetcher::{FetcherProcess, KitReaderProcess, Network};
use crate::live::{Disk, LiveRoot, Spec as LiveSpec};
use crate::process::{Process, run};
use crate::programs;
use crate::stick::{FileSystem, Stick};

/// What is read off the daemon while it works is asked for this often.
const POLL: Duration = Duration::from_millis(25);

/// How a computer is.
#[derive(Debug, Clone, Default)]
pub struct Spec {
    /// Whether the stick's write-protect switch is set.
    pub write_protected: bool,
    /// A tree over the stack, from `make install DESTDIR=…`.
    pub skeleton: Option<PathBuf>,
    /// Whether the stick's system stands by itself, or over this machine's.
    pub whole_system: bool,
    /// Further kernel parameters.
    pub parameters: String,
    /// The body of a polkit rule.
    pub rule: Option<String>,
    /// Who decides who may.
    pub judge: Judge,
    /// A clock of the daemon's own.
    pub clock: Option<Clock>,
    /// The version that somebody chose in the boot menu.
    pub chosen: Option<Choice>,
}

/// What the daemon takes for the time, by Debian's libfaketime: the program itself knows nothing of it.
#[derive(Debug, Clone)]
pub struct Clock {
    /// As faketime(1) writes it: `+3d`.
    pub time: String,
    /// Whether waiting goes by this clock too, so that `+0d x100` makes ten minutes pass in six seconds.
    pub waits: bool,
}

/// A computer that runs. Its parts end in the order of the fields.
#[derive(Debug)]
pub struct Machine {
    connection: Option<zbus::Connection>,
    daemon: Option<Process>,
    bus: Bus,
    live: LiveRoot,
    runtime: Runtime,
    dir: PathBuf,
    clock: Option<Clock>,
}

impl Machine {
    /// Starts the computer from a stick. `dir` is a new folder for it.
    ///
    /// # Errors
    /// When something does not come up; the message says where its log is.
    pub fn start(dir: &Path, stick: &Stick, spec: &Spec) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let disk = Disk::Image { image: stick.image().to_owned(), write_protected: spec.write_protected };
        Self::start_on(dir, disk, stick.file_system(), spec)
    }

    /// As [`Machine::start`], from a disk that holds the stick, wherever it is.
    ///
    /// # Errors
    /// When something does not come up; the message says where its log is.
    pub fn start_on(dir: &Path, disk: Disk, file_system: FileSystem, spec: &Spec) -> io::Result<Self> {
        let shared = dir.join("shared");
        fs::create_dir_all(&shared)?;
        let live = LiveRoot::start(
            dir,
            &LiveSpec {
                skeleton: spec.skeleton.clone(),
                over_this_machine: !spec.whole_system,
                shared: vec![shared.clone(), programs::folder()?],
                parameters: spec.parameters.clone(),
                chosen: spec.chosen.clone(),
                ..LiveSpec::new(disk, file_system)
            },
        )?;
        fs::create_dir_all(live.path("/run/sameday"))?;
        let command = |program: &str| live.command(program);
        let mut bus = Bus::judged_by(spec.judge, &shared.join("bus"), &command, Listen::System)?;
        if let Some(rule) = &spec.rule {
            bus.rule(rule)?;
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let mut machine = Self { connection: None, daemon: None, bus, live, runtime, dir: dir.to_owned(), clock: None };
        machine.clock.clone_from(&spec.clock);
        machine.start_daemon()?;
        machine.join()?;
        Ok(machine)
    }

    /// Connects the client to the bus.
    ///
    /// # Errors
    /// When the bus does not let it.
    pub fn join(&mut self) -> io::Result<()> {
        let address = self.bus.address();
        let connection =
            self.runtime.block_on(async { zbus::connection::Builder::address(address.as_str()).build().await });
        self.connection = Some(connection.map_err(io::Error::other)?);
        Ok(())
    }

    /// The client leaves the bus.
    pub fn leave(&mut self) {
        if let Some(connection) = self.connection.take()
            && let Err(error) = self.runtime.block_on(connection.close())
        {
            eprintln!("leave the bus: {error}");
        }
    }

    /// The computer is suspended: nothing runs until [`Machine::wake`].
    ///
    /// # Errors
    /// When a process cannot be stopped.
    pub fn suspend(&self) -> io::Result<()> {
        self.live.signal(Signal::SIGSTOP)
    }

    /// The computer goes on.
    ///
    /// # Errors
    /// When a process cannot be continued.
    pub fn wake(&self) -> io::Result<()> {
        self.live.signal(Signal::SIGCONT)
    }

    /// Starts the daemon, without a network, as its unit does.
    ///
    /// # Errors
    /// When it does not take its name.
    pub fn start_daemon(&mut self) -> io::Result<()> {
        let mut command = self.live.command_without_network(programs::path("samedayd")?);
        command.env("RUST_LOG", "info,zbus=warn");
        if let Some(clock) = &self.clock {
            // A daemon that starts again finds the time as it is by then.
            if !self.clock_file().exists() {
                self.set_clock(&clock.time)?;
            }
            command.env("LD_PRELOAD", libfaketime()?);
            command.env("FAKETIME_TIMESTAMP_FILE", self.clock_file()).env("FAKETIME_NO_CACHE", "1");
            if !clock.waits {
                command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
            }
        }
        let mut daemon = Process::start("samedayd", &mut command, &self.log())?;
        let end = Instant::now() + Duration::from_secs(20);
        while !self.bus.has_owner(BUS_NAME)? {
            if daemon.ended()?.is_some() || Instant::now() > end {
                return Err(io::Error::other(format!("samedayd does not come up, see {}", self.log().display())));
            }
            std::thread::sleep(POLL);
        }
        self.daemon = Some(daemon);
        Ok(())
    }

    fn clock_file(&self) -> PathBuf {
        self.shared().join("clock")
    }

    /// From now on the daemon's clock tells this, if it has one of its own.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn set_clock(&self, time: &str) -> io::Result<()> {
        // Renamed, for the daemon reads it all the time.
        let new = self.shared().join("clock.new");
        fs::write(&new, format!("{time}\n"))?;
        fs::rename(new, self.clock_file())
    }

    /// Kills the daemon.
    pub fn kill_daemon(&mut self) {
        self.daemon = None;
    }

    /// Waits for the daemon to end by itself.
    ///
    /// # Errors
    /// When it does not run, or does not end in time.
    pub fn daemon_ended(&mut self, limit: Duration) -> io::Result<()> {
        let mut daemon = self.daemon.take().ok_or_else(|| io::Error::other("samedayd does not run"))?;
        daemon.wait(limit).map(drop)
    }

    /// The daemon's process id.
    ///
    /// # Errors
    /// When it does not run.
    pub fn daemon_id(&self) -> io::Result<u32> {
        self.daemon.as_ref().map(Process::id).ok_or_else(|| io::Error::other("samedayd does not run"))
    }

    /// The daemon's log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.dir.join("samedayd.log")
    }

    /// Starts the fetcher, configured by the image's own `fetcher.toml`, behind the socket where the daemon looks; or
    /// another one, in place of one that has ended.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start_fetcher(&self, network: Network) -> io::Result<FetcherProcess> {
        let configuration = match fs::read_to_string(self.live.path("/etc/sameday/fetcher.toml")) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let room = self.shared().join("fetcher");
        let socket = self.live.path("/run/sameday/fetcher.sock");
        // What one that was killed has left.
        for stale in [&room.join("fetcher.sock"), &socket] {
            match fs::remove_file(stale) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        let fetcher = FetcherProcess::start(&room, configuration.as_deref(), network)?;
        symlink(fetcher.socket(), socket)?;
        Ok(fetcher)
    }

    /// Starts what starts kit readers, behind the socket where the daemon looks.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start_kit_readers(&self) -> io::Result<KitReaderProcess> {
        let readers = KitReaderProcess::start(&self.shared().join("kit-readers"))?;
        symlink(readers.socket(), self.live.path("/run/sameday/kit.sock"))?;
        Ok(readers)
    }

    /// The system that runs.
    #[must_use]
    pub fn live(&self) -> &LiveRoot {
        &self.live
    }

    /// Its bus.
    #[must_use]
    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    /// A folder that is at the same path inside.
    #[must_use]
    pub fn shared(&self) -> PathBuf {
        self.dir.join("shared")
    }

    fn connection(&self) -> io::Result<&zbus::Connection> {
        self.connection.as_ref().ok_or_else(|| io::Error::other("no connection to the bus"))
    }

    /// All of the daemon's properties.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn snapshot(&self) -> io::Result<Snapshot> {
        let connection = self.connection()?;
        self.runtime.block_on(Snapshot::take(connection)).map_err(io::Error::other)
    }

    /// Calls a method of the daemon as root.
    ///
    /// # Errors
    /// When the bus fails; what the daemon answers is the value.
    pub fn call(&self, call: &Call<'_>) -> io::Result<Result<(), MethodError>> {
        let connection = self.connection()?;
        self.runtime.block_on(async {
            let proxy = UpgraderProxy::new(connection).await.map_err(io::Error::other)?;
            Ok(match call {
                Call::Check => proxy.check().await,
                Call::Cancel => proxy.cancel().await,
                Call::Pause => proxy.pause().await,
                Call::Resume => proxy.resume().await,
                Call::Discard => proxy.discard().await,
                Call::Rollback(version) => proxy.rollback(version).await,
                Call::TryAgain(version) => proxy.try_again(version).await,
                Call::LookAt { channel, options } => proxy.look_at(channel, options).await,
                Call::OpenKit(path) => proxy.open_kit(fs::File::open(path)?.as_fd().into()).await,
                Call::Install { version, digest, options } => proxy.install(version, digest, options).await,
            })
        })
    }

    /// Waits until the daemon's properties are as asked, at most `limit`.
    ///
    /// # Errors
    /// When they are not by then; the message holds the last ones.
    pub fn wait(&self, limit: Duration, wanted: impl Fn(&Snapshot) -> bool) -> io::Result<Snapshot> {
        let end = Instant::now() + limit;
        loop {
            let now = self.snapshot()?;
            if wanted(&now) {
                return Ok(now);
            }
            if Instant::now() > end {
                return Err(io::Error::new(io::ErrorKind::TimedOut, format!("after {limit:?} still {now:?}")));
            }
            std::thread::sleep(POLL);
        }
    }

    /// Waits until nothing is under way.
    ///
    /// # Errors
    /// When something still is after `limit`.
    pub fn settled(&self, limit: Duration) -> io::Result<Snapshot> {
        self.wait(limit, |now| !now.state.is_busy())
    }

    /// Checks, and waits for the verdict.
    ///
    /// # Errors
    /// When the check is refused or does not end.
    pub fn check(&self) -> io::Result<Snapshot> {
        self.call(&Call::Check)?.map_err(io::Error::other)?;
        self.settled(Duration::from_secs(180))
    }

    /// Opens a kit, and waits for the verdict.
    ///
    /// # Errors
    /// When it is refused or does not end.
    pub fn open_kit(&self, kit: &Path) -> io::Result<Snapshot> {
        self.call(&Call::OpenKit(kit))?.map_err(io::Error::other)?;
        self.settled(Duration::from_secs(60))
    }

    /// Consents to what is offered.
    ///
    /// # Errors
    /// When nothing is offered, or the consent is refused.
    pub fn consent(&self) -> io::Result<()> {
        let offer = self.snapshot()?.offer.ok_or_else(|| io::Error::other("nothing is offered"))?;
        let call = Call::Install { version: &offer.version, digest: &offer.digest, options: Dictionary::new() };
        self.call(&call)?.map_err(io::Error::other)
    }

    /// Consents to what is offered, and waits for the end.
    ///
    /// # Errors
    /// When it is refused or does not end.
    pub fn install(&self) -> io::Result<Snapshot> {
        self.consent()?;
        self.settled(Duration::from_secs(900))
    }

    /// The CLI inside, as the user of this id.
    ///
    /// # Errors
    /// When the program is not built.
    pub fn cli(&self, user: u32, arguments: &[&str]) -> io::Result<Command> {
        let mut command = self.live.command("setpriv");
        command.args([format!("--reuid={user}"), format!("--regid={user}")]).args(["--clear-groups", "--"]);
        command.arg(programs::path("sameday")?).args(arguments);
        Ok(command)
    }

    /// `sameday-boot-good`, as its unit runs it.
    ///
    /// # Errors
    /// When it has not been built.
    pub fn boot_good(&self) -> io::Result<Command> {
        Ok(self.live.command(programs::path("sameday-boot-good")?))
    }

    /// Runs a program inside, as root.
    ///
    /// # Errors
    /// When it fails.
    pub fn run(&self, program: &str, arguments: &[&str]) -> io::Result<Output> {
        run(self.live.command(program).args(arguments))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // The connection's tasks belong to the runtime, which goes last.
        self.leave();
    }
}

/// Debian puts it into the folder of its architecture.
fn libfaketime() -> io::Result<PathBuf> {
    for entry in fs::read_dir("/usr/lib")? {
        let library = entry?.path().join("faketime/libfaketimeMT.so.1");
        if library.exists() {
            return Ok(library);
        }
    }
    Err(io::Error::new(io::ErrorKind::NotFound, "no libfaketime: install the package faketime"))
}

/// A method call.
#[derive(Debug)]
pub enum Call<'a> {
    /// `Check`.
    Check,
    /// `Cancel`.
    Cancel,
    /// `Pause`.
    Pause,
    /// `Resume`.
    Resume,
    /// `Discard`.
    Discard,
    /// `Rollback` to this version.
    Rollback(&'a str),
    /// `TryAgain` of this version.
    TryAgain(&'a str),
    /// `LookAt`.
    LookAt {
        /// The channel.
        channel: &'a str,
        /// Options.
        options: Dictionary,
    },
    /// `OpenKit` of this file.
    OpenKit(&'a Path),
    /// `Install`.
    Install {
        /// Version.
        version: &'a str,
        /// Digest of the description.
        digest: &'a str,
        /// Options.
        options: Dictionary,
    },
}
