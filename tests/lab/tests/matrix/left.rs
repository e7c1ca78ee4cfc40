//! What must be gone when a case has ended: its mounts, its loop devices, its mapped devices, and in a guest every process.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use sameday_lab::uml::GUEST;

/// The kernel lets go of things in its own time.
const PATIENCE: Duration = Duration::from_secs(5);

pub fn nothing_is(dir: &Path) -> Result<(), String> {
    /// What an earlier case left, and was told of.
    static TOLD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    let end = Instant::now() + PATIENCE;
    loop {
        let mut left = found(dir).map_err(|error| format!("look for what is left over: {error}"))?;
        left.retain(|left| !told.contains(left));
        if left.is_empty() {
            return Ok(());
        }
        if Instant::now() > end {
            told.extend(left.iter().cloned());
            return Err(format!("left over: {}", left.join("; ")));
        }
        sleep(Duration::from_millis(20));
    }
}

fn found(dir: &Path) -> std::io::Result<Vec<String>> {
    let text = dir.display().to_string();
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    let mut left: Vec<String> =
        mounts.lines().filter(|line| line.contains(&text)).map(|line| format!("mount {line}")).collect();
    for entry in fs::read_dir("/sys/block")? {
        let folder = entry?.path();
        let backing = fs::read_to_string(folder.join("loop/backing_file")).unwrap_or_default();
        if backing.contains(&text) {
            left.push(format!("loop device of {}", backing.trim()));
        }
        if let Ok(name) = fs::read_to_string(folder.join("dm/name")) {
            left.push(format!("mapped device {}", name.trim()));
        }
    }
    // On this machine, where others work too, live roots wait for the processes in them; these are what names the case.
    let guest = fs::read("/proc/1/cmdline")?.windows(GUEST.len()).any(|window| window == GUEST.as_bytes());
    for entry in fs::read_dir("/proc")? {
        let folder = entry?.path();
        let id = folder.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
        if id.is_none_or(|id| id == 1 || id == std::process::id()) {
            continue;
        }
        // A thread of the kernel has no command line, nor has what ended.
        let line = String::from_utf8_lossy(&fs::read(folder.join("cmdline")).unwrap_or_default()).replace('\0', " ");
        if (guest && !line.is_empty()) || line.contains(&text) {
            left.push(format!("process {line}"));
        }
    }
    Ok(left)
}
