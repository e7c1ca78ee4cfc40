//! How what runs relates to what the stick chooses, told from `boot.env`, the files that are there, and the running version alone.
//!
//! GRUB lowers `tries` before each start of a version on trial, and never touches it otherwise (`docs/formats.md`). So a version with all its
//! tries was never started, one with none left was tried in vain, and where GRUB would have started `current` and something else runs,
//! somebody chose that by hand.

use crate::boot_env::{BootEnv, Choice, GoodEnv, TRIES};

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
            return match running.is_older_than(previous) && complete(previous) {
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

    /// The block by which the stick goes back from here, and what then starts: the kept older version, on trial; or, where another version
    /// was to start next, what runs already. That came up well only if `good` says so.
    #[must_use]
    pub fn back(
        &self,
        env: &BootEnv,
        good: Option<&GoodEnv>,
        running: &Choice,
        complete: &dyn Fn(&Choice) -> bool,
    ) -> Option<BootEnv> {
        let older_one = |other: &Choice| other.is_older_than(running) && complete(other);
        match self {
            Self::Good | Self::OnTrial => older_one(&env.previous).then(|| trial(&env.previous, running)),
            // Going back did not come up; it takes the same right to try that again.
            Self::Undone(other) => older_one(other).then(|| trial(other, running)),
            Self::RestartPending(other) => {
                let previous = if older_one(other) { other.clone() } else { fall_back(good, running) };
                Some(chosen(running, previous, good))
            }
            Self::ByHand(other) => Some(chosen(running, other.clone(), good)),
            Self::RolledBack(_) => None,
        }
    }

    /// The block that gives a newer version that was undone or gone back from its tries again.
    #[must_use]
    pub fn again(&self, running: &Choice, complete: &dyn Fn(&Choice) -> bool) -> Option<BootEnv> {
        match self {
            Self::Undone(other) | Self::RolledBack(other) if running.is_older_than(other) && complete(other) => {
                Some(trial(other, running))
            }
            _ => None,
        }
    }
}

/// The blocks as they have to be before anything is removed from a stick on which `running` runs: nothing in them chooses a version that was
/// undone, or that was committed and is given up for another one. Where somebody chose by hand they stay as they are.
#[must_use]
pub fn settled(
    standing: &Standing,
    env: &BootEnv,
    good: Option<&GoodEnv>,
    running: &Choice,
) -> (BootEnv, Option<GoodEnv>) {
    let (Standing::Undone(gone) | Standing::RestartPending(gone)) = standing else {
        return (env.clone(), good.cloned());
    };
    // It may have been good once.
    let good = good.map(|good| if good.version == *gone { GoodEnv { version: Choice::Base } } else { good.clone() });
    let previous = match &env.previous {
        previous if previous == running || previous == gone => fall_back(good.as_ref(), running),
        previous => previous.clone(),
    };
    (chosen(running, previous, good.as_ref()), good)
}

/// What runs is chosen: for good if it is known to be good, otherwise on trial.
fn chosen(running: &Choice, previous: Choice, good: Option<&GoodEnv>) -> BootEnv {
    if good.is_some_and(|good| good.version == *running) {
        BootEnv { current: running.clone(), previous, tries: 0, good: true }
    } else {
        trial(running, &previous)
    }
}

/// What there is to fall back to besides what runs: the last good version, and in the end the base, which is always there.
fn fall_back(good: Option<&GoodEnv>, running: &Choice) -> Choice {
    good.map(|good| good.version.clone()).filter(|version| version != running).unwrap_or(Choice::Base)
}

fn trial(of: &Choice, instead_of: &Choice) -> BootEnv {
    BootEnv { current: of.clone(), previous: instead_of.clone(), tries: TRIES, good: false }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{choice, env};

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
            ("1", "2", 0, false, "2", "", S::Undone(choice("1")), Some("1"), None),
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
            assert_eq!(starts(found.back(&env, None, &running, &complete)).as_deref(), back, "back: {what}");
            assert_eq!(starts(found.again(&running, &complete)).as_deref(), again, "again: {what}");
        }
    }

    fn good(version: &str) -> GoodEnv {
        GoodEnv { version: choice(version) }
    }

    /// Goes back twice: the second time takes back what was never started.
    fn back_and_forth(from: &BootEnv, good: Option<&GoodEnv>) -> BootEnv {
        let (running, all) = (choice("2"), |_: &Choice| true);
        let once = Standing::of(from, &running, &all).back(from, good, &running, &all).unwrap();
        assert_eq!(once, env("1", "2", TRIES, false));
        Standing::of(&once, &running, &all).back(&once, good, &running, &all).unwrap()
    }

    #[test]
    fn taking_back_proves_nothing_and_loses_nothing() {
        let (trial, proven) = (env("2", "1", 2, false), env("2", "1", 0, true));
        assert_eq!(back_and_forth(&trial, Some(&good("1"))), env("2", "1", TRIES, false));
        assert_eq!(back_and_forth(&proven, Some(&good("2"))), proven);
        assert_eq!(back_and_forth(&proven, None), env("2", "1", TRIES, false));
        // An upgrade that was never started: the version before what runs is no longer known.
        let (pending, running, all) = (env("3", "2", TRIES, false), choice("2"), |_: &Choice| true);
        let standing = Standing::of(&pending, &running, &all);
        let back = |good: &GoodEnv| standing.back(&pending, Some(good), &running, &all);
        assert_eq!(back(&good("2")), Some(env("2", "base", 0, true)));
        assert_eq!(back(&good("1")), Some(env("2", "1", TRIES, false)));
    }

    #[test]
    fn only_what_failed_or_is_given_up_is_no_longer_chosen() {
        let (running, all) = (choice("1"), |_: &Choice| true);
        let after =
            |env: &BootEnv, good: &GoodEnv| settled(&Standing::of(env, &running, &all), env, Some(good), &running);
        let undone = env("2", "1", 0, false);
        assert_eq!(after(&undone, &good("1")), (env("1", "base", 0, true), Some(good("1"))));
        // It was good once, and what runs is not known to be.
        assert_eq!(after(&undone, &good("2")), (env("1", "base", TRIES, false), Some(good("base"))));
        let by_hand = env("2", "1", 0, true);
        assert_eq!(after(&by_hand, &good("2")), (by_hand, Some(good("2"))));
        let good_one = env("1", "base", 0, true);
        assert_eq!(after(&good_one, &good("1")), (good_one, Some(good("1"))));
    }
}
