//! os-release(5): what a system says that it is.

use std::collections::BTreeMap;

use crate::names::{BadName, Name, Version};

/// The largest os-release that is read.
pub const LARGEST: u64 = 64 * 1024;

/// The fields of an os-release that an upgrade turns on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OsRelease {
    /// `IMAGE_ID`.
    pub product: Name,
    /// `IMAGE_VERSION`.
    pub version: Version,
    /// `SAMEDAY_CHANNEL`.
    pub channel: Name,
    /// `SAMEDAY_ARCHITECTURE`, Debian's name of it.
    pub architecture: Name,
    /// `SAMEDAY_BUILT`: when the image was built, `YYYY-MM-DDTHH:MM:SSZ`. No check goes back before it.
    pub built: String,
}

/// Why an os-release is not that of an image of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadOsRelease {
    /// The field is not there.
    #[error("os-release has no {0}")]
    Missing(&'static str),
    /// The field's value is no name.
    #[error("os-release field {0}: {1}")]
    Value(&'static str, BadName),
}

/// All fields of an os-release. Quotes and backslashes are those of os-release(5): a shell-like subset without expansion.
#[must_use]
pub fn fields(text: &str) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with('#') {
            continue;
        }
        if let Some((name, value)) = line.split_once('=') {
            fields.insert(name.to_owned(), unquote(value));
        }
    }
    fields
}

fn unquote(value: &str) -> String {
    let single = value.strip_prefix('\'').and_then(|v| v.strip_suffix('\''));
    if let Some(inner) = single {
        return inner.to_owned();
    }
    let inner = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value);
    let mut out = String::with_capacity(inner.len());
    let mut escaped = false;
    for c in inner.chars() {
        if c == '\\' && !escaped {
            escaped = true;
        } else {
            escaped = false;
            out.push(c);
        }
    }
    out
}

impl OsRelease {
    /// Reads the fields of an image of ours.
    ///
    /// # Errors
    /// When one is missing or no name.
    pub fn parse(text: &str) -> Result<Self, BadOsRelease> {
        let fields = fields(text);
        let value = |name: &'static str| fields.get(name).ok_or(BadOsRelease::Missing(name));
        let name = |field: &'static str| value(field)?.parse::<Name>().map_err(|e| BadOsRelease::Value(field, e));
        Ok(Self {
            product: name("IMAGE_ID")?,
            version: value("IMAGE_VERSION")?.parse().map_err(|e| BadOsRelease::Value("IMAGE_VERSION", e))?,
            channel: name("SAMEDAY_CHANNEL")?,
            architecture: name("SAMEDAY_ARCHITECTURE")?,
            built: value("SAMEDAY_BUILT")?.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "# c\nNAME=\"a \\\"b\\\"\"\nIMAGE_ID='demo'\nIMAGE_VERSION=1.0\nSAMEDAY_CHANNEL=stable\nSAMEDAY_ARCHITECTURE=amd64\nSAMEDAY_BUILT=2026-01-01T00:00:00Z\n";

    #[test]
    fn fields_are_unquoted() {
        assert_eq!(fields(GOOD)["NAME"], "a \"b\"");
        assert_eq!(OsRelease::parse(GOOD).unwrap().product.as_str(), "demo");
    }

    #[test]
    fn a_missing_or_bad_field_is_named() {
        let without = |field| OsRelease::parse(&GOOD.replace(field, "X_"));
        assert_eq!(without("IMAGE_VERSION"), Err(BadOsRelease::Missing("IMAGE_VERSION")));
        let bad = OsRelease::parse(&GOOD.replace("1.0", "base"));
        assert!(matches!(bad, Err(BadOsRelease::Value("IMAGE_VERSION", _))));
    }
}
