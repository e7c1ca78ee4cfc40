//! `sameday-po`: what `make po`, `make lint` and `make install` do with the translations. gettext's own programs do the work; this says with
//! which files, adds the help pages, and checks what they do not.

mod catalogue;
mod check;
mod compile;
mod files;
mod pseudo;
mod template;

use std::path::Path;
use std::process::{Command, ExitCode};

/// What went wrong, for people.
type Outcome = Result<(), String>;

const USAGE: &str =
    "usage: sameday-po template | merge | check | compile FOLDER | desktop SHARE | pseudo OUT.po | figures";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["template"] => template::write(),
        ["merge"] => template::merge(),
        ["check"] => check::all(),
        ["compile", folder] => compile::catalogues(Path::new(folder)),
        ["desktop", share] => compile::desktop(Path::new(share)),
        ["pseudo", out] => pseudo::write(Path::new(out)),
        ["figures"] => check::figures(),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(64);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a program of gettext's to its end.
fn run(program: &str, arguments: &[&str]) -> Outcome {
    let output = Command::new(program).args(arguments).output().map_err(|error| format!("{program}: {error}"))?;
    let complaints = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("{program} {}: {complaints}", arguments.join(" ")));
    }
    // What C would warn of in Rust's lifetimes is none of ours.
    for line in complaints.lines().filter(|line| !line.contains("unterminated character constant")) {
        eprintln!("{line}");
    }
    Ok(())
}

/// A file's text.
fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}
