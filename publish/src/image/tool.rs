//! The tools that write tables, file systems and boot loaders, run so that the environment has no say in what they write.

use std::io;
use std::process::{Command, Stdio};

use super::ImageError;

/// The most of its messages that an error holds.
const LONGEST_OUTPUT: usize = 4096;

/// A tool, the package that it comes from, and the command.
#[derive(Debug)]
pub struct Tool {
    program: &'static str,
    package: &'static str,
    /// Its arguments are added here.
    pub command: Command,
}

impl Tool {
    pub fn new(program: &'static str, package: &'static str) -> Self {
        let mut command = Command::new(program);
        command.env_clear().env("LC_ALL", "C").env("TZ", "UTC").env("MTOOLSRC", "/dev/null");
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        Self { program, package, command }
    }

    /// Runs it to its end.
    pub fn run(mut self) -> Result<(), ImageError> {
        let output = self.command.stdin(Stdio::null()).output().map_err(|source| self.start(source))?;
        if output.status.success() {
            return Ok(());
        }
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(said.get(..LONGEST_OUTPUT).unwrap_or(&said)).trim().to_owned();
        Err(ImageError::Tool { program: self.program, status: output.status, output: said })
    }

    fn start(&self, source: io::Error) -> ImageError {
        ImageError::Start { program: self.program, package: self.package, source }
    }
}
