//! How what runs relates to what the stick chooses, told from `boot.env`, the files that are there, and the running version alone.
//!
//! GRUB lowers `tries` before each start of a version on trial, and never touches it otherwise (`docs/formats.md`). So a version with all its
//! tries was never started, one with none left was tried in vain, and where GRUB would have started `current` and something else runs,
//! somebody chose that by hand.

use std::cmp::Ordering;

use crate::boot_env::{BootEnv, Choice, TRIES};

/// How the running version stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is what the stick chooses, and came up well.
    Good,
    /// It is what the stick chooses, and was not marked good yet.
    OnTrial,
    /// This one was committed and never started.
    RestartPending(Choice),
    /// This one was committed and did not come up, or lacks a file; what runs was started instead.
    Undone(Choice),
    /// Somebody went back from this newer one, which is still there.
    RolledBack(Choice),
    /// The stick would choose this one; what runs was chosen by hand.
    ByHand(Choice),
}

impl Standing {
    /// Judges `running`; `complete` tells whether list, layer, kernel and initrd of a version are there.
    #[must_use]
    pub fn of(env: &BootEnv, running: &Choice, complete: &dyn Fn(&Choice) -> bool) -> Self {
        let (current, previous) = (&env.current, &env.previous);
        if running == current {
            return match older(running, previous) && complete(previous) {
                true => Self::RolledBack(previous.clone()),
                false if env.good => Self::Good,
                false => Self::OnTrial,
            };
        }
        let chosen = current.clone();
        match (complete(current), env.good, env.tries) {
            (false, ..) | (true, false, 0) => Self::Undone(chosen),
            (true, false, TRIES) => Self::RestartPending(chosen),
            (true, ..) => Self::ByHand(chosen),
        }
    }

    /// The block by which the stick goes back from here, and what then starts: the kept older version on trial; or, where another version
    /// was to start next, what runs already.
    #[must_use]
    pub fn back(&self, env: &BootEnv, running: &Choice, complete: &dyn Fn(&Choice) -> bool) -> Option<BootEnv> {
        match self {
            Self::Good | Self::OnTrial => {
                let previous = &env.previous;
                (older(previous, running) && complete(previous)).then(|| trial(previous, running))
            }
            Self::RestartPending(_) => Some(settled(env, running)),
            Self::ByHand(other) => {
                let (current, previous) = (running.clone(), other.clone());
                Some(BootEnv { current, previous, tries: 0, good: true })
            }
            Self::Undone(_) | Self::RolledBack(_) => None,
        }
    }

    /// The block that gives a version that was undone or gone back from its tries again.
    #[must_use]
    pub fn again(&self, running: &Choice, complete: &dyn Fn(&Choice) -> bool) -> Option<BootEnv> {
        match self {
            Self::Undone(other) | Self::RolledBack(other) => complete(other).then(|| trial(other, running)),
            _ => None,
        }
    }
}

/// The block as it has to be before anything is removed from a stick on which `running` runs: it chooses what runs. That came up well
/// before, or GRUB would not have started it again.
#[must_use]
pub fn settled(env: &BootEnv, running: &Choice) -> BootEnv {
    if env.current == *running {
        return env.clone();
    }
    let previous = if env.previous == *running { Choice::Base } else { env.previous.clone() };
    BootEnv { current: running.clone(), previous, tries: 0, good: true }
}

fn trial(of: &Choice, instead_of: &Choice) -> BootEnv {
    BootEnv { current: of.clone(), previous: instead_of.clone(), tries: TRIES, good: false }
}

/// Whether `one` is older than `other`; the base is older than every version.
fn older(one: &Choice, other: &Choice) -> bool {
    match (one, other) {
        (Choice::Base, Choice::Version(_)) => true,
        (Choice::Version(one), Choice::Version(other)) => one.debian_cmp(other) == Ordering::Less,
        (_, Choice::Base) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(name: &str) -> Choice {
        if name == "base" { Choice::Base } else { Choice::Version(name.parse().unwrap()) }
    }

    fn env(current: &str, previous: &str, tries: u8, good: bool) -> BootEnv {
        BootEnv { current: choice(current), previous: choice(previous), tries, good }
    }

    /// current, previous, tries, good, what runs, what lacks files, the standing, what starts after going back, and after trying again.
    #[test]
    fn every_standing_is_told_from_the_stick_alone() {
        use Standing as S;
        let two = || choice("2");
        for (current, previous, tries, good, runs, lacks, standing, back, again) in [
            ("base", "base", 0, true, "base", "", S::Good, None, None),
            ("2", "base", 0, true, "2", "", S::Good, Some("base"), None),
            ("2", "1", 0, true, "2", "", S::Good, Some("1"), None),
            ("2", "1", 0, true, "2", "1", S::Good, None, None),
            ("2", "1", 2, false, "2", "", S::OnTrial, Some("1"), None),
            ("2", "1", 3, false, "1", "", S::RestartPending(two()), Some("1"), None),
            ("2", "1", 3, false, "1", "2", S::Undone(two()), None, None),
            ("2", "1", 0, false, "1", "", S::Undone(two()), None, Some("2")),
            ("2", "1", 0, false, "1", "2", S::Undone(two()), None, None),
            ("2", "1", 0, true, "1", "2", S::Undone(two()), None, None),
            ("2", "1", 0, false, "base", "1", S::Undone(two()), None, Some("2")),
            ("2", "1", 2, false, "1", "", S::ByHand(two()), Some("1"), None),
            ("2", "1", 0, true, "1", "", S::ByHand(two()), Some("1"), None),
            ("2", "1", 0, true, "base", "", S::ByHand(two()), Some("base"), None),
            ("1", "2", 0, true, "1", "", S::RolledBack(two()), None, Some("2")),
            ("1", "2", 2, false, "1", "", S::RolledBack(two()), None, Some("2")),
            ("base", "2", 0, true, "base", "", S::RolledBack(two()), None, Some("2")),
            ("1", "2", 0, true, "1", "2", S::Good, None, None),
            ("base", "2", 3, false, "2", "", S::RestartPending(choice("base")), Some("2"), None),
        ] {
            let env = env(current, previous, tries, good);
            let running = choice(runs);
            let complete = |choice: &Choice| choice.to_string() != lacks;
            let found = Standing::of(&env, &running, &complete);
            let what = format!("{env:?}, {runs} runs, {lacks:?} lacks files");
            assert_eq!(found, standing, "{what}");
            let starts = |env: Option<BootEnv>| env.map(|env| env.starts_next().to_string());
            assert_eq!(starts(found.back(&env, &running, &complete)).as_deref(), back, "back: {what}");
            assert_eq!(starts(found.again(&running, &complete)).as_deref(), again, "again: {what}");
        }
    }

    #[test]
    fn whoever_goes_back_or_tries_again_keeps_the_other_version() {
        let (running, all) = (choice("2"), |_: &Choice| true);
        let good = env("2", "1", 0, true);
        let back = Standing::Good.back(&good, &running, &all).unwrap();
        assert_eq!(back, env("1", "2", TRIES, false));
        let undone = env("3", "2", 0, false);
        let again = Standing::of(&undone, &running, &all).again(&running, &all).unwrap();
        assert_eq!(again, env("3", "2", TRIES, false));
        let pending = env("3", "2", TRIES, false);
        let taken_back = Standing::of(&pending, &running, &all).back(&pending, &running, &all).unwrap();
        assert_eq!(taken_back, env("2", "base", 0, true));
    }
}
