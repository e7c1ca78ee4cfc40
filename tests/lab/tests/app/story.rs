//! A whole upgrade as somebody does it, from the first check to the restart; and the way back.

use sameday_dbus::State;
use sameday_lab::forge::place_of;
use sameday_lab::machine::Spec;
use sameday_lab::peer::Lie;
use sameday_upgrade::boot_env::Choice;

use crate::app::stage::{STOP, Stage, desktop};
use crate::given::given;

const LOGIND_MANAGER: &str = "org.freedesktop.login1.Manager";

pub fn upgrade() -> Option<String> {
    let mut stage = Stage::of(&given().new, &given().world.repository(), &Spec::default());
    let layer = place_of(&given().world.repository(), "layer").unwrap();
    stage.with_system();
    stage.discharge(15);
    let mut app = stage.app();
    app.says("Not checked yet").unwrap();
    app.click("button", "Check for Upgrades").unwrap();
    stage.watch.wait("Check").unwrap();

    // All that has to be known before.
    app.has("button", "Upgrade Now").unwrap();
    for fact in [
        "Upgrade to 2.0 (this stick runs 1.0)",
        "Fixes 2 problems: 1 high, 1 medium",
        "Size",
        "Room",
        "Time",
        "The battery is at 15 %.",
        "Your Persistent Storage and everything else on the stick are not touched.",
        "The new version is used after a restart.",
    ] {
        app.says(fact).unwrap();
    }
    // What it fixes, by name, on demand; and the notes.
    app.click("list item", "Fixes 2 problems: 1 high, 1 medium").unwrap();
    app.says("openssl (CVE-2026-0001)").unwrap();
    app.click("list item", "What Is New").unwrap();
    app.says("Version 2.0 fixes security flaws.").unwrap();

    stage.case.peer().lie(&layer, Lie::HoldAt(STOP));
    app.click("button", "Upgrade Now").unwrap();
    stage.until(State::Downloading);
    app.says("of 3").unwrap();
    app.says("You can close this window and go on working.").unwrap();
    app.click("button", "Pause").unwrap();
    stage.watch.wait("Pause").unwrap();
    app.says("The download is paused").unwrap();
    app.click("button", "Continue").unwrap();
    stage.watch.wait("Resume").unwrap();
    app.has("button", "Cancel").unwrap();

    // Cancelling asks, and Escape keeps going.
    app.click("button", "Cancel").unwrap();
    app.says("Cancel the upgrade?").unwrap();
    desktop(0).keys(&["Escape"]).unwrap();
    app.wait("no question", |screen| (!screen.says("Cancel the upgrade?")).then_some(())).unwrap();
    assert_eq!(stage.watch.count("Cancel").unwrap(), 0);
    app.click("button", "Cancel").unwrap();
    app.click("button", "Cancel the Upgrade").unwrap();
    stage.watch.wait("Cancel").unwrap();
    app.has("button", "Upgrade Now").unwrap();

    // The window goes while it works, and comes back to the same.
    app.click("button", "Upgrade Now").unwrap();
    stage.until(State::Downloading);
    app.has("button", "Pause").unwrap();
    desktop(0).keys(&["alt+F4"]).unwrap();
    app.wait("no window", |screen| screen.0.is_empty().then_some(())).unwrap();
    assert!(app.runs().unwrap(), "it stays while something is under way");
    let mut second = stage.app();
    second.ends().unwrap();
    app.has("button", "Pause").unwrap();

    // The end of it.
    let slow = stage.slow();
    stage.case.peer().honest();
    app.says("Checking what was written").unwrap();
    app.says("Please leave the stick plugged in.").unwrap();
    assert_eq!(desktop(0).inhibited().unwrap().len(), 1, "a logout waits");
    let held = stage.watch.wait_on(LOGIND_MANAGER, "Inhibit").unwrap();
    assert_eq!(held[0].as_str(), Some("shutdown:sleep:handle-lid-switch"), "and so do lid, sleep and shutdown");
    drop(slow);
    stage.until(State::RestartPending);
    app.says("2.0 is ready").unwrap();
    assert_eq!(desktop(0).inhibited().unwrap().len(), 0, "a logout need not wait any more");
    app.has("button", "Restart Now").unwrap();
    assert_eq!(app.focused().unwrap().map(|node| node.name).as_deref(), Some("Later"));
    desktop(0).keys(&["Return"]).unwrap();
    app.ends().unwrap();
    let notices = desktop(0).notices().unwrap();
    assert!(notices.iter().any(|notice| notice.title.contains("2.0 is ready")), "{notices:?}");
    assert!(stage.watch.calls(LOGIND_MANAGER).unwrap().iter().all(|call| call.method != "Reboot"));
    let app = stage.app();
    app.click("button", "Restart Now").unwrap();
    stage.watch.wait_on(LOGIND_MANAGER, "Reboot").unwrap();
    None
}

pub fn going_back() -> Option<String> {
    let mut stage = Stage::of(&given().upgraded, &given().world.repository(), &Spec::default());
    let app = stage.app();
    app.says("This stick runs 2.0 (first installed: 1.0).").unwrap();
    let ask = || {
        app.menu("Go Back to the Version Before…").unwrap();
        app.says("Go back to 1.0?").unwrap();
        app.says("1.0 has known security holes that 2.0 fixes. Use it no longer than you must.").unwrap();
    };
    ask();
    desktop(0).keys(&["Return"]).unwrap();
    app.wait("no question", |screen| (!screen.says("Go back to 1.0?")).then_some(())).unwrap();
    assert_eq!(stage.watch.count("Rollback").unwrap(), 0, "Enter goes nowhere");
    ask();
    app.click("button", "Go Back").unwrap();
    let arguments = stage.watch.wait("Rollback").unwrap();
    assert_eq!(arguments[0].as_str(), Some("1.0"));
    // Who sits there is no administrator.
    app.says("This was not done").unwrap();
    app.click("button", "Close").unwrap();
    assert_eq!(stage.now().state, State::Idle);

    let everybody = "if (action.id.indexOf('org.sameday.') == 0) { return polkit.Result.YES; }";
    drop(app);
    stage.start_again(&Spec { rule: Some(everybody.into()), ..Spec::default() });
    let app = stage.app();
    app.menu("Go Back to the Version Before…").unwrap();
    app.click("button", "Go Back").unwrap();
    app.says("1.0 is ready").unwrap();
    assert_eq!(stage.until(State::RestartPending).pending_version, "1.0");
    drop(app);
    stage.start_again(&Spec::default());
    assert_eq!(*stage.case.machine().live().choice(), Choice::Base);
    // Back on the old one, which is said, and from which the new one is one click away.
    let app = stage.app();
    app.says("2.0").unwrap();
    app.click("button", "Give 2.0 Another Try").unwrap();
    app.says("2.0 is ready").unwrap();
    None
}
