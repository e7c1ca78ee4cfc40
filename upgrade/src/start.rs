//! What a start showed of the version that the stick chooses, and what the blocks have to say after it.
//!
//! A start counts as bad unless the version was marked good before the next one: GRUB takes a try before it starts a version on trial, and
//! cannot know why the start ended. So pulling the stick early three times in a row undoes an upgrade that had nothing wrong with it; that
//! loses time, and no data (`docs/formats.md`).

use std::fmt;
use std::str::FromStr;

use crate::boot_env::{BootEnv, Choice, GoodEnv};
use crate::module_list;

/// What there is to judge about a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// Nothing: what runs is good already, or is not what the stick chooses.
    Settled,
    /// The chosen version runs, and was not marked good yet.
    Trial,
    /// The chosen version was started, and an image of its list is not mounted.
    Lacking,
}

impl Start {
    /// Judges what runs, and what the boot loader asked for: `module=` of the kernel's command line.
    #[must_use]
    pub fn of(env: &BootEnv, running: &Choice, module: Option<&str>) -> Self {
        let asked = match module {
            Some(module) => format!("{module}.module") == module_list::file_name(&env.current),
            None => *running == env.current,
        };
        match (asked, *running == env.current) {
            (true, true) if env.good => Self::Settled,
            (true, true) => Self::Trial,
            (true, false) => Self::Lacking,
            (false, _) => Self::Settled,
        }
    }
}

/// What a start showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// The system is up, with every image of its list, and its files are what was signed.
    Good,
    /// A file of it has other bytes than what was signed, or cannot be read.
    Damaged,
    /// An image of its list is not mounted.
    Lacking,
}

impl Shown {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Good, Self::Damaged, Self::Lacking];

    /// Its code on D-Bus.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Damaged => "damaged",
            Self::Lacking => "lacking",
        }
    }

    /// Whether it can be told of a start of this kind.
    #[must_use]
    pub fn fits(self, start: &Start) -> bool {
        match self {
            Self::Good | Self::Damaged => *start == Start::Trial,
            Self::Lacking => *start == Start::Lacking,
        }
    }

    /// The blocks as they have to be after it; none where there is nothing to fall back to.
    #[must_use]
    pub fn blocks(self, env: &BootEnv, good: Option<&GoodEnv>) -> Option<(BootEnv, Option<GoodEnv>)> {
        let decided = BootEnv { tries: 0, good: self == Self::Good, ..env.clone() };
        if self == Self::Good {
            return Some((decided, Some(GoodEnv { version: env.current.clone() })));
        }
        // It may have been good once, and GRUB looks there where `previous` is not complete.
        let good = good.map(|good| match good {
            good if good.version == env.current => GoodEnv { version: Choice::Base },
            good => good.clone(),
        });
        (env.previous != env.current).then_some((decided, good))
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// No code of [`Shown`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a start shows good, damaged or lacking")]
pub struct UnknownShown;

impl FromStr for Shown {
    type Err = UnknownShown;

    fn from_str(code: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|shown| shown.code() == code).ok_or(UnknownShown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{choice, env};

    #[test]
    fn only_a_start_of_the_chosen_version_is_judged() {
        for (current, good, running, module, start) in [
            ("base", true, "base", Some("filesystem"), Start::Settled),
            ("base", false, "base", Some("filesystem"), Start::Trial),
            ("2", false, "2", Some("2"), Start::Trial),
            ("2", true, "2", Some("2"), Start::Settled),
            ("2", true, "base", Some("2"), Start::Lacking),
            ("2", false, "base", Some("2"), Start::Lacking),
            ("2", false, "1", Some("1"), Start::Settled),
            ("2", false, "base", Some("filesystem"), Start::Settled),
            ("2", false, "2", None, Start::Trial),
            ("2", false, "base", None, Start::Settled),
        ] {
            let found = Start::of(&env(current, "base", 2, good), &choice(running), module);
            assert_eq!(found, start, "{current} good {good}, {running} runs, module {module:?}");
        }
    }

    #[test]
    fn a_version_that_failed_is_not_chosen_again_by_either_block() {
        let good = |version: &str| Some(GoodEnv { version: choice(version) });
        let after = |shown: Shown, env: &BootEnv, was: &str| shown.blocks(env, good(was).as_ref());
        let trial = env("2", "1", 2, false);
        assert_eq!(after(Shown::Good, &trial, "1"), Some((env("2", "1", 0, true), good("2"))));
        for bad in [Shown::Damaged, Shown::Lacking] {
            assert_eq!(after(bad, &trial, "1"), Some((env("2", "1", 0, false), good("1"))));
            assert_eq!(after(bad, &env("2", "1", 0, true), "2"), Some((env("2", "1", 0, false), good("base"))));
            // Restarting would lead nowhere else.
            assert_eq!(after(bad, &env("2", "2", 0, true), "2"), None);
        }
        assert_eq!(Shown::Good.blocks(&trial, None).unwrap().1, good("2"));
    }

    #[test]
    fn codes_are_read_back() {
        for shown in Shown::ALL {
            assert_eq!(shown.to_string().parse(), Ok(shown));
        }
        assert_eq!("fine".parse::<Shown>(), Err(UnknownShown));
    }
}
