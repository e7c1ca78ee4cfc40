//! What is on the screen, as a screen reader finds it: windows, and in them controls and texts by role and name.

use std::fmt;

use serde::Deserialize;

/// Something on the screen, and all that is in it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Node {
    /// The object on the accessibility bus.
    pub path: String,
    /// What it is, such as `button`.
    pub role: String,
    /// What it is called.
    pub name: String,
    /// What else is told of it.
    pub description: String,
    /// What it is at the moment, such as `sensitive`.
    pub states: Vec<String>,
    /// Left, top, width and height, inside its window.
    pub bounds: Option<[i32; 4]>,
    /// Its text, if it is one.
    pub text: Option<String>,
    /// What is in it.
    pub children: Vec<Node>,
}

/// Roles of what can be operated.
const CONTROLS: [&str; 13] = [
    "button",
    "push button",
    "toggle button",
    "check box",
    "radio button",
    "switch",
    "link",
    "text box",
    "combo box",
    "slider",
    "spin button",
    "menu item",
    "progress bar",
];

/// Roles of what only holds others, though it may have the keyboard for a moment on the way to them.
const HOLDERS: [&str; 4] = ["group", "list", "menu", "window"];

impl Node {
    /// Whether it is so at the moment.
    #[must_use]
    pub fn is(&self, state: &str) -> bool {
        self.states.iter().any(|s| s == state)
    }

    /// Whether it can be operated.
    #[must_use]
    pub fn is_control(&self) -> bool {
        let role = self.role.as_str();
        CONTROLS.contains(&role) || (self.is("focusable") && !HOLDERS.contains(&role))
    }

    /// Whether somebody gave it a name: GTK tells that of the widget's type otherwise. A row that opens is called by the row that opens it.
    #[must_use]
    pub fn has_name(&self) -> bool {
        if self.name.is_empty() && self.role == "list item" {
            let inner = self.children.iter().flat_map(Self::all).find(|node| node.role == "list item");
            return inner.is_some_and(Self::has_name);
        }
        !self.name.is_empty() && !self.is_called_by_its_type()
    }

    fn is_called_by_its_type(&self) -> bool {
        let rest = ["Gtk", "Adw", "Sameday"].iter().find_map(|prefix| self.name.strip_prefix(prefix));
        rest.is_some_and(|rest| rest.starts_with(char::is_uppercase) && !rest.contains(' '))
    }

    /// It and everything in it, from the top down.
    #[must_use]
    pub fn all(&self) -> Vec<&Self> {
        let mut found = vec![self];
        for child in &self.children {
            found.extend(child.all());
        }
        found
    }
}

/// The windows of a program, the last opened last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Screen(pub Vec<Node>);

impl Screen {
    /// Everything.
    #[must_use]
    pub fn all(&self) -> Vec<&Node> {
        self.0.iter().flat_map(Node::all).collect()
    }

    /// The window that has the keyboard, or the last one opened.
    #[must_use]
    pub fn top(&self) -> Option<&Node> {
        self.0.iter().find(|window| window.is("active")).or_else(|| self.0.last())
    }

    /// What has this role and this name, in the last window that has one.
    #[must_use]
    pub fn find(&self, role: &str, name: &str) -> Option<&Node> {
        let all = self.0.iter().rev().flat_map(Node::all);
        all.into_iter().find(|node| node.role == role && node.name == name)
    }

    /// Whether these words stand anywhere, in a name, a description or a text.
    #[must_use]
    pub fn says(&self, words: &str) -> bool {
        self.all().iter().any(|node| {
            node.name.contains(words)
                || node.description.contains(words)
                || node.text.as_ref().is_some_and(|text| text.contains(words))
        })
    }

    /// Every text that can be read, once.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for node in self.all() {
            for text in [Some(&node.name), Some(&node.description), node.text.as_ref()].into_iter().flatten() {
                if !text.is_empty() && !found.contains(text) {
                    found.push(text.clone());
                }
            }
        }
        found
    }
}

impl fmt::Display for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for window in &self.0 {
            show(f, window, 0)?;
        }
        Ok(())
    }
}

fn show(f: &mut fmt::Formatter<'_>, node: &Node, depth: usize) -> fmt::Result {
    let named = !node.name.is_empty() || !node.description.is_empty() || node.is("focusable");
    if named || depth == 0 {
        writeln!(f, "{:depth$}{} {:?} {:?} {:?}", "", node.role, node.name, node.description, node.bounds)?;
    }
    node.children.iter().try_for_each(|child| show(f, child, depth + usize::from(named)))
}
