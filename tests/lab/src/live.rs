//! A system that looks as if live-boot had started it from a stick: a mount namespace whose root is the stack of the stick's images, with
//! the medium, the images and the kernel's command line where live-boot puts them. Programs run inside; all ends with the value.
//!
//! A thread holds the namespace. If this process is killed the thread goes, then the programs (they get SIGKILL with the thread that started
//! them), then the mounts and the loop devices, which clear themselves.

mod build;
mod device;

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sameday_upgrade::boot_env::Choice;

use crate::process::tied;
use crate::stick::FileSystem;

pub use device::Attached;

/// The kernel clears loop devices and mounts after their last user, in its own time.
const RELEASE: Duration = Duration::from_secs(10);

/// How often a start is tried that the kernel refuses without a cause that could be found.
const MOST_STARTS: u32 = 3;

/// What another boot loader than ours always asks live-boot for: where `live/other.module` is and `boot.env` is not, it is what
/// starts.
pub const OTHER_LOADER: &str = "other";

/// Where the stick is.
#[derive(Debug, Clone)]
pub enum Disk {
    /// An image, attached to a loop device, read-only if so asked.
    Image {
        /// The image.
        image: PathBuf,
        /// As if a write-protect switch were set.
        write_protected: bool,
    },
    /// A partition that is there already.
    Partition(PathBuf),
}

impl Disk {
    /// An image that can be written to.
    #[must_use]
    pub fn image(image: &Path) -> Self {
        Self::Image { image: image.to_owned(), write_protected: false }
    }
}

/// What is started.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The stick.
    pub disk: Disk,
    /// The file system of its system partition.
    pub file_system: FileSystem,
    /// The number of that partition.
    pub partition: u32,
    /// A tree that lies over the stack, as an image would hold it: from `make install DESTDIR=…`.
    pub skeleton: Option<PathBuf>,
    /// Whether this machine's root lies below the stack, for bases without a C library.
    pub over_this_machine: bool,
    /// Folders of this machine that are at the same path inside, writable.
    pub shared: Vec<PathBuf>,
    /// Further kernel parameters.
    pub parameters: String,
    /// What somebody chose in the boot menu, whatever the stick would choose.
    pub chosen: Option<Choice>,
}

impl Spec {
    /// A stick's image, over this machine's root.
    #[must_use]
    pub fn new(disk: Disk, file_system: FileSystem) -> Self {
        let (skeleton, shared, parameters) = (None, Vec::new(), String::new());
        let over_this_machine = true;
        Self { disk, file_system, partition: 1, skeleton, over_this_machine, shared, parameters, chosen: None }
    }
}

/// A system that runs.
#[derive(Debug)]
pub struct LiveRoot {
    choice: Choice,
    /// The thread's folder in /proc.
    task: PathBuf,
    /// The namespace, as /proc names it.
    namespace: PathBuf,
    end: Option<mpsc::Sender<()>>,
    holder: Option<JoinHandle<()>>,
    loops: Vec<PathBuf>,
}

impl LiveRoot {
    /// Starts what the stick's `boot.env` chooses, as GRUB would choose; it does not count `tries` down, as GRUB would.
    /// `dir` is a folder of this machine where mounts can be made.
    ///
    /// # Errors
    /// When a mount fails or the stick holds no system.
    pub fn start(dir: &Path, spec: &Spec) -> io::Result<Self> {
        let mut tries = 1;
        loop {
            match Self::start_once(dir, spec) {
                // Seen once in some seven hundred starts, on a busy machine: overlayfs takes mounts for overlapping that do not overlap. The
                // thread and its namespace are gone then; new ones start from nothing.
                Err(error) if error.kind() == io::Error::from(Errno::ELOOP).kind() && tries < MOST_STARTS => {
                    eprintln!("live root, try {tries}: {error}");
                    tries += 1;
                }
                result => return result,
            }
        }
    }

