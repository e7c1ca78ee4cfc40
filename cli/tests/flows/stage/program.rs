//! The real program, while it runs and when it has ended.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::PATIENCE;

/// A program that runs.
pub struct Running(Child);

/// How it ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Running {
    pub fn start(command: &mut Command, input: &str) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        Self(child)
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.0.id().try_into().unwrap()), signal).unwrap();
    }

    pub fn end(self) -> Ended {
        let id = Pid::from_raw(self.0.id().try_into().unwrap());
        let (done, waiting) = std::sync::mpsc::channel::<()>();
        // Nothing may hang: after a while it is killed, which shows as the exit code -1.
        let guard = std::thread::spawn(move || {
            if waiting.recv_timeout(PATIENCE).is_err_and(|end| end == std::sync::mpsc::RecvTimeoutError::Timeout) {
                kill(id, Signal::SIGKILL).unwrap();
            }
        });
        let output = self.0.wait_with_output().unwrap();
        drop(done);
        guard.join().unwrap();
        Ended {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}
