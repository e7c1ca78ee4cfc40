//! Sticks in every state, and the question what they start.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sameday_lab::grub::{Decision, Look};
use sameday_lab::stick::{FileSystem, Stick};
use sameday_lab::vm::{Bus, Drive, Firmware, Running, Vm, Writes};
use sameday_publish::image::{Efi, StickImage, image};

use crate::states::{CURRENT, GOOD, LONGEST, PREVIOUS, State, TILDE, files};

/// Far more than a machine with other work needs.
const LIMIT: Duration = Duration::from_secs(180);
/// MiB of the system's partition.
pub const SYSTEM_MIB: u64 = 36;
/// What the test's `start.cfg` says before the name.
pub const MARK: &str = "SAMEDAY STARTS ";
const BASE_FILES: [&str; 4] = ["live/filesystem.module", "live/filesystem.squashfs", "live/vmlinuz", "live/initrd.img"];
/// Takes the place of `start.cfg`. What it does in the end is put behind it.
const START: &str = "serial --unit=0 --speed=115200
terminal_output serial
set timeout=0
function start {
  probe --set=medium --fs-uuid $root
  echo \"SAMEDAY STARTS $1 FROM $medium\"
";
const HALT: &str = "  halt\n}\n";

/// The stick that all states begin with, and a folder for the others.
pub struct Sticks {
    dir: PathBuf,
    template: Stick,
    serial: String,
    next: AtomicU32,
}

impl Sticks {
    /// Makes it: the product's stick, with versions on it, and `start.cfg` replaced.
    pub fn make(dir: &Path) -> io::Result<Self> {
        let at = |name: &str| dir.join(name);
        for name in ["base", "kernel", "initrd"] {
            fs::write(at(name), name)?;
        }
        let stick = StickImage {
            base: at("base"),
            kernel: at("kernel"),
            initrd: at("initrd"),
            time: 1_767_225_600,
            parameters: String::new(),
            efi: Efi::Signed,
            system_mib: Some(SYSTEM_MIB),
            luks_mib: None,
        };
        let made = image(&stick, &at("template.img")).map_err(io::Error::other)?;
        let template = Stick::existing(&at("template.img"), FileSystem::Vfat);
        for version in [CURRENT, PREVIOUS, GOOD, TILDE, LONGEST] {
            template.make_folder(&format!("live/{version}"))?;
            for place in files(version) {
                template.write(&place, b"something")?;
            }
        }
        template.write("grub/start.cfg", format!("{START}{HALT}").as_bytes())?;
        Ok(Self { dir: dir.to_owned(), template, serial: made.serial, next: AtomicU32::new(0) })
    }

    /// A stick like the first, and a folder for its run.
    pub fn fresh(&self) -> io::Result<(Stick, PathBuf)> {
        let dir = self.dir.join(self.next.fetch_add(1, Ordering::Relaxed).to_string());
        fs::create_dir(&dir)?;
        Ok((self.template.clone_to(&dir.join("stick.img"))?, dir))
    }

    /// A stick in this state, and what GRUB sees on it.
    fn stick(&self, state: &State) -> io::Result<(Stick, PathBuf, Look)> {
        let (stick, dir) = self.fresh()?;
        for (place, block) in [("live/sameday/boot.env", &state.boot_env), ("live/sameday/good.env", &state.good_env)] {
            match block {
                Some(bytes) => stick.write(place, bytes)?,
                None => stick.remove(place)?,
            }
        }
        for place in &state.absent {
            stick.remove(place)?;
        }
        let all = [CURRENT, PREVIOUS, GOOD, TILDE, LONGEST].into_iter().flat_map(files);
        let all = all.chain(BASE_FILES.map(str::to_owned)).filter(|place| !state.absent.contains(place));
        let look = Look {
            boot_env: state.boot_env.clone(),
            good_env: state.good_env.clone(),
            files: all.collect(),
            writable: state.writes != Writes::Refused,
        };
        Ok((stick, dir, look))
    }

    /// GRUB decides as the design says, and nothing else on the stick changes.
    pub fn decide(&self, firmware: Firmware, state: &State) -> Result<(), String> {
        let failed = |error: std::io::Error| error.to_string();
        let (stick, dir, look) = self.stick(state).map_err(failed)?;
        let before = fs::read(stick.image()).map_err(failed)?;
        let said =
            start(firmware, &stick, state.writes, &dir).and_then(|running| running.ended(LIMIT)).map_err(failed)?;
        let ready = Ready { state, stick, before, expected: look.decide() };
        let outcome = match starts(&said).as_slice() {
            [named] => ready.judge(named, &self.serial),
            other => Err(format!("GRUB starts {other:?}:\n{said}")),
        };
        fs::remove_dir_all(&dir).map_err(failed)?;
        outcome.map_err(|error| format!("{error}\nexpected: {}", ready.expected.pick))
    }
}

/// A stick before its start, and what is expected of it.
struct Ready<'a> {
    state: &'a State,
    stick: Stick,
    before: Vec<u8>,
    expected: Decision,
}

impl Ready<'_> {
    fn judge(&self, named: &str, serial: &str) -> Result<(), String> {
        if named != format!("{} FROM {serial}", self.expected.pick) {
            return Err(format!("GRUB starts {named}"));
        }
        let text = |error: io::Error| error.to_string();
        let kept = self.state.writes == Writes::Kept;
        let wanted = if kept { &self.expected.boot_env } else { &self.state.boot_env };
        if let Some(wanted) = wanted {
            let found = self.stick.read("live/sameday/boot.env").map_err(text)?;
            if found != *wanted {
                return Err(format!("boot.env is {:?}", String::from_utf8_lossy(&found)));
            }
        }
        let changed = differences(&self.before, &fs::read(self.stick.image()).map_err(text)?);
        let allowed = usize::from(*wanted != self.state.boot_env);
        if changed == allowed { Ok(()) } else { Err(format!("{changed} bytes of the stick changed, not {allowed}")) }
    }
}

/// How many bytes differ.
pub fn differences(before: &[u8], after: &[u8]) -> usize {
    const PIECE: usize = 4096;
    let pieces = before.chunks(PIECE).zip(after.chunks(PIECE)).filter(|(a, b)| a != b);
    let differing: usize = pieces.map(|(a, b)| a.iter().zip(b).filter(|(a, b)| a != b).count()).sum();
    differing + before.len().abs_diff(after.len())
}

/// Switches a computer on that starts from this stick.
pub fn start(firmware: Firmware, stick: &Stick, writes: Writes, dir: &Path) -> io::Result<Running> {
    computer(firmware, stick, writes).start(dir)
}

/// A computer with this stick.
pub fn computer(firmware: Firmware, stick: &Stick, writes: Writes) -> Vm {
    Vm::new(firmware, Drive { image: stick.image().to_owned(), writes, bus: Bus::Usb })
}

/// What was to be started, in order.
pub fn starts(said: &str) -> Vec<&str> {
    said.split(MARK).skip(1).map(|rest| rest.split(['\r', '\n']).next().unwrap_or("").trim()).collect()
}
