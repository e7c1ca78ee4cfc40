//! A private system bus with the product's own bus policy, and the real polkitd on it with the product's own actions.
//!
//! polkitd 122 needs neither systemd nor logind: without them there are no sessions, so callers get what an action allows "any" (the
//! product's actions: an administrator's password, which nobody is there to type, so no). Root may always. [`Bus::rule`] lets others.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::process::{Process, run};

const BUS_POLICY: &str = include_str!("../../../dbus/org.sameday.Upgrader1.conf");
const ACTIONS: &str = include_str!("../../../polkit/org.sameday.upgrader1.policy");
/// Where clients look for the system bus.
const SYSTEM_SOCKET: &str = "/run/dbus/system_bus_socket";
/// polkitd is up in well under a second.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where the bus is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listen {
    /// In its folder only; clients need `DBUS_SYSTEM_BUS_ADDRESS`. For programs that share this machine's mounts.
    Folder,
    /// In its folder, and where every client looks. For programs that have a root of their own.
    System,
}

/// Who decides who may.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Judge {
    /// The real polkitd.
    #[default]
    Polkit,
    /// The polkitd template of python-dbusmock: it allows what [`Bus::allow`] said last, nothing at first, whoever asks.
    Mock,
}

/// A bus that runs. It ends with the value, and must end before the root that its programs run in.
#[derive(Debug)]
pub struct Bus {
    // Dropped in this order: polkitd first.
    polkit: Option<Process>,
    polkit_command: Program,
    _daemon: Process,
    dir: PathBuf,
    rules: usize,
}

impl Bus {
    /// Starts the bus and polkitd by `command`, which makes a command for a program of that name wherever the bus is to be. `dir` is a new
    /// folder that is at the same path there.
    ///
    /// # Errors
    /// When one of them does not come up; the message says where its log is.
    pub fn start(dir: &Path, command: &dyn Fn(&str) -> Command, listen: Listen) -> io::Result<Self> {
        Self::judged_by(Judge::Polkit, dir, command, listen)
    }

