//! What the stick says of itself, as the engine and the clients need it. Read anew after everything that writes; never remembered.

use sameday_dbus as bus;
use sameday_upgrade::boot_env::{BootEnv, Choice};
use sameday_upgrade::names::Version;
use sameday_upgrade::standing::Standing;

use crate::medium::{LeftOver, Medium};

/// The facts of a stick.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stick {
    /// How what runs stands; none where there is no stick of ours.
    pub standing: Option<Standing>,
    /// What an abandoned download left.
    pub left_over: Option<LeftOver>,
    /// What starts after going back, and the block that makes it so.
    pub back: Option<(String, BootEnv)>,
    /// What starts after trying again, and the block that makes it so.
    pub again: Option<(String, BootEnv)>,
    /// The name of the base: its version.
    base: String,
}

impl Stick {
    /// Reads them. What cannot be read is as if it were not there.
    #[must_use]
    pub fn of(medium: &Medium) -> Self {
        let base = match medium.initial_os_release() {
            Ok(initial) => initial.version.to_string(),
            Err(refusal) => {
                tracing::warn!("{refusal}");
                String::new()
            }
        };
        let left_over = medium.left_over().unwrap_or_else(|refusal| {
            tracing::warn!("{refusal}");
            None
        });
        let complete = |choice: &Choice| medium.is_complete(choice);
        let (env, running) = (medium.boot_env(), &medium.running().choice);
        Self::judged(env, running, left_over, base, &complete)
    }

    /// As [`Stick::of`], from what was read.
    #[must_use]
    pub fn judged(
        env: &BootEnv,
        running: &Choice,
        left_over: Option<LeftOver>,
        base: String,
        complete: &dyn Fn(&Choice) -> bool,
    ) -> Self {
        let standing = Standing::of(env, running, complete);
        let mut stick = Self { left_over, base, ..Self::default() };
        let named = |env: BootEnv| (stick.name(env.starts_next()), env);
        (stick.back, stick.again) =
            (standing.back(env, running, complete).map(named), standing.again(running, complete).map(named));
        stick.standing = Some(standing);
        stick
    }

    /// A choice as clients know it: by its version.
    #[must_use]
    pub fn name(&self, choice: &Choice) -> String {
        match choice {
            Choice::Base if !self.base.is_empty() => self.base.clone(),
            other => other.to_string(),
        }
    }

    /// The version that was committed and never started.
    #[must_use]
    pub fn pending(&self) -> Option<String> {
        match &self.standing {
            Some(Standing::RestartPending(choice)) => Some(self.name(choice)),
            _ => None,
        }
    }

    /// The version that did not come up.
    #[must_use]
    pub fn undone(&self) -> Option<String> {
        match &self.standing {
            Some(Standing::Undone(choice)) => Some(self.name(choice)),
            _ => None,
        }
    }

    /// The bytes that an abandoned download of `version` left.
    #[must_use]
    pub fn staged(&self, version: &Version) -> u64 {
        self.left_over.as_ref().filter(|left| left.version == *version).map_or(0, |left| left.bytes)
    }

    /// What an abandoned download left, for the bus.
    #[must_use]
    pub fn left_over(&self) -> Option<bus::LeftOver> {
        let left = self.left_over.as_ref()?;
        Some(bus::LeftOver { version: left.version.to_string(), bytes: left.bytes })
    }

    /// The standing's code and the other version that it is about, for the bus.
    #[must_use]
    pub fn told(&self) -> (bus::Standing, String) {
        use bus::Standing as Code;
        match &self.standing {
            None => (Code::Unknown, String::new()),
            Some(Standing::Good) => (Code::Good, String::new()),
            Some(Standing::OnTrial) => (Code::OnTrial, String::new()),
            Some(Standing::RestartPending(other)) => (Code::RestartPending, self.name(other)),
            Some(Standing::Undone(other)) => (Code::Undone, self.name(other)),
            Some(Standing::RolledBack(other)) => (Code::RolledBack, self.name(other)),
            Some(Standing::ByHand(other)) => (Code::ByHand, self.name(other)),
        }
    }
}
