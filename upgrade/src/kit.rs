//! Kits: a slice of a repository in one file, for sticks that are never online.

use serde::{Deserialize, Serialize};

use crate::names::{Name, Version};

/// The kit's first member: for whom it is. It proves nothing; what it says is checked against the signed description.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KitInfo {
    /// 1.
    pub format: u64,
    /// The product.
    pub product: Name,
    /// Debian's name of the architecture.
    pub architecture: Name,
    /// The channel.
    pub channel: Name,
    /// The version that must have been installed first.
    pub initial_version: Version,
}

/// The member that holds [`KitInfo`].
pub const INFO: &str = "kit.json";

/// The largest `kit.json` that is read.
pub const LARGEST_INFO: u64 = 4096;

impl KitInfo {
    /// The name of the kit's file, which any offline stick can tell about the kit that it needs.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}-{}-{}-from-{}.kit", self.product, self.architecture, self.channel, self.initial_version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_named_after_the_stick_that_it_serves() {
        let info: KitInfo = serde_json::from_str(
            r#"{"format":1,"product":"demo","architecture":"amd64","channel":"stable","initial_version":"1.0~rc1","new":[]}"#,
        )
        .unwrap();
        assert_eq!(info.file_name(), "demo-amd64-stable-from-1.0~rc1.kit");
    }
}
