//! What is recorded: from which stick, what happens, and what may start.

use std::io;
use std::path::Path;

use sameday_lab::replay::Recording;
use sameday_lab::replay::states::Allowed;
use sameday_lab::stick::Stick;

use crate::computer::Computer;
use crate::material::{self, Material};
use crate::{plays, sticks, wrong};

/// Whose writes they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The daemon's.
    Daemon,
    /// The daemon's, on a stick that cannot undo a version.
    OtherLoader,
    /// A test's, as they should be.
    Right,
    /// A test's, and something is wrong with them, which must be found.
    Wrong,
}

/// What happens.
#[derive(Clone, Copy)]
pub enum Play {
    /// On a computer with the daemon.
    Computer(fn(&mut Computer<'_>) -> io::Result<()>),
    /// In the folder where the stick is mounted.
    Folder(fn(&Path, &Material) -> io::Result<()>),
}

/// A scenario.
#[derive(Clone, Copy)]
pub struct Scenario {
    pub name: &'static str,
    pub kind: Kind,
    /// The stick that it starts with: one of the material's, or what another scenario leaves.
    pub from: &'static str,
    /// What is done to that stick before.
    pub prepare: fn(&Stick) -> io::Result<()>,
    pub play: Play,
    /// What starts if the old version is chosen, one after the other.
    old: &'static [&'static str],
    /// What starts if the new one is.
    new: &'static [&'static str],
}

impl Scenario {
    pub fn recording(&self, dir: &Path) -> Recording {
        let at = |suffix: &str| dir.join(format!("{}.{suffix}", self.name));
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Recording {
            name: self.name.to_owned(),
            before: at("before.img"),
            after: at("img"),
            log: at("log"),
            length: at("img").metadata().map_or(0, |_| material::partition(&at("img")).unwrap()),
            old: owned(self.old),
            new: owned(self.new),
            first: Allowed::Old,
        }
    }
}

/// Those that are recorded every day, with all that is done wrong.
pub fn daily() -> Vec<Scenario> {
    const DAILY: [&str; 8] = [
        "upgrade",
        "cancelled",
        "paused-and-resumed",
        "second-upgrade",
        "third-upgrade",
        "oldest-removed",
        "upgrade-after-an-undo",
        "marked-good",
    ];
    let daily = |scenario: &Scenario| scenario.kind == Kind::Wrong || DAILY.contains(&scenario.name);
    all().into_iter().filter(daily).collect()
}

/// Those of which a name holds one of the words, and those whose sticks they need; all if there are no words.
pub fn chosen(words: &[&str]) -> Vec<Scenario> {
    let mut chosen: Vec<Scenario> = Vec::new();
    for scenario in all().into_iter().rev() {
        let wanted = words.is_empty() || words.iter().any(|word| scenario.name.contains(word));
        if wanted || chosen.iter().any(|later| later.from == scenario.name) {
            chosen.push(scenario);
        }
    }
    chosen.reverse();
    chosen
}

const fn daemon(
    name: &'static str,
    from: &'static str,
    play: fn(&mut Computer<'_>) -> io::Result<()>,
    old: &'static [&'static str],
    new: &'static [&'static str],
) -> Scenario {
    Scenario { name, kind: Kind::Daemon, from, prepare: sticks::as_it_is, play: Play::Computer(play), old, new }
}

const fn writer(name: &'static str, kind: Kind, play: fn(&Path, &Material) -> io::Result<()>) -> Scenario {
    let (old, new): (&[&str], &[&str]) = (&["2.0"], &["3.0", "2.0"]);
    Scenario { name, kind, from: "upgrade", prepare: two_is_good, play: Play::Folder(play), old, new }
}

fn two_is_good(stick: &Stick) -> io::Result<()> {
    sticks::good(stick, "2.0", "base")
}

fn full_with_three(stick: &Stick) -> io::Result<()> {
    sticks::good(stick, "3.0", "2.0")?;
    sticks::full(stick)
}

/// All, each behind the one whose stick it needs.
pub fn all() -> Vec<Scenario> {
    const TO_2: (&[&str], &[&str]) = (&["base"], &["2.0", "base"]);
    const TO_3: (&[&str], &[&str]) = (&["2.0"], &["3.0", "2.0"]);
    let from_base = |name, from, play| daemon(name, from, play, TO_2.0, TO_2.1);
    let from_2 = |name, play| Scenario { prepare: two_is_good, ..daemon(name, "upgrade", play, TO_3.0, TO_3.1) };
    vec![
        from_base("upgrade", "small", plays::to_2),
        from_base("upgrade-with-large-clusters", "large", plays::to_2),
        Scenario { prepare: sticks::dirty, ..from_base("dirty-to-begin-with", "large", plays::to_2) },
        from_base("cancelled", "large", plays::cancelled),
        from_base("cancelled-late", "small", plays::cancelled_late),
        from_base("paused-and-resumed", "large", plays::paused_and_resumed),
        from_base("paused-and-discarded", "small", plays::paused_and_discarded),
        from_base("killed-and-resumed", "large", plays::killed_and_resumed),
        from_base("error-while-downloading", "large", plays::error_while_downloading),
        from_base("error-at-the-commit", "small", plays::error_at_the_commit),
        from_2("second-upgrade", plays::to_3),
        Scenario {
            prepare: |stick| sticks::good(stick, "3.0", "2.0"),
            ..daemon("third-upgrade", "second-upgrade", plays::to_4, &["3.0"], &["4.0", "3.0"])
        },
        Scenario {
            prepare: full_with_three,
            ..daemon("oldest-removed", "second-upgrade", plays::to_4, &["3.0"], &["4.0", "3.0"])
        },
        Scenario {
            prepare: sticks::undone,
            ..daemon("upgrade-after-an-undo", "upgrade", plays::to_3, &["base"], &["3.0", "base"])
        },
        Scenario {
            prepare: two_is_good,
            ..daemon("rolled-back", "upgrade-with-large-clusters", plays::rolled_back, &["2.0"], &["base", "2.0"])
        },
        from_2("taken-back", plays::taken_back),
        Scenario {
            prepare: sticks::never_good,
            ..from_base("tried-again", "upgrade-with-large-clusters", plays::tried_again)
        },
        Scenario {
            prepare: sticks::first_start,
            ..daemon("marked-good", "upgrade", plays::marked_good, &["2.0", "base"], &["2.0"])
        },
        Scenario {
            prepare: sticks::other_loader,
            kind: Kind::OtherLoader,
            ..daemon("other-boot-loader", "small", plays::with_the_same_kernel, &["base"], &["2.0"])
        },
        writer("written-right", Kind::Right, wrong::right),
        writer("written-wrong-block-renamed", Kind::Wrong, wrong::renamed_block),
        writer("written-wrong-layer-renamed", Kind::Wrong, wrong::renamed_layer),
        Scenario {
            prepare: wrong::long_block,
            ..writer("written-wrong-block-of-two-sectors", Kind::Wrong, wrong::two_sectors)
        },
        writer("written-wrong-no-fsync", Kind::Wrong, wrong::no_fsync),
        writer("written-wrong-no-flush", Kind::Wrong, wrong::no_flush),
    ]
}
