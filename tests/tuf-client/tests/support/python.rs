//! python-tuf, installed beside the build, and its client as a process that ends with its value.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::Deserialize;

use super::world::{World, text};

pub fn interop_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../interop")
}

/// The interpreter of an environment that has python-tuf.
pub fn python() -> PathBuf {
    let output = Command::new(interop_folder().join("python-env")).output().unwrap();
    assert!(output.status.success(), "no Python environment: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().into()
}

/// A script of the interoperation folder; nothing is written beside it.
pub fn script(python: &Path, name: &str) -> Command {
    let mut command = Command::new(python);
    command.arg("-B").arg(interop_folder().join(name));
    command
}

pub struct NgClient {
    child: Child,
    orders: ChildStdin,
    verdicts: BufReader<ChildStdout>,
}

#[derive(Debug, Deserialize)]
pub struct Verdict {
    pub accepted: bool,
    pub why: String,
}

impl NgClient {
    pub fn start(python: &Path) -> Self {
        let mut command = script(python, "ngclient.py");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (orders, verdicts) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, orders, verdicts: BufReader::new(verdicts) }
    }

    pub fn run(&mut self, world: &World, targets: &[&str]) -> Verdict {
        let order = serde_json::json!({
            "metadata_dir": text(&world.metadata_dir()),
            "metadata_url": world.server.url("metadata/"),
            "target_dir": text(&world.target_dir()),
            "target_url": world.server.url("targets/"),
            "targets": targets,
        });
        writeln!(self.orders, "{order}").unwrap();
        let mut line = String::new();
        self.verdicts.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for NgClient {
    fn drop(&mut self) {
        self.child.kill().unwrap_or_default();
        self.child.wait().map(drop).unwrap_or_default();
    }
}
