//! Upgrades from a file.

use std::path::{Path, PathBuf};

use sameday_dbus::State;
use sameday_lab::case::STICK;
use sameday_lab::desktop::app::App;
use sameday_lab::desktop::look::Look;
use sameday_lab::machine::Spec;
use sameday_lab::process::run;
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

fn text(path: &Path) -> String {
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

/// The file is dragged out of a file manager's window onto the app's.
pub fn dropped() -> Option<String> {
    let mut stage = offline();
    let kit = stage.lend(&given().world.kit().unwrap());
    let app = stage.app();
    app.says("Not checked yet").unwrap();
    let window = app.window().unwrap();
    desktop(0).drop_file(&kit, window.x + window.width / 2, window.y + window.height / 2).unwrap();
    stage.watch.wait("OpenKit").unwrap();
    app.has("button", "Upgrade Now").unwrap();
    app.says("the file that you gave").unwrap();
    None
}

/// What a file manager does at a double click: the file's type is found, and the app that is for it, which the session's bus starts.
pub fn double_clicked() -> Option<String> {
    const APP: &str = "org.sameday.Upgrader";
    let mut stage = offline();
    let kit = stage.lend(&given().world.kit().unwrap());
    let _installed = stage.install_app(0);
    let gio = |arguments: &[&str]| {
        let output = run(desktop(0).command(Path::new("/usr/bin/gio")).args(arguments)).unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    // By its name, and by what is in it.
    let nameless = kit.with_file_name("upgrade");
    std::fs::copy(&kit, &nameless).unwrap();
    for file in [&kit, &nameless] {
        let told = gio(&["info", "--attributes=standard::content-type", &text(file)]);
        assert!(told.contains("application/x-sameday-kit"), "{}: {told}", file.display());
    }
    gio(&["open", &text(&kit)]);
    stage.watch.wait("OpenKit").unwrap();
    let app = App::named(desktop(0), APP).unwrap();
    app.has("button", "Upgrade Now").unwrap();
    app.says("the file that you gave").unwrap();
    None
}

pub fn needed() -> Option<String> {
    let mut stage = offline();
    let app = stage.app();
    app.says("Not checked yet").unwrap();
    app.menu("Which File Do I Need?").unwrap();
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