    /// As [`Bus::start`], with this judge.
    ///
    /// # Errors
    /// As [`Bus::start`].
    pub fn judged_by(judge: Judge, dir: &Path, command: &dyn Fn(&str) -> Command, listen: Listen) -> io::Result<Self> {
        for folder in ["", "actions", "rules.d"] {
            let folder = dir.join(folder);
            fs::create_dir_all(&folder)?;
            // polkitd and callers are other users.
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o755))?;
        }
        fs::write(dir.join("upgrader.conf"), BUS_POLICY)?;
        fs::write(dir.join("actions/org.sameday.upgrader1.policy"), ACTIONS)?;
        fs::write(dir.join("bus.conf"), configuration(dir, listen))?;

        let mut daemon = command("sh");
        daemon.args([
            "-ec",
            "[ -z \"$2\" ] || mkdir -p \"${2%/*}\"; exec dbus-daemon --nofork --config-file=\"$1/bus.conf\"",
            "bus",
        ]);
        daemon.arg(dir).arg(if listen == Listen::System { SYSTEM_SOCKET } else { "" });
        let daemon = Process::start("dbus-daemon", &mut daemon, &dir.join("dbus-daemon.log"))?;

        let mut polkit = command("unshare");
        let script = if judge == Judge::Mock { MOCK } else { POLKIT };
        polkit.args(["--mount", "--propagation", "private", "sh", "-ec", script, "polkit"]).arg(dir);
        polkit.env("DBUS_SYSTEM_BUS_ADDRESS", address(dir));
        let polkit_command = Program::of(&polkit);
        let mut bus = Self { polkit: None, polkit_command, _daemon: daemon, dir: dir.to_owned(), rules: 0 };
        bus.wait("the bus", || UnixStream::connect(dir.join("socket")).is_ok())?;
        bus.start_polkit()?;
        Ok(bus)
    }

    /// The address, for who shares the folder.
    #[must_use]
    pub fn address(&self) -> String {
        address(&self.dir)
    }

    /// Whether this name is owned on the bus.
    ///
    /// # Errors
    /// When the bus does not answer.
    pub fn has_owner(&self, name: &str) -> io::Result<bool> {
        let mut command = Command::new("dbus-send");
        command.arg(format!("--bus={}", self.address())).args(["--print-reply", "--dest=org.freedesktop.DBus", "/"]);
        command.args(["org.freedesktop.DBus.NameHasOwner", &format!("string:{name}")]);
        let answer = run(&mut command)?;
        Ok(String::from_utf8_lossy(&answer.stdout).contains("boolean true"))
    }

    /// Waits until this name is owned.
    ///
    /// # Errors
    /// When it is not in time.
    pub fn wait_for(&self, name: &str) -> io::Result<()> {
        self.wait(name, || self.has_owner(name).unwrap_or(false))
    }

    /// Adds a rule for polkit, as in polkit(8): the body of a `function(action, subject)`. The first rule that answers decides. polkitd is
    /// started anew, so that the rule is in force when this returns.
    ///
    /// # Errors
    /// When polkitd does not come up again.
    pub fn rule(&mut self, body: &str) -> io::Result<()> {
        self.rules += 1;
        let file = self.dir.join(format!("rules.d/{:02}-lab.rules", self.rules));
        fs::write(file, format!("polkit.addRule(function(action, subject) {{ {body} }});\n"))?;
        self.polkit = None;
        self.wait("polkitd's end", || self.has_owner(POLKIT_NAME).is_ok_and(|owned| !owned))?;
        self.start_polkit()
    }

    /// From now on [`Judge::Mock`] allows these actions, and no others.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn allow(&self, actions: &[&str]) -> io::Result<()> {
        self.call_mock("SetAllowed", &[&format!("array:string:{}", actions.join(","))])
    }

    /// From now on [`Judge::Mock`] answers no question, or answers again.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn hang(&self, hang: bool) -> io::Result<()> {
        self.call_mock("SimulateHang", &[&format!("boolean:{hang}")])?;
        if hang { Ok(()) } else { self.call_mock("ReleaseHangingCalls", &[]) }
    }

    fn call_mock(&self, method: &str, arguments: &[&str]) -> io::Result<()> {
        let mut command = Command::new("dbus-send");
        command.arg(format!("--bus={}", self.address())).args(["--print-reply", &format!("--dest={POLKIT_NAME}")]);
        command.args(["/org/freedesktop/PolicyKit1/Authority", &format!("org.freedesktop.DBus.Mock.{method}")]);
        run(command.args(arguments)).map(drop)
    }

    fn start_polkit(&mut self) -> io::Result<()> {
        let log = self.dir.join("polkitd.log");
        self.polkit = Some(Process::start("polkitd", &mut self.polkit_command.command(), &log)?);
        self.wait_for(POLKIT_NAME)
    }

    fn wait(&self, what: &str, there: impl Fn() -> bool) -> io::Result<()> {
        let end = Instant::now() + PATIENCE;
        while !there() {
            if Instant::now() > end {
                let text = format!("{what} is not there after {PATIENCE:?}, see the logs in {}", self.dir.display());
                return Err(io::Error::new(io::ErrorKind::TimedOut, text));
            }
            sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

const POLKIT_NAME: &str = "org.freedesktop.PolicyKit1";

/// polkitd looks in fixed places: they are covered in a mount namespace of its own, so that nothing is written anywhere. `$1` is the folder.
const POLKIT: &str = "mount --bind \"$1/actions\" /usr/share/polkit-1/actions
for place in /etc/polkit-1/rules.d /usr/share/polkit-1/rules.d; do mount --bind \"$1/rules.d\" $place; done
exec /usr/lib/polkit-1/polkitd --no-debug";

/// The name on the bus belongs to polkit's own user. Debian's Python is asked, whichever else is first in the path.
const MOCK: &str = "exec setpriv --reuid=polkitd --regid=polkitd --clear-groups -- \
    /usr/bin/python3 -m dbusmock --system --template polkitd";

fn address(dir: &Path) -> String {
    format!("unix:path={}/socket", dir.display())
}

/// As /usr/share/dbus-1/system.conf, but for what runs it: no user, no fork, no activation, no syslog.
fn configuration(dir: &Path, listen: Listen) -> String {
    let system = match listen {
        Listen::System => format!("<listen>unix:path={SYSTEM_SOCKET}</listen>"),
        Listen::Folder => String::new(),
    };
    format!(
        r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <auth>EXTERNAL</auth>
  <listen>{address}</listen>{system}
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus"/>
    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus.Introspectable"/>
    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus.Properties"/>
  </policy>
  <policy user="root">
    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus.Monitoring"/>
    <allow own="org.freedesktop.UPower"/>
  </policy>
  <policy context="default">
    <allow send_destination="org.freedesktop.UPower"/>
  </policy>
  <include>/usr/share/dbus-1/system.d/org.freedesktop.PolicyKit1.conf</include>
  <include>/usr/share/dbus-1/system.d/org.freedesktop.login1.conf</include>
  <include>{dir}/upgrader.conf</include>
</busconfig>
"#,
        address = address(dir),
        dir = dir.display(),
    )
}

/// A command that can be started again.
#[derive(Debug)]
struct Program {
    program: OsString,
    arguments: Vec<OsString>,
    variables: Vec<(OsString, Option<OsString>)>,
}

impl Program {
    fn of(command: &Command) -> Self {
        Self {
            program: command.get_program().to_owned(),
            arguments: command.get_args().map(ToOwned::to_owned).collect(),
            variables: command
                .get_envs()
                .map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned)))
                .collect(),
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        for (name, value) in &self.variables {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }
}
