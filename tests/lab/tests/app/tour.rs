//! A walk over every page, on four desktops at once: as it comes, in large letters, in Arabic, and with every word of the app's own made
//! longer. On each page: what has to be there, names, the keyboard, the room; pictures; and the daemon is killed and comes back.

use std::thread::sleep;
use std::time::{Duration, Instant};

use sameday_lab::desktop::app::App;
use sameday_lab::desktop::look::Look;

use crate::app::checks;
use crate::app::pages::{Page, groups};
use crate::app::stage::{DESKTOPS, Stage, desktop, pictures};
use crate::given::given;

/// The narrowest window that every page must fit into.
const NARROW: i32 = 360;
/// A frame is drawn in less.
const DRAWN: Duration = Duration::from_millis(250);

/// The look in which every word of the app's own is in brackets.
const LONGER: &str = "longer";
const LAST: usize = DESKTOPS - 1;

/// One of the desktops.
struct View {
    name: &'static str,
    number: usize,
    app: App<'static>,
}

fn looks() -> Vec<(&'static str, Look)> {
    let arabic = Look { locale: Some("ar_SA".into()), ..Look::default() };
    let longer = Look { locale: Some("en_US".into()), language: Some("en_XA".into()), ..Look::default() };
    vec![
        ("light", Look::default()),
        ("large", Look { large_text: true, ..Look::default() }),
        ("right-to-left", arabic),
        (LONGER, longer),
    ]
}

pub fn every_page() -> Option<String> {
    let (mut pages, mut controls, mut stops) = (0, 0, 0);
    for group in groups() {
        let mut stage = Stage::of(&(group.stick)(), &given().world.repository(), &(group.spec)());
        let views: Vec<View> = looks()
            .into_iter()
            .enumerate()
            .map(|(number, (name, look))| View { name, number, app: stage.app_on(number, &[], &look) })
            .collect();
        for view in &views {
            view.app.window().unwrap();
        }
        for page in &group.pages {
            let begun = Instant::now();
            let (here, reached) = visit(&mut stage, &views, page);
            (pages, controls, stops) = (pages + 1, controls + here, stops + reached);
            eprintln!("{}: {:.1} s", page.name, begun.elapsed().as_secs_f64());
        }
    }
    println!(
        "pages = {pages}, of each {} looks; controls with a name = {controls}; reached by Tab = {stops}",
        looks().len() + 2
    );
    None
}

/// Shows one page everywhere. Answers how many controls it has, and how many of them Tab reaches.
fn visit(stage: &mut Stage, views: &[View], page: &Page) -> (usize, usize) {
    let before: Vec<Vec<String>> = views.iter().map(|view| view.app.screen().unwrap().texts()).collect();
    let held = (page.reach)(stage);
    let first = &views[0];
    for words in page.says {
        first.app.says(words).unwrap_or_else(|error| panic!("{}: {error}", page.name));
    }
    for name in page.buttons {
        first.app.wait(name, |screen| screen.find("button", name).map(|_| ())).unwrap();
    }
    // The others show the same daemon.
    for (view, before) in views.iter().zip(&before).skip(1) {
        let changed =
            view.app.wait_for(Duration::from_secs(3), "change", |screen| (screen.texts() != *before).then_some(()));
        assert!(
            changed.is_ok() || page.name == "not-checked" || page.name == "rolled-back",
            "{} in {}",
            page.name,
            view.name
        );
    }
    sleep(DRAWN);
    for view in views.iter() {
        picture(view, page, view.name);
        checks::inside(&format!("{} in {}", page.name, view.name), &view.app);
    }
    let names = checks::names(page.name, &views[0].app);
    // What lasts an instant only is not walked over.
    let reached = if held.is_none() { checks::keyboard(page.name, &views[0].app) } else { 0 };
    for view in [first, &views[LAST]] {
        narrow(view, page);
    }
    checks::bracketed(page.name, &views[LAST].app);
    dark(&views[0], page);
    drop(held);
    lose(stage, views, page);
    stage.calm();
    (names, reached)
}

fn picture(view: &View, page: &Page, look: &str) {
    let window = view.app.window().unwrap();
    let file = pictures().join(look).join(format!("{}.png", page.name));
    desktop(view.number).picture(&window, &file).unwrap();
}

/// The window can be as narrow as the narrowest screens are wide.
fn narrow(view: &View, page: &Page) {
    let before = view.app.window().unwrap();
    desktop(view.number).resize(&before, NARROW, before.height).unwrap();
    sleep(DRAWN);
    let now = view.app.window().unwrap();
    assert!(now.width <= NARROW, "{} is {} pixels wide", page.name, now.width);
    checks::inside(&format!("{}, narrow", page.name), &view.app);
    picture(view, page, if view.name == LONGER { "longer-narrow" } else { "narrow" });
    desktop(view.number).resize(&before, before.width, before.height).unwrap();
}

/// The desktop becomes dark while the window is open, and light again.
fn dark(view: &View, page: &Page) {
    desktop(view.number).look(&Look { dark: true, ..Look::default() }).unwrap();
    sleep(2 * DRAWN);
    picture(view, page, "dark");
    desktop(view.number).look(&Look::default()).unwrap();
}

/// The daemon is killed while the page is shown: that is said, and what comes after it is shown without a click.
fn lose(stage: &mut Stage, views: &[View], page: &Page) {
    stage.kill_daemon();
    for view in views.iter().take(1) {
        view.app.says("The upgrader stopped unexpectedly").unwrap_or_else(|error| panic!("{}: {error}", page.name));
        view.app.has("button", "Try Again").unwrap();
    }
    stage.case.machine().start_daemon().unwrap();
    let back =
        |screen: &sameday_lab::desktop::node::Screen| (!screen.says("The upgrader stopped unexpectedly")).then_some(());
    views[0].app.wait("page of the daemon that is back", back).unwrap_or_else(|error| panic!("{}: {error}", page.name));
}
