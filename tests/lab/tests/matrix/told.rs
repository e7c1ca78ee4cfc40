//! What is known of a case when it has ended, as it crosses from a guest to the runner.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct Told {
    /// What was wrong; none if nothing was.
    pub wrong: Option<String>,
    /// What was done, in the case's own words.
    pub how: String,
    /// State when the fault struck, when the work had ended, at the daemon's next start, at the computer's next start.
    pub states: Vec<String>,
    /// Milliseconds from the fault to a state that stays.
    pub settled: Option<u64>,
    /// The longest start of a daemon up to its state, in milliseconds.
    pub started: u64,
    /// Whether the user went on: what was tried, and where it led.
    pub went_on: Option<String>,
    /// Whether a daemon was killed between the first byte staged and the end of the commit.
    pub killed_inside: Option<bool>,
    /// Milliseconds of the whole case.
    pub took: u64,
}

fn path(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.told"))
}

impl Told {
    pub fn write(&self, dir: &Path, name: &str) -> io::Result<()> {
        let new = dir.join(format!("{name}.telling"));
        fs::write(&new, serde_json::to_vec(self)?)?;
        fs::rename(new, path(dir, name))
    }

    /// None if it has not ended.
    pub fn read(dir: &Path, name: &str) -> Option<Self> {
        serde_json::from_slice(&fs::read(path(dir, name)).ok()?).ok()
    }
}
