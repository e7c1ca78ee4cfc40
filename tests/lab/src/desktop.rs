//! A desktop of one user: an X server without a screen, a window manager, a session bus, and the accessibility bus by which a program's
//! windows are read as a screen reader reads them. Keys and clicks are those of the X server. All ends with the value.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::process::{Process, run, tied};

pub mod app;
pub mod look;
pub mod node;
pub mod watch;

mod driver;

use driver::Driver;
pub use driver::Notice;

/// The program from whose window files are dragged.
const FOLDER: &str = include_str!("desktop/folder.py");
/// What a desktop needs is up in less than a second on an idle machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A user of this machine, without rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User {
    /// The number.
    pub id: u32,
    /// The name.
    pub name: &'static str,
}

/// Who sits there.
pub const SOMEBODY: User = User { id: 65_534, name: "nobody" };
/// Who has another session at the same time.
pub const SOMEBODY_ELSE: User = User { id: 5, name: "games" };

/// A desktop that runs. Its parts end in the order of the fields.
#[derive(Debug)]
pub struct Desktop {
    driver: Mutex<Driver>,
    _accessibility: Process,
    _manager: Process,
    _session: Process,
    _display: Process,
    display: String,
    user: User,
    dir: PathBuf,
}

impl Desktop {
    /// Starts the desktop of a user. `dir` is a new folder that the user can reach.
    ///
    /// # Errors
    /// When something does not come up; the message says where its log is.
    pub fn start(dir: &Path, user: User) -> io::Result<Self> {
        for (folder, mode) in [("", 0o755), ("home", 0o700), ("run", 0o700)] {
            let folder = dir.join(folder);
            fs::create_dir_all(&folder)?;
            fs::set_permissions(&folder, fs::Permissions::from_mode(mode))?;
            chown(&folder, Some(user.id), Some(user.id))?;
        }
        let (number, log) = (dir.join("display"), |name: &str| dir.join(format!("{name}.log")));
        let mut server = tied("sh");
        let script = "exec Xvfb -displayfd 3 -screen 0 1280x1400x24 -dpi 96 -ac -noreset -nolisten tcp 3>\"$1\"";
        server.args(["-c", script, "display"]).arg(&number);
        let display = Process::start("Xvfb", &mut server, &log("display"))?;
        let has_number = || fs::read_to_string(&number).is_ok_and(|text| text.ends_with('\n'));
        wait("the display", &log("display"), has_number)?;
        let name = format!(":{}", fs::read_to_string(&number)?.trim());

        let start = |name_of: &str, program: &str, arguments: &[&str]| {
            let mut command = tied("setpriv");
            command.args(identity(user)).arg(program).args(arguments);
            environment(&mut command, dir, &name);
            Process::start(name_of, &mut command, &log(name_of))
        };
        let address = format!("--address={}", session_address(dir));
        let session = start("session", "dbus-daemon", &["--session", "--nofork", "--nopidfile", &address])?;
        wait("the session bus", &log("session"), || dir.join("run/bus").exists())?;
        let manager = start("manager", "openbox", &["--sm-disable"])?;
        let answers = || run(xdotool(&name).arg("get_desktop")).is_ok();
        wait("the window manager", &log("manager"), answers)?;
        // Without the launcher, which would leave the bus behind if it were killed.
        let configuration = "--config-file=/usr/share/defaults/at-spi2/accessibility.conf";
        let address = format!("--address={}", accessibility_address(dir));
        let accessibility =
            start("accessibility", "dbus-daemon", &[configuration, "--nofork", "--nopidfile", &address])?;
        wait("the accessibility bus", &log("accessibility"), || dir.join("run/accessibility").exists())?;
        let mut command = tied("setpriv");
        command.args(identity(user)).arg("/usr/bin/python3").arg("-c").arg(driver::SCRIPT);
        environment(&mut command, dir, &name);
        let driver = Mutex::new(Driver::start(command, &log("driver"))?);
        Ok(Self {
            driver,
            _accessibility: accessibility,
            _manager: manager,
            _session: session,
            _display: display,
            display: name,
            user,
            dir: dir.to_owned(),
        })
    }

    /// Who sits there.
    #[must_use]
    pub fn user(&self) -> User {
        self.user
    }

