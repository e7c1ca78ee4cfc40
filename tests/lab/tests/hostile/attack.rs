//! What an `attack.toml` may say; `tests/hostile/README.md` explains it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// `list.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    pub attack: Vec<Group>,
}

/// A kind of attack, and its rooms.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    pub name: String,
    /// The section that names it; empty for our own.
    #[serde(default)]
    pub spec: String,
    pub directories: Vec<String>,
    /// How it is met where no directory can show it.
    #[serde(default)]
    pub how: String,
}

/// `attack.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Attack {
    pub name: String,
    /// The paragraph of the specification, or of `docs/design.md`, that is against it.
    pub spec: String,
    /// What the attacker has.
    pub attacker: String,
    #[serde(default)]
    pub stick: Begins,
    /// The state of the repository that is served at first.
    #[serde(default = "released")]
    pub serves: String,
    /// The daemon's clock, for attacks that take days.
    #[serde(default)]
    pub clock: Option<String>,
    /// Whether its waiting goes by that clock, too.
    #[serde(default)]
    pub waits: bool,
    pub steps: Vec<Step>,
    pub left: Left,
}

fn released() -> String {
    "released".to_owned()
}

/// The stick that is attacked.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Begins {
    /// With 1.0, as it was made.
    #[default]
    New,
    /// Upgraded to 2.0, with the evidence that this left.
    Upgraded,
}

/// What must be on the stick at the end.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Left {
    /// The image as it was, to the byte.
    Untouched,
    /// The same files and the same free room.
    AsBefore,
    /// This version starts next, after an honest upgrade.
    Starts(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Step {
    /// From here on a true state of the repository is served.
    Serve(String),
    /// From here on a copy of a state is served, and what follows is done to it.
    Forge(String),
    /// A role is signed anew.
    Sign(Sign),
    /// The description is changed, and signed if not said otherwise.
    Describe(Describe),
    /// Roles get new keys, as after a theft.
    Rotate(Vec<String>),
    /// A next root, all roles and all signatures are the attacker's.
    Usurp,
    /// One file is not served as it is.
    Lie(Lie),
    /// All files are served as they are.
    Honest,
    /// A file on the stick; the computer is started again afterwards.
    Plant(Plant),
    /// The computer is started again.
    Restart,
    /// The daemon's clock.
    Clock(String),
    /// A check ends like this.
    Check(Expected),
    /// Consent to what is offered ends like this.
    Install(Expected),
    /// A kit of a state is opened, which ends like this.
    Kit(Kit),
}

impl Step {
    pub fn expects(&self) -> bool {
        matches!(self, Self::Check(_) | Self::Install(_) | Self::Kit(_))
    }
}

impl Attack {
    /// Whether it waits for something.
    pub fn is_slow(&self) -> bool {
        self.steps
            .iter()
            .any(|step| matches!(step, Step::Lie(Lie { how: How::Stall(_) | How::Drip(_) | How::Babble(_), .. })))
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Sign {
    pub role: String,
    /// How many of the role's keys sign; one if not said.
    #[serde(default)]
    pub keys: Option<usize>,
    /// Instead, whose keys: a role's, or `stranger`.
    #[serde(default)]
    pub by: Option<String>,
    /// JSON pointers into the signed part, and what is put there.
    #[serde(default)]
    pub change: BTreeMap<String, Value>,
    /// JSON pointers to what is removed.
    #[serde(default)]
    pub remove: Vec<String>,
    /// Whether snapshot and timestamp vouch for it.
    #[serde(default = "yes")]
    pub vouched: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Describe {
    #[serde(default)]
    pub change: BTreeMap<String, Value>,
    #[serde(default)]
    pub remove: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lie {
    /// As `sameday_lab::forge::place_of` names it, or a path.
    pub about: String,
    pub how: How,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum How {
    /// Another bit in the byte at this offset.
    Flip(u64),
    /// Another bit in the first byte after this text.
    FlipAfter(String),
    /// So many bytes more.
    Longer(u64),
    Absent,
    Instead(Content),
    /// The connection ends after so many bytes, each time.
    CloseAt(u64),
    /// Silence after so many bytes.
    Stall(u64),
    /// A byte every so many milliseconds.
    Drip(u64),
    /// Instead of an answer, progress every so many milliseconds.
    Babble(u64),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Content {
    Text(String),
    /// What lies somewhere in a state of the repository.
    Of {
        state: String,
        what: String,
    },
    /// A file of the attack's directory.
    File(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plant {
    pub place: String,
    pub content: Content,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kit {
    pub of: String,
    pub expect: Expected,
}

/// What the daemon says. What is not named here must not be there.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    pub state: String,
    #[serde(default)]
    pub kind: String,
    #[serde(default)]
    pub reason: String,
    /// The role that the refusal names, if it is to be looked at.
    #[serde(default)]
    pub role: Option<String>,
    /// The version that is offered, or starts next.
    #[serde(default)]
    pub version: String,
}

fn yes() -> bool {
    true
}
