//! How Tor is to be reached, as the system says it. Anything that is not a plain, known, supported answer is a named refusal: there
//! is no default and no fallback, since for some people a packet sent the wrong way is a danger.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use arti_client::config::{CfgPath, TorClientConfig, TorClientConfigBuilder};
use sameday_wire::Reason;
use serde::Deserialize;

use crate::failure::Failure;
use crate::storage::Storage;

/// Where the configuration is.
pub const PATH: &str = "/etc/sameday/fetcher.toml";

/// The format that this version reads.
const FORMAT: i64 = 1;

/// Most bytes of the file. That of a private network with a hundred relays has 20 KiB.
const MAX_SIZE: u64 = 256 * 1024;

/// Time for a stream through a circuit that is there already. Arti's own 10 s are short for a busy exit.
const STREAM_TIMEOUT: Duration = Duration::from_secs(45);

/// Why the configuration cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    #[error("there is no configuration")]
    Absent,
    #[error("configuration cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("configuration is larger than {MAX_SIZE} bytes")]
    TooLarge,
    // Never the text itself: it may hold bridge lines.
    #[error("configuration cannot be understood, near byte {0}")]
    Syntax(usize),
    #[error("configuration has no format number")]
    NoFormat,
    #[error("configuration has format {0}, this version reads {FORMAT}")]
    Format(i64),
    #[error("no way to reach tor is configured")]
    NoMode,
    #[error("tor mode {0:?} is not supported by this version")]
    ModeUnsupported(&'static str),
    #[error("tor mode is unknown")]
    ModeUnknown,
    #[error("bridges are configured in a mode that does not use them")]
    BridgesInDirectMode,
    #[error("table arti cannot be used: {0}")]
    Arti(String),
}

impl ConfigurationError {
    const fn reason(&self) -> Reason {
        match self {
            Self::Absent | Self::NoMode => Reason::Unconfigured,
            Self::ModeUnsupported(_) | Self::ModeUnknown => Reason::ModeUnsupported,
            _ => Reason::ConfigurationUnreadable,
        }
    }
}

impl From<ConfigurationError> for Failure {
    fn from(error: ConfigurationError) -> Self {
        Self::new(error.reason(), &error)
    }
}

/// The file, as far as it is ours.
#[derive(Deserialize)]
struct Contents {
    tor: Option<String>,
    arti: Option<toml::Table>,
}

/// A configuration that can be followed: straight to the Tor network.
#[derive(Debug, Clone, PartialEq)]
pub struct Configuration {
    arti: toml::Table,
}

