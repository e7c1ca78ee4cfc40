//! Tests whose executable is more than one program (the guest's payload too), run one after the other as the usual harness would name them.

use std::panic::catch_unwind;
use std::process::ExitCode;
use std::time::Instant;

/// A test.
#[derive(Debug, Clone, Copy)]
pub struct Test {
    /// Its name.
    pub name: &'static str,
    /// Panics if it fails; the text, if there is one, says why it could not be tried here.
    pub run: fn() -> Option<String>,
}

/// Runs those of the tests that the arguments choose.
#[must_use]
pub fn main(tests: &[Test]) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&String> = arguments.iter().filter(|word| !word.starts_with('-')).collect();
    let chosen = tests.iter().filter(|test| words.is_empty() || words.iter().any(|word| test.name.contains(*word)));
    if arguments.iter().any(|argument| argument == "--list") {
        chosen.for_each(|test| println!("{}: test", test.name));
        return ExitCode::SUCCESS;
    }
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for test in chosen {
        let begun = Instant::now();
        let outcome = match catch_unwind(test.run) {
            Ok(None) => {
                passed += 1;
                "ok".to_owned()
            }
            Ok(Some(why)) => {
                skipped += 1;
                format!("skipped: {why}")
            }
            Err(_) => {
                failed += 1;
                "FAILED".to_owned()
            }
        };
        println!("test {} ... {outcome} ({:.0} s)", test.name, begun.elapsed().as_secs_f64());
    }
    println!("\ntest result: {passed} passed; {failed} failed; {skipped} skipped");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
