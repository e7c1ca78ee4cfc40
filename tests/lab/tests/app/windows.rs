//! What is not a page: the menu, help, the report, which kit is needed, questions and refusals. Each opened as a person would, looked over, and
//! closed by Escape.

use sameday_lab::desktop::app::App;
use sameday_lab::machine::Spec;

use crate::app::checks;
use crate::app::stage::{Stage, desktop, pictures};
use crate::given::given;

/// A window: its name for pictures, what stands in it, and how it is opened.
type Further = (&'static str, &'static str, fn(&App<'_>));

fn menu(app: &App<'_>, item: &str) {
    app.click("button", "Main Menu").unwrap();
    app.press("menu item", item).unwrap();
}

const ALL: [Further; 6] = [
    ("help", "Tor cannot be reached", |_| desktop(0).keys(&["F1"]).unwrap()),
    ("help-topic", "Tor cannot be reached", |app| {
        desktop(0).keys(&["F1"]).unwrap();
        app.click("list item", "Tor cannot be reached").unwrap();
        app.has("button", "All Topics").unwrap();
    }),
    ("report", "This is what the developers need to find a fault.", |app| menu(app, "Show Report")),
    ("which-file", "lab-amd64-stable-from-1.0.kit", |app| menu(app, "Which File Do I Need?")),
    ("go-back", "Go back to 1.0?", |app| menu(app, "Go Back to the Version Before…")),
    ("about", "Upgrades the live system on this USB stick", |app| menu(app, "About Upgrader")),
];

pub fn all() -> Option<String> {
    let mut stage = Stage::of(&given().upgraded, &given().world.repository(), &Spec::default());
    let app = stage.app();
    app.says("Not checked yet").unwrap();
    for (name, words, open) in ALL {
        open(&app);
        app.wait(name, |screen| (screen.0.len() == 2 && screen.says(words)).then_some(()))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        app.picture(&pictures().join("light").join(format!("window-{name}.png"))).unwrap();
        checks::names(name, &app);
        checks::keyboard(name, &app);
        checks::inside(name, &app);
        desktop(0).keys(&["Escape"]).unwrap();
        app.wait("closed window", |screen| (screen.0.len() == 1).then_some(()))
            .unwrap_or_else(|error| panic!("{name} is not closed by Escape: {error}"));
    }
    None
}
