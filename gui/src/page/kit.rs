//! Which kit this stick needs where there is no network, and how to get it.

use gettextrs::gettext;
use sameday_dbus::Snapshot;
use sameday_text::help::{self, Block};

/// What is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kit {
    /// The exact name, or why there is none.
    pub name: Result<String, String>,
    /// What to do, step by step.
    pub steps: Vec<String>,
}

impl Kit {
    /// For what is known.
    pub fn of(snapshot: Option<&Snapshot>) -> Self {
        let name = snapshot.and_then(Snapshot::kit);
        let name = name.ok_or_else(|| gettext("It is not known what this stick is, so there is no file for it."));
        Self { name, steps: steps() }
    }
}

/// What the help page says, with this app in place of commands.
fn steps() -> Vec<String> {
    let page = help::page("kits").map(help::blocks).unwrap_or_default();
    let items = page.into_iter().filter(|block| matches!(block, Block::Item(text) if !text.contains("“sameday ")));
    let mut steps: Vec<String> = items.map(|block| block.translated().text().to_owned()).collect();
    let open =
        gettext("Plug that in, and open the file with this app: double-click it, drop it on the window, or choose it.");
    steps.insert(1.min(steps.len()), open);
    steps
}
