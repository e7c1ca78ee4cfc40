//! The museum: every directory of `tests/hostile` is an attack, played through the real daemon on a real stick. A directory that the list does
//! not name, a name without a directory, and an attack that does not end in an expectation are failures too.

#![allow(clippy::unwrap_used, reason = "in a test, what fails fails the test")]

mod hostile {
    pub mod attack;
    pub mod given;
    pub mod play;
}

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use hostile::attack::{Attack, List};

/// Attacks wait more than they compute.
const AT_ONCE: usize = 4;
/// The eleven kinds of attack of section 1.5.2 of the specification.
const OF_THE_SPECIFICATION: usize = 11;
/// So that attacks that vanish are noticed.
const FEWEST: usize = 60;

fn museum() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../hostile")
}

/// Directories of the museum, and what is wrong with the list of them.
fn rooms(list: &List, problems: &mut Vec<String>) -> Vec<String> {
    let entries = fs::read_dir(museum()).unwrap().map(|entry| entry.unwrap());
    let there: BTreeSet<String> =
        entries.filter(|e| e.path().is_dir()).map(|e| e.file_name().into_string().unwrap()).collect();
    let mut listed = BTreeSet::new();
    for group in &list.attack {
        if group.directories.is_empty() && group.how.is_empty() {
            problems.push(format!("{}: neither a directory nor a word why there is none", group.name));
        }
        for directory in &group.directories {
            if !listed.insert(directory.clone()) {
                problems.push(format!("{directory}: listed twice"));
            }
            if !there.contains(directory) {
                problems.push(format!("{directory}: listed, and not there"));
            }
        }
    }
    problems.extend(there.difference(&listed).map(|directory| format!("{directory}: there, and not listed")));
    there.into_iter().collect()
}

fn read(room: &str) -> Result<Attack, String> {
    let text = fs::read_to_string(museum().join(room).join("attack.toml")).map_err(|e| format!("{room}: {e}"))?;
    let attack: Attack = toml::from_str(&text).map_err(|e| format!("{room}: {e}"))?;
    if attack.steps.last().is_none_or(|step| !step.expects()) {
        return Err(format!("{room}: ends without an expectation"));
    }
    if [&attack.name, &attack.spec, &attack.attacker].into_iter().any(|text| text.trim().is_empty()) {
        return Err(format!("{room}: without a name, a paragraph or an attacker"));
    }
    Ok(attack)
}

#[test]
fn every_attack_of_the_museum_is_met_as_it_says() {
    let list: List = toml::from_str(&fs::read_to_string(museum().join("list.toml")).unwrap()).unwrap();
    let mut problems = Vec::new();
    let rooms = rooms(&list, &mut problems);
    let of_the_specification = list.attack.iter().filter(|group| group.spec == "1.5.2").count();
    assert_eq!(of_the_specification, OF_THE_SPECIFICATION);
    let mut attacks = Vec::new();
    let mut names = BTreeSet::new();
    for room in &rooms {
        match read(room) {
            Ok(attack) if !names.insert(attack.name.clone()) => problems.push(format!("{room}: a name of two attacks")),
            Ok(attack) => attacks.push((room.clone(), attack)),
            Err(problem) => problems.push(problem),
        }
    }
    // The longest first.
    attacks.sort_by_key(|(_, attack)| !attack.is_slow());
    let expectations: usize =
        attacks.iter().map(|(_, attack)| attack.steps.iter().filter(|step| step.expects()).count()).sum();
    let count = attacks.len();
    let (waiting, problems) = (Mutex::new(attacks.into_iter()), Mutex::new(problems));
    hostile::given::given();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some((room, attack)) = waiting.lock().unwrap().next() else { return };
                    let played = catch_unwind(AssertUnwindSafe(|| hostile::play::play(&museum().join(&room), &attack)));
                    let problem = match played {
                        Ok(Ok(())) => continue,
                        Ok(Err(problem)) => problem,
                        Err(panic) => panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "panicked".to_owned()),
                    };
                    problems.lock().unwrap().push(format!("{room}: {problem}"));
                }
            });
        }
    });
    println!("{count} attacks, {expectations} expectations, {} kinds in the list", list.attack.len());
    let problems = problems.into_inner().unwrap();
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
    assert!(count >= FEWEST, "only {count} attacks");
}
