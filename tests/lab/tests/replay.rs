//! Power cuts, exhaustively: what the daemon writes is recorded on the real vfat driver in User-mode Linux, and every state in which the power can
//! leave it is decided: the old version, whole, or the new one, whole.
//!
//! This executable is two programs: the runner, and the payload of the guest. Without arguments it replays a part: of some recordings, states that a
//! seed chooses. `all` replays everything, `seed=N` another part; other words choose recordings by their names.

#![allow(clippy::unwrap_used, reason = "a test, only without libtest's harness")]

#[path = "replay/computer.rs"]
mod computer;
#[path = "replay/guest.rs"]
mod guest;
#[path = "replay/material.rs"]
mod material;
#[path = "replay/plays.rs"]
mod plays;
#[path = "replay/scenarios.rs"]
mod scenarios;
#[path = "replay/sticks.rs"]
mod sticks;
#[path = "replay/wrong.rs"]
mod wrong;

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use sameday_lab::parallel::two_at_a_time;
use sameday_lab::replay::judge::Judge;
use sameday_lab::replay::{Effort, Figures, Recording};
use sameday_lab::uml;

use material::Material;
use scenarios::{Kind, Scenario};

/// The seed of the tests that everybody runs: a build that fails must fail again.
const EVERY_DAY: u64 = 1;
/// Everything: states that are drawn of each epoch besides every boundary, and states of each recording that a lying device leaves.
const ALL: (Effort, usize) = (Effort { draws: 120, percent: 100 }, 200);
/// A part.
const PART: (Effort, usize) = (Effort { draws: 60, percent: 20 }, 40);
/// States that differ from all others of their recording: what is promised of everything, and of a part.
const FEWEST: (usize, usize) = (20_000, 1_500);

fn main() -> ExitCode {
    uml::enter();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).filter(|word| !word.starts_with('-')).collect();
    if let ["guest", dir, ..] = words.as_slice() {
        return guest::main(Path::new(dir));
    }
    if arguments.iter().any(|argument| argument == "--list") {
        scenarios::all().iter().for_each(|scenario| println!("{}: test", scenario.name));
        return ExitCode::SUCCESS;
    }
    if let Some(why) = uml::missing() {
        println!("test result: 0 passed; 0 failed; {} skipped: {why}", scenarios::all().len());
        return ExitCode::SUCCESS;
    }
    let seed = words.iter().find_map(|word| word.strip_prefix("seed="));
    let seed = seed.map_or(EVERY_DAY, |seed| seed.parse().unwrap());
    let named: Vec<&str> = words.iter().copied().filter(|word| *word != "all" && !word.starts_with("seed=")).collect();
    runner(seed, words.contains(&"all"), &named)
}

/// What came of one recording.
struct Outcome {
    figures: Figures,
    lies: String,
    wrong: Vec<String>,
}

fn runner(seed: u64, all: bool, named: &[&str]) -> ExitCode {
    let begun = Instant::now();
    let dir = tempfile::Builder::new().prefix("sameday-replay-").tempdir().unwrap();
    let whole = named.is_empty();
    let scenarios = if all || !whole { scenarios::chosen(named) } else { scenarios::daily() };
    let material = Material::make(dir.path()).unwrap();
    guest::record(dir.path(), &scenarios);
    println!("figure: {} recordings in {:.0} s; seed={seed}", scenarios.len(), begun.elapsed().as_secs_f64());

    let begun = Instant::now();
    let effort = if all { ALL } else { PART };
    let (mut failed, mut total) = (0, Figures { name: "all".to_owned(), ..Figures::default() });
    let replayed =
        |scenario: &Scenario| outcome(&scenario.recording(dir.path()), scenario.kind, &material, seed, effort);
    for (scenario, outcome) in scenarios.iter().zip(two_at_a_time(&scenarios, replayed)) {
        println!("figure: {}", outcome.figures);
        if !outcome.lies.is_empty() {
            println!("figure: {}, a device that lied: {}", scenario.name, outcome.lies);
        }
        if matches!(scenario.kind, Kind::Daemon | Kind::OtherLoader) {
            total += &outcome.figures;
        } else {
            outcome.figures.told.iter().take(1).for_each(|told| println!("     found: {told}"));
        }
        println!("test {} ... {}", scenario.name, if outcome.wrong.is_empty() { "ok" } else { "FAILED" });
        outcome.wrong.iter().for_each(|wrong| println!("     {wrong}"));
        failed += usize::from(!outcome.wrong.is_empty());
    }
    println!("figure: {total}; {:.0} s", begun.elapsed().as_secs_f64());
    let fewest = if all { FEWEST.0 } else { FEWEST.1 };
    if whole && total.distinct < fewest {
        println!("FAILED: {} states are fewer than {fewest}", total.distinct);
        failed += 1;
    }
    let left = scenarios::all().len() - scenarios.len();
    println!("\ntest result: {} passed; {failed} failed; {left} not chosen", scenarios.len().saturating_sub(failed));
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn outcome(recording: &Recording, kind: Kind, material: &Material, seed: u64, effort: (Effort, usize)) -> Outcome {
    let mut judge = Judge::new(material.wanted.clone());
    let mut outcome = Outcome { figures: Figures::default(), lies: String::new(), wrong: Vec::new() };
    let told = guest::told(recording);
    if !told.is_empty() {
        outcome.figures.name.clone_from(&recording.name);
        outcome.wrong.push(told);
        return outcome;
    }
    match recording.replay(&mut judge, seed, effort.0) {
        Ok(figures) => outcome.figures = figures,
        Err(error) => outcome.wrong.push(error.to_string()),
    }
    let found = outcome.figures.neither + outcome.figures.neither_mended;
    match kind {
        // The checker is checked by what must be found.
        Kind::Wrong if found == 0 => outcome.wrong.push("what was done wrong was not found".to_owned()),
        Kind::Wrong => {}
        Kind::OtherLoader => outcome.wrong.extend(outcome.figures.told.iter().cloned()),
        Kind::Daemon | Kind::Right => {
            outcome.wrong.extend(outcome.figures.told.iter().cloned());
            match recording.lied(&mut judge, seed, effort.1) {
                Ok(lies) => {
                    outcome.wrong.extend(lies.told.iter().cloned());
                    outcome.lies = lies.to_string();
                }
                Err(error) => outcome.wrong.push(error.to_string()),
            }
        }
    }
    outcome
}
