//! The guide for the holders of keys: each of its commands, in its order, in an empty folder, with the real program.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::path::Path;
use std::process::{Command, Output, Stdio};

use sameday_publish::repository::Repository;

const GUIDE: &str = include_str!("../../docs/keys.md");

/// The commands of a page, each block headed by the line that it begins at.
fn script(page: &str) -> String {
    // An agent that a failure leaves behind ends with the shell.
    let mut script = "trap 'test -z \"${SSH_AGENT_PID:-}\" || kill \"$SSH_AGENT_PID\"' EXIT\n".to_owned();
    let mut inside = false;
    for (number, line) in page.lines().enumerate() {
        match (inside, line) {
            (false, "```sh") => {
                inside = true;
                script.push_str(&format!(": line {} of the guide\n", number + 2));
            }
            (true, "```") => inside = false,
            (true, command) => {
                script.push_str(command);
                script.push('\n');
            }
            (false, text) => assert!(!text.starts_with("```"), "a block that is not run: line {}", number + 1),
        }
    }
    assert!(!inside, "a block without an end");
    script
}

fn run(page: &str, folder: &Path) -> Output {
    let file = folder.join("script");
    std::fs::write(&file, script(page)).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_sameday-publish")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let work = folder.join("work");
    std::fs::create_dir(&work).unwrap();
    // Whoever signs has read the words. `yes` ends when nobody is left to read it.
    let mut yes = Command::new("yes").arg("yes").stdout(Stdio::piped()).spawn().unwrap();
    let out = Command::new("sh")
        .arg("-eux")
        .arg(&file)
        .current_dir(work)
        .env("PATH", path)
        .env_remove("SSH_AUTH_SOCK")
        .env_remove("SSH_AGENT_PID")
        .stdin(yes.stdout.take().unwrap())
        .output()
        .unwrap();
    yes.wait().unwrap();
    out
}

#[test]
fn every_command_of_the_guide_works() {
    let folder = tempfile::tempdir().unwrap();
    let out = run(GUIDE, folder.path());
    let (words, errors) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{words}\n{errors}");
    let repository = Repository::open(&folder.path().join("work/repo")).unwrap();
    let listed = sameday_publish::ceremony::list_keys(&repository);
    for line in ["root 7,", "signed by 2 of 4 keys", "targets 3,", "stable 3,", "ECDSA P-256"] {
        assert!(listed.contains(line), "{line}:\n{listed}");
    }
    assert!(words.contains("no old key is accepted"));
    assert_eq!(words.matches("Sign this? Type yes: ").count(), errors.matches("+ sameday-publish sign ").count());
    // What people are told to type is all that there is to type.
    for command in ["keys new", "keys import", "keys list", "prepare", "show", "sign", "assemble", "rehearse"] {
        assert!(errors.contains(&format!("+ sameday-publish {command} ")), "the guide does not use {command}");
    }
}

#[test]
fn a_guide_that_is_wrong_fails() {
    let wrong = |from: &str, to: &str| {
        assert!(GUIDE.contains(from));
        let beginning = GUIDE.split("## A new holder").next().unwrap();
        let folder = tempfile::tempdir().unwrap();
        !run(&beginning.replace(from, to), folder.path()).status.success()
    };
    assert!(wrong("--renew root", "--renew rood"));
    assert!(wrong("alice.sig carol.sig --repository", "alice.sig --repository"));
    assert!(wrong("echo \"only for practice\" > passphrase\n", "echo \"\" > passphrase\n"));
    assert!(!wrong("## Signing, in three steps", "## Signing"));
}

/// Nobody signs by pressing return, or because there was nobody to ask.
#[test]
fn only_yes_is_yes() {
    let folder = tempfile::tempdir().unwrap();
    let beginning = GUIDE.split("**2. Each holder signs").next().unwrap();
    assert!(run(beginning, folder.path()).status.success());
    for answer in ["", "\n", "y\n", "no\n", "yes please\n"] {
        let file = folder.path().join("answer");
        std::fs::write(&file, answer).unwrap();
        let sign = "sign renewal.request --key alice/root-1.pem --passphrase-file passphrase --out alice.sig";
        let out = Command::new(env!("CARGO_BIN_EXE_sameday-publish"))
            .args(sign.split(' '))
            .current_dir(folder.path().join("work"))
            .stdin(std::fs::File::open(file).unwrap())
            .output()
            .unwrap();
        assert_eq!(out.status.code(), Some(1), "{answer:?}");
        assert!(String::from_utf8_lossy(&out.stdout).contains("root: version 1 -> 2"), "the words come first");
        assert!(!folder.path().join("work/alice.sig").exists());
    }
}

#[test]
fn nothing_that_somebody_has_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    assert!(run(GUIDE.split("## A new holder").next().unwrap(), folder.path()).status.success());
    let work = folder.path().join("work");
    for (file, line) in [
        ("alice/root-1.pem", "keys new alice/root-1.pem --passphrase-file passphrase"),
        ("alice/root-1.pub", "keys export bob/root-2.pem --passphrase-file passphrase --out alice/root-1.pub"),
        ("alice/root-1.pub", "keys import bob/root-2.pub --out alice/root-1.pub"),
        ("renewal.request", "prepare --repository repo --keys keys --renew root --out renewal.request"),
        ("alice.sig", "sign renewal.request --yes --key carol/root-3.pem --passphrase-file passphrase --out alice.sig"),
    ] {
        let before = std::fs::read(work.join(file)).unwrap();
        let mut program = Command::new(env!("CARGO_BIN_EXE_sameday-publish"));
        let out = program.args(line.split(' ')).current_dir(&work).stdin(Stdio::null()).output().unwrap();
        let error = String::from_utf8_lossy(&out.stderr);
        assert_eq!(
            (out.status.code(), error.trim()),
            (Some(1), format!("sameday-publish: {file} exists already").as_str())
        );
        assert_eq!(std::fs::read(work.join(file)).unwrap(), before);
    }
}
