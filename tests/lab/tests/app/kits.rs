//! Upgrades from a file.

use std::path::PathBuf;

use sameday_dbus::State;
use sameday_lab::case::STICK;
use sameday_lab::desktop::look::Look;
use sameday_lab::machine::Spec;
use sameday_lab::stick::FileSystem;
use sameday_lab::world::{self, World};

use crate::app::stage::{LIMIT, Stage, desktop};
use crate::given::given;

/// A computer without a fetcher, with kit readers.
fn offline() -> Stage {
    let mut stage = Stage::of(&given().new, &given().world.repository(), &Spec::default());
    std::fs::remove_file(stage.case.machine().live().path("/run/sameday/fetcher.sock")).unwrap();
    stage.with_kits();
    stage
}

fn text(path: &std::path::Path) -> String {
    path.to_string_lossy().into_owned()
}

pub fn by_argument() -> Option<String> {
    let mut stage = offline();
    let kit = stage.lend(&given().world.kit().unwrap());
    let app = stage.app_on(0, &[&text(&kit)], &Look::default());
    stage.watch.wait("OpenKit").unwrap();
    app.has("button", "Upgrade Now").unwrap();
    for fact in ["Signed by", "Channel", "stable", "Signed", "the file that you gave"] {
        app.says(fact).unwrap();
    }
    // Who vouches for it comes first.
    let texts = app.screen().unwrap().texts();
    let place =
        |words: &str| texts.iter().position(|text| text == words).unwrap_or_else(|| panic!("{words}: {texts:?}"));
    assert!(place("Signed by") < place("Size"), "{texts:?}");
    app.click("button", "Upgrade Now").unwrap();
    app.says("2.0 is ready").unwrap();
    assert_eq!(stage.now().pending_version, "2.0");
    None
}

/// A world that was signed forty days ago.
fn old_world(dir: PathBuf) -> World {
    let made = world::now().plus_seconds(-40 * 86_400);
    let world = World::tiny(&dir, world::Spec { made, ..world::Spec::default() }).unwrap();
    let mut release = world.prepared("2.0", &["1.0"]).unwrap();
    release.now = made;
    world.publish(&release).unwrap();
    world
}

pub fn old() -> Option<String> {
    let dir = tempfile::tempdir().unwrap();
    let world = old_world(dir.path().join("old"));
    let stick = world.stick("old", FileSystem::of_this_kernel().unwrap(), STICK).unwrap();
    let mut stage = Stage::of(&stick, &world.repository(), &Spec::default());
    stage.with_kits();
    let kit = stage.lend(&world.kit().unwrap());
    let app = stage.app_on(0, &[&text(&kit)], &Look::default());
    let signed = stage.case.machine().wait(LIMIT, |now| now.offer.is_some()).unwrap().offer.unwrap().signed_on;
    let question = format!("Install a version signed on {} all the same?", &signed[..10]);
    for keys in [&["Return"], &["Escape"]] {
        app.click("button", "Upgrade Now").unwrap();
        app.says(&question).unwrap();
        app.says("40 days ago").unwrap();
        desktop(0).keys(keys).unwrap();
        app.wait("no question", |screen| (!screen.says(&question)).then_some(())).unwrap();
        assert_eq!(stage.watch.count("Install").unwrap(), 0, "{keys:?}");
    }
    app.click("button", "Upgrade Now").unwrap();
    app.click("button", "Install All the Same").unwrap();
    let arguments = stage.watch.wait("Install").unwrap();
    assert_eq!(arguments[2]["signed-on"]["data"].as_str(), Some(signed.as_str()), "{arguments:?}");
    stage.until(State::RestartPending);
    app.says("2.0 is ready").unwrap();
    None
}

pub fn needed() -> Option<String> {
    let mut stage = offline();
    let app = stage.app();
    app.says("Not checked yet").unwrap();
    app.click("button", "Main Menu").unwrap();
    app.press("menu item", "Which File Do I Need?").unwrap();
    app.says("lab-amd64-stable-from-1.0.kit").unwrap();
    desktop(0).keys(&["Escape"]).unwrap();
    app.wait("no window", |screen| (!screen.says("lab-amd64-stable-from-1.0.kit")).then_some(())).unwrap();

    // The file chooser opens, and choosing by its name in a folder works by keys.
    let kit = stage.lend(&given().world.kit().unwrap());
    app.click("button", "Open Upgrade File…").unwrap();
    app.wait("file chooser", |screen| (screen.0.len() > 1).then_some(())).unwrap();
    desktop(0).write(&text(&kit)).unwrap();
    desktop(0).keys(&["Return"]).unwrap();
    stage.watch.wait("OpenKit").unwrap();
    app.has("button", "Upgrade Now").unwrap();
    None
}
