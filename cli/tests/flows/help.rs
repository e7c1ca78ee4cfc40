//! What is explained, and what is no topic.

use sameday_dbus::{ErrorKind, Failure};

use crate::stage::{Part, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn every_failure_leads_to_a_page_that_there_is() {
    for kind in ErrorKind::ALL {
        let found = Err(Failure::new(*kind, "some-reason"));
        let stage = Stage::open(Part { found, ..Part::default() }).await;
        let ended = stage.run(&["check"]);
        let more = format!("More: sameday help {kind}");
        let line = ended.err.lines().last().unwrap_or_default();
        assert_eq!(line, more, "{ended:?}");
        let page = stage.run(&["help", kind.code()]);
        assert_eq!(page.code, 0, "{page:?}");
        for part in ["What happened", "What it means", "What to do"] {
            assert!(page.out.contains(&format!("\n\n{part}\n\n")), "{kind} {part}: {page:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn help_needs_no_daemon_and_no_bus() {
    let mut stage = Stage::open(Part::default()).await;
    stage.close().await;
    let all = stage.run(&["help"]);
    assert_eq!(all.code, 0, "{all:?}");
    for shown in ["Usage: sameday", "try-again", "left-overs", "no-room"] {
        assert!(all.out.contains(shown), "{shown}: {all:?}");
    }
    let command = stage.run(&["help", "channel"]);
    assert!(command.code == 0 && command.out.contains("--base-url <URL>"), "{command:?}");
    let both = stage.run(&["help", "rollback"]);
    assert!(both.out.contains("--yes") && both.out.contains("GOING BACK TO THE VERSION BEFORE"), "{both:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_topic_is_wrong_use_with_the_list_of_topics() {
    let stage = Stage::open(Part::default()).await;
    let ended = stage.run(&["help", "fear"]);
    assert_eq!(ended.code, 64, "{ended:?}");
    for topic in ["upgrade", "no-room", "kits", "undone"] {
        assert!(ended.err.contains(topic), "{topic}: {ended:?}");
    }
}
