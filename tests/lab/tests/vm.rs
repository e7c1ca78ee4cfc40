//! A real live stick in a whole computer: Debian's kernel, live-boot, systemd, D-Bus, polkit, AppArmor and logind, none of them mocked.
//!
//! It takes minutes and hundreds of megabytes, so it runs only when it is told where: `make test-vm` says `dir=…`.

#![allow(clippy::unwrap_used, reason = "a test, only without libtest's harness")]

#[path = "vm/stick.rs"]
mod stick;
#[path = "vm/undo.rs"]
mod undo;
#[path = "vm/upgrade.rs"]
mod upgrade;

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use sameday_lab::vm;

const UPGRADE: &str = "a_real_stick_upgrades_itself_from_a_kit";
const UNDO: &str = "a_version_whose_initrd_is_truncated_is_undone";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        println!("{UPGRADE}: test\n{UNDO}: test");
        return ExitCode::SUCCESS;
    }
    let why = match arguments.iter().find_map(|argument| argument.strip_prefix("dir=")) {
        Some(dir) => match vm::missing() {
            None => return play(Path::new(dir)),
            Some(why) => why,
        },
        None => "it takes minutes, see make test-vm".to_owned(),
    };
    println!("test result: 0 passed; 0 failed; 2 skipped: {why}");
    ExitCode::SUCCESS
}

fn play(dir: &Path) -> ExitCode {
    let began = Instant::now();
    let made = stick::Material::make(dir);
    println!("figure: the stick was made in {:.0} s", began.elapsed().as_secs_f64());
    // The second begins where the first has committed.
    let upgraded = made.and_then(|material| Ok((upgrade::from_a_kit(&material)?, material)));
    let (first, second) = match upgraded {
        Ok((committed, material)) => (Ok(()), undo::after_a_truncated_initrd(&material, &committed)),
        Err(error) => (Err(error), Err(io::Error::other("there is no upgraded stick"))),
    };
    let outcomes = [(UPGRADE, first), (UNDO, second)];
    let mut failed = 0;
    for (name, outcome) in &outcomes {
        match outcome {
            Ok(()) => println!("test {name} ... ok"),
            Err(error) => {
                failed += 1;
                println!("test {name} ... FAILED\n{error}");
            }
        }
    }
    println!("\ntest result: {} passed; {failed} failed; 0 skipped", outcomes.len() - failed);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
