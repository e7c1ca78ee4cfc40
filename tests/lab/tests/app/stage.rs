//! A computer with its stick, and the app on desktops of users without rights, who may do what somebody at the computer may.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle, sleep};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sameday_dbus::{Snapshot, State};
use sameday_lab::case::Case;
use sameday_lab::desktop::app::{App, Start};
use sameday_lab::desktop::look::Look;
use sameday_lab::desktop::watch::Watch;
use sameday_lab::desktop::{Desktop, SOMEBODY, SOMEBODY_ELSE};
use sameday_lab::fetcher::KitReaderProcess;
use sameday_lab::machine::{Call, Spec};
use sameday_lab::peer::Tor;
use sameday_lab::process::{Process, run};
use sameday_lab::programs;
use sameday_lab::scratch::Scratch;
use sameday_lab::stick::Stick;

/// How long anything here may take on a busy machine.
pub const LIMIT: Duration = Duration::from_secs(60);
/// The layer is held back here: two chunks, and something of the third.
pub const STOP: u64 = (2 << 20) + 5;
/// How many desktops there are.
pub const DESKTOPS: usize = 4;

/// Who restarts the computer.
const LOGIND: &str = "org.freedesktop.login1";
/// Who knows of batteries.
const UPOWER: &str = "org.freedesktop.UPower";

/// What somebody at the computer may do without a password, as logind would let polkit know it.
const AT_THE_COMPUTER: &str = "var mine = subject.user == 'nobody' || subject.user == 'games';
    var administrators = ['org.sameday.upgrader1.rollback', 'org.sameday.upgrader1.look-at',
        'org.sameday.upgrader1.install-other-channel'];
    if (mine && action.id.indexOf('org.sameday.') == 0) {
        return administrators.indexOf(action.id) < 0 ? polkit.Result.YES : polkit.Result.NO;
    }";

fn scratch() -> &'static Path {
    static SCRATCH: OnceLock<Scratch> = OnceLock::new();
    let scratch = SCRATCH.get_or_init(|| {
        let scratch = Scratch::until_exit().unwrap();
        open(scratch.path());
        scratch
    });
    scratch.path()
}

/// Lets everybody in.
fn open(folder: &Path) {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The desktop of this number, which all tests share; that of number 1 is another user's.
pub fn desktop(number: usize) -> &'static Desktop {
    static ALL: [OnceLock<Desktop>; DESKTOPS] = [const { OnceLock::new() }; DESKTOPS];
    let user = if number == 1 { SOMEBODY_ELSE } else { SOMEBODY };
    ALL[number].get_or_init(|| Desktop::start(&scratch().join(format!("desktop-{number}")), user).unwrap())
}

/// The app as it is installed, where every user can start it, with its translations; one of them nobody speaks: `en_XA`, accented, two fifths
/// longer, in brackets.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let (bin, locale) = (scratch().join("installed/bin"), scratch().join("installed/share/locale"));
        let (pseudo, messages) = (scratch().join("en_XA.po"), locale.join("en_XA/LC_MESSAGES"));
        fs::create_dir_all(&bin).unwrap();
        fs::create_dir_all(&messages).unwrap();
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let tool = programs::path("sameday-po").unwrap();
        for arguments in [[Path::new("compile"), &locale], [Path::new("pseudo"), &pseudo]] {
            run(Command::new(&tool).args(arguments).current_dir(&sources)).unwrap();
        }
        run(Command::new("msgfmt").arg(&pseudo).arg("-o").arg(messages.join("sameday.mo"))).unwrap();
        let program = bin.join("sameday-gtk");
        fs::copy(programs::path("sameday-gtk").unwrap(), &program).unwrap();
        program
    })
}

/// The computer.
pub struct Stage {
    pub case: Case,
    pub watch: Watch,
    readers: Option<KitReaderProcess>,
    system: Vec<Process>,
}

