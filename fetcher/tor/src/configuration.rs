//! How Tor is to be reached, as the system says it. Anything that is not a plain, known, supported answer is a named refusal: there
//! is no default and no fallback, since for some people a packet sent the wrong way is a danger.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use arti_client::config::{CfgPath, TorClientConfig, TorClientConfigBuilder};

use crate::failure::Failure;
use crate::storage::Storage;

mod text;

pub use text::ConfigurationError;
use text::MAX_SIZE;

/// Where the configuration is.
pub const PATH: &str = "/etc/sameday/fetcher.toml";

/// Time for a stream through a circuit that is there already. Arti's own 10 s are short for a busy exit.
const STREAM_TIMEOUT: Duration = Duration::from_secs(45);

impl From<ConfigurationError> for Failure {
    fn from(error: ConfigurationError) -> Self {
        Self::new(error.reason(), &error)
    }
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
        text::parse(text).map(|arti| Self { arti })
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
    use sameday_wire::Reason;

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
