//! A program on a desktop, looked at and operated as a person would: by what stands on the screen, with pointer and keys.

use std::io;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use super::look::Look;
use super::node::{Node, Screen};
use super::{Desktop, Window};
use crate::process::Process;

/// Long enough for whatever the screen is waited for on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// So often the menu is asked for.
const MENU_TRIES: u32 = 5;
/// What has not moved for so long stays where it is.
const REST: Duration = Duration::from_millis(250);
/// How often the screen is looked at.
const LOOK: Duration = Duration::from_millis(60);
/// The height of the bar at the top of a window, under which nothing can be clicked.
const TOP: i32 = 50;

/// What is started, and where.
#[derive(Debug, Clone)]
pub struct Start {
    /// The program.
    pub program: PathBuf,
    /// Where it finds the system bus.
    pub bus: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// How its desktop looks.
    pub look: Look,
    /// Where its output goes.
    pub log: PathBuf,
}

/// The program; ends with the value.
#[derive(Debug)]
pub struct App<'d> {
    desktop: &'d Desktop,
    process: Owner,
}

/// Who started it.
#[derive(Debug)]
enum Owner {
    /// The lab.
    Lab(Process),
    /// The session; it is ended by this id.
    Session(Pid),
}

impl Drop for Owner {
    fn drop(&mut self) {
        if let Self::Session(id) = self
            && let Err(error) = kill(*id, Signal::SIGKILL)
        {
            eprintln!("kill the app {id}: {error}");
        }
    }
}

