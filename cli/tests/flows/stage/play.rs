//! What the daemon is to play, and what was asked of it.

use std::sync::{Arc, Mutex};

use sameday_dbus::{Failure, LeftOver, Looking, Offer, Progress, Standing};

/// What the daemon is and will do.
#[derive(Debug)]
pub struct Part {
    /// What it does at first.
    pub state: &'static str,
    /// What a check ends with.
    pub found: Result<Option<Offer>, Failure>,
    /// What reading a kit ends with.
    pub kit: Option<Offer>,
    /// What an installation ends with.
    pub install: Result<(), Failure>,
    /// The installation goes on until it is stopped.
    pub endless: bool,
    /// It stops by itself with the failure of `install`, and is paused.
    pub pauses: bool,
    /// What every call is refused with.
    pub refuse: Option<Failure>,
    /// What keeps Tor from connecting during a check.
    pub blockage: &'static str,
    /// What is looked at.
    pub looking: Looking,
    /// The version that is kept, or empty.
    pub previous: &'static str,
    /// How the running version stands, and the version that this is about.
    pub standing: (Standing, &'static str),
    /// What lies on the stick.
    pub left_over: Option<LeftOver>,
    /// What a report holds.
    pub report: Vec<String>,
}

impl Default for Part {
    fn default() -> Self {
        Self {
            state: "idle",
            found: Ok(None),
            kit: None,
            install: Ok(()),
            endless: false,
            pauses: false,
            refuse: None,
            blockage: "",
            looking: Looking { channel: "stable".into(), ..Looking::default() },
            previous: "",
            standing: (Standing::Good, ""),
            left_over: None,
            report: Vec::new(),
        }
    }
}

/// What the daemon is and what was asked of it.
#[derive(Debug, Default)]
pub struct Played {
    pub part: Part,
    pub state: &'static str,
    pub offer: Option<Offer>,
    pub progress: Option<Progress>,
    pub failure: Option<Failure>,
    pub pending: String,
    pub installed: Vec<(String, String, Option<String>)>,
    pub calls: Vec<String>,
    pub restarts: usize,
    pub kit_read: Vec<u8>,
}

impl Played {
    /// The beginning of a part: what is paused was consented to.
    pub fn of(part: Part) -> Self {
        let state = part.state;
        let offer = if state == "paused" { part.found.clone().ok().flatten() } else { None };
        Self { part, state, offer, ..Self::default() }
    }
}

pub type Shared = Arc<Mutex<Played>>;
