//! The text of the configuration: what is ours of it, judged without Arti and without a file.

use std::io;

use sameday_wire::Reason;
use serde::Deserialize;

/// The format that this version reads.
const FORMAT: i64 = 1;

/// Most bytes of the file. That of a private network with a hundred relays has 20 KiB.
pub const MAX_SIZE: u64 = 256 * 1024;

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
    /// The reason for the client.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Absent | Self::NoMode => Reason::Unconfigured,
            Self::ModeUnsupported(_) | Self::ModeUnknown => Reason::ModeUnsupported,
            _ => Reason::ConfigurationUnreadable,
        }
    }
}

/// The file, as far as it is ours.
#[derive(Deserialize)]
struct Contents {
    tor: Option<String>,
    arti: Option<toml::Table>,
}

/// Reads the text; what is left is the table for Arti.
///
/// # Errors
/// Anything but a mode that this version can follow.
pub fn parse(text: &str) -> Result<toml::Table, ConfigurationError> {
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
    Ok(arti)
}