impl Stage {
    /// A computer started from a copy of this stick, to which this repository is served.
    pub fn of(stick: &Stick, repository: &Path, spec: &Spec) -> Self {
        let mut case = Case::prepare(stick, repository);
        open(case.dir());
        case.start_again(&allowed(spec));
        Self::around(case)
    }

    /// As [`Stage::of`]; the case has been prepared already.
    pub fn around(mut case: Case) -> Self {
        open(case.dir());
        let watch = watch(&mut case);
        Self { case, watch, readers: None, system: Vec::new() }
    }

    /// Starts the computer once more from its stick.
    pub fn start_again(&mut self, spec: &Spec) {
        self.readers = None;
        self.system.clear();
        self.case.start_again(&allowed(spec));
        self.watch = watch(&mut self.case);
    }

    /// What starts kit readers.
    pub fn with_kits(&mut self) {
        self.readers = Some(self.case.machine().start_kit_readers().unwrap());
    }

    /// What a computer has beside the daemon: who restarts it, and a battery. Neither is there in truth, so they are python-dbusmock's.
    pub fn with_system(&mut self) {
        for (template, name) in [("logind", LOGIND), ("upower", UPOWER)] {
            let machine = self.case.machine();
            let mut command = machine.live().command("/usr/bin/python3");
            command.args(["-m", "dbusmock", "--system", "--template", template]);
            let log = machine.shared().join(format!("{template}.log"));
            self.system.push(Process::start(template, &mut command, &log).unwrap());
            machine.bus().wait_for(name).unwrap();
        }
    }

    /// From now on the computer runs on a battery that has so much left, in hundredths.
    pub fn discharge(&mut self, percent: u32) {
        let address = self.case.machine().bus().address();
        let mut command = Command::new("gdbus");
        command.args(["call", "--address", &address, "--dest", UPOWER, "--object-path", "/org/freedesktop/UPower"]);
        command.args(["--method", "org.freedesktop.DBus.Mock.SetupDisplayDevice", "2", "2"]);
        command.args([&format!("{percent}.0"), "10.0", "60.0", "5.0", "600", "0", "true", "battery-low-symbolic", "3"]);
        run(&mut command).unwrap();
    }

