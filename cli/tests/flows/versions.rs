//! Which of the versions on the stick starts next.

use sameday_dbus::Standing;

use crate::stage::{Part, Stage};

fn kept() -> Part {
    Part { previous: "0.9", ..Part::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn going_back_shows_what_it_means_and_asks() {
    let stage = Stage::open(kept()).await;
    let ended = stage.run(&["rollback"]);
    assert_eq!(ended.code, 64, "{ended:?}");
    assert!(ended.out.contains("0.9 has known security holes that 1.0 fixes"), "{ended:?}");
    assert!(ended.err.contains("--yes"), "{ended:?}");
    for answer in ["", "\n", "n\n"] {
        let ended = stage.run_on_terminal("rollback", answer);
        assert_eq!(ended.code, 1, "{ended:?}");
        assert!(ended.out.contains("Go back to 0.9? [y/N]"), "{ended:?}");
    }
    assert!(stage.calls().is_empty());
    let ended = stage.run_on_terminal("rollback", "y\n");
    assert_eq!((ended.code, stage.calls()), (0, vec!["Rollback 0.9".to_owned()]), "{ended:?}");
    assert!(ended.out.contains("0.9 starts next. Restart the computer"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn going_back_goes_to_the_version_that_was_shown() {
    let stage = Stage::open(kept()).await;
    assert_eq!(stage.run(&["rollback", "--yes"]).code, 0);
    assert_eq!(stage.calls(), ["Rollback 0.9"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_that_was_never_started_is_taken_back() {
    let standing = (Standing::RestartPending, "1.2");
    let stage = Stage::open(Part { state: "restart-pending", previous: "1.0", standing, ..Part::default() }).await;
    let ended = stage.run(&["rollback", "--yes"]);
    assert_eq!((ended.code, stage.calls()), (0, vec!["Rollback 1.0".to_owned()]), "{ended:?}");
    assert!(ended.out.contains("1.2 starts next instead of 1.0, which runs."), "{ended:?}");
    assert!(ended.out.contains("1.0 stays in use."), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_earlier_version_there_is_nothing_to_do() {
    let stage = Stage::open(Part::default()).await;
    let ended = stage.run(&["rollback", "--yes"]);
    assert_eq!((ended.code, stage.calls().len()), (2, 0), "{ended:?}");
    assert!(ended.out.contains("no earlier version"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undone_version_is_told_and_gets_another_try() {
    for standing in [Standing::Undone, Standing::RolledBack] {
        let part = Part { state: "undone", standing: (standing, "1.2"), ..Part::default() };
        let stage = Stage::open(part).await;
        let status = stage.run(&["status"]);
        for shown in ["1.2", "1.0", "known security holes", "sameday try-again"] {
            assert!(status.out.contains(shown), "{shown}: {status:?}");
        }
        let ended = stage.run(&["try-again"]);
        assert_eq!((ended.code, stage.calls()), (0, vec!["TryAgain 1.2".to_owned()]), "{ended:?}");
        assert!(ended.out.contains("1.2 starts next."), "{ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_starts_next_anyway_needs_no_other_try() {
    for (standing, told) in [
        ((Standing::ByHand, "1.2"), "1.2 starts at the next start of the computer anyway."),
        ((Standing::Good, ""), "No version was undone"),
    ] {
        let stage = Stage::open(Part { standing, ..Part::default() }).await;
        let ended = stage.run(&["try-again"]);
        assert_eq!((ended.code, stage.calls().len()), (2, 0), "{ended:?}");
        assert!(ended.out.contains(told), "{ended:?}");
    }
}
