//! A walk over every page, on four desktops at once: as it comes, in large letters, in Arabic, and with every word of the app's own made
//! longer. On each page: what has to be there, names, the keyboard, the room; pictures; and the daemon is killed and comes back.

use std::thread::sleep;
use std::time::{Duration, Instant};

use sameday_lab::desktop::app::App;
use sameday_lab::desktop::look::Look;
use sameday_lab::desktop::node::{Node, Screen};

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
    let held = (page.reach)(stage);
    let first = &views[0];
    for words in page.says {
        first.app.says(words).unwrap_or_else(|error| panic!("{}: {error}", page.name));
    }
    for name in page.buttons {
        first.app.wait(name, |screen| screen.find("button", name).map(|_| ())).unwrap();
    }
    let counted = if held.is_some() {
        // It lasts an instant only, even so.
        picture(first, page, first.name);
        (page.buttons.len(), 0)
    } else {
        look_over(views, page)
    };
    lose(stage, first, page);
    drop(held);
    stage.calm();
    counted
}

/// A page that stays: in every look, in a narrow window, in the dark, and its controls.
fn look_over(views: &[View], page: &Page) -> (usize, usize) {
    let first = &views[0];
    let expected = roles(&first.app.screen().unwrap());
    // The others show the same daemon, so the same page.
    for view in &views[1..] {
        let same = |screen: &Screen| (roles(screen) == expected).then_some(());
        view.app.wait("same page", same).unwrap_or_else(|error| panic!("{} in {}: {error}", page.name, view.name));
    }
    sleep(DRAWN);
    for view in views {
        picture(view, page, view.name);
        checks::inside(&format!("{} in {}", page.name, view.name), &view.app);
    }
    let names = checks::names(page.name, &first.app);
    let reached = checks::keyboard(page.name, &first.app);
    for view in [first, &views[LAST]] {
        narrow(view, page);
    }
    checks::bracketed(page.name, &views[LAST].app);
    dark(first, page);
    (names, reached)
}

/// What a page is made of, in whatever language; larger letters bring scroll bars.
fn roles(screen: &Screen) -> Vec<String> {
    let all = screen.top().map(Node::all).unwrap_or_default();
    all.iter()
        .filter(|node| !["scroll bar", "widget"].contains(&node.role.as_str()))
        .map(|node| node.role.clone())
        .collect()
}

fn picture(view: &View, page: &Page, look: &str) {
    let window = desktop(view.number).active().unwrap();
    let file = pictures().join(look).join(format!("{}.png", page.name));
    desktop(view.number).picture(&window, &file).unwrap();
}

/// The window can be as narrow as the narrowest screens are wide.
fn narrow(view: &View, page: &Page) {
    let before = desktop(view.number).active().unwrap();
    desktop(view.number).resize(&before, NARROW, before.height).unwrap();
    sleep(DRAWN);
    let now = desktop(view.number).active().unwrap();
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
fn lose(stage: &mut Stage, view: &View, page: &Page) {
    const LOST: &str = "The upgrader stopped unexpectedly";
    stage.kill_daemon();
    view.app.says(LOST).unwrap_or_else(|error| panic!("{}: {error}", page.name));
    stage.case.machine().start_daemon().unwrap();
    let back = |screen: &Screen| (!screen.says(LOST)).then_some(());
    view.app.wait("page of the daemon that is back", back).unwrap_or_else(|error| panic!("{}: {error}", page.name));
}
