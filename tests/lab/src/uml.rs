//! User-mode Linux: a kernel with vfat, failing disks and write logs that runs as a program, with this machine's files as its root.
//!
//! The payload is our own executable: as process 1 it calls [`enter`], which sets the guest up, runs the executable again with the remaining
//! arguments, and powers off. What it writes into this machine's folders stays.

use std::ffi::{CString, OsString};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::kmod::{ModuleInitFlags, finit_module};
use nix::mount::{MsFlags, mount};
use nix::sys::reboot::{RebootMode, reboot};

use crate::process::tied;

/// Debian's name of the program.
const PROGRAM: &str = "linux.uml";
/// Where Debian keeps its modules.
const MODULES: &str = "/usr/lib/uml/modules";
/// Modules in the order of their dependencies.
const NEEDED: [&str; 16] = [
    "fs/nls/nls_cp437",
    "fs/nls/nls_iso8859-1",
    "fs/nls/nls_ascii",
    "fs/nls/nls_utf8",
    "fs/fat/fat",
    "fs/fat/vfat",
    "drivers/block/loop",
    "fs/squashfs/squashfs",
    "fs/overlayfs/overlay",
    "drivers/cdrom/cdrom",
    "fs/isofs/isofs",
    "drivers/md/dm-mod",
    "drivers/md/dm-flakey",
    "drivers/md/dm-bufio",
    "drivers/md/dm-dust",
    "drivers/md/dm-log-writes",
];
/// Lets it run on processors newer than itself (`uml/xstate.c`).
const XSTATE: &str = env!("SAMEDAY_XSTATE");
/// The first argument of a payload that is process 1.
pub const GUEST: &str = "uml-guest";

/// A machine that is to be run.
#[derive(Debug, Clone)]
pub struct Uml {
    /// The payload: an executable whose `main` calls [`enter`] when its first argument is [`GUEST`].
    pub program: PathBuf,
    /// Its arguments. The kernel splits its command line at spaces, so they hold none.
    pub arguments: Vec<String>,
    /// Images, which become `/dev/ubdb`, `/dev/ubdc` and so on.
    pub disks: Vec<PathBuf>,
    /// Memory in MiB.
    pub memory: u32,
    /// After this it is killed.
    pub limit: Duration,
}

/// How a machine ended.
#[derive(Debug)]
pub struct Ended {
    /// All that was printed, by the kernel too.
    pub log: String,
    /// The payload's exit code; none if it was killed or the machine was.
    pub code: Option<i32>,
}

/// Why no machine can run here, or none if one can.
#[must_use]
pub fn missing() -> Option<String> {
    let program =
        std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(PROGRAM).exists()));
    if !program {
        return Some(format!("{PROGRAM} is not installed (package user-mode-linux)"));
    }
    (!Path::new(MODULES).exists()).then(|| format!("{MODULES} is not there"))
}

