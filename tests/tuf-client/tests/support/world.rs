//! A client's folders, the program that works on them, and the server that it asks.
#![allow(dead_code, reason = "each test program uses its own part of this")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "server.rs"]
mod server;

#[allow(unused_imports, reason = "each test program uses its own part of this")]
pub use server::Fault;
pub use server::Server;

pub struct World {
    pub server: Server,
    folder: tempfile::TempDir,
}

/// What came of a run of the program.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    pub code: Option<i32>,
    pub stderr: String,
}

impl World {
    pub fn new() -> Self {
        Self { server: Server::start(), folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn metadata_dir(&self) -> PathBuf {
        self.path("metadata")
    }

    pub fn target_dir(&self) -> PathBuf {
        self.path("targets")
    }

    pub fn init(&self, root: &[u8]) {
        fs::write(self.path("anchor"), root).unwrap();
        let (metadata, anchor) = (self.metadata_dir(), self.path("anchor"));
        let args = ["--metadata-dir", text(&metadata), "init", text(&anchor)];
        assert_eq!(run(&args), Outcome { code: Some(0), stderr: String::new() });
    }

    pub fn refresh(&self) -> Outcome {
        let (url, metadata) = (self.server.url("metadata"), self.metadata_dir());
        run(&["--metadata-url", &url, "--metadata-dir", text(&metadata), "refresh"])
    }

    pub fn download(&self, targets: &[&str]) -> Outcome {
        run_command(&mut self.download_command(targets))
    }

    pub fn download_command(&self, targets: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tuf-client"));
        command.args(["--metadata-url", &self.server.url("metadata"), "--metadata-dir"]).arg(self.metadata_dir());
        command.arg("--target-dir").arg(self.target_dir());
        command.args(["--target-base-url", &self.server.url("targets")]);
        command.args(targets.iter().flat_map(|name| ["--target-name", name])).arg("download");
        command
    }

    /// Everything in the folder for metadata.
    pub fn metadata(&self) -> BTreeMap<String, Vec<u8>> {
        files(&self.metadata_dir())
    }

    pub fn targets(&self) -> BTreeMap<String, Vec<u8>> {
        files(&self.target_dir())
    }
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Files of a folder by name; folders in it are not looked into.
pub fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let Ok(entries) = fs::read_dir(folder) else { return BTreeMap::new() };
    entries
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_file())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect()
}

pub fn run(args: &[&str]) -> Outcome {
    run_command(Command::new(env!("CARGO_BIN_EXE_tuf-client")).args(args))
}

pub fn run_command(command: &mut Command) -> Outcome {
    let output = command.output().unwrap();
    Outcome { code: output.status.code(), stderr: String::from_utf8(output.stderr).unwrap() }
}