impl<'d> App<'d> {
    /// Starts it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(desktop: &'d Desktop, start: &Start) -> io::Result<Self> {
        desktop.look(&start.look)?;
        let mut command = desktop.command(&start.program);
        command.args(&start.arguments).env("DBUS_SYSTEM_BUS_ADDRESS", &start.bus);
        start.look.speak(&mut command, &desktop.dir.join("locales"))?;
        let process = Process::start("app", &mut command, &start.log)?;
        Ok(Self { desktop, process: Owner::Lab(process) })
    }

    /// The program that has this name on the session's bus, which started it.
    ///
    /// # Errors
    /// When nobody has it.
    pub fn named(desktop: &'d Desktop, name: &str) -> io::Result<Self> {
        let output = desktop.session("org.freedesktop.DBus.GetConnectionUnixProcessID", &[name])?;
        let id = output.trim().trim_start_matches("(uint32 ").trim_end_matches(",)");
        let id = id.parse().map_err(|_| io::Error::other(format!("{name}: {output}")))?;
        Ok(Self { desktop, process: Owner::Session(Pid::from_raw(id)) })
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        match &self.process {
            Owner::Lab(process) => process.id(),
            Owner::Session(id) => id.as_raw().unsigned_abs(),
        }
    }

    /// Whether it runs.
    ///
    /// # Errors
    /// When that cannot be found out.
    pub fn runs(&mut self) -> io::Result<bool> {
        match &mut self.process {
            Owner::Lab(process) => process.ended().map(|ended| ended.is_none()),
            Owner::Session(id) => Ok(kill(*id, None).is_ok()),
        }
    }

    /// Waits until it has ended by itself.
    ///
    /// # Errors
    /// When it does not.
    pub fn ends(&mut self) -> io::Result<()> {
        let end = Instant::now() + PATIENCE;
        while self.runs()? {
            if Instant::now() > end {
                return Err(io::Error::new(io::ErrorKind::TimedOut, format!("the app still runs after {PATIENCE:?}")));
            }
            sleep(LOOK);
        }
        Ok(())
    }

    /// What it shows now.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn screen(&self) -> io::Result<Screen> {
        let request = json!({ "do": "tree", "pid": self.id() });
        let windows: Option<Vec<Node>> = self.desktop.driver()?.ask(&request)?;
        Ok(Screen(windows.unwrap_or_default()))
    }

    /// What has the keyboard.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn focused(&self) -> io::Result<Option<Node>> {
        self.desktop.driver()?.ask(&json!({ "do": "focused", "pid": self.id() }))
    }

    /// Waits until what is looked for is on the screen.
    ///
    /// # Errors
    /// When it is not; the message holds what is.
    pub fn wait<T>(&self, what: &str, find: impl Fn(&Screen) -> Option<T>) -> io::Result<T> {
        self.wait_for(PATIENCE, what, find)
    }

    /// As [`App::wait`], at most `limit`.
    ///
    /// # Errors
    /// As [`App::wait`].
    pub fn wait_for<T>(&self, limit: Duration, what: &str, find: impl Fn(&Screen) -> Option<T>) -> io::Result<T> {
        let end = Instant::now() + limit;
        loop {
            let screen = self.screen()?;
            if let Some(found) = find(&screen) {
                return Ok(found);
            }
            if Instant::now() > end {
                let text = format!("no {what} on the screen ({}), but:\n{screen}", self.evidence());
                return Err(io::Error::new(io::ErrorKind::TimedOut, text));
            }
            sleep(LOOK);
        }
    }

    /// Waits until these words are on the screen.
    ///
    /// # Errors
    /// When they are not.
    pub fn says(&self, words: &str) -> io::Result<()> {
        self.wait(words, |screen| screen.says(words).then_some(()))
    }

    /// Waits until this control is on the screen and can be used.
    ///
    /// # Errors
    /// When it is not.
    pub fn has(&self, role: &str, name: &str) -> io::Result<Node> {
        self.wait(&format!("{role} {name:?}"), |screen| {
            screen.find(role, name).filter(|node| node.is("sensitive")).cloned()
        })
    }

    /// Waits until it has a window that has the keyboard.
    ///
    /// # Errors
    /// When it has none.
    pub fn window(&self) -> io::Result<Window> {
        self.wait("active window", |screen| {
            screen.top().filter(|window| window.is("active") || screen.0.len() > 1).map(|_| ())
        })?;
        self.desktop.active()
    }

    /// Clicks on a control with the pointer, which has to be seen for it.
    ///
    /// # Errors
    /// When it is not there, or cannot be brought into view.
    pub fn click(&self, role: &str, name: &str) -> io::Result<()> {
        for _ in 0..40 {
            let node = self.at_rest(role, name)?;
            let window = self.desktop.active()?;
            let top = self.screen()?.top().and_then(|top| top.bounds).unwrap_or([0, 0, window.width, window.height]);
            let [left, up, width, height] = node.bounds.ok_or_else(|| io::Error::other("it has no place"))?;
            // The frame is no part of what the program tells.
            let (frame_x, frame_y) = ((window.width - top[2]) / 2, (window.height - top[3]) / 2);
            let (x, y) = (frame_x + left + width / 2, frame_y + up + height / 2);
            let covered = if up < TOP && height < TOP { 0 } else { TOP };
            if y >= covered && y < window.height - 4 {
                return self.desktop.click_at(window.x + x, window.y + y);
            }
            let middle = (window.x + window.width / 2, window.y + window.height / 2);
            self.desktop.wheel(middle.0, middle.1, if y < covered { -1 } else { 1 })?;
            sleep(LOOK);
        }
        Err(io::Error::other(format!("{role} {name:?} cannot be brought into view:\n{}", self.screen()?)))
    }

    /// A control that has stopped moving: a page that just came up, or gets one line more, is laid out again.
    fn at_rest(&self, role: &str, name: &str) -> io::Result<Node> {
        let mut node = self.has(role, name)?;
        for _ in 0..20 {
            sleep(REST);
            let again = self.has(role, name)?;
            if again.bounds == node.bounds {
                return Ok(again);
            }
            node = again;
        }
        Ok(node)
    }

    /// Presses a control as a screen reader does.
    ///
    /// # Errors
    /// When it is not there, or does nothing.
    pub fn press(&self, role: &str, name: &str) -> io::Result<()> {
        let node = self.has(role, name)?;
        let request = json!({ "do": "act", "pid": self.id(), "path": node.path });
        let done: bool = self.desktop.driver()?.ask(&request)?;
        if done { Ok(()) } else { Err(io::Error::other(format!("{role} {name:?} cannot be pressed"))) }
    }

    /// Chooses an item of the main menu, by keys.
    ///
    /// # Errors
    /// When there is none of this name that can be chosen.
    pub fn menu(&self, item: &str) -> io::Result<()> {
        // A window that has just come up may not have the keyboard yet.
        for _ in 0..MENU_TRIES {
            self.desktop.keys(&["F10"])?;
            if self.shows_menu(item)? {
                break;
            }
        }
        self.wait("menu", |screen| screen.find("menu item", item).map(|_| ()))?;
        for _ in 0..20 {
            if self.focused()?.is_some_and(|node| node.role == "menu item" && node.name == item) {
                return self.desktop.keys(&["Return"]);
            }
            self.desktop.keys(&["Down"])?;
            sleep(Duration::from_millis(30));
        }
        Err(io::Error::other(format!("{item:?} is not reached by the arrow keys:\n{}", self.screen()?)))
    }

    /// Whether the menu comes up within two seconds.
    fn shows_menu(&self, item: &str) -> io::Result<bool> {
        for _ in 0..20 {
            if self.screen()?.find("menu item", item).is_some() {
                return Ok(true);
            }
            sleep(Duration::from_millis(100));
        }
        Ok(false)
    }

    /// What gets the keyboard, one after the other, until one does so again.
    ///
    /// # Errors
    /// When the screen cannot be read.
    pub fn tab_order(&self) -> io::Result<Vec<Node>> {
        let mut found: Vec<Node> = Vec::new();
        // No page has so many.
        for _ in 0..60 {
            self.desktop.keys(&["Tab"])?;
            sleep(Duration::from_millis(30));
            let Some(focused) = self.focused()? else { continue };
            if found.iter().any(|node| node.path == focused.path) {
                break;
            }
            found.push(focused);
        }
        Ok(found)
    }

    /// A picture of the whole screen, for whoever asks why something failed.
    fn evidence(&self) -> String {
        let picture = std::env::temp_dir().join(format!("sameday-screen-{}.png", self.id()));
        match self.desktop.whole_picture(&picture) {
            Ok(()) => picture.display().to_string(),
            Err(error) => format!("no picture: {error}"),
        }
    }

    /// A picture of its window.
    ///
    /// # Errors
    /// When there is none.
    pub fn picture(&self, file: &Path) -> io::Result<()> {
        let window = self.window()?;
        self.desktop.picture(&window, file)
    }
}
