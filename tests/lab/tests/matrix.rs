//! The matrix: every state of the daemon, and everything that happens to real people there.
//!
//! This executable is two programs: the runner, and the payload of the guests. Without arguments it runs a tenth that touches every state;
//! `--all` runs everything, `--seed N` draws what N drew, and other words choose the cases whose names hold them.

#![allow(clippy::unwrap_used, reason = "a test, only without libtest's harness")]

#[path = "matrix/guest.rs"]
mod guest;
#[path = "matrix/here.rs"]
mod here;
#[path = "matrix/judge.rs"]
mod judge;
#[path = "matrix/left.rs"]
mod left;
#[path = "matrix/material.rs"]
mod material;
#[path = "matrix/plan.rs"]
mod plan;
#[path = "matrix/prepare.rs"]
mod prepare;
#[path = "matrix/reach.rs"]
mod reach;
#[path = "matrix/real.rs"]
mod real;
#[path = "matrix/run.rs"]
mod run;
#[path = "matrix/says.rs"]
mod says;
#[path = "matrix/stand.rs"]
mod stand;
#[path = "matrix/strike.rs"]
mod strike;
#[path = "matrix/summary.rs"]
mod summary;
#[path = "matrix/told.rs"]
mod told;

use std::path::Path;
use std::process::ExitCode;
use std::thread::sleep;
use std::time::{Duration, Instant};

use sameday_lab::stick::FileSystem;
use sameday_lab::{uml, world};

use material::Material;
use plan::Case;
use summary::Summary;
use told::Told;

fn main() -> ExitCode {
    uml::enter();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["guest", dir, words @ ..] => guest::main(dir, words),
        ["--list", ..] => {
            plan::all().iter().for_each(|case| println!("{case}: test"));
            ExitCode::SUCCESS
        }
        _ => {
            let seed = words.iter().skip_while(|word| **word != "--seed").nth(1).map(|seed| seed.parse().unwrap());
            let seed = seed.unwrap_or(EVERY_DAY);
            let filter: Vec<&str> =
                words.iter().copied().filter(|word| !word.starts_with('-') && *word != seed.to_string()).collect();
            runner(seed, &chosen(seed, words.contains(&"--all"), &filter))
        }
    }
}

fn chosen(seed: u64, all: bool, filter: &[&str]) -> Vec<Case> {
    if !filter.is_empty() {
        let all = plan::all();
        // A whole name means that case alone.
        let names = |word: &str, case: &Case| {
            let whole = all.iter().any(|case| case.to_string() == word);
            if whole { case.to_string() == word } else { case.to_string().contains(word) }
        };
        return all.iter().copied().filter(|case| filter.iter().any(|word| names(word, case))).collect();
    }
    if all { plan::all() } else { plan::tenth(seed) }
}

/// The seed of the tests that everybody runs: a build that fails must fail again. `make matrix SEED=N` draws others.
const EVERY_DAY: u64 = 1;

fn runner(seed: u64, cases: &[Case]) -> ExitCode {
    let begin = Instant::now();
    println!("seed: {seed}, {} cases of {}", cases.len(), plan::all().len());
    let (on_host, in_guest): (Vec<Case>, Vec<Case>) =
        cases.iter().copied().partition(|case| case.fault.on_this_machine());
    let dir = tempfile::Builder::new().prefix("sameday-matrix-").tempdir().unwrap();
    let (here, there) = (dir.path().join("here"), dir.path().join("uml"));
    let mut summary = Summary::default();
    let mut wrong = Vec::new();
    let mut skipped = 0;

    let mut running = vec![here::start(&here, &on_host, seed)];
    if let Some(why) = uml::missing() {
        skipped = in_guest.len();
        println!("{skipped} cases skipped: {why}");
    } else if !in_guest.is_empty() {
        let made = Material::make(&there, FileSystem::Vfat, world::Spec::default()).map_err(|error| error.to_string());
        match made.and_then(|_| guest::prepare_in_guest(&there)) {
            Ok(material) => {
                println!("figure: {:?}", material.durations);
                running.extend(guest::start(&there, &in_guest, seed));
            }
            Err(error) => wrong.push(format!("before the guest's cases: {error}")),
        }
    }
    let mut waiting: Vec<(&Case, &Path)> = on_host.iter().map(|case| (case, here.as_path())).collect();
    waiting.extend(in_guest.iter().filter(|_| skipped == 0).map(|case| (case, there.as_path())));
    while !waiting.is_empty() {
        let over = running.iter().all(std::thread::JoinHandle::is_finished);
        waiting.retain(|(case, dir)| match Told::read(dir, &case.to_string()) {
            Some(told) => {
                print(case, &told, seed);
                summary.add(case, &told);
                false
            }
            None => true,
        });
        if over {
            break;
        }
        sleep(Duration::from_millis(100));
    }
    for thread in running {
        if let Err(error) = thread.join().unwrap_or_else(|_| Err("a thread panicked".to_owned())) {
            wrong.push(error);
        }
    }
    for (case, _) in &waiting {
        wrong.push(format!("{case} was not come to"));
    }
    summary.print(seed);
    println!("figure: {} s", begin.elapsed().as_secs());
    wrong.iter().for_each(|error| println!("FAILED {error}"));
    let failed = summary.failed() as usize + wrong.len();
    println!("\ntest result: {} passed; {failed} failed; {skipped} skipped", summary.cases() - summary.failed());
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// One line a case.
fn print(case: &Case, told: &Told, seed: u64) {
    let states = told.states.join(" | ");
    let how = if told.how.is_empty() { String::new() } else { format!(" ({})", told.how) };
    let went_on = told.went_on.as_ref().map_or_else(String::new, |way| format!(" | went on: {way}"));
    match &told.wrong {
        None => println!("test {case} ... ok: {states}{how}{went_on}, {} ms", told.took),
        Some(wrong) => println!(
            "test {case} ... FAILED: {states}{how}{went_on}\n     {wrong}\n     alone: cargo test -p sameday-lab --test matrix -- --seed {seed} {case}"
        ),
    }
}
