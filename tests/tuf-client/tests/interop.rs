//! python-tuf's repositories, honest and hostile, given to three clients: the program with its folder, the verifier with a store in
//! memory as the daemon uses it, and python-tuf's own. Verdicts and stores are compared; where python-tuf differs, the closed list of
//! differences says so, and which paragraph of the specification decides.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

#[path = "support/python.rs"]
mod python;
#[path = "support/scenario.rs"]
mod scenario;
#[path = "support/world.rs"]
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use python::{NgClient, interop_folder, python};
use sameday_trust::{Limits, Store};
use sameday_tuf_client::folder::Folder;
use scenario::{Memory, Scenario, Step};
use serde::Deserialize;
use world::{Outcome, World, files};

/// At least this many of each kind, so that a generator that stops making them is noticed.
const FEWEST_HONEST: usize = 20;
const FEWEST_HOSTILE: usize = 90;

/// One entry of the closed list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Difference {
    scenario: String,
    /// What differs, step by step, as this test words it.
    found: Vec<String>,
    paragraph: String,
    why: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Differences {
    difference: Vec<Difference>,
}

#[test]
fn python_tufs_repositories_get_the_verdicts_of_the_specification_and_of_python_tuf() {
    let python = python();
    let folder = tempfile::tempdir().unwrap();
    let scenarios = Scenario::make(&python, &folder.path().join("scenarios"));
    let count = |kind: &str| scenarios.iter().filter(|s| s.kind == kind).count();
    assert!(count("honest") >= FEWEST_HONEST && count("hostile") >= FEWEST_HOSTILE);

    let mut ngclient = NgClient::start(&python);
    let mut problems = Vec::new();
    let mut found = BTreeMap::new();
    for scenario in &scenarios {
        let differences = play(scenario, &mut ngclient, &mut problems);
        if !differences.is_empty() {
            found.insert(scenario.name.as_str(), differences);
        }
    }
    let list = fs::read_to_string(interop_folder().join("differences.toml")).unwrap();
    let list: Differences = toml::from_str(&list).unwrap();
    compare(&list, &found, &mut problems);
    println!(
        "{} honest and {} hostile repositories in {} steps; python-tuf differs in {}",
        count("honest"),
        count("hostile"),
        scenarios.iter().map(|s| s.steps.len()).sum::<usize>(),
        found.len()
    );
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

fn compare(list: &Differences, found: &BTreeMap<&str, Vec<String>>, problems: &mut Vec<String>) {
    let mut listed = BTreeSet::new();
    for entry in &list.difference {
        let name = entry.scenario.as_str();
        if !listed.insert(name) || entry.paragraph.is_empty() || entry.why.is_empty() {
            problems.push(format!("{name}: listed twice, or without a reason"));
        }
        let actual = found.get(name).cloned().unwrap_or_default();
        if actual != entry.found {
            problems.push(format!("{name}: listed as {:?}, found {actual:?}", entry.found));
        }
    }
    for (name, actual) in found.iter().filter(|(name, _)| !listed.contains(*name)) {
        problems.push(format!("{name}: an unlisted difference: {actual:?}"));
    }
}

/// Leads the three clients through a scenario, and tells where python-tuf differs from ours.
fn play(scenario: &Scenario, ngclient: &mut NgClient, problems: &mut Vec<String>) -> Vec<String> {
    let (ours, theirs) = (World::new(), World::new());
    let anchor = hex::decode(&scenario.anchor).unwrap();
    ours.init(&anchor);
    fs::create_dir_all(theirs.metadata_dir()).unwrap();
    fs::create_dir_all(theirs.target_dir()).unwrap();
    fs::write(theirs.metadata_dir().join("root.json"), &anchor).unwrap();
    let mut memory = Memory::new(anchor);
    let mut differences = Vec::new();
    for (n, step) in scenario.steps.iter().enumerate() {
        let here = format!("{}, step {}", scenario.name, n + 1);
        let mut problem = |text: String| problems.push(format!("{here} ({}): {text}", scenario.what));
        for world in [&ours, &theirs] {
            step.publish(world);
        }
        memory.plant(step);

        let targets: Vec<&str> = step.targets.iter().map(String::as_str).collect();
        let outcome = if targets.is_empty() { ours.refresh() } else { ours.download(&targets) };
        check(step, &outcome, &mut problem);
        let in_memory = memory.run(step);
        if in_memory.is_ok() != (outcome.code == Some(0)) {
            problem(format!("in memory: {in_memory:?}, with files: {outcome:?}"));
        }
        let kept = Folder::load(&ours.metadata_dir(), &Limits::wide()).unwrap().store().clone();
        if kept != memory.store_without_chain() {
            problem("the store in memory is not that in files".to_owned());
        }
        only_metadata(&ours.metadata(), &kept, &mut problem);

        let verdict = ngclient.run(&theirs, &targets);
        if verdict.accepted != (outcome.code == Some(0)) {
            let word = |accepted: bool| if accepted { "accepted" } else { "refused" };
            differences.push(format!("step {}: {} by python-tuf", n + 1, word(verdict.accepted)));
            println!("{here}: {} by python-tuf: {}", word(verdict.accepted), verdict.why);
        }
        let differ = differing(&ours.metadata(), &metadata_files(&theirs.metadata_dir()));
        differences.extend(differ.into_iter().map(|name| format!("step {}: another {name}", n + 1)));
        let differ = differing(&ours.targets(), &files(&theirs.target_dir()));
        differences.extend(differ.into_iter().map(|name| format!("step {}: another target {name}", n + 1)));
    }
    differences
}

/// Our verdict is the expected one, and for the expected reason.
fn check(step: &Step, outcome: &Outcome, problem: &mut impl FnMut(String)) {
    let expected = if step.expect == "accepted" { Some(0) } else { Some(1) };
    if outcome.code != expected || !outcome.stderr.contains(&step.because) {
        problem(format!("expected {} ({:?}), got {outcome:?}", step.expect, step.because));
    }
}

/// The folder holds the store's roles under names that end in `.json`, and nothing else.
fn only_metadata(files: &BTreeMap<String, Vec<u8>>, kept: &Store, problem: &mut impl FnMut(String)) {
    let optional = [&kept.timestamp, &kept.snapshot, &kept.targets].into_iter().flatten().count();
    if files.len() != 1 + optional + kept.delegated.len() || files.keys().any(|name| !name.ends_with(".json")) {
        problem(format!("the folder holds {:?}", files.keys()));
    }
}

/// python-tuf keeps a history of roots in a folder beside these.
fn metadata_files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    files(folder).into_iter().filter(|(name, _)| name.ends_with(".json")).collect()
}

fn differing(ours: &BTreeMap<String, Vec<u8>>, theirs: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let names: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
    let differs = |name: &&String| ours.get(*name) != theirs.get(*name);
    let tell = |name: &String| match (ours.get(name), theirs.get(name)) {
        (Some(_), None) => format!("{name} (python-tuf has none)"),
        (None, Some(_)) => format!("{name} (only python-tuf has it)"),
        _ => name.clone(),
    };
    names.into_iter().filter(differs).map(tell).collect()
}
