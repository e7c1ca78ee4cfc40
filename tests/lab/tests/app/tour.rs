//! A walk over every page, on four desktops at once: as it comes, in large letters, in Arabic, and with every word of the app's own made
//! longer. On each page: what has to be there, names, the keyboard, the room; pictures; and the daemon is killed and comes back.

use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use sameday_lab::desktop::app::App;
use sameday_lab::desktop::look::Look;
use sameday_lab::desktop::node::{Node, Screen};

use crate::app::checks;
use crate::app::pages::{Page, groups};
use crate::app::stage::{DESKTOPS, Slow, Stage, desktop, pictures};
use crate::given::given;

/// The narrowest window that every page must fit into.
const NARROW: i32 = 360;
/// A frame is drawn in less.
const DRAWN: Duration = Duration::from_millis(250);

/// The look in which every word of the app's own is in brackets.
const LONGER: &str = "longer";
/// The look in which letters have twice the size.
const LARGE: &str = "large";
const LAST: usize = DESKTOPS - 1;
/// A page that lasts an instant can be missed: the app asks for it when it is told that something is new. So often it is brought about.
const TRIES: u32 = 8;
/// How long it is looked for then.
const INSTANT: Duration = Duration::from_secs(4);

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
        (LARGE, Look { large_text: true, ..Look::default() }),
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
        looks().len() + 5
    );
    None
}

/// Shows one page everywhere. Answers how many controls it has, and how many of them Tab reaches.
fn visit(stage: &mut Stage, views: &[View], page: &Page) -> (usize, usize) {
    let first = &views[0];
    let held = show(stage, first, page);
    let counted = if held.is_some() {
        // It lasts an instant only, even so.
        pictured(first, page, first.name);
        (page.buttons.len(), 0)
    } else {
        look_over(views, page)
    };
    lose(stage, first, page);
    drop(held);
    stage.calm();
    counted
}

/// Brings the daemon to where the page is shown, and sees that it is.
fn show(stage: &mut Stage, view: &View, page: &Page) -> Option<Slow> {
    let there = |screen: &Screen| {
        let says = page.says.iter().all(|words| screen.says(words));
        let asks = page.buttons.iter().all(|name| screen.find("button", name).is_some());
        (says && asks).then_some(())
    };
    for _ in 0..TRIES {
        let held = (page.reach)(stage);
        if held.is_none() {
            view.app.wait("such page", there).unwrap_or_else(|error| panic!("{}: {error}", page.name));
            return held;
        }
        if view.app.wait_for(INSTANT, "such page", there).is_ok() {
            return held;
        }
        drop(held);
        stage.calm();
        stage.take_back();
    }
    panic!("{} was not seen in {TRIES} tries", page.name);
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
        pictured(view, page, view.name);
        checks::inside(&format!("{} in {}", page.name, view.name), &view.app);
    }
    let names = checks::names(page.name, &first.app);
    let reached = checks::keyboard(page.name, &first.app);
    for view in views.iter().filter(|view| [first.name, LARGE, LONGER].contains(&view.name)) {
        narrow(view, page);
    }
    checks::bracketed(page.name, &views[LAST].app);
    let light = pictured(first, page, first.name);
    for (name, look) in
        [("dark", Look { dark: true, ..Look::default() }), ("contrast", Look { contrast: true, ..Look::default() })]
    {
        let other = becomes(first, page, name, &look);
        assert!(fs::read(&other).unwrap() != fs::read(&light).unwrap(), "{} does not change: {other:?}", page.name);
    }
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

fn pictured(view: &View, page: &Page, look: &str) -> PathBuf {
    let window = desktop(view.number).active().unwrap();
    let file = pictures().join(look).join(format!("{}.png", page.name));
    desktop(view.number).picture(&window, &file).unwrap();
    file
}

/// The window can be as narrow as the narrowest screens are wide.
fn narrow(view: &View, page: &Page) {
    let before = desktop(view.number).active().unwrap();
    desktop(view.number).resize(&before, NARROW, before.height).unwrap();
    sleep(DRAWN);
    let now = desktop(view.number).active().unwrap();
    let look = if view.number == 0 { "narrow".to_owned() } else { format!("{}-narrow", view.name) };
    assert!(now.width <= NARROW, "{}, {look}, is {} pixels wide", page.name, now.width);
    checks::inside(&format!("{}, {look}", page.name), &view.app);
    pictured(view, page, &look);
    desktop(view.number).resize(&before, before.width, before.height).unwrap();
}

/// The desktop gets another look while the window is open, and then its own again.
fn becomes(view: &View, page: &Page, name: &str, look: &Look) -> PathBuf {
    desktop(view.number).look(look).unwrap();
    sleep(2 * DRAWN);
    let file = pictured(view, page, name);
    desktop(view.number).look(&Look::default()).unwrap();
    file
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
