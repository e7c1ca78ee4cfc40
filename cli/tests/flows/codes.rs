//! The exit codes, which scripts build on: 0 done, 1 failed, 2 nothing to do, 3 newer, but not for this stick, 64 wrong use.

use sameday_dbus::{ErrorKind, Failure, LeftOver, Offer, Standing};

use crate::offer;
use crate::stage::{Part, Stage};

fn failed(kind: ErrorKind, reason: &str) -> Result<Option<Offer>, Failure> {
    Err(Failure::new(kind, reason))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_end_of_a_check_has_its_exit_code() {
    for (found, code, sentence) in [
        (Ok(None), 2, "1.0 is the newest version."),
        (failed(ErrorKind::Server, "closed"), 1, "(server closed)"),
        (failed(ErrorKind::ManualUpgrade, "optical"), 3, "DVD"),
        (failed(ErrorKind::NotVerified, "digest-mismatch"), 1, "not what the project signed"),
    ] {
        let stage = Stage::open(Part { found, ..Part::default() }).await;
        for command in [&["check"][..], &["upgrade", "--yes"], &["check", "--json"]] {
            let ended = stage.run(command);
            assert_eq!(ended.code, code, "{command:?} {ended:?}");
            let told = format!("{}{}", ended.out, ended.err);
            assert!(command.contains(&"--json") || told.contains(sentence), "{ended:?}");
        }
        assert_eq!(stage.installed(), []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_kit_is_not_for_this_stick_and_the_right_one_is_named() {
    let right = "demo-amd64-stable-from-1.0.kit";
    let wrong = Failure::new(ErrorKind::KitWrong, "for-another-stick")
        .text("kit", "demo-amd64-stable-from-0.9.kit")
        .text("right", right);
    let stage = Stage::open(Part { found: Err(wrong), ..Part::default() }).await;
    let ended = stage.run(&["install", &stage.file("wrong.kit", b"kit"), "--yes"]);
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.err.contains(&format!("This stick needs the one called {right}.")), "{ended:?}");
    assert!(stage.run(&["status"]).out.contains(right));
}

/// The stick, the command line, the exit code.
type Case<'a> = (&'a dyn Fn() -> Part, &'a [&'a str], i32);

/// Every command on a stick where all is well and nothing is there, and where there is what it is for.
#[tokio::test(flavor = "multi_thread")]
async fn every_command_has_its_codes() {
    let quiet = Part::default;
    let offered = || Part { found: Ok(Some(offer())), ..Part::default() };
    let left_over = || Some(LeftOver { version: "1.2".into(), bytes: 1 });
    let paused = || Part { state: "paused", left_over: left_over(), ..offered() };
    let undone = || Part { state: "undone", standing: (Standing::Undone, "1.2"), previous: "0.9", ..quiet() };
    let refused = || Part { refuse: Some(Failure::new(ErrorKind::NotAllowed, "polkit-refused")), ..undone() };
    let cases: &[Case<'_>] = &[
        (&quiet, &["status"], 0),
        (&quiet, &["check"], 2),
        (&quiet, &["upgrade", "--yes"], 2),
        (&quiet, &["cancel"], 2),
        (&quiet, &["pause"], 2),
        (&quiet, &["resume"], 2),
        (&quiet, &["discard"], 2),
        (&quiet, &["rollback"], 2),
        (&quiet, &["try-again"], 2),
        (&quiet, &["channel"], 0),
        (&quiet, &["channel", "alpha"], 0),
        (&quiet, &["report"], 0),
        (&quiet, &["help"], 0),
        (&offered, &["check"], 0),
        (&offered, &["upgrade", "--yes"], 0),
        (&offered, &["upgrade"], 64),
        (&paused, &["resume"], 0),
        (&paused, &["discard"], 0),
        (&paused, &["upgrade"], 64),
        (&undone, &["try-again"], 0),
        (&undone, &["rollback", "--yes"], 0),
        (&undone, &["rollback"], 64),
        (&refused, &["status"], 0),
        (&refused, &["check"], 1),
        (&refused, &["pause"], 1),
        (&refused, &["resume"], 1),
        (&refused, &["discard"], 1),
        (&refused, &["rollback", "--yes"], 1),
        (&refused, &["try-again"], 1),
        (&refused, &["channel", "alpha"], 1),
        (&refused, &["report"], 1),
        (&quiet, &["up"], 64),
        (&quiet, &[], 64),
        (&quiet, &["status", "--yes"], 64),
        (&quiet, &["help", "fear"], 64),
        (&quiet, &["--help"], 0),
        (&quiet, &["--version"], 0),
    ];
    for (part, line, code) in cases {
        let stage = Stage::open(part()).await;
        let ended = stage.run(line);
        assert_eq!(ended.code, *code, "{line:?} {ended:?}");
    }
}