    fn start_once(dir: &Path, spec: &Spec) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let (dir, spec) = (dir.to_owned(), spec.clone());
        let (tell, told) = mpsc::channel();
        let (end, ended) = mpsc::channel::<()>();
        let holder = thread::Builder::new().name("live".into()).spawn(move || {
            // The devices stay open for as long as the thread lives.
            let built = build::build(&dir, &spec);
            let (facts, _devices) = match built {
                Ok((choice, devices)) => {
                    let loops = devices.iter().map(Attached::backing_file).collect::<Vec<_>>();
                    (Ok((choice, nix::unistd::gettid(), loops)), devices)
                }
                Err(error) => (Err(error), Vec::new()),
            };
            let works = facts.is_ok();
            if tell.send(facts).is_ok() && works {
                // Ends when the sender is dropped.
                while ended.recv().is_ok() {}
            }
        })?;
        let facts = told.recv().map_err(|_| io::Error::other("the live root's thread ended"));
        let (choice, thread, loops) = match facts.and_then(|facts| facts) {
            Ok(facts) => facts,
            Err(error) => {
                drop(end);
                return Err(if holder.join().is_err() {
                    io::Error::other("the live root's thread panicked")
                } else {
                    error
                });
            }
        };
        let task = PathBuf::from(format!("/proc/{}/task/{thread}", std::process::id()));
        let namespace = fs::read_link(task.join("ns/mnt"))?;
        Ok(Self { choice, task, namespace, end: Some(end), holder: Some(holder), loops })
    }

    /// What was started.
    #[must_use]
    pub fn choice(&self) -> &Choice {
        &self.choice
    }

    /// A program that will run inside. It gets SIGKILL when the thread that starts it ends.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = self.enter();
        command.arg(program);
        command
    }

    /// A program that will run inside, in a network namespace of its own, without any network.
    pub fn command_without_network(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = self.enter();
        command.args(["unshare", "--net", "--"]).arg(program);
        command
    }

    /// A file inside, as a path of this machine.
    #[must_use]
    pub fn path(&self, inside: &str) -> PathBuf {
        self.task.join("root").join(inside.trim_start_matches('/'))
    }

    /// Sends a signal to everything that runs inside.
    ///
    /// # Errors
    /// When a process does not take it.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        for process in self.processes()? {
            match kill(process, signal) {
                // It has ended meanwhile.
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn enter(&self) -> Command {
        let mut command = tied("nsenter");
        let option = |name: &str, what: &str| format!("--{name}={}", self.task.join(what).display());
        command.args([option("mount", "ns/mnt"), option("root", "root"), option("wd", "root"), "--".to_owned()]);
        command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command
    }

    /// Every process that runs inside and is not this one.
    fn processes(&self) -> io::Result<Vec<Pid>> {
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let path = entry?.path();
            let Some(id) = path.file_name().and_then(OsStr::to_str).and_then(|name| name.parse().ok()) else {
                continue;
            };
            // A process that has ended meanwhile has no link.
            if fs::read_link(path.join("ns/mnt")).is_ok_and(|namespace| namespace == self.namespace)
                && id != nix::unistd::getpid().as_raw()
            {
                found.push(Pid::from_raw(id));
            }
        }
        Ok(found)
    }

    fn stop(&mut self) -> io::Result<()> {
        let end = Instant::now() + RELEASE;
        loop {
            let processes = self.processes()?;
            if processes.is_empty() {
                break;
            }
            self.signal(Signal::SIGKILL)?;
            if Instant::now() > end {
                return Err(io::Error::other(format!("processes {processes:?} do not end")));
            }
            thread::sleep(Duration::from_millis(5));
        }
        drop(self.end.take());
        if self.holder.take().is_some_and(|holder| holder.join().is_err()) {
            return Err(io::Error::other("the live root's thread panicked"));
        }
        while let Some(kept) = self.loops.iter().find(|backing| backing.exists()) {
            if Instant::now() > end {
                return Err(io::Error::other(format!("{} is not released", kept.display())));
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl Drop for LiveRoot {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("end the live root: {error}");
        }
    }
}
