//! A real live stick in a whole computer: Debian's kernel, live-boot, systemd, D-Bus, polkit, AppArmor and logind, none of them mocked.
//!
//! It takes minutes and hundreds of megabytes, so it runs only when it is told where: `make test-vm` says `dir=…`. `core` plays the few that
//! the build machine has time for; other words choose by name.

#![allow(clippy::unwrap_used, reason = "a test, only without libtest's harness")]

#[path = "vm/computer.rs"]
mod computer;
#[path = "vm/cut.rs"]
mod cut;
#[path = "vm/failed.rs"]
mod failed;
#[path = "vm/stick.rs"]
mod stick;
#[path = "vm/syslinux.rs"]
mod syslinux;
#[path = "vm/tor.rs"]
mod tor;
#[path = "vm/upgrade.rs"]
mod upgrade;

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use sameday_lab::stick::Stick;
use sameday_lab::vm;

use stick::Material;

const UPGRADE: &str = "a_user_upgrades_the_stick_from_a_kit_and_it_is_good";

/// What begins from the stick that [`UPGRADE`] made: as it was before the first start of the new version, and after.
struct Story {
    name: &'static str,
    core: bool,
    play: Play,
}

enum Play {
    /// With material of its own.
    Alone(fn(&Path) -> io::Result<()>),
    Before(fn(&Material) -> io::Result<()>),
    Committed(fn(&Material, &Stick) -> io::Result<()>),
    Good(fn(&Material, &Stick) -> io::Result<()>),
    Both(fn(&Material, &[Stick; 2]) -> io::Result<()>),
    Failed(&'static failed::Case),
}

fn stories() -> Vec<Story> {
    let mut all = vec![
        Story { name: "a_check_without_consent_leaves_no_trace", core: false, play: Play::Before(upgrade::no_trace) },
        Story { name: "a_stick_looks_by_itself_and_upgrades_over_tor", core: false, play: Play::Alone(tor::over_tor) },
        Story {
            name: "a_stick_with_another_boot_loader_is_upgraded_and_goes_back",
            core: false,
            play: Play::Before(syslinux::upgraded),
        },
        Story {
            name: "no_power_cut_of_the_upgrade_leaves_a_stick_without_a_version",
            core: false,
            play: Play::Both(cut::replayed),
        },
        Story {
            name: "from_layer_to_layer_five_times_and_back_by_hand",
            core: false,
            play: Play::Good(upgrade::again_and_back),
        },
        Story {
            name: "a_stick_pulled_early_three_times_is_undone_and_tried_again",
            core: false,
            play: Play::Committed(failed::pulled_early),
        },
    ];
    all.extend(failed::CASES.iter().map(|case| Story { name: case.name, core: case.core, play: Play::Failed(case) }));
    all
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut stories = stories();
    if arguments.iter().any(|argument| argument == "--list") {
        println!("{UPGRADE}: test");
        stories.iter().for_each(|story| println!("{}: test", story.name));
        return ExitCode::SUCCESS;
    }
    let why = match arguments.iter().find_map(|argument| argument.strip_prefix("dir=")) {
        Some(dir) => match vm::missing() {
            None => {
                let words: Vec<&str> =
                    arguments.iter().map(String::as_str).filter(|word| !word.contains('=')).collect();
                let chosen = |story: &Story| match words.as_slice() {
                    [] => true,
                    ["core"] => story.core,
                    words => words.iter().any(|word| story.name.contains(word)),
                };
                stories.retain(chosen);
                return play(Path::new(dir), &stories);
            }
            Some(why) => why,
        },
        None => "it takes minutes, see make test-vm".to_owned(),
    };
    println!("test result: 0 passed; 0 failed; {} skipped: {why}", stories.len() + 1);
    ExitCode::SUCCESS
}

fn play(dir: &Path, stories: &[Story]) -> ExitCode {
    let began = Instant::now();
    let mut failed = 0;
    let mut tell = |name: &str, outcome: &io::Result<()>| match outcome {
        Ok(()) => println!("test {name} ... ok"),
        Err(error) => {
            failed += 1;
            println!("test {name} ... FAILED\n{error}");
        }
    };
    let material = match Material::make(dir) {
        Ok(material) => material,
        Err(error) => {
            println!("the stick could not be made: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!("figure: the stick was made in {:.0} s", began.elapsed().as_secs_f64());
    for story in stories {
        match story.play {
            Play::Alone(play) => tell(story.name, &play(dir)),
            Play::Before(play) => tell(story.name, &play(&material)),
            _ => {}
        }
    }
    let (outcome, sticks) = match upgrade::from_a_kit(&material) {
        Ok(sticks) => (Ok(()), Some(sticks)),
        Err(error) => (Err(error), None),
    };
    tell(UPGRADE, &outcome);
    for story in stories {
        let nothing = || Err(io::Error::other("there is no upgraded stick"));
        let outcome = match (&story.play, &sticks) {
            (Play::Alone(_) | Play::Before(_), _) => continue,
            (_, None) => nothing(),
            (Play::Committed(play), Some([committed, _])) => play(&material, committed),
            (Play::Good(play), Some([_, good])) => play(&material, good),
            (Play::Both(play), Some(sticks)) => play(&material, sticks),
            (Play::Failed(case), Some([committed, _])) => failed::play(case, &material, committed),
        };
        tell(story.name, &outcome);
    }
    println!("figure: all of it took {:.0} s", began.elapsed().as_secs_f64());
    println!("\ntest result: {} passed; {failed} failed", stories.len() + 1 - failed);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
