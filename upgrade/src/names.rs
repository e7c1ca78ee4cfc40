//! The names that stand in files and paths: parsed once, then safe to put into any path on FAT, into GRUB's script and into a kernel command line.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest version, product, channel or architecture, in bytes. A version has 32 in `boot.env`.
pub const LONGEST: usize = 32;

/// The name by which `boot.env` calls the version that was first installed.
pub const BASE: &str = "base";

/// Versions that would collide with files of the base.
const RESERVED: [&str; 3] = [BASE, "filesystem", "sameday"];

/// A text that is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a valid {1}")]
pub struct BadName(pub String, pub &'static str);

impl BadName {
    fn new(text: &str, what: &'static str) -> Self {
        Self(text.chars().take(2 * LONGEST).collect(), what)
    }
}

/// The version of a system. Equality is that of the text; order is Debian's, so two unequal versions can be neither older nor newer.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version(String);

impl Version {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How Debian orders the two: <https://www.debian.org/doc/debian-policy/ch-controlfields.html#version>, for a version without epoch.
    #[must_use]
    pub fn debian_cmp(&self, other: &Self) -> Ordering {
        let split = |text: &str| match text.rsplit_once('-') {
            Some((upstream, revision)) => (upstream.to_owned(), revision.to_owned()),
            None => (text.to_owned(), String::new()),
        };
        let ((a_up, a_rev), (b_up, b_rev)) = (split(&self.0), split(&other.0));
        compare_part(a_up.as_bytes(), b_up.as_bytes()).then_with(|| compare_part(a_rev.as_bytes(), b_rev.as_bytes()))
    }

    /// Whether this one comes after `other`.
    #[must_use]
    pub fn is_newer_than(&self, other: &Self) -> bool {
        self.debian_cmp(other) == Ordering::Greater
    }

    /// Whether the two name the same file on a FAT file system, which does not know case.
    #[must_use]
    pub fn same_on_fat(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

/// Weight of a byte in a non-digit run: `~` before the end, the end before letters, letters before all else.
fn weight(byte: Option<u8>) -> i32 {
    match byte {
        Some(b'~') => -1,
        None => 0,
        Some(b) if b.is_ascii_digit() => 0,
        Some(b) if b.is_ascii_alphabetic() => i32::from(b),
        Some(b) => i32::from(b) + 256,
    }
}

fn compare_part(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while !a.is_empty() || !b.is_empty() {
        loop {
            let (x, y) = (a.first().copied(), b.first().copied());
            let done = |c: Option<u8>| c.is_none_or(|c| c.is_ascii_digit());
            if done(x) && done(y) {
                break;
            }
            match weight(x).cmp(&weight(y)) {
                Ordering::Equal => {}
                unequal => return unequal,
            }
            a = a.get(1..).unwrap_or_default();
            b = b.get(1..).unwrap_or_default();
        }
        let (x, rest_a) = digits(a);
        let (y, rest_b) = digits(b);
        match x.len().cmp(&y.len()).then_with(|| x.cmp(y)) {
            Ordering::Equal => {}
            unequal => return unequal,
        }
        (a, b) = (rest_a, rest_b);
    }
    Ordering::Equal
}

/// The leading digits without leading zeros, and the rest.
fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    let (run, rest) = text.split_at(end);
    let start = run.iter().position(|b| *b != b'0').unwrap_or(run.len());
    (run.split_at(start).1, rest)
}

impl FromStr for Version {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let starts_well = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        let alphabet = text.bytes().all(|b| b.is_ascii_alphanumeric() || b".+~-".contains(&b));
        let reserved = RESERVED.iter().any(|r| r.eq_ignore_ascii_case(text));
        // vfat drops trailing dots, so "1." and "1" would be one folder.
        if !starts_well || !alphabet || text.len() > LONGEST || reserved || text.ends_with('.') {
            return Err(BadName::new(text, "version"));
        }
        Ok(Self(text.to_owned()))
    }
}

/// A product, a channel or an architecture: `[a-z0-9][a-z0-9-]{0,31}`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a channel may have this name: TUF's top-level roles keep theirs, and `upgrade.json` is the description beside the metadata.
    #[must_use]
    pub fn may_be_channel(&self) -> bool {
        !["root", "targets", "snapshot", "timestamp", "upgrade"].contains(&self.as_str())
    }
}

impl FromStr for Name {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let alphabet = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if text.is_empty() || text.starts_with('-') || !alphabet || text.len() > LONGEST {
            return Err(BadName::new(text, "name"));
        }
        Ok(Self(text.to_owned()))
    }
}

macro_rules! text_type {
    ($name:ty) => {
        impl TryFrom<String> for $name {
            type Error = BadName;
            fn try_from(text: String) -> Result<Self, BadName> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }
    };
}
text_type!(Version);
text_type!(Name);

/// Where the description of a product lies among the targets.
#[must_use]
pub fn description_path(channel: &Name, product: &Name, architecture: &Name) -> String {
    format!("{channel}/{product}/{architecture}/upgrade.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn versions_are_ordered_as_debian_orders_them() {
        let ascending = [
            "0.9~~", "0.9~", "0.9", "0.9+b1", "0.10", "1.0~rc1", "1.0", "1.0-1", "1.0-1.1", "1.0a", "1.0+git",
            "1.00.1", "2", "10",
        ];
        for (i, a) in ascending.iter().enumerate() {
            for (j, b) in ascending.iter().enumerate() {
                assert_eq!(v(a).debian_cmp(&v(b)), i.cmp(&j), "{a} {b}");
            }
        }
        assert_eq!(v("1.01").debian_cmp(&v("1.1")), Ordering::Equal);
        assert!(v("99999999999999999999999999999999").is_newer_than(&v("9999999999999999999999999999999")));
    }

    #[test]
    fn what_is_no_version_is_refused() {
        for bad in [
            "",
            "base",
            "Base",
            "filesystem",
            "sameday",
            "-1",
            ".1",
            "1.",
            "1/2",
            "..",
            "a b",
            "ä",
            "1\n",
            &"1".repeat(33),
        ] {
            assert!(bad.parse::<Version>().is_err(), "{bad:?}");
        }
        for good in ["1", "2.0~rc1", "7.0+git-1", &"1".repeat(32)] {
            assert_eq!(v(good).as_str(), good);
        }
        assert!(v("1.0A").same_on_fat(&v("1.0a")));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for bad in ["", "-a", "A", "a/b", "a.b", "ä", &"a".repeat(33)] {
            assert!(bad.parse::<Name>().is_err(), "{bad:?}");
        }
        assert!("stable".parse::<Name>().unwrap().may_be_channel());
        for role in ["targets", "upgrade"] {
            assert!(!role.parse::<Name>().unwrap().may_be_channel());
        }
    }
}
