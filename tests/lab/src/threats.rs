//! `docs/threat-model.md` names the tests that try to break each promise: each of them is there.

use std::fs;
use std::path::Path;

/// All that a test's file says, and what is in the folder of its name; the attacks of the museum are folders.
fn sources(file: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let file = file.strip_prefix("lab/").map_or_else(|| file.to_owned(), |file| format!("tests/lab/tests/{file}"));
    let parts = fs::read_dir(root.join(&file)).into_iter().flatten().map(|part| part.unwrap().path());
    let all = parts.chain([root.join(format!("{file}.rs"))]);
    all.map(|path| fs::read_to_string(path).unwrap_or_default()).collect()
}

/// Whether a test has this name: a function, or words in quotes, which may be put together of two, or be joined by dots.
fn is_there(file: &str, test: &str) -> bool {
    if file == "museum" {
        return Path::new(env!("CARGO_MANIFEST_DIR")).join("../hostile").join(test).exists();
    }
    let text = sources(file);
    let quoted = |word: &str| text.contains(&format!("\"{word}\""));
    let of_two = |at: usize| text.contains(&format!("\"{}{{", &test[..at])) && quoted(&test[at..]);
    let mut dotted = test.split('.').filter(|word| word.parse::<u32>().is_err());
    text.contains(&format!("fn {test}("))
        || quoted(test)
        || (1..test.len()).any(of_two)
        || (test.contains('.') && dotted.all(quoted))
}

#[test]
fn every_test_that_the_threat_model_names_is_there() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/threat-model.md")).unwrap();
    let quoted = page.split('`').skip(1).step_by(2);
    let names: Vec<(&str, &str)> = quoted.filter_map(|name| name.split_once("::")).collect();
    let examples = [("file", "name"), ("museum", "X")];
    let there = |(file, test): (&str, &str)| is_there(file, test.rsplit("::").next().unwrap_or(test));
    let missing: Vec<_> = names.iter().filter(|name| !examples.contains(name) && !there(**name)).collect();
    assert!(names.len() > 50 && missing.is_empty(), "of {}, not there: {missing:#?}", names.len());
    assert!(!is_there("lab/tor", "a_test_that_is_not_there") && !is_there("museum", "an-attack-that-is-not-there"));
}
