//! What starts: every state of a stick's blocks and files, decided by GRUB itself in QEMU, from BIOS, UEFI and Secure Boot.
//!
//! The stick is the product's, but for one file: `start.cfg` says what it would start, and halts. The answer is compared with
//! [`sameday_lab::grub`], which was written from the design, and the stick afterwards, byte for byte, with what it says of `boot.env`.
//!
//! Without arguments a part is played, chosen by a seed; `all` plays all, `seed=N` another part; other words choose by name.

#![allow(clippy::unwrap_used, reason = "a test, only without libtest's harness")]

#[path = "grub/states.rs"]
mod states;
#[path = "grub/sticks.rs"]
mod sticks;
#[path = "grub/stories.rs"]
mod stories;

use std::process::ExitCode;
use std::time::Instant;

use sameday_lab::parallel::two_at_a_time;
use sameday_lab::vm::{self, Firmware};

use states::State;
use sticks::Sticks;

const FIRMWARES: [Firmware; 3] = [Firmware::Bios, Firmware::Uefi, Firmware::SecureBoot];

/// Something that is played and judged.
struct Case {
    name: String,
    firmware: Firmware,
    /// Whether it is played without being chosen.
    always: bool,
    what: What,
}

/// What is played.
enum What {
    /// One decision.
    State(Box<State>),
    /// More than one.
    Story(fn(&Sticks, Firmware) -> Played),
}

type Played = Result<(), Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let all = cases();
    if arguments.iter().any(|argument| argument == "--list") {
        all.iter().for_each(|case| println!("{}: test", case.name));
        return ExitCode::SUCCESS;
    }
    if let Some(why) = vm::missing() {
        println!("test result: 0 passed; 0 failed; {} skipped: {why}", all.len());
        return ExitCode::SUCCESS;
    }
    let chosen = choose(&all, &arguments);
    let dir = tempfile::Builder::new().prefix("sameday-grub-").tempdir().unwrap();
    let sticks = Sticks::make(dir.path()).unwrap();
    let mut failed = 0;
    for firmware in FIRMWARES {
        let of_this = chosen.iter().copied().filter(|case| case.firmware == firmware);
        failed += play(&sticks, firmware, &of_this.collect::<Vec<_>>());
    }
    let passed = chosen.len() - failed;
    println!("\ntest result: {passed} passed; {failed} failed; {} not chosen", all.len() - chosen.len());
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Plays the cases of one firmware, and answers how many failed.
fn play(sticks: &Sticks, firmware: Firmware, cases: &[&Case]) -> usize {
    if cases.is_empty() {
        return 0;
    }
    let mut failed = 0;
    let mut tell = |name: &str, outcome: Result<(), String>| match outcome {
        Ok(()) => println!("test {name} ... ok"),
        Err(why) => {
            failed += 1;
            println!("test {name} ... FAILED\n{why}");
        }
    };
    let began = Instant::now();
    let mut states = Vec::new();
    for case in cases {
        match &case.what {
            What::State(state) => states.push((case.name.as_str(), state.as_ref())),
            What::Story(story) => tell(&case.name, story(sticks, firmware).map_err(|error| error.to_string())),
        }
    }
    let stories = began.elapsed();
    // Each of these computers has one processor.
    let outcomes = two_at_a_time(&states, |(_, state)| sticks.decide(firmware, state));
    for ((name, _), outcome) in states.iter().zip(outcomes) {
        tell(name, outcome);
    }
    let (name, count) = (firmware.name(), states.len());
    let seconds = (began.elapsed() - stories).as_secs_f64();
    println!("figure: {name}: {count} states in {seconds:.0} s; other cases in {:.0} s", stories.as_secs_f64());
    failed
}

fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    for firmware in FIRMWARES {
        let name = |what: &str| format!("{}::{what}", firmware.name().to_lowercase().replace(' ', "-"));
        // Secure Boot has another GRUB and the same script: what could differ is what it locks.
        let states =
            states::all().into_iter().filter(|state| firmware != Firmware::SecureBoot || state.for_secure_boot);
        for (number, state) in states.enumerate() {
            all.push(Case {
                name: name(&state.name),
                firmware,
                always: number == 0,
                what: What::State(Box::new(state)),
            });
        }
        if firmware != Firmware::SecureBoot {
            for (what, story) in stories::ALL {
                all.push(Case { name: name(what), firmware, always: false, what: What::Story(story) });
            }
        }
    }
    all
}

/// The cases that the arguments name; without any, those that are always played and a few more of each firmware.
fn choose<'a>(all: &'a [Case], arguments: &[String]) -> Vec<&'a Case> {
    const FEW: usize = 9;
    let words: Vec<&str> = arguments.iter().map(String::as_str).filter(|word| !word.starts_with('-')).collect();
    if words.contains(&"all") {
        return all.iter().collect();
    }
    let seed = words.iter().find_map(|word| word.strip_prefix("seed="));
    if seed.is_none() && !words.is_empty() {
        return all.iter().filter(|case| words.iter().any(|word| case.name.contains(word))).collect();
    }
    let seed: u64 = seed.unwrap_or("1").parse().unwrap();
    println!("a part of {} cases, chosen by seed={seed}", all.len());
    let mut chosen: Vec<&Case> = all.iter().filter(|case| case.always).collect();
    for (number, firmware) in (0_u64..).zip(FIRMWARES) {
        let mut rest: Vec<&Case> = all.iter().filter(|case| case.firmware == firmware && !case.always).collect();
        let mut random = (seed + number).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let few = if firmware == Firmware::SecureBoot { 1 } else { FEW };
        for _ in 0..few.min(rest.len()) {
            // xorshift64
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            chosen.push(rest.swap_remove(usize::try_from(random % rest.len() as u64).unwrap()));
        }
    }
    chosen
}