impl Configuration {
    /// Reads the file.
    pub fn read(path: &Path) -> Result<Self, ConfigurationError> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(ConfigurationError::Absent),
            result => result?,
        };
        let mut text = String::new();
        file.take(MAX_SIZE.saturating_add(1)).read_to_string(&mut text)?;
        if u64::try_from(text.len()).unwrap_or(u64::MAX) > MAX_SIZE {
            return Err(ConfigurationError::TooLarge);
        }
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self, ConfigurationError> {
        let near = |error: toml::de::Error| ConfigurationError::Syntax(error.span().map_or(0, |span| span.start));
        let table: toml::Table = toml::from_str(text).map_err(near)?;
        // The number first: a newer format may spell everything else differently.
        match table.get("format").and_then(toml::Value::as_integer) {
            Some(FORMAT) => {}
            Some(other) => return Err(ConfigurationError::Format(other)),
            None => return Err(ConfigurationError::NoFormat),
        }
        let Contents { tor, arti } = toml::from_str(text).map_err(near)?;
        match tor.as_deref() {
            Some("direct") => {}
            Some("bridges") => return Err(ConfigurationError::ModeUnsupported("bridges")),
            Some("system") => return Err(ConfigurationError::ModeUnsupported("system")),
            Some(_) => return Err(ConfigurationError::ModeUnknown),
            None => return Err(ConfigurationError::NoMode),
        }
        let arti = arti.unwrap_or_default();
        if arti.contains_key("bridges") {
            return Err(ConfigurationError::BridgesInDirectMode);
        }
        Ok(Self { arti })
    }

    /// Arti's configuration, with its files where `storage` says and nowhere else.
    pub fn arti(&self, storage: &Storage) -> Result<TorClientConfig, ConfigurationError> {
        let unusable = |error: &dyn std::fmt::Display| ConfigurationError::Arti(error.to_string());
        let mut builder: TorClientConfigBuilder =
            toml::Value::Table(self.arti.clone()).try_into().map_err(|e: toml::de::Error| unusable(&e.message()))?;
        builder
            .storage()
            .cache_dir(CfgPath::new_literal(storage.cache()))
            .state_dir(CfgPath::new_literal(storage.state()));
        builder.stream_timeouts().connect_timeout(STREAM_TIMEOUT).resolve_timeout(STREAM_TIMEOUT);
        builder.build().map_err(|e| unusable(&e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> Reason {
        Configuration::parse(text).unwrap_err().reason()
    }

    #[test]
    fn direct_is_followed() {
        assert!(Configuration::parse("format = 1\ntor = \"direct\"\nlater = 3\n").unwrap().arti.is_empty());
        let with_arti = "format = 1\ntor = \"direct\"\n[arti.address_filter]\nallow_local_addrs = true\n";
        let storage = Storage::of_test();
        assert!(Configuration::parse(with_arti).unwrap().arti(&storage).is_ok());
    }

    #[test]
    fn anything_else_is_a_named_refusal() {
        use Reason::{ConfigurationUnreadable as Unreadable, ModeUnsupported, Unconfigured};
        for (text, reason) in [
            ("format = 1\n", Unconfigured),
            ("format = 1\ntor = \"bridges\"\n", ModeUnsupported),
            ("format = 1\ntor = \"system\"\n", ModeUnsupported),
            ("format = 1\ntor = \"Direct\"\n", ModeUnsupported),
            ("format = 1\ntor = \"\"\n", ModeUnsupported),
            ("format = 2\ntor = \"direct\"\n", Unreadable),
            ("format = 2\ntor = { how = 1 }\n", Unreadable),
            ("format = \"1\"\ntor = \"direct\"\n", Unreadable),
            ("tor = \"direct\"\n", Unreadable),
            ("", Unreadable),
            ("format = 1\ntor = direct\n", Unreadable),
            ("format = 1\ntor = true\n", Unreadable),
            ("format = 1\ntor = \"direct\"\narti = 1\n", Unreadable),
            ("format = 1\ntor = \"direct\"\n[arti.bridges]\nenabled = true\n", Unreadable),
            ("format = 1\ntor = \"direct\"\ntor = \"direct\"\n", Unreadable),
        ] {
            assert_eq!(refused(text), reason, "{text:?}");
        }
    }

    #[test]
    fn files_that_cannot_be_read_are_told_from_files_that_are_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let read = |name: &str| Configuration::read(&dir.path().join(name)).unwrap_err();
        assert!(matches!(read("none"), ConfigurationError::Absent));
        assert!(matches!(Configuration::read(dir.path()).unwrap_err(), ConfigurationError::Io(_)));
        std::fs::write(dir.path().join("latin1"), b"format = 1\ntor = \"\xe4\"\n").unwrap();
        assert!(matches!(read("latin1"), ConfigurationError::Io(_)));
        std::fs::write(dir.path().join("large"), vec![b'#'; 300_000]).unwrap();
        assert!(matches!(read("large"), ConfigurationError::TooLarge));
    }

    #[test]
    fn an_arti_table_that_makes_no_sense_is_refused_without_telling_its_text() {
        let text = "format = 1\ntor = \"direct\"\n[arti.address_filter]\nallow_local_addrs = \"secret\"\n";
        let error = Configuration::parse(text).unwrap().arti(&Storage::of_test()).unwrap_err();
        assert_eq!(error.reason(), Reason::ConfigurationUnreadable);
        let syntax = Configuration::parse("format = 1\nbridge = \"secret\n").unwrap_err();
        assert!(!syntax.to_string().contains("secret"), "{syntax}");
    }
}
