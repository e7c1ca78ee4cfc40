//! Started with the session: nothing is shown until there is something; and there is one app in a session, however often it is started.

use std::thread::sleep;
use std::time::Duration;

use sameday_dbus::State;
use sameday_lab::desktop::look::Look;
use sameday_lab::machine::Spec;

use crate::app::stage::{LIMIT, Stage, desktop};
use crate::given::given;

/// Long enough for a window that should not come to come.
const A_WHILE: Duration = Duration::from_millis(1500);

pub fn shows_when_needed() -> Option<String> {
    let mut stage = Stage::of(&given().new, &given().state("empty").unwrap(), &Spec::default());
    let mut app = stage.app_on(0, &["--background"], &Look::default());
    let before = desktop(0).notices().unwrap();
    assert_eq!(stage.case.machine().check().unwrap().state, State::UpToDate);
    sleep(A_WHILE);
    assert!(app.screen().unwrap().0.is_empty() && app.runs().unwrap(), "nothing to show");
    assert_eq!(desktop(0).notices().unwrap(), before, "nothing to tell");

    stage.case.serve(&given().world.repository());
    assert_eq!(stage.case.machine().check().unwrap().state, State::Available);
    app.has("button", "Upgrade Now").unwrap();
    // Later is later: it does not come again for the same.
    app.click("button", "Later").unwrap();
    app.wait("no window", |screen| screen.0.is_empty().then_some(())).unwrap();
    assert_eq!(stage.case.machine().check().unwrap().state, State::Available);
    sleep(A_WHILE);
    assert!(app.screen().unwrap().0.is_empty() && app.runs().unwrap(), "it has been said already");

    // The daemon goes and comes back: nothing to show either.
    stage.kill_daemon();
    sleep(A_WHILE);
    assert!(app.screen().unwrap().0.is_empty() && app.runs().unwrap(), "nobody has asked");
    stage.case.machine().start_daemon().unwrap();
    sleep(A_WHILE);
    assert!(app.screen().unwrap().0.is_empty() && app.runs().unwrap(), "a daemon that knows nothing yet tells nothing");
    None
}

pub fn one_instance() -> Option<String> {
    let mut stage = Stage::of(&given().new, &given().world.repository(), &Spec::default());
    let app = stage.app();
    app.says("Not checked yet").unwrap();
    let mut second = stage.app();
    second.ends().unwrap();
    assert_eq!(app.screen().unwrap().0.len(), 1, "one window");
    // Another session has an app of its own, and both see the same.
    let other = stage.app_on(1, &[], &Look::default());
    other.says("Not checked yet").unwrap();
    app.click("button", "Check for Upgrades").unwrap();
    for app in [&app, &other] {
        app.has("button", "Upgrade Now").unwrap();
    }
    other.click("button", "Upgrade Now").unwrap();
    stage.case.machine().settled(LIMIT).unwrap();
    for app in [&app, &other] {
        app.says("2.0 is ready").unwrap();
    }
    assert_eq!(stage.watch.count("Install").unwrap(), 1);
    None
}
