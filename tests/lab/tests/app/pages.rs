//! Every page, and what has to be on it.

mod new_stick;
mod others;
mod reach;

use sameday_lab::machine::Spec;
use sameday_lab::stick::Stick;

use crate::app::stage::{Slow, Stage};

/// A page.
pub struct Page {
    /// The name of its pictures.
    pub name: &'static str,
    /// What stands on it, its title first.
    pub says: &'static [&'static str],
    /// What can be pressed.
    pub buttons: &'static [&'static str],
    /// Brings the daemon there, from wherever it was left. What it answers ends with the page.
    pub reach: fn(&mut Stage) -> Option<Slow>,
}

/// Pages that one computer shows, one after the other.
pub struct Group {
    pub stick: fn() -> Stick,
    pub spec: fn() -> Spec,
    pub pages: Vec<Page>,
}
/// All of them.
pub fn groups() -> Vec<Group> {
    let others = [others::upgraded_stick(), others::undone(), others::rolled_back(), others::write_protected()];
    std::iter::once(new_stick::pages()).chain(others).collect()
}