    /// A folder of the user's, which is there until the desktop ends.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.dir.join("home")
    }

    /// From now on, the desktop looks so; programs that run see what GTK watches of it, which is all but the size of letters.
    ///
    /// # Errors
    /// When the settings cannot be written.
    pub fn look(&self, look: &look::Look) -> io::Result<()> {
        look.write(&self.home(), self.user.id, &self.display)
    }

    /// A program as the user starts it.
    #[must_use]
    pub fn command(&self, program: &Path) -> Command {
        let mut command = tied("setpriv");
        command.args(identity(self.user)).arg(program);
        environment(&mut command, &self.dir, &self.display);
        command
    }

    /// Presses keys, as xdotool(1) names them, one after the other.
    ///
    /// # Errors
    /// When the display does not take them.
    pub fn keys(&self, keys: &[&str]) -> io::Result<()> {
        run(xdotool(&self.display).args(["key", "--delay", "20"]).args(keys)).map(drop)
    }

    /// Types a text.
    ///
    /// # Errors
    /// When the display does not take it.
    pub fn write(&self, text: &str) -> io::Result<()> {
        run(xdotool(&self.display).args(["type", "--delay", "10", "--", text])).map(drop)
    }

    /// Clicks at a place of the screen, and takes the pointer away from it, so that nothing is shown for its being there.
    ///
    /// # Errors
    /// When the display does not take it.
    pub fn click_at(&self, x: i32, y: i32) -> io::Result<()> {
        let place = [x.to_string(), y.to_string()];
        run(xdotool(&self.display).arg("mousemove").args(place).args([
            "sleep",
            "0.03",
            "click",
            "1",
            "mousemove",
            "2",
            "2",
        ]))
        .map(drop)
    }

    /// Turns the wheel so many notches down, or up if negative, over a place of the screen.
    ///
    /// # Errors
    /// When the display does not take it.
    pub fn wheel(&self, x: i32, y: i32, notches: i32) -> io::Result<()> {
        let place = [x.to_string(), y.to_string()];
        let button = if notches < 0 { "4" } else { "5" };
        let times = notches.unsigned_abs().max(1).to_string();
        let mut command = xdotool(&self.display);
        command.arg("mousemove").args(place).args(["click", "--repeat", &times, "--delay", "10", button]);
        run(&mut command).map(drop)
    }

    /// Drags a file out of another program's window, and lets it go over a place of the screen. That window is in the corner at the bottom right.
    ///
    /// # Errors
    /// When that program does not come up, or the display does not take it.
    pub fn drop_file(&self, file: &Path, x: i32, y: i32) -> io::Result<()> {
        const CORNER: (i32, i32) = (1000, 1200);
        let mut command = self.command(Path::new("/usr/bin/python3"));
        command.arg("-c").arg(FOLDER).arg(file);
        let log = self.dir.join("folder.log");
        let folder = Process::start("folder", &mut command, &log)?;
        wait("the window of the folder", &log, || self.has_window(folder.id()).unwrap_or_default())?;
        let found = run(xdotool(&self.display).args(["search", "--onlyvisible", "--pid", &folder.id().to_string()]))?;
        let window = String::from_utf8_lossy(&found.stdout).lines().next().unwrap_or_default().to_owned();
        let place = ["windowmove", &window, &CORNER.0.to_string(), &CORNER.1.to_string(), "sleep", "0.3"];
        run(xdotool(&self.display).args(place))?;
        let mut drag = xdotool(&self.display);
        let mut to = |x: i32, y: i32, then: &[&str]| {
            drag.args(["mousemove", &x.to_string(), &y.to_string(), "sleep", "0.1"]).args(then);
        };
        let begin = (CORNER.0 + 120, CORNER.1 + 80);
        to(begin.0, begin.1, &["mousedown", "1", "sleep", "0.1"]);
        // As a hand does it: many small steps.
        for step in 1..=20 {
            to(begin.0 + (x - begin.0) * step / 20, begin.1 + (y - begin.1) * step / 20, &[]);
        }
        to(x + 2, y + 2, &["sleep", "0.3", "mouseup", "1", "sleep", "0.3"]);
        run(&mut drag).map(drop)
    }

    /// The window that has the keyboard.
    ///
    /// # Errors
    /// When there is none.
    pub fn active(&self) -> io::Result<Window> {
        let output = run(xdotool(&self.display).args(["getactivewindow", "getwindowgeometry", "--shell"]))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let number = |name: &str| -> io::Result<i32> {
            let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            value.and_then(|value| value.parse().ok()).ok_or_else(|| io::Error::other(format!("{name}: {text}")))
        };
        let (id, x, y) = (number("WINDOW")?, number("X")?, number("Y")?);
        Ok(Window { id, x, y, width: number("WIDTH")?, height: number("HEIGHT")? })
    }

    /// Whether this process has a window on the screen.
    ///
    /// # Errors
    /// When the display does not answer.
    pub fn has_window(&self, process: u32) -> io::Result<bool> {
        let process = process.to_string();
        let output = xdotool(&self.display).args(["search", "--onlyvisible", "--pid", &process]).output()?;
        Ok(!output.stdout.is_empty())
    }

    /// Asks the window manager to make a window so large; it is not made smaller than it can be.
    ///
    /// # Errors
    /// When the display does not take it.
    pub fn resize(&self, window: &Window, width: i32, height: i32) -> io::Result<()> {
        let numbers = [window.id, width, height].map(|number| number.to_string());
        run(xdotool(&self.display).arg("windowsize").args(numbers)).map(drop)
    }

    /// A picture of a window.
    ///
    /// # Errors
    /// When it cannot be taken or written.
    pub fn picture(&self, window: &Window, file: &Path) -> io::Result<()> {
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        let area = format!("{}x{}+{}+{}", window.width, window.height, window.x, window.y);
        self.import(&["-crop", &area, "+repage"], file)
    }

    /// A picture of all that is on the screen.
    ///
    /// # Errors
    /// When it cannot be taken or written.
    pub fn whole_picture(&self, file: &Path) -> io::Result<()> {
        self.import(&[], file)
    }

    fn import(&self, options: &[&str], file: &Path) -> io::Result<()> {
        let mut command = Command::new("import");
        command.env("DISPLAY", &self.display).args(["-window", "root"]).args(options);
        run(command.args(["-define", "png:exclude-chunks=date,time"]).arg(file)).map(drop)
    }

    /// Calls a method of the session's bus itself. Answers what gdbus(1) prints.
    ///
    /// # Errors
    /// When it refuses.
    pub fn session(&self, method: &str, arguments: &[&str]) -> io::Result<String> {
        let mut command = self.command(Path::new("/usr/bin/gdbus"));
        command.args(["call", "--session", "--dest", "org.freedesktop.DBus", "--object-path", "/org/freedesktop/DBus"]);
        let output = run(command.args(["--method", method]).args(arguments))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The notifications that are shown.
    ///
    /// # Errors
    /// When the driver does not answer.
    pub fn notices(&self) -> io::Result<Vec<Notice>> {
        self.driver()?.ask(&serde_json::json!({ "do": "notices" }))
    }

    /// Chooses an action of a notification.
    ///
    /// # Errors
    /// When the driver does not answer.
    pub fn choose(&self, notice: u32, action: &str) -> io::Result<()> {
        self.driver()?.ask(&serde_json::json!({ "do": "choose", "notice": notice, "action": action }))
    }

    /// Why programs ask that the session is not ended.
    ///
    /// # Errors
    /// When the driver does not answer.
    pub fn inhibited(&self) -> io::Result<Vec<String>> {
        self.driver()?.ask(&serde_json::json!({ "do": "inhibited" }))
    }

    fn driver(&self) -> io::Result<std::sync::MutexGuard<'_, Driver>> {
        self.driver.lock().map_err(|_| io::Error::other("the driver was given up"))
    }
}

