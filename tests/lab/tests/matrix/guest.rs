//! The cases on the real vfat driver: in User-mode Linux, many in one start, two machines at a time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use sameday_lab::uml::{Ended, Uml};

use crate::material::Material;
use crate::plan::{self, Case};
use crate::prepare::prepare;
use crate::run;

/// One for each of two processors.
const MACHINES: usize = 2;
/// The whole matrix is to take twenty minutes.
const LIMIT: Duration = Duration::from_secs(1800);
const MEMORY: u32 = 512;

/// Where the guest notes why it could not prepare.
const WHY: &str = "prepare.why";

fn list(dir: &Path, number: usize) -> PathBuf {
    dir.join(format!("cases.{number}"))
}

fn machine(dir: &Path, number: usize, arguments: &[&str]) -> std::io::Result<Ended> {
    let mut all = vec!["guest".to_owned(), dir.display().to_string()];
    all.extend(arguments.iter().map(|argument| (*argument).to_owned()));
    let program = std::env::current_exe()?;
    let machine = Uml { program, arguments: all, disks: Vec::new(), memory: MEMORY, limit: LIMIT };
    machine.run(&dir.join(format!("uml.{number}")))
}

/// Runs what comes before the cases.
pub fn prepare_in_guest(dir: &Path) -> Result<Material, String> {
    let ended = machine(dir, 0, &["prepare"]).map_err(|error| error.to_string())?;
    if ended.code != Some(0) {
        let why = fs::read_to_string(dir.join(WHY)).unwrap_or(ended.log);
        return Err(format!("the guest (exit {:?}): {why}", ended.code));
    }
    Material::load(dir).map_err(|error| error.to_string())
}

/// Starts the cases; each tells how it ended in `dir`.
pub fn start(dir: &Path, cases: &[Case], seed: u64) -> Vec<JoinHandle<Result<(), String>>> {
    let share = |number: usize| cases.iter().skip(number).step_by(MACHINES).map(Case::to_string).collect::<Vec<_>>();
    let shares = (0..MACHINES).map(|number| (number, share(number))).filter(|(_, names)| !names.is_empty());
    let run_share = |(number, names): (usize, Vec<String>)| {
        let dir = dir.to_owned();
        thread::spawn(move || {
            fs::write(list(&dir, number), names.join("\n")).map_err(|error| error.to_string())?;
            let words = [seed.to_string(), number.to_string()];
            let ended = machine(&dir, number, &["cases", &words[0], &words[1]]).map_err(|error| error.to_string())?;
            if ended.code == Some(0) {
                Ok(())
            } else {
                Err(format!("guest {number}, exit {:?}:\n{}", ended.code, ended.log))
            }
        })
    };
    shares.map(run_share).collect()
}

/// The payload.
pub fn main(dir: &str, words: &[&str]) -> ExitCode {
    let dir = Path::new(dir);
    match words {
        ["prepare"] => match prepare(dir) {
            Ok(_) => ExitCode::SUCCESS,
            Err(error) => {
                // The console's last lines may be lost.
                fs::write(dir.join(WHY), error).expect("the folder of results is writable");
                ExitCode::FAILURE
            }
        },
        ["cases", seed, number] => {
            let seed = seed.parse().expect("the runner's seed is a number");
            let names =
                fs::read_to_string(list(dir, number.parse().expect("so is this"))).expect("the runner wrote it");
            let material = Material::load(dir).expect("the runner made it");
            let all = plan::all();
            for name in names.lines() {
                let case =
                    all.iter().find(|case| case.to_string() == name).expect("the runner names cases that there are");
                let told = run::run(&material, case, seed, &dir.join(name), None);
                told.write(dir, name).expect("the folder of results is writable");
            }
            ExitCode::SUCCESS
        }
        _ => ExitCode::FAILURE,
    }
}
