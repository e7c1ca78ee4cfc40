//! Runs a table of cases, several at once, and tells of all that went wrong in it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

/// Attacks wait more than they compute.
const AT_ONCE: usize = 4;

/// Runs every case on one of a few computers that `start` makes. A case that panics costs its computer.
pub fn run<C: Send, W>(
    what: &str,
    cases: Vec<C>,
    start: impl Fn() -> W + Sync,
    case: impl Fn(&mut W, &C) -> Result<(), String> + Sync,
    end: impl Fn(W) + Sync,
    name: impl Fn(&C) -> String + Sync,
) {
    let count = cases.len();
    let (waiting, problems) = (Mutex::new(cases.into_iter()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                let mut computer = None;
                loop {
                    let Some(next) = waiting.lock().unwrap().next() else { break };
                    let result = catch_unwind(AssertUnwindSafe(|| case(computer.get_or_insert_with(&start), &next)));
                    let problem = match result {
                        Ok(Ok(())) => continue,
                        Ok(Err(problem)) => problem,
                        Err(panic) => {
                            computer = None;
                            let text = panic.downcast_ref::<String>().cloned();
                            text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
                        }
                    };
                    problems.lock().unwrap().push(format!("{}: {problem}", name(&next)));
                }
                if let Some(computer) = computer
                    && let Err(panic) = catch_unwind(AssertUnwindSafe(|| end(computer)))
                {
                    let text = panic.downcast_ref::<String>().cloned().unwrap_or_default();
                    problems.lock().unwrap().push(format!("at the end: {text}"));
                }
            });
        }
    });
    println!("{what}: {count} cases");
    let mut problems = problems.into_inner().unwrap();
    problems.sort();
    assert!(problems.is_empty(), "{} of {count}:\n{}", problems.len(), problems.join("\n"));
}
