//! The Rust end of `driver.py`.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The program.
pub(super) const SCRIPT: &str = include_str!("driver.py");

/// A notification.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Notice {
    /// Its number.
    pub id: u32,
    /// Its first line.
    pub title: String,
    /// The rest.
    pub text: String,
    /// What it offers: names, each before its label.
    pub actions: Vec<String>,
}

/// The driver; ends with the value.
#[derive(Debug)]
pub(super) struct Driver {
    child: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Driver {
    pub(super) fn start(mut command: Command, log: &Path) -> io::Result<Self> {
        let log = File::options().create(true).append(true).open(log)?;
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log).spawn()?;
        let requests = child.stdin.take();
        let answers = child.stdout.take().ok_or_else(|| io::Error::other("no standard output"))?;
        let mut driver = Self { child, requests, answers: BufReader::new(answers) };
        // It says when it is there.
        driver.answer::<String>()?;
        Ok(driver)
    }

    /// Asks, and waits for the answer.
    pub(super) fn ask<T: DeserializeOwned>(&mut self, request: &Value) -> io::Result<T> {
        let requests = self.requests.as_mut().ok_or_else(|| io::Error::other("the driver has ended"))?;
        writeln!(requests, "{request}")?;
        requests.flush()?;
        self.answer()
    }

    fn answer<T: DeserializeOwned>(&mut self) -> io::Result<T> {
        #[derive(Deserialize)]
        #[serde(rename_all = "lowercase")]
        enum Answer<T> {
            Ok(T),
            Error(String),
        }
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the driver has ended, see its log"));
        }
        match serde_json::from_str::<Answer<T>>(&line)? {
            Answer::Ok(value) => Ok(value),
            Answer::Error(text) => Err(io::Error::other(text)),
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Ends it.
        drop(self.requests.take());
        if let Err(error) = self.child.wait() {
            eprintln!("wait for the driver: {error}");
        }
    }
}
