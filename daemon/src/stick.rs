//! What the stick says of itself, as the engine and the clients need it. Read anew after each check and after everything that writes.

use sameday_dbus as bus;
use sameday_upgrade::boot_env::{BootEnv, Choice, GoodEnv};
use sameday_upgrade::names::Version;
use sameday_upgrade::standing::Standing;

use crate::facts::channel_of;
use crate::medium::{Disk, LeftOver, Medium};

/// Another version that can be made to start, of those on the stick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Other {
    /// Its version, as clients know it.
    pub version: String,
    /// The block that makes it so.
    pub env: BootEnv,
    /// Whether it is from a channel that is not the image's own, or does not say.
    pub other_channel: bool,
}

/// The facts of a stick.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stick {
    /// How what runs stands; none where there is no stick of ours.
    pub standing: Option<Standing>,
    /// The disk that it is.
    pub disk: Option<Disk>,
    /// Whether a version that does not come up is undone by the stick itself.
    pub undoes_itself: bool,
    /// What an abandoned download left.
    pub left_over: Option<LeftOver>,
    /// What starts after going back.
    pub back: Option<Other>,
    /// What starts after trying again.
    pub again: Option<Other>,
    /// The name of the base: its version.
    base: String,
}

impl Stick {
    /// Reads them. What cannot be read is as if it were not there.
    #[must_use]
    pub fn of(medium: &Medium) -> Self {
        let initial = medium.initial_os_release().map_err(|refusal| tracing::warn!("{refusal}")).ok();
        let left_over = medium.left_over().map_err(|refusal| tracing::warn!("{refusal}")).unwrap_or_default();
        let blocks = (medium.boot_env(), medium.good_env());
        let base = initial.as_ref().map(|initial| initial.version.to_string()).unwrap_or_default();
        let mut stick =
            Self::judged(blocks, &medium.running().choice, left_over, base, &|choice| medium.is_complete(choice));
        stick.disk = Some(medium.disk());
        stick.undoes_itself = medium.undoes_itself();
        if let Some(again) = &mut stick.again {
            again.other_channel = match (&again.env.current, &initial) {
                (Choice::Version(version), Some(initial)) => {
                    channel_of(medium, version).as_ref() != Some(&initial.channel)
                }
                (Choice::Base, _) => false,
                (_, None) => true,
            };
        }
        stick
    }

    /// As [`Stick::of`], from what was read, all of it of the image's own channel.
    #[must_use]
    pub fn judged(
        (env, good): (&BootEnv, Option<&GoodEnv>),
        running: &Choice,
        left_over: Option<LeftOver>,
        base: String,
        complete: &dyn Fn(&Choice) -> bool,
    ) -> Self {
        let standing = Standing::of(env, running, complete);
        let mut stick = Self { left_over, base, ..Self::default() };
        let other = |env: BootEnv| Other { version: stick.name(env.starts_next()), env, other_channel: false };
        let back = standing.back(env, good, running, complete).map(other);
        let again = standing.again(running, complete).map(other);
        (stick.back, stick.again, stick.standing) = (back, again, Some(standing));
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

    /// The version that starts next, if it is not the one that runs.
    #[must_use]
    pub fn starts_next(&self) -> Option<String> {
        match &self.standing {
            Some(Standing::RestartPending(choice) | Standing::ByHand(choice)) => Some(self.name(choice)),
            _ => None,
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
