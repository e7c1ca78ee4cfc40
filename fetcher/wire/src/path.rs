//! Paths in a repository: once a [`Path`] exists it cannot leave the repository, break a request line or need escaping.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Most bytes of a path. The longest that the formats make is 190; a tar header without extensions holds 255.
pub const MAX_PATH: usize = 256;

/// A path in a repository or a kit: components of `[0-9A-Za-z._+~-]` joined by `/`, none empty, `.` or `..`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Path(String);

/// Why a text is no path in a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Longer than [`MAX_PATH`].
    #[error("path of {0} bytes is longer than {MAX_PATH}")]
    TooLong(usize),
    /// A component that is empty, `.` or `..`.
    #[error("path has an empty, `.` or `..` component")]
    Component,
    /// A character outside the alphabet: `%`, a line break, a backslash, anything that is not ASCII.
    #[error("path has a character that paths may not have")]
    Character,
}

impl Path {
    /// Takes a text if it is a path.
    ///
    /// # Errors
    /// What about it is wrong.
    pub fn new(text: impl Into<String>) -> Result<Self, PathError> {
        let text = text.into();
        if text.len() > MAX_PATH {
            return Err(PathError::TooLong(text.len()));
        }
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._+~-/".contains(&b);
        if !text.bytes().all(allowed) {
            return Err(PathError::Character);
        }
        if text.split('/').any(|c| matches!(c, "" | "." | "..")) {
            return Err(PathError::Component);
        }
        Ok(Self(text))
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Path {
    type Error = PathError;

    fn try_from(text: String) -> Result<Self, PathError> {
        Self::new(text)
    }
}

impl std::str::FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::new(text)
    }
}

impl From<Path> for String {
    fn from(path: Path) -> Self {
        path.0
    }
}

impl AsRef<str> for Path {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_the_repository_are_taken() {
        for good in [
            "kit.json",
            "metadata/1.root.json",
            "files/0a",
            "targets/stable/x/amd64/0a.upgrade.json",
            "a/1.0~rc1+b-2_c",
            "...",
        ] {
            assert_eq!(Path::new(good).unwrap().as_str(), good);
        }
        assert!(Path::new("a".repeat(MAX_PATH)).is_ok());
    }

    #[test]
    fn nothing_else_is() {
        use PathError::{Character, Component};
        for (bad, why) in [
            ("", Component),
            ("/etc/passwd", Component),
            ("a//b", Component),
            ("a/", Component),
            ("./a", Component),
            ("a/../b", Component),
            ("..", Component),
            ("a%2e", Character),
            ("a b", Character),
            ("a\r\nHost: x", Character),
            ("a\0", Character),
            ("a?b", Character),
            ("a#b", Character),
            ("a\\b", Character),
            ("http://a/", Character),
            ("ä", Character),
        ] {
            assert_eq!(Path::new(bad).unwrap_err(), why, "{bad:?}");
        }
        assert_eq!(Path::new("a".repeat(MAX_PATH + 1)).unwrap_err(), PathError::TooLong(MAX_PATH + 1));
    }
}
