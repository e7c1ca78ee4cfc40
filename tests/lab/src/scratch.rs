//! A folder for what all tests of a program share. Statics are never dropped, so something else has to take it away.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A folder that goes when this process ends, however it ends.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    /// Removes the folder when its standard input ends: the other end of that pipe is ours alone.
    _remover: Child,
}

impl Scratch {
    /// A new folder.
    ///
    /// # Errors
    /// When it cannot be made, or nothing started that will remove it.
    pub fn until_exit() -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let remover = Command::new("sh")
            .args(["-c", "cat >/dev/null; rm -rf -- \"$1\"", "sh"])
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // What a terminal sends to the tests is not for it.
            .process_group(0)
            .spawn()?;
        Ok(Self { path: folder.keep(), _remover: remover })
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}
