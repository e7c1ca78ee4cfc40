//! `boot.env` and `good.env`: which version starts, in one sector that GRUB and the daemon both read and overwrite in place.
//!
//! The format is a GRUB environment block (grub-core/lib/envblk.c): a signature line, then `name=value` lines; lines that start with `#` are
//! skipped. Each field is padded with such a line, so it stands at the same offset whatever its value, and GRUB's `save_env` of `tries`
//! changes one byte.

use std::fmt;

use crate::names::{BASE, LONGEST, Version};

/// One sector: the unit that a disk writes whole.
pub const SIZE: usize = 512;
const SIGNATURE: &str = "# GRUB Environment Block\n";
const FORMAT: &str = "1";
/// How often a version on trial may be started before GRUB falls back: the first value of `tries`.
pub const TRIES: u8 = 3;

/// A version, or the base as it was first installed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Choice {
    /// The base: kernel and squashfs as first installed.
    Base,
    /// A version with a layer, kernel and module list of its own.
    Version(Version),
}

impl Choice {
    fn parse(text: &str) -> Option<Self> {
        if text == BASE { Some(Self::Base) } else { text.parse().ok().map(Self::Version) }
    }

    /// Whether this one comes before `other`; the base comes before every version.
    #[must_use]
    pub fn is_older_than(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Base, Self::Version(_)) => true,
            (Self::Version(one), Self::Version(other)) => other.is_newer_than(one),
            (_, Self::Base) => false,
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Base => f.write_str(BASE),
            Self::Version(version) => version.fmt(f),
        }
    }
}

/// What `boot.env` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootEnv {
    /// What starts next, if it is good or has tries left.
    pub current: Choice,
    /// What starts otherwise.
    pub previous: Choice,
    /// Starts left for a version on trial, 0 to 3.
    pub tries: u8,
    /// Whether `current` has come up well.
    pub good: bool,
}

/// What `good.env` says: the last version that came up well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoodEnv {
    /// That version.
    pub version: Choice,
}

/// Why a block cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadBlock {
    /// It does not have 512 bytes.
    #[error("{0} bytes where an environment block has {SIZE}")]
    Size(usize),
    /// It does not begin as GRUB's blocks begin, or is not text.
    #[error("not a GRUB environment block")]
    Signature,
    /// A newer format.
    #[error("environment block of unknown format {0:?}")]
    Format(String),
    /// A variable is missing, twice there, or has no allowed value.
    #[error("variable {0} is missing or damaged")]
    Variable(&'static str),
}

impl BootEnv {
    /// The block of a stick that was just made: the base, good.
    #[must_use]
    pub fn base() -> Self {
        Self { current: Choice::Base, previous: Choice::Base, tries: 0, good: true }
    }

    /// Reads a block.
    ///
    /// # Errors
    /// When it is damaged or of a newer format.
    pub fn parse(block: &[u8]) -> Result<Self, BadBlock> {
        let variables = Variables::read(block)?;
        let tries = match variables.value("tries")? {
            "0" => 0,
            "1" => 1,
            "2" => 2,
            "3" => TRIES,
            _ => return Err(BadBlock::Variable("tries")),
        };
        let good = match variables.value("good")? {
            "0" => false,
            "1" => true,
            _ => return Err(BadBlock::Variable("good")),
        };
        Ok(Self { current: variables.choice("current")?, previous: variables.choice("previous")?, tries, good })
    }

    /// The block.
    #[must_use]
    pub fn render(&self) -> [u8; SIZE] {
        render(&[
            ("format", FORMAT, 1),
            ("tries", &self.tries.min(TRIES).to_string(), 1),
            ("good", if self.good { "1" } else { "0" }, 1),
            ("current", &self.current.to_string(), LONGEST),
            ("previous", &self.previous.to_string(), LONGEST),
        ])
    }

    /// What GRUB starts next if every file of it is there: `current` if it is good or has tries left, otherwise `previous`.
    #[must_use]
    pub fn starts_next(&self) -> &Choice {
        if self.good || self.tries > 0 { &self.current } else { &self.previous }
    }
}

impl GoodEnv {
    /// Reads a block.
    ///
    /// # Errors
    /// When it is damaged or of a newer format.
    pub fn parse(block: &[u8]) -> Result<Self, BadBlock> {
        Ok(Self { version: Variables::read(block)?.choice("good_version")? })
    }

