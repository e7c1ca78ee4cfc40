//! A private bus with a daemon and a logind that play parts, and the real program before them.
#![allow(clippy::unwrap_used, reason = "a stage that does not stand fails the test")]

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd as StdOwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sameday_dbus::{Dictionary, ErrorKind, Failure, MethodError, Offer, PATH, Progress};
use zbus::object_server::SignalEmitter;
use zbus::{Connection, OwnedFd, Variant};

const PATIENCE: Duration = Duration::from_secs(20);

/// What the daemon will do.
#[derive(Debug)]
pub struct Part {
    /// What a check ends with.
    pub found: Result<Option<Offer>, Failure>,
    /// What reading a kit ends with.
    pub kit: Option<Offer>,
    /// What an installation ends with.
    pub install: Result<(), Failure>,
    /// The installation goes on until it is cancelled.
    pub endless: bool,
    /// What every call is refused with.
    pub refuse: Option<Failure>,
}

impl Default for Part {
    fn default() -> Self {
        Self { found: Ok(None), kit: None, install: Ok(()), endless: false, refuse: None }
    }
}

/// What the daemon is and what was asked of it.
#[derive(Debug, Default)]
struct Played {
    part: Part,
    state: &'static str,
    offer: Option<Offer>,
    progress: Option<Progress>,
    failure: Option<Failure>,
    installed: Vec<(String, String, Option<String>)>,
    checks: usize,
    cancels: usize,
    restarts: usize,
    kit_read: Vec<u8>,
}

type Shared = Arc<Mutex<Played>>;

#[derive(Clone)]
struct Daemon(Shared);

impl Daemon {
    fn played(&self) -> MutexGuard<'_, Played> {
        self.0.lock().unwrap()
    }

    fn refused(&self) -> Result<(), MethodError> {
        self.played().part.refuse.clone().map_or(Ok(()), |failure| Err(failure.into()))
    }

    /// Something that takes a moment, tells its progress, and ends.
    fn later(&self, emitter: SignalEmitter<'_>, end: impl FnOnce(&mut Played) + Send + 'static) {
        let (daemon, emitter) = (self.clone(), emitter.to_owned());
        tokio::spawn(async move {
            for step in 1..=3 {
                tokio::time::sleep(Duration::from_millis(60)).await;
                daemon.played().progress = Some(Progress {
                    phase: "downloading".into(),
                    bytes: step,
                    total: 3,
                    seconds_left: Some(3 - step),
                    ..Progress::default()
                });
                daemon.progress_changed(&emitter).await.unwrap();
            }
            {
                let mut played = daemon.played();
                played.progress = None;
                end(&mut played);
            }
            daemon.state_changed(&emitter).await.unwrap();
        });
    }

    fn found(played: &mut Played, found: Result<Option<Offer>, Failure>) {
        let (state, offer, failure) = match found {
            Ok(Some(offer)) => ("available", Some(offer), None),
            Ok(None) => ("up-to-date", None, None),
            Err(failure) if failure.kind == ErrorKind::ManualUpgrade => ("manual", None, Some(failure)),
            Err(failure) => ("failed", None, Some(failure)),
        };
        (played.state, played.offer, played.failure) = (state, offer, failure);
    }
}

#[zbus::interface(name = "org.sameday.Upgrader1")]
impl Daemon {
    async fn check(&self, #[zbus(signal_emitter)] emitter: SignalEmitter<'_>) -> Result<(), MethodError> {
        self.refused()?;
        self.played().checks += 1;
        self.played().state = "checking";
        self.later(emitter, |played| {
            let found = played.part.found.clone();
            Self::found(played, found);
        });
        Ok(())
    }

