//! What holds for every page: each control has a name and a role, the keyboard reaches it, and nothing sticks out of the window.

use sameday_lab::desktop::app::App;
use sameday_lab::desktop::node::{Node, Screen};

/// What every window has from the toolkit.
const OF_THE_WINDOW: [&str; 3] = ["Minimize", "Maximize", "Close"];
/// Pixels by which borders and shadows may stick out.
const BORDER: i32 = 8;

/// The controls of the window on top that can be used.
fn controls(screen: &Screen) -> Vec<&Node> {
    let Some(top) = screen.top() else { return Vec::new() };
    top.all().into_iter().filter(|node| node.is_control() && node.is("sensitive")).collect()
}

/// Every control has a name that somebody gave it, and a role.
pub fn names(page: &str, app: &App<'_>) -> usize {
    let screen = app.screen().unwrap();
    let all = controls(&screen);
    let buttons = all.iter().filter(|node| !OF_THE_WINDOW.contains(&node.name.as_str()));
    assert!(buttons.count() > 0, "{page}: no control on\n{screen}");
    for node in &all {
        assert!(node.has_name(), "{page}: a {} without a name: {:?} on\n{screen}", node.role, node.name);
        assert!(
            !["", "unknown", "invalid", "widget"].contains(&node.role.as_str()),
            "{page}: {:?} has no role",
            node.name
        );
    }
    all.len()
}

/// Tab reaches every control, each once.
pub fn keyboard(page: &str, app: &App<'_>) -> usize {
    let order = app.tab_order().unwrap();
    let screen = app.screen().unwrap();
    let missed: Vec<String> = controls(&screen)
        .into_iter()
        // Rows are reached by the arrow keys, from their list; what shows progress is looked at.
        .filter(|node| node.is("focusable") && node.role != "list item" && node.role != "progress bar")
        // The window manager's own keys are for these.
        .filter(|node| !OF_THE_WINDOW.contains(&node.name.as_str()))
        .filter(|node| !order.iter().any(|reached| reached.path == node.path))
        .map(|node| format!("{} {:?}", node.role, node.name))
        .collect();
    let reached: Vec<&str> = order.iter().map(|node| node.name.as_str()).collect();
    assert!(missed.is_empty(), "{page}: Tab reaches {reached:?}, but not {missed:?} on\n{screen}");
    order.len()
}

/// Nothing sticks out of the window to the side, or is cut off there.
pub fn inside(page: &str, app: &App<'_>) {
    let screen = app.screen().unwrap();
    let top = screen.top().unwrap();
    let width = top.bounds.unwrap()[2];
    for node in top.all() {
        // GTK tells where a scroll bar was that it has hidden, and its own are never anywhere else.
        let of_the_toolkit = node.role == "scroll bar" || node.name == "GtkRange";
        let Some([left, _, wide, _]) = node.bounds.filter(|_| !of_the_toolkit) else { continue };
        let fits = left >= -BORDER && left + wide <= width + BORDER;
        assert!(
            fits,
            "{page}: {} {:?} at {left}, {wide} wide, in a window of {width}:\n{screen}",
            node.role, node.name
        );
    }
}

/// Words that stand on the screen as they came: versions, names, numbers, what the release says.
const AS_IT_IS: [&str; 8] =
    ["1.0", "2.0", "lab", "stable", "openssl", "linux", "Version 2.0 fixes security flaws.", "Upgrader"];

/// Every word of the app's own went through its translations, which are in brackets here.
pub fn bracketed(page: &str, app: &App<'_>) {
    let screen = app.screen().unwrap();
    let top = screen.top().unwrap();
    for node in top.all().into_iter().filter(|node| !OF_THE_WINDOW.contains(&node.name.as_str()) && node.has_name()) {
        let words = node.name.chars().any(char::is_alphabetic);
        let known = AS_IT_IS.contains(&node.name.as_str()) || node.name.starts_with("CVE-") || is_code(&node.name);
        assert!(!words || known || node.name.contains('['), "{page}: {:?} is not translated on\n{screen}", node.name);
    }
}

/// The details of a failure, and file names: for whoever helps, in no language.
fn is_code(text: &str) -> bool {
    let first = text.split(|c: char| c.is_whitespace() || c == ':').next().unwrap_or_default();
    first.contains('-') || text.ends_with(".kit") || first.chars().all(|c| c.is_ascii_hexdigit())
}