    /// The block.
    #[must_use]
    pub fn render(&self) -> [u8; SIZE] {
        render(&[("format", FORMAT, 1), ("good_version", &self.version.to_string(), LONGEST)])
    }
}

struct Variables<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Variables<'a> {
    fn read(block: &'a [u8]) -> Result<Self, BadBlock> {
        if block.len() != SIZE {
            return Err(BadBlock::Size(block.len()));
        }
        let text = std::str::from_utf8(block).map_err(|_| BadBlock::Signature)?;
        let body = text.strip_prefix(SIGNATURE).ok_or(BadBlock::Signature)?;
        let lines = body.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let variables = Self(lines.filter_map(|line| line.split_once('=')).collect());
        match variables.value("format")? {
            FORMAT => Ok(variables),
            other => Err(BadBlock::Format(other.to_owned())),
        }
    }

    /// GRUB reads the last of two equal names and writes the first, so two are damage.
    fn value(&self, name: &'static str) -> Result<&'a str, BadBlock> {
        let mut found = self.0.iter().filter(|(n, _)| *n == name).map(|(_, value)| *value);
        match (found.next(), found.next()) {
            (Some(value), None) => Ok(value),
            _ => Err(BadBlock::Variable(name)),
        }
    }

    fn choice(&self, name: &'static str) -> Result<Choice, BadBlock> {
        Choice::parse(self.value(name)?).ok_or(BadBlock::Variable(name))
    }
}

/// Fields of (name, value, widest value) at fixed offsets, the rest filled with `#`.
fn render(fields: &[(&str, &str, usize)]) -> [u8; SIZE] {
    let mut text = SIGNATURE.to_owned();
    for (name, value, width) in fields {
        let padding = "#".repeat(width.saturating_sub(value.len()).saturating_add(1));
        text.push_str(&format!("{name}={value}\n{padding}\n"));
    }
    let mut block = [b'#'; SIZE];
    for (place, byte) in block.iter_mut().zip(text.bytes()) {
        *place = byte;
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(current: &str, previous: &str) -> BootEnv {
        BootEnv {
            current: Choice::parse(current).unwrap(),
            previous: Choice::parse(previous).unwrap(),
            tries: 3,
            good: false,
        }
    }

    #[test]
    fn every_field_keeps_its_offset() {
        let offset = |block: &[u8], name: &str| block.windows(name.len()).position(|w| w == name.as_bytes()).unwrap();
        let short = env("1", "base").render();
        let long = env(&"9".repeat(32), &"8".repeat(32)).render();
        for name in ["\nformat=", "\ntries=", "\ngood=", "\ncurrent=", "\nprevious="] {
            assert_eq!(offset(&short, name), offset(&long, name), "{name}");
        }
        assert!(long.ends_with(b"####"), "GRUB wants free space at the end");
        assert_eq!(BootEnv::parse(&long), Ok(env(&"9".repeat(32), &"8".repeat(32))));
    }

    #[test]
    fn damage_is_named() {
        let good = env("2.0~rc1", "base").render();
        assert_eq!(BootEnv::parse(&good[..511]), Err(BadBlock::Size(511)));
        assert_eq!(BootEnv::parse(&[0; SIZE]), Err(BadBlock::Signature));
        assert_eq!(BootEnv::parse(&[0xff; SIZE]), Err(BadBlock::Signature));
        let with = |from: &str, to: &str| {
            let text = String::from_utf8(good.to_vec()).unwrap().replacen(from, to, 1);
            BootEnv::parse(text.as_bytes())
        };
        assert_eq!(with("format=1", "format=2"), Err(BadBlock::Format("2".into())));
        assert_eq!(with("tries=3", "tries=4"), Err(BadBlock::Variable("tries")));
        assert_eq!(with("good=0", "good=x"), Err(BadBlock::Variable("good")));
        assert_eq!(with("current=2", "current=/"), Err(BadBlock::Variable("current")));
        assert_eq!(with("previous=", "current=1"), Err(BadBlock::Variable("current")));
    }

    #[test]
    fn grub_falls_back_when_no_try_is_left() {
        let mut env = env("2", "1");
        assert_eq!(env.starts_next().to_string(), "2");
        env.tries = 0;
        assert_eq!(env.starts_next().to_string(), "1");
        env.good = true;
        assert_eq!(env.starts_next().to_string(), "2");
        let good = GoodEnv { version: Choice::Base };
        assert_eq!(GoodEnv::parse(&good.render()), Ok(good));
    }
}
