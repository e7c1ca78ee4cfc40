//! `flood ADDRESS each`: a client that calls every method once, and prints what it was told.
//!
//! `flood ADDRESS COUNT`: an ill-behaved client of the daemon's. Makes so many calls at once over a few connections, and more than calls: unknown
//! methods, large arguments, descriptors. Prints how often each answer came; what it may not do is refused, and that is the point.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::os::fd::AsFd as _;
use std::process::ExitCode;

use sameday_dbus::{BUS_NAME, Dictionary, INTERFACE, MethodError, PATH, UpgraderProxy};
use sameday_lab::caller::{Caller, Method};
use tokio::task::JoinSet;

/// sysexits(3): a command was used wrongly.
const USAGE: u8 = 64;
const CONNECTIONS: usize = 4;
/// A channel's name has at most 32 characters; a bus message at most 32 MiB.
const LARGE: usize = 1 << 20;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, count] = arguments.as_slice() else { return ExitCode::from(USAGE) };
    if count == "each" {
        return match each(address) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("flood: {error}");
                ExitCode::FAILURE
            }
        };
    }
    let Ok(count) = count.parse() else { return ExitCode::from(USAGE) };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("flood: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(flood(address, count)) {
        Ok(answers) => {
            answers.iter().for_each(|(answer, times)| println!("{times} {answer}"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("flood: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Calls every method.
fn each(address: &str) -> Result<(), Box<dyn Error>> {
    let caller = Caller::new(address)?;
    let kit = File::open("/dev/null")?;
    for (name, method) in [
        ("Check", Method::Check),
        ("OpenKit", Method::OpenKit(kit.as_fd())),
        ("Install", Method::Install("2.0", "")),
        ("Cancel", Method::Cancel),
        ("Pause", Method::Pause),
        ("Resume", Method::Resume),
        ("Discard", Method::Discard),
        ("Rollback", Method::Rollback("1.0")),
        ("TryAgain", Method::TryAgain("1.0")),
        ("LookAt", Method::LookAt("alpha")),
        ("Report", Method::Report),
        ("JudgeStart", Method::JudgeStart("2.0", "good")),
    ] {
        println!("{name} {}", told(caller.call(&method)?));
    }
    Ok(())
}

async fn flood(address: &str, count: usize) -> Result<BTreeMap<String, u32>, Box<dyn Error>> {
    let mut calls = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let connection = zbus::connection::Builder::address(address).build().await?;
        for n in 0..count / CONNECTIONS {
            let connection = connection.clone();
            calls.spawn(async move { call(&connection, n).await.map_err(|error| error.to_string()) });
        }
    }
    let mut answers = BTreeMap::new();
    while let Some(answer) = calls.join_next().await {
        let answer = answer?.unwrap_or_else(|error| error);
        *answers.entry(answer).or_default() += 1;
    }
    Ok(answers)
}

/// One of the ways to be a nuisance.
async fn call(connection: &zbus::Connection, n: usize) -> Result<String, Box<dyn Error>> {
    let proxy = UpgraderProxy::new(connection).await?;
    let answer = match n % 8 {
        0 => proxy.open_kit(File::open("/dev/null")?.as_fd().into()).await,
        1 => proxy.look_at(&"x".repeat(LARGE), &Dictionary::new()).await,
        2 => proxy.install(&"1".repeat(LARGE), "", &Dictionary::new()).await,
        3 => proxy.cancel().await,
        4 => {
            let unknown = connection.call_method(Some(BUS_NAME), PATH, Some(INTERFACE), "NoSuchMethod", &()).await;
            return Ok(unknown.err().map(|error| first_word(&error.to_string())).unwrap_or_else(|| "answered".into()));
        }
        5 => {
            let state = proxy.state().await;
            return Ok(if state.is_ok() { "a property" } else { "no property" }.to_owned());
        }
        _ => proxy.check().await,
    };
    Ok(told(answer))
}

fn told(answer: Result<(), MethodError>) -> String {
    match answer {
        Ok(()) => "done".to_owned(),
        Err(MethodError::Failure(failure)) => format!("{} {}", failure.kind, failure.reason),
        Err(MethodError::Bus(error)) => first_word(&error.to_string()),
    }
}

fn first_word(text: &str) -> String {
    text.split([':', ' ']).next().unwrap_or_default().to_owned()
}