    async fn open_kit(
        &self,
        kit: OwnedFd,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> Result<(), MethodError> {
        self.refused()?;
        let mut bytes = Vec::new();
        File::from(StdOwnedFd::from(kit)).read_to_end(&mut bytes).unwrap();
        self.played().kit_read = bytes;
        self.played().state = "checking";
        self.later(emitter, |played| {
            let kit = played.part.kit.clone();
            Self::found(played, Ok(kit));
        });
        Ok(())
    }

    async fn install(
        &self,
        version: String,
        digest: String,
        options: Dictionary,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> Result<(), MethodError> {
        self.refused()?;
        let signed_on = options.get("signed-on").map(|value| match &**value {
            Variant::Str(date) => date.to_string(),
            other => panic!("{other:?}"),
        });
        self.played().installed.push((version, digest, signed_on));
        self.played().state = "downloading";
        if !self.played().part.endless {
            self.later(emitter, |played| match played.part.install.clone() {
                Ok(()) => played.state = "restart-pending",
                Err(failure) => (played.state, played.failure) = ("failed", Some(failure)),
            });
        }
        Ok(())
    }

    async fn cancel(&self, #[zbus(signal_emitter)] emitter: SignalEmitter<'_>) -> Result<(), MethodError> {
        self.refused()?;
        if self.played().state != "downloading" {
            return Err(Failure::new(ErrorKind::BadRequest, "nothing-to-cancel").into());
        }
        self.played().cancels += 1;
        self.played().state = "cancelling";
        self.later(emitter, |played| played.state = "available");
        Ok(())
    }

    #[zbus(property)]
    fn state(&self) -> String {
        self.played().state.to_owned()
    }

    #[zbus(property)]
    fn offer(&self) -> Dictionary {
        self.played().offer.as_ref().map(Dictionary::from).unwrap_or_default()
    }

    #[zbus(property)]
    fn progress(&self) -> Dictionary {
        self.played().progress.as_ref().map(Dictionary::from).unwrap_or_default()
    }

    #[zbus(property)]
    fn last_failure(&self) -> (String, String, Dictionary) {
        self.played().failure.as_ref().map(Into::into).unwrap_or_default()
    }

    #[zbus(property)]
    fn product(&self) -> String {
        "demo".into()
    }

    #[zbus(property)]
    fn architecture(&self) -> String {
        "amd64".into()
    }

    #[zbus(property)]
    fn channel(&self) -> String {
        "stable".into()
    }

    #[zbus(property)]
    fn running_version(&self) -> String {
        "1.0".into()
    }

    #[zbus(property)]
    fn initial_version(&self) -> String {
        "1.0".into()
    }

    #[zbus(property)]
    fn pending_version(&self) -> String {
        if self.played().state == "restart-pending" { "1.2".into() } else { String::new() }
    }
}

struct Logind(Shared);

#[zbus::interface(name = "org.freedesktop.login1.Manager")]
impl Logind {
    async fn reboot(&self, interactive: bool) {
        assert!(interactive);
        self.0.lock().unwrap().restarts += 1;
    }
}

/// The bus with all that is on it. Everything ends with it.
pub struct Stage {
    address: String,
    played: Shared,
    daemon: Option<Connection>,
    _logind: Connection,
    bus: Child,
    dir: tempfile::TempDir,
}

impl Stage {
    pub async fn open(part: Part) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let configuration = dir.path().join("bus.conf");
        let address = format!("unix:path={}", dir.path().join("bus").display());
        let policy = r#"<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>"#;
        let text = format!(
            r#"<busconfig><type>session</type><listen>{address}</listen><policy context="default">{policy}</policy></busconfig>"#
        );
        std::fs::write(&configuration, text).unwrap();
        let mut bus = Command::new("setpriv");
        bus.args(["--pdeathsig", "KILL", "--", "dbus-daemon", "--nofork", "--config-file"]).arg(&configuration);
        let log = File::create(dir.path().join("bus.log")).unwrap();
        let bus = bus.stdin(Stdio::null()).stderr(log).spawn().unwrap();
        wait(|| std::os::unix::net::UnixStream::connect(dir.path().join("bus")).is_ok());
        let played: Shared = Arc::new(Mutex::new(Played { part, state: "idle", ..Played::default() }));
        let builder = || zbus::connection::Builder::address(address.as_str());
        let daemon =
            builder().serve_at(PATH, Daemon(played.clone())).name(sameday_dbus::BUS_NAME).build().await.unwrap();
        let logind = Logind(played.clone());
        let logind = builder().serve_at("/org/freedesktop/login1", logind).name("org.freedesktop.login1");
        let logind = logind.build().await.unwrap();
        Self { address, played, daemon: Some(daemon), _logind: logind, bus, dir }
    }

    /// The daemon leaves the bus.
    pub async fn close(&mut self) {
        self.daemon.take().unwrap().close().await.unwrap();
    }

    pub fn start(&self, arguments: &[&str]) -> Running {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sameday"));
        Running::start(self.environment(&mut command).args(arguments), "")
    }

    /// Runs the program without a terminal, to its end.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        self.start(arguments).end()
    }

    /// Runs the program on a terminal on which `input` is typed.
    pub fn run_on_terminal(&self, line: &str, input: &str) -> Ended {
        let mut command = Command::new("script");
        command.args(["--quiet", "--return", "--echo", "never", "--command"]);
        command.arg(format!("{} {line}", env!("CARGO_BIN_EXE_sameday"))).arg("/dev/null");
        Running::start(self.environment(&mut command), input).end()
    }

    fn environment<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command.env("DBUS_SYSTEM_BUS_ADDRESS", &self.address).env("LC_ALL", "C.UTF-8").env("TERM", "dumb")
    }

    pub fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub fn wait_until(&self, state: &str) {
        wait(|| self.played().state == state);
        // So that the program has seen it too.
        std::thread::sleep(Duration::from_millis(300));
    }

    fn played(&self) -> MutexGuard<'_, Played> {
        self.played.lock().unwrap()
    }

    pub fn installed(&self) -> Vec<(String, String, Option<String>)> {
        self.played().installed.clone()
    }

    pub fn checks(&self) -> usize {
        self.played().checks
    }

    pub fn cancels(&self) -> usize {
        self.played().cancels
    }

    pub fn restarts(&self) -> usize {
        self.played().restarts
    }

    pub fn kit_read(&self) -> Vec<u8> {
        self.played().kit_read.clone()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.bus.kill().unwrap();
        self.bus.wait().unwrap();
    }
}

fn wait(there: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !there() {
        assert!(Instant::now() < end, "waited too long");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A program that runs.
pub struct Running(Child);

/// How it ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Running {
    fn start(command: &mut Command, input: &str) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        Self(child)
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.0.id().try_into().unwrap()), signal).unwrap();
    }

    pub fn end(self) -> Ended {
        let id = Pid::from_raw(self.0.id().try_into().unwrap());
        let (done, waiting) = std::sync::mpsc::channel::<()>();
        // Nothing may hang: after a while it is killed, which shows as the exit code -1.
        let guard = std::thread::spawn(move || {
            if waiting.recv_timeout(PATIENCE).is_err_and(|end| end == std::sync::mpsc::RecvTimeoutError::Timeout) {
                kill(id, Signal::SIGKILL).unwrap();
            }
        });
        let output = self.0.wait_with_output().unwrap();
        drop(done);
        guard.join().unwrap();
        Ended {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}
