//! What the stick says of itself: how its version choice stands, what an abandoned download left, and what is looked at.

use std::fmt;
use std::str::FromStr;

use crate::dictionary::{Dictionary, as_line, elements, line, number, owned};
use crate::text;

/// More base URLs than anybody names for one candidate.
const BASES: usize = 8;

/// How the version that runs relates to the one that the stick chooses; told from the stick alone (`docs/states.md`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Not known: this is no stick of ours, or it cannot be read.
    #[default]
    Unknown,
    /// What runs is what the stick chooses, and came up well.
    Good,
    /// What runs is what the stick chooses, and was not marked good yet.
    OnTrial,
    /// Another version was committed and never started.
    RestartPending,
    /// Another version was committed, did not come up, and what runs was started instead.
    Undone,
    /// Somebody went back to what runs from a newer version, which is still on the stick.
    RolledBack,
    /// The stick would choose another version, and what runs was chosen by hand in the boot menu.
    ByHand,
}

impl Standing {
    /// All of them.
    pub const ALL: &[Self] =
        &[Self::Unknown, Self::Good, Self::OnTrial, Self::RestartPending, Self::Undone, Self::RolledBack, Self::ByHand];

    /// The code that crosses D-Bus.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Good => "good",
            Self::OnTrial => "on-trial",
            Self::RestartPending => "restart-pending",
            Self::Undone => "undone",
            Self::RolledBack => "rolled-back",
            Self::ByHand => "by-hand",
        }
    }
}

impl FromStr for Standing {
    type Err = std::convert::Infallible;

    /// A standing that this client does not know is as an unknown one.
    fn from_str(code: &str) -> Result<Self, Self::Err> {
        Ok(Self::ALL.iter().copied().find(|standing| standing.code() == code).unwrap_or_default())
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// What a download that was paused or abandoned left on the stick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOver {
    /// The version that it would have become.
    pub version: String,
    /// Bytes of it that lie on the stick, unverified.
    pub bytes: u64,
}

impl LeftOver {
    /// The property's value, or none if it is empty.
    #[must_use]
    pub fn read(from: &Dictionary) -> Option<Self> {
        let version = line(from, "version", text::NAME);
        (!version.is_empty()).then(|| Self { version, bytes: number(from, "bytes").unwrap_or(0) })
    }
}

impl From<&LeftOver> for Dictionary {
    fn from(left: &LeftOver) -> Self {
        Self::from([("version".to_owned(), owned(left.version.clone())), ("bytes".to_owned(), owned(left.bytes))])
    }
}

/// Who chose what is looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ChosenBy {
    /// The image: its own channel and base URLs.
    #[default]
    Image,
    /// A file below `/etc/sameday/upgrader.d`.
    DropIn,
    /// The kernel's command line.
    Kernel,
    /// An administrator, until the next start.
    Administrator,
}

impl ChosenBy {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Image, Self::DropIn, Self::Kernel, Self::Administrator];

    /// The code that crosses D-Bus.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::DropIn => "drop-in",
            Self::Kernel => "kernel",
            Self::Administrator => "administrator",
        }
    }
}

/// Which channel is looked at, and where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looking {
    /// The channel.
    pub channel: String,
    /// Base URLs in place of the image's; empty if those are used.
    pub base_urls: Vec<String>,
    /// Who chose it.
    pub chosen_by: ChosenBy,
}

impl Looking {
    /// The property's value.
    #[must_use]
    pub fn read(from: &Dictionary) -> Self {
        let code = line(from, "chosen-by", text::NAME);
        Self {
            channel: line(from, "channel", text::NAME),
            base_urls: elements(from, "base-urls", BASES).filter_map(|url| as_line(url, text::LINE)).collect(),
            chosen_by: ChosenBy::ALL.iter().copied().find(|by| by.code() == code).unwrap_or_default(),
        }
    }
}

impl From<&Looking> for Dictionary {
    fn from(looking: &Looking) -> Self {
        Self::from([
            ("channel".to_owned(), owned(looking.channel.clone())),
            ("base-urls".to_owned(), owned(looking.base_urls.clone())),
            ("chosen-by".to_owned(), owned(looking.chosen_by.code())),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_stick_says_crosses_the_bus_whole() {
        let left = LeftOver { version: "2.0".into(), bytes: u64::MAX };
        assert_eq!(LeftOver::read(&(&left).into()), Some(left));
        assert_eq!(LeftOver::read(&Dictionary::new()), None);
        for chosen_by in ChosenBy::ALL {
            let base_urls = vec!["http://candidate.invalid/".to_owned()];
            let looking = Looking { channel: "alpha".into(), base_urls, chosen_by: *chosen_by };
            assert_eq!(Looking::read(&(&looking).into()), looking);
        }
    }

    #[test]
    fn the_contract_lists_the_same_standings() {
        let codes: Vec<_> = Standing::ALL.iter().map(|standing| standing.code()).collect();
        assert!(crate::INTROSPECTION.contains(&codes.join(", ")));
        let codes: Vec<_> = ChosenBy::ALL.iter().map(|by| by.code()).collect();
        assert!(crate::INTROSPECTION.contains(&codes.join(", ")));
        for standing in Standing::ALL {
            assert_eq!(standing.code().parse(), Ok(*standing));
        }
        assert_eq!("of-next-year".parse(), Ok(Standing::Unknown));
    }
}
