//! A private bus with a daemon and a logind that play parts, and the real program before them.
#![allow(clippy::unwrap_used, reason = "a stage that does not stand fails the test")]

#[path = "stage/daemon.rs"]
mod daemon;
#[path = "stage/play.rs"]
mod play;
#[path = "stage/program.rs"]
mod program;

use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use sameday_dbus::PATH;
use zbus::Connection;

use daemon::Daemon;
pub use play::Part;
use play::{Played, Shared};
pub use program::{Ended, Running};

const PATIENCE: Duration = Duration::from_secs(20);

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
        let played: Shared = Arc::new(Mutex::new(Played::of(part)));
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

    /// What was consented to.
    pub fn installed(&self) -> Vec<(String, String, Option<String>)> {
        self.played().installed.clone()
    }

    /// The other calls that changed something or would have, in turn.
    pub fn calls(&self) -> Vec<String> {
        self.played().calls.clone()
    }

    pub fn checks(&self) -> usize {
        self.count("Check")
    }

    pub fn cancels(&self) -> usize {
        self.count("Cancel")
    }

    fn count(&self, call: &str) -> usize {
        self.played().calls.iter().filter(|made| *made == call).count()
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