impl Uml {
    /// Runs the machine to its end. `dir` holds its log and result.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn run(&self, dir: &Path) -> io::Result<Ended> {
        self.run_while(dir, &|| true)
    }

    /// As [`Uml::run`], but the power goes as soon as `on` says no more: the guest's caches are lost.
    ///
    /// # Errors
    /// As [`Uml::run`].
    pub fn run_while(&self, dir: &Path, on: &dyn Fn() -> bool) -> io::Result<Ended> {
        fs::create_dir_all(dir)?;
        let (log, result) = (dir.join("uml.log"), dir.join("uml.result"));
        if result.exists() {
            fs::remove_file(&result)?;
        }
        let mut machine = Machine(self.command(dir, &result, &log)?.spawn()?);
        machine.wait(self.limit, on)?;
        drop(machine);
        let code = fs::read_to_string(&result).ok().and_then(|text| text.trim().parse().ok());
        Ok(Ended { log: String::from_utf8_lossy(&fs::read(&log)?).into_owned(), code })
    }

    fn command(&self, dir: &Path, result: &Path, log: &Path) -> io::Result<Command> {
        let plain = |path: &Path| match path.to_str() {
            Some(text) if !text.contains([' ', ',']) => Ok(text.to_owned()),
            _ => Err(io::Error::other(format!("{} cannot stand on a kernel's command line", path.display()))),
        };
        // UML is several processes, some of which outlive the first; a namespace of processes ends with its first.
        let mut command = tied("unshare");
        command
            .args(["--pid", "--fork", "--kill-child", "--mount-proc", "--", PROGRAM])
            .arg(format!("mem={}M", self.memory))
            .args(["rootfstype=hostfs", "rootflags=/", "rw", "con=null", "con0=null,fd:1", "panic=-1"])
            .arg(format!("uml_dir={}/", plain(dir)?))
            .arg(format!("init={}", plain(&self.program)?))
            .arg("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        for (letter, disk) in ('b'..).zip(&self.disks) {
            command.arg(format!("ubd{letter}={}", plain(disk)?));
        }
        // The kernel adds words of its own at the end.
        command.args(["--", GUEST]).arg(plain(result)?).arg(self.arguments.len().to_string()).args(&self.arguments);
        let out = File::create(log)?;
        command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out).env("TMPDIR", dir).env("LD_PRELOAD", XSTATE);
        Ok(command)
    }
}

/// The running machine, killed on drop.
struct Machine(Child);

impl Machine {
    fn wait(&mut self, limit: Duration, on: &dyn Fn() -> bool) -> io::Result<()> {
        let end = Instant::now() + limit;
        while self.0.try_wait()?.is_none() && Instant::now() < end && on() {
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Err(error) = self.0.kill() {
            eprintln!("kill {PROGRAM}: {error}");
        }
        if let Err(error) = self.0.wait() {
            eprintln!("wait for {PROGRAM}: {error}");
        }
    }
}

/// If this process is the payload as process 1 (its first argument is [`GUEST`]): sets the machine up, runs the executable again with the
/// remaining arguments, notes its exit code, and powers off. Otherwise returns.
pub fn enter() {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_none_or(|first| first != GUEST) {
        return;
    }
    let result = arguments.next().unwrap_or_default();
    let count = arguments.next().and_then(|count| count.to_str()?.parse().ok()).unwrap_or(0);
    let code = match payload(arguments.take(count).collect()) {
        Ok(code) => code,
        Err(error) => {
            println!("the guest: {error}");
            101
        }
    };
    if let Err(error) = fs::write(&result, code.to_string()) {
        println!("note the exit code: {error}");
    }
    nix::unistd::sync();
    match reboot(RebootMode::RB_POWER_OFF) {
        Ok(never) => match never {},
        Err(error) => panic!("power off: {error}"),
    }
}

fn payload(arguments: Vec<OsString>) -> io::Result<i32> {
    let none = None::<&str>;
    mount(Some("proc"), "/proc", Some("proc"), MsFlags::empty(), none)?;
    mount(Some("sysfs"), "/sys", Some("sysfs"), MsFlags::empty(), none)?;
    mount(Some("tmpfs"), "/run", Some("tmpfs"), MsFlags::empty(), none)?;
    let release = nix::sys::utsname::uname()?.release().to_string_lossy().into_owned();
    for module in NEEDED {
        let path = format!("{MODULES}/{release}/kernel/{module}.ko");
        let file = File::open(&path).map_err(|e| io::Error::new(e.kind(), format!("{path}: {e}")))?;
        match finit_module(&file, &CString::default(), ModuleInitFlags::empty()) {
            Ok(()) | Err(nix::errno::Errno::EEXIST) => {}
            Err(error) => return Err(io::Error::other(format!("{path}: {error}"))),
        }
    }
    let status = Command::new(std::env::current_exe()?).args(arguments).status()?;
    Ok(status.code().unwrap_or(102))
}
