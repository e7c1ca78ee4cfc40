//! Runs every target, or those that are named, and prints executions and coverage: `fuzz [--seconds N] [--jobs N] [--until-goal] [NAME…]`.
//!
//! Fails when a target crashes, hangs, finds no code to cover, or does not run at all.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use sameday_fuzz::seeds::{Published, publish};
use sameday_fuzz::{TARGETS, Target, targets};

/// More for one input than any real one needs; the engine counts it as a crash.
const LONGEST_SECONDS: u32 = 10;
/// The parsers' own caps keep far below this; the engine counts it as a crash.
const MOST_MEGABYTES: u32 = 1024;

struct Options {
    seconds: u64,
    jobs: usize,
    until_goal: bool,
    targets: Vec<&'static Target>,
}

/// What a run of one target came to.
struct Outcome {
    executions: u64,
    seconds: u64,
    coverage: [u64; 2],
    corpus: u64,
    crash: Option<PathBuf>,
}

/// The exit status: 0 if every target ran and held.
pub fn main() -> i32 {
    match options().and_then(|options| run(&options)) {
        Ok(true) => 0,
        Ok(false) => 1,
        Err(error) => {
            eprintln!("fuzz: {error}");
            1
        }
    }
}

fn options() -> Result<Options, Box<dyn Error>> {
    let jobs = thread::available_parallelism().map_or(1, usize::from);
    let mut options = Options { seconds: 60, jobs, until_goal: false, targets: Vec::new() };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--seconds" => options.seconds = arguments.next().ok_or("--seconds needs a number")?.parse()?,
            "--jobs" => options.jobs = arguments.next().ok_or("--jobs needs a number")?.parse()?,
            "--until-goal" => options.until_goal = true,
            name => options.targets.push(targets::find(name).ok_or_else(|| format!("no target {name}"))?),
        }
    }
    if options.targets.is_empty() {
        options.targets.extend(TARGETS);
    }
    Ok(options)
}

fn run(options: &Options) -> Result<bool, Box<dyn Error>> {
    let engine = std::env::current_exe()?;
    // Beside the built programs, and so out of the tree.
    let folder = engine.ancestors().nth(2).ok_or("this program lies in no target folder")?.to_owned();
    let workshop = tempfile::tempdir()?;
    let published = publish(workshop.path())?;
    fs::create_dir_all(folder.join("crashes"))?;
    println!(
        "{:16} {:>12} {:>9} {:>15} {:>7} {:>11}  crash",
        "target", "executions", "a second", "edges", "corpus", "of the goal"
    );
    let queue = Mutex::new(options.targets.iter());
    let sound = Mutex::new(true);
    thread::scope(|scope| {
        for _ in 0..options.jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().expect("no panic holds it").next();
                    let Some(target) = next else { break };
                    let report = match fuzz(target, &engine, &folder, &published, options) {
                        Ok(outcome) => outcome.row(target),
                        Err(error) => (format!("{:16} failed: {error}", target.name), false),
                    };
                    println!("{}", report.0);
                    *sound.lock().expect("no panic holds it") &= report.1;
                }
            });
        }
    });
    Ok(sound.into_inner()?)
}

impl Outcome {
    fn row(&self, target: &Target) -> (String, bool) {
        let [before, after] = self.coverage;
        let row = format!(
            "{:16} {:>12} {:>9} {:>15} {:>7} {:>10}%  {}",
            target.name,
            self.executions,
            self.executions / self.seconds.max(1),
            format!("{before} -> {after}"),
            self.corpus,
            self.executions.saturating_mul(100) / target.goal,
            self.crash.as_deref().map_or("none".into(), Path::to_string_lossy),
        );
        (row, self.crash.is_none() && after > 0)
    }
}

/// Runs the engine for one target. Its corpus stays from run to run; the seeds are new each time, for some are signed now.
fn fuzz(
    target: &Target,
    engine: &Path,
    folder: &Path,
    published: &Published,
    options: &Options,
) -> Result<Outcome, Box<dyn Error>> {
    let corpus = folder.join("corpus").join(target.name);
    let seeds = folder.join("seeds").join(target.name);
    fs::create_dir_all(&corpus)?;
    if seeds.exists() {
        fs::remove_dir_all(&seeds)?;
    }
    fs::create_dir_all(&seeds)?;
    let made = (target.seeds)();
    let all = made.iter().chain(published.get(target.name).into_iter().flatten());
    for (number, seed) in all.enumerate() {
        fs::write(seeds.join(number.to_string()), seed)?;
    }
    let prefix = folder.join("crashes").join(format!("{}-", target.name));
    let mut command = Command::new(engine);
    command
        .arg(format!("--target={}", target.name))
        .arg(format!("-max_len={}", target.longest))
        .arg(format!("-max_total_time={}", options.seconds))
        .arg(format!("-timeout={LONGEST_SECONDS}"))
        .arg(format!("-rss_limit_mb={MOST_MEGABYTES}"))
        .arg(format!("-artifact_prefix={}", prefix.display()))
        .args(["-print_final_stats=1", "-use_value_profile=0", "-verbosity=1"]);
    if options.until_goal {
        command.arg(format!("-runs={}", target.goal));
    }
    let begun = Instant::now();
    let output = command.args([&corpus, &seeds]).output()?;
    let log = String::from_utf8_lossy(&output.stderr);
    fs::write(folder.join(format!("{}.log", target.name)), log.as_bytes())?;
    let crash = log.lines().find_map(|line| line.split("Test unit written to ").nth(1)).map(PathBuf::from);
    let executions = number(&log, "stat::number_of_executed_units:");
    if !output.status.success() && crash.is_none() {
        return Err(
            format!("the engine ended with {}: {}", output.status, log.lines().last().unwrap_or_default()).into()
        );
    }
    let stage = |name: &str| log.lines().rev().find(|line| line.contains(name)).map_or(0, |line| number(line, "cov:"));
    let last = log.lines().rev().find(|line| line.contains("cov:")).map_or(0, |line| number(line, "cov:"));
    Ok(Outcome {
        executions,
        seconds: begun.elapsed().as_secs(),
        coverage: [stage("INITED"), last],
        corpus: u64::try_from(fs::read_dir(&corpus)?.count())?,
        crash,
    })
}

/// The number that follows a word.
fn number(text: &str, word: &str) -> u64 {
    let rest = text.split(word).nth(1).unwrap_or_default().trim_start();
    rest.split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}
