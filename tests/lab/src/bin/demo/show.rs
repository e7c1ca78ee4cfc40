//! What the demo prints.

use std::collections::BTreeMap;
use std::io;
use std::process::Stdio;

use sameday_lab::fetcher::{FetcherProcess, peak_memory};
use sameday_lab::machine::Machine;
use sameday_lab::repo::Repo;
use sameday_lab::tornet::TorNet;

/// A line for people.
pub fn say(line: &str) {
    println!("  {line}");
}

/// A part of the demo begins.
pub fn step(name: &str) {
    println!("\n== {name}");
}

/// Bytes, in MB of 10^6.
pub fn bytes(bytes: u64) -> String {
    format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10)
}

/// Which packages differ.
pub fn differences(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) {
    let differ: Vec<&String> =
        new.iter().filter(|(package, version)| old.get(*package) != Some(version)).map(|(p, _)| p).collect();
    let names: Vec<&str> = differ.iter().map(|name| name.as_str()).collect();
    say(&format!("{} of {} packages differ: {}", names.len(), new.len(), names.join(" ")));
}

/// What runs: os-release, the mounted layers, versions of packages.
pub fn stack(machine: &Machine, packages: &BTreeMap<String, String>, shown: &[&str]) -> io::Result<()> {
    let release = machine
        .run("sh", &["-c", ". /etc/os-release; echo $IMAGE_ID $IMAGE_VERSION; ls /run/live/rootfs; openssl version"])?;
    let text = String::from_utf8_lossy(&release.stdout).into_owned();
    say(&format!("Runs: {}", text.split_whitespace().collect::<Vec<_>>().join(" ")));
    for package in shown {
        if let Some(version) = packages.get(*package) {
            say(&format!("  {package:<28} {version}"));
        }
    }
    Ok(())
}

/// Runs the CLI as a user and shows what it prints.
pub fn cli(machine: &Machine, user: u32, arguments: &[&str]) -> io::Result<()> {
    println!("\n  $ sameday {}", arguments.join(" "));
    let mut command = machine.cli(user, arguments)?;
    let status = command.stdin(Stdio::null()).status()?;
    if status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!("sameday {}: {status}", arguments.join(" "))))
}

/// What the upgrade cost.
pub fn cost(
    repository: &Repo,
    tor: &TorNet,
    fetcher: &FetcherProcess,
    machine: &Machine,
    layer: u64,
) -> io::Result<()> {
    let requests = repository.requests();
    let sum = |files: bool| {
        let of = requests.iter().filter(|r| r.path.starts_with("files/") == files);
        of.fold((0, 0), |(count, sum), r| (count + 1, sum + r.sent_head + r.sent_body))
    };
    let ((checks, small), (files, large)) = (sum(false), sum(true));
    say("");
    say(&format!(
        "Cost: {checks} requests and {small} bytes of metadata; {files} requests and {} of files",
        bytes(large)
    ));
    say(&format!(
        "  a layer of {}; peak memory: samedayd {}, fetcher {}",
        bytes(layer),
        bytes(peak_memory(machine.daemon_id()?)?),
        bytes(fetcher.peak_memory()?)
    ));
    let strangers = repository.peers().len();
    say(&format!(
        "  {strangers} connections reached the repository, all of the onion service (process {:?})",
        tor.onion_process_id()
    ));
    Ok(())
}