/// A window's place on the screen, with its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The display's name for it.
    pub id: i32,
    /// From the left.
    pub x: i32,
    /// From the top.
    pub y: i32,
    /// In pixels.
    pub width: i32,
    /// In pixels.
    pub height: i32,
}

fn session_address(dir: &Path) -> String {
    format!("unix:path={}/run/bus", dir.display())
}

fn accessibility_address(dir: &Path) -> String {
    format!("unix:path={}/run/accessibility", dir.display())
}

fn identity(user: User) -> Vec<String> {
    let ids = [format!("--reuid={}", user.id), format!("--regid={}", user.id)];
    let more = ["--clear-groups", "--pdeathsig", "KILL", "--"].map(ToOwned::to_owned);
    ids.into_iter().chain(more).collect()
}

/// What a session tells its programs.
fn environment(command: &mut Command, dir: &Path, display: &str) {
    command.env_clear().env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin").current_dir("/");
    command.env("HOME", dir.join("home")).env("XDG_RUNTIME_DIR", dir.join("run"));
    // The bus would ask passwd(5) for the home.
    command.env("XDG_DATA_HOME", dir.join("home/.local/share"));
    command.env("DISPLAY", display).env("DBUS_SESSION_BUS_ADDRESS", session_address(dir));
    command.env("AT_SPI_BUS_ADDRESS", accessibility_address(dir));
    // On desktops the settings say that programs may be read; GSettings keeps them in a file, since nothing here is a dconf.
    command.env("GTK_A11Y", "atspi").env("GSETTINGS_BACKEND", "keyfile").env("LANG", "C.UTF-8");
}

fn xdotool(display: &str) -> Command {
    let mut command = Command::new("xdotool");
    command.env("DISPLAY", display);
    command
}

fn wait(what: &str, log: &Path, there: impl Fn() -> bool) -> io::Result<()> {
    let end = Instant::now() + PATIENCE;
    while !there() {
        if Instant::now() > end {
            let text = format!("{what} is not there after {PATIENCE:?}, see {}", log.display());
            return Err(io::Error::new(io::ErrorKind::TimedOut, text));
        }
        sleep(Duration::from_millis(20));
    }
    Ok(())
}
