//! QEMU under software emulation: a whole computer, from its firmware on. It takes as long as two processors can give, so one at a time.

pub mod guest;
pub mod system;

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::process::{Process, tied};

const PROGRAM: &str = "qemu-system-x86_64";
/// Where Debian puts OVMF; the second has Microsoft's keys in it, which signed shim.
const OVMF: &str = "/usr/share/OVMF";
/// The serial line and the process are looked at so often.
const POLL: Duration = Duration::from_millis(20);

/// What starts the boot loader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Firmware {
    /// SeaBIOS.
    Bios,
    /// OVMF.
    Uefi,
    /// OVMF that starts only what is signed.
    SecureBoot,
}

impl Firmware {
    /// Its name, for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bios => "BIOS",
            Self::Uefi => "UEFI",
            Self::SecureBoot => "Secure Boot",
        }
    }

    /// The program and the variables of OVMF.
    fn ovmf(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Bios => None,
            Self::Uefi => Some(("OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd")),
            Self::SecureBoot => Some(("OVMF_CODE_4M.secboot.fd", "OVMF_VARS_4M.ms.fd")),
        }
    }
}

/// What becomes of writes to a drive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writes {
    /// They are kept, once the computer has flushed them or ended by itself.
    Kept,
    /// They fail, as with a write-protect switch.
    Refused,
    /// They can be read back, and are gone when the power goes.
    Forgotten,
}

/// What a drive is attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bus {
    /// virtio: the quickest, and all that a cloud kernel has.
    Virtio,
    /// USB, as a stick.
    Usb,
}

/// A disk of the computer.
#[derive(Debug, Clone)]
pub struct Drive {
    /// Its image.
    pub image: PathBuf,
    /// What becomes of writes.
    pub writes: Writes,
    /// What it is attached to.
    pub bus: Bus,
}

/// A computer.
#[derive(Debug, Clone)]
pub struct Vm {
    /// Its firmware.
    pub firmware: Firmware,
    /// Its disks; it starts from the first.
    pub drives: Vec<Drive>,
    /// Where the writes and flushes of the first disk are noted down: [`crate::replay::log`].
    pub log: Option<PathBuf>,
    /// MiB of memory.
    pub memory: u32,
    /// Its processors.
    pub processors: u32,
    /// Further arguments of QEMU.
    pub more: Vec<String>,
}

/// A computer that runs. It is switched off on drop.
#[derive(Debug)]
pub struct Running {
    process: Process,
    serial: PathBuf,
    monitor: PathBuf,
}

/// Why no computer can be had here, or none if one can.
#[must_use]
pub fn missing() -> Option<String> {
    let found = |dir: PathBuf| dir.join(PROGRAM).exists();
    let program = std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(found));
    if !program {
        return Some(format!("{PROGRAM} is not installed (package qemu-system-x86)"));
    }
    (!Path::new(OVMF).exists()).then(|| format!("{OVMF} is not there (package ovmf)"))
}

impl Vm {
    /// A computer with one disk.
    #[must_use]
    pub fn new(firmware: Firmware, drive: Drive) -> Self {
        Self { firmware, drives: vec![drive], log: None, memory: 256, processors: 1, more: Vec::new() }
    }