    /// A copy of a file that every user can read.
    pub fn lend(&self, file: &Path) -> PathBuf {
        let copy = self.case.dir().join(file.file_name().unwrap());
        fs::copy(file, &copy).unwrap();
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o644)).unwrap();
        copy
    }

    /// The app on the first desktop, as it looks by itself.
    pub fn app(&mut self) -> App<'static> {
        self.app_on(0, &[], &Look::default())
    }

    /// The app on this desktop.
    pub fn app_on(&mut self, number: usize, arguments: &[&str], look: &Look) -> App<'static> {
        let start = self.start(number, arguments, look);
        App::start(desktop(number), &start).unwrap()
    }

    /// Installs the app in a user's folder, as `make install` does it for all: its desktop file, the type of its files, and its name on the bus.
    pub fn install_app(&mut self, number: usize) -> Installed {
        let desktop = desktop(number);
        let share = desktop.home().join(".local/share");
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../gui/data");
        for (from, to) in [
            ("org.sameday.Upgrader.desktop", "applications/org.sameday.Upgrader.desktop"),
            ("org.sameday.Upgrader.mime.xml", "mime/packages/org.sameday.Upgrader.xml"),
            ("org.sameday.Upgrader.service", "dbus-1/services/org.sameday.Upgrader.service"),
        ] {
            let text = fs::read_to_string(data.join(from)).unwrap();
            // It is not where programs usually are.
            let command = format!("Exec={}", program().display());
            let text = text.replace("Exec=/usr/bin/sameday-gtk", &command).replace("Exec=sameday-gtk", &command);
            assert!(!to.ends_with(".desktop") || text.contains(&command), "{text}");
            fs::create_dir_all(share.join(to).parent().unwrap()).unwrap();
            fs::write(share.join(to), text).unwrap();
        }
        run(Command::new("update-mime-database").arg(share.join("mime"))).unwrap();
        run(Command::new("update-desktop-database").arg(share.join("applications"))).unwrap();
        let bus = format!("{{'DBUS_SYSTEM_BUS_ADDRESS': '{}'}}", self.case.machine().bus().address());
        desktop.session("org.freedesktop.DBus.UpdateActivationEnvironment", &[&bus]).unwrap();
        desktop.session("org.freedesktop.DBus.ReloadConfig", &[]).unwrap();
        Installed(desktop.home().join(".local"))
    }

    fn start(&mut self, number: usize, arguments: &[&str], look: &Look) -> Start {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let log = scratch().join(format!("app-{number}-{}.log", STARTED.fetch_add(1, Ordering::SeqCst)));
        Start {
            program: program().to_owned(),
            bus: self.case.machine().bus().address(),
            arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
            look: look.clone(),
            log,
        }
    }

    /// The daemon's properties.
    pub fn now(&mut self) -> Snapshot {
        self.case.machine().snapshot().unwrap()
    }

    /// Waits until the daemon is so.
    pub fn until(&mut self, state: State) -> Snapshot {
        self.case.machine().wait(LIMIT, |now| now.state == state).unwrap()
    }

    /// Calls the daemon as root.
    pub fn call(&mut self, call: &Call<'_>) {
        self.case.machine().call(call).unwrap().unwrap();
    }

    /// The peer is honest and connected, nothing is under way, and nothing lies on the stick that nobody wants.
    pub fn calm(&mut self) {
        self.case.peer().tor(Tor::Ready);
        self.case.peer().honest();
        let now = self.now();
        if now.state.is_busy() {
            // It may end by itself before.
            drop(self.case.machine().call(&Call::Cancel).unwrap());
        }
        let now = self.case.machine().settled(LIMIT).unwrap();
        if now.left_over.is_some() {
            self.call(&Call::Discard);
            self.case.machine().settled(LIMIT).unwrap();
        }
    }

    /// What was committed, and never started, is taken back.
    pub fn take_back(&mut self) {
        let now = self.now();
        if !now.pending_version.is_empty() {
            self.call(&Call::Rollback(&now.previous_version));
            self.case.machine().settled(LIMIT).unwrap();
        }
    }

    /// Kills the daemon.
    pub fn kill_daemon(&mut self) {
        self.case.machine().kill_daemon();
    }

    /// The daemon gets so little of the processor that what is over in an instant can be seen.
    pub fn slow(&mut self) -> Slow {
        Slow::new(self.case.machine().daemon_id().unwrap())
    }
}

/// An app that is installed for one user, until this ends.
pub struct Installed(PathBuf);

impl Drop for Installed {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("remove {}: {error}", self.0.display());
        }
    }
}

fn allowed(spec: &Spec) -> Spec {
    let rule = spec.rule.clone().unwrap_or_else(|| AT_THE_COMPUTER.to_owned());
    Spec { rule: Some(rule), ..spec.clone() }
}

fn watch(case: &mut Case) -> Watch {
    let address = case.machine().bus().address();
    let file = case.machine().shared().join("watched.jsonl");
    Watch::start(&address, &file).unwrap()
}

/// Of every so long a daemon runs so long.
const PERIOD: Duration = Duration::from_millis(250);
const SHARE: Duration = Duration::from_millis(2);

/// A daemon that is kept slow until this ends.
pub struct Slow {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Slow {
    fn new(id: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (seen, process) = (Arc::clone(&stop), Pid::from_raw(i32::try_from(id).unwrap()));
        let thread = thread::spawn(move || {
            while !seen.load(Ordering::SeqCst) && kill(process, Signal::SIGSTOP).is_ok() {
                sleep(PERIOD - SHARE);
                if kill(process, Signal::SIGCONT).is_err() {
                    return;
                }
                sleep(SHARE);
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            eprintln!("what slows the daemon panicked");
        }
    }
}

/// Where pictures go.
pub fn pictures() -> PathBuf {
    let built = programs::folder().unwrap();
    built.parent().unwrap_or(&built).join("screenshots")
}
