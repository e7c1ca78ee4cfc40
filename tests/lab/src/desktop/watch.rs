//! What is asked of the daemon, as it goes over the bus: by systemd's busctl, as a monitor.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use sameday_dbus::INTERFACE;
use serde_json::Value;

use crate::process::{Process, tied};

/// busctl(1) is there in well under a second; what was sent is written at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// A method call.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The method.
    pub method: String,
    /// Its arguments.
    pub arguments: Vec<Value>,
}

/// The monitor; ends with the value.
#[derive(Debug)]
pub struct Watch {
    _monitor: Process,
    output: PathBuf,
}

impl Watch {
    /// Watches the bus at `address` from when this returns; `file` is a new file for what is heard.
    ///
    /// # Errors
    /// When the monitor does not come up.
    pub fn start(address: &str, file: &Path) -> io::Result<Self> {
        let mut command: Command = tied("busctl");
        command.args([&format!("--address={address}"), "--json=short", "monitor"]);
        // It says on standard error when it is there; what it hears goes to the same file, a line each.
        let monitor = Process::start("monitor", &mut command, file)?;
        let watch = Self { _monitor: monitor, output: file.to_owned() };
        let end = Instant::now() + PATIENCE;
        while !fs::read_to_string(file)?.contains("Monitoring bus") {
            if Instant::now() > end {
                return Err(io::Error::new(io::ErrorKind::TimedOut, format!("no monitor, see {}", file.display())));
            }
            sleep(Duration::from_millis(10));
        }
        Ok(watch)
    }

    /// All calls of the daemon's methods by now.
    ///
    /// # Errors
    /// When what was heard cannot be read.
    pub fn asked(&self) -> io::Result<Vec<Asked>> {
        self.calls(INTERFACE)
    }

    /// All calls of this interface's methods by now, whoever has them.
    ///
    /// # Errors
    /// When what was heard cannot be read.
    pub fn calls(&self, interface: &str) -> io::Result<Vec<Asked>> {
        let text = fs::read_to_string(&self.output)?;
        let messages = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let calls = messages.filter(|m| m["type"] == "method_call" && m["interface"] == interface);
        Ok(calls
            .map(|call| Asked {
                method: call["member"].as_str().unwrap_or_default().to_owned(),
                arguments: call["payload"]["data"].as_array().cloned().unwrap_or_default(),
            })
            .collect())
    }

    /// Waits until this method of the daemon's was called, and answers its arguments.
    ///
    /// # Errors
    /// When it is not.
    pub fn wait(&self, method: &str) -> io::Result<Vec<Value>> {
        self.wait_on(INTERFACE, method)
    }

    /// Waits until this method was called, and answers its arguments.
    ///
    /// # Errors
    /// When it is not.
    pub fn wait_on(&self, interface: &str, method: &str) -> io::Result<Vec<Value>> {
        let end = Instant::now() + PATIENCE;
        loop {
            let asked = self.calls(interface)?;
            if let Some(found) = asked.iter().rev().find(|asked| asked.method == method) {
                return Ok(found.arguments.clone());
            }
            if Instant::now() > end {
                let text = format!("{method} was not called, but {asked:?}");
                return Err(io::Error::new(io::ErrorKind::TimedOut, text));
            }
            sleep(Duration::from_millis(20));
        }
    }

    /// How often this method was called by now.
    ///
    /// # Errors
    /// When what was heard cannot be read.
    pub fn count(&self, method: &str) -> io::Result<usize> {
        Ok(self.asked()?.iter().filter(|asked| asked.method == method).count())
    }
}