    /// Switches it on. A restart of its own switches it off. `dir` holds what belongs to this run.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&self, dir: &Path) -> io::Result<Running> {
        fs::create_dir_all(dir)?;
        let (serial, monitor) = (dir.join("serial"), dir.join("monitor"));
        fs::write(&serial, "")?;
        let mut command = tied(PROGRAM);
        command.args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-cpu", "qemu64"]);
        command.args(["-m", &self.memory.to_string(), "-smp", &self.processors.to_string()]);
        command.args(["-device", "qemu-xhci"]);
        command.arg("-serial").arg(format!("file:{}", plain(&serial)?));
        command.arg("-monitor").arg(format!("unix:{},server=on,wait=off", plain(&monitor)?));
        self.firmware_arguments(&mut command, dir)?;
        for (number, drive) in self.drives.iter().enumerate() {
            let writes = match drive.writes {
                Writes::Kept => "",
                Writes::Refused => ",readonly=on",
                Writes::Forgotten => ",snapshot=on",
            };
            let log = self.log.as_ref().filter(|_| number == 0);
            let image = plain(&drive.image)?;
            let what = match log {
                None => format!("format=raw,cache=unsafe,file={image}"),
                // Flushes come through: the log is complete when the computer is off.
                Some(log) => {
                    fs::write(log, "")?;
                    let log = plain(log)?;
                    format!(
                        "driver=blklogwrites,cache=writeback,log.driver=file,log.filename={log},file.driver=raw,file.file.driver=file,file.file.filename={image}"
                    )
                }
            };
            command.arg("-drive").arg(format!("if=none,id=drive{number},{what}{writes}"));
            let device = match drive.bus {
                Bus::Virtio => "virtio-blk-pci",
                Bus::Usb => "usb-storage,removable=on",
            };
            command.arg("-device").arg(format!("{device},drive=drive{number},bootindex={number}"));
        }
        command.args(&self.more);
        let process = Process::start(PROGRAM, &mut command, &dir.join("qemu.log"))?;
        Ok(Running { process, serial, monitor })
    }

    fn firmware_arguments(&self, command: &mut Command, dir: &Path) -> io::Result<()> {
        let Some((program, variables)) = self.firmware.ovmf() else {
            command.args(["-machine", "q35"]);
            return Ok(());
        };
        // The computer's own memory of settings: each starts as it left the factory.
        let own = dir.join("variables.fd");
        fs::copy(Path::new(OVMF).join(variables), &own)?;
        let flash = "if=pflash,format=raw";
        command.arg("-drive").arg(format!("{flash},unit=0,readonly=on,file={OVMF}/{program}"));
        command.arg("-drive").arg(format!("{flash},unit=1,file={}", plain(&own)?));
        if self.firmware == Firmware::SecureBoot {
            // Only system management mode may write the variables, or a kernel could switch the check off.
            command.args(["-machine", "q35,smm=on"]);
            command.args(["-global", "driver=cfi.pflash01,property=secure,value=on"]);
        } else {
            command.args(["-machine", "q35"]);
        }
        Ok(())
    }
}

/// QEMU's options are split at commas.
fn plain(path: &Path) -> io::Result<&str> {
    match path.to_str() {
        Some(text) if !text.contains(',') => Ok(text),
        _ => Err(io::Error::other(format!("{} cannot stand in an option of QEMU", path.display()))),
    }
}

impl Running {
    /// All that came over the serial line.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn serial(&self) -> io::Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(&self.serial)?).into_owned())
    }

    /// Waits until a text has come over the serial line, at most `limit`, and answers all that has.
    ///
    /// # Errors
    /// When the computer ends before, or the text does not come; the message holds the end of what did.
    pub fn wait_for(&mut self, text: &str, limit: Duration) -> io::Result<String> {
        let end = Instant::now() + limit;
        loop {
            let ended = self.process.ended()?.is_some();
            let said = self.serial()?;
            if said.contains(text) {
                return Ok(said);
            }
            if ended || Instant::now() > end {
                let what = if ended { "the computer went off" } else { "the time is over" };
                let log = fs::read_to_string(self.process.log())?;
                return Err(io::Error::other(format!("no {text:?}: {what}\n{log}\n{}", tail(&said))));
            }
            std::thread::sleep(POLL);
        }
    }

    /// Waits until it is off by itself, at most `limit`, and answers all that came over the serial line.
    ///
    /// # Errors
    /// When it still runs then, or QEMU failed.
    pub fn ended(mut self, limit: Duration) -> io::Result<String> {
        let status = self.process.wait(limit).map_err(|error| {
            let said = self.serial().unwrap_or_else(|error| error.to_string());
            io::Error::new(error.kind(), format!("{error}\n{}", tail(&said)))
        })?;
        if !status.success() {
            return Err(io::Error::other(format!("{PROGRAM}: {}", fs::read_to_string(self.process.log())?)));
        }
        self.serial()
    }

    /// Presses keys, named as QEMU names them.
    ///
    /// # Errors
    /// When QEMU does not take them.
    pub fn press(&self, keys: &[&str]) -> io::Result<()> {
        let mut monitor = UnixStream::connect(&self.monitor)?;
        for key in keys {
            writeln!(monitor, "sendkey {key} 40")?;
            std::thread::sleep(Duration::from_millis(120));
        }
        Ok(())
    }
}

/// The end of a long text.
fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(30)..).unwrap_or_default().join("\n")
}
