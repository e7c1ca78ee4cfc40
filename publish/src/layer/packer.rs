//! tar2sqfs, which turns the tar into a squashfs. It ends with the value that stands for it.
//!
//! Not sqfstar: 4.5.1 leaves out the top directory's owner and attributes, and takes the leading `/` or `../` off long link targets.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

use super::{LayerError, LayerOptions};

/// The usual one of live systems, written out so that a new version's default does not change results.
const BLOCK_SIZE: &str = "131072";
/// The most of its messages that an error holds.
const LONGEST_OUTPUT: u64 = 4096;
/// How much is sent to it at once.
const BUFFER: usize = 256 * 1024;

/// A running tar2sqfs.
#[derive(Debug)]
pub struct Packer {
    child: Child,
    messages: File,
}

impl Packer {
    /// Starts it, to write to `out`, which must not be there.
    pub fn start(out: &Path, options: &LayerOptions) -> Result<Self, LayerError> {
        let messages = tempfile::tempfile().map_err(LayerError::Start)?;
        let mut command = Command::new("tar2sqfs");
        // The environment has no say in the result, SOURCE_DATE_EPOCH least of all.
        command.env_clear().env("LC_ALL", "C").env("TZ", "UTC");
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command.args(["--quiet", "--no-skip", "--block-size", BLOCK_SIZE]);
        command.args(options.compressor.arguments());
        if let Some(processors) = options.processors {
            command.args(["--num-jobs", &processors.to_string()]);
        }
        // The file system's own time; that of each inode is in the tar.
        command.args(["--defaults", &format!("mtime={}", options.time)]);
        command.arg(out).stdin(Stdio::piped()).stdout(Stdio::null());
        command.stderr(messages.try_clone().map_err(LayerError::Start)?);
        Ok(Self { child: command.spawn().map_err(LayerError::Start)?, messages })
    }

    /// Where it reads the tar from; dropped, the tar ends.
    pub fn take_input(&mut self) -> Result<BufWriter<ChildStdin>, LayerError> {
        let input = self.child.stdin.take().ok_or_else(|| LayerError::Start(io::Error::other("its input is taken")))?;
        Ok(BufWriter::with_capacity(BUFFER, input))
    }

    /// Waits for it. Whatever it says on standard error is a failure: it warns there of what it leaves out.
    pub fn finish(mut self) -> Result<(), LayerError> {
        let status: ExitStatus = self.child.wait().map_err(LayerError::Start)?;
        let mut output = Vec::new();
        self.messages.rewind().map_err(LayerError::Start)?;
        Read::by_ref(&mut self.messages).take(LONGEST_OUTPUT).read_to_end(&mut output).map_err(LayerError::Start)?;
        if status.success() && output.is_empty() {
            return Ok(());
        }
        Err(LayerError::Packer { status, output: String::from_utf8_lossy(&output).trim().to_owned() })
    }
}

impl Drop for Packer {
    fn drop(&mut self) {
        // Already waited for, or of no more use: in both cases there is nobody left to tell.
        if matches!(self.child.try_wait(), Ok(None)) && self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}
