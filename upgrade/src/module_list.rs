//! live-boot's module list: `live/NAME.module`, one image a line, oldest first, paths relative to `live/` (live-boot(7), `module=`).

use crate::boot_env::Choice;
use crate::names::Version;

/// The image of the base, relative to `live/`.
pub const BASE_IMAGE: &str = "filesystem.squashfs";

/// The layer of a version, relative to `live/`.
#[must_use]
pub fn layer(version: &Version) -> String {
    format!("{version}/{version}.squashfs")
}

/// The list of a version, as text: the base, then its layer.
#[must_use]
pub fn render(choice: &Choice) -> String {
    match choice {
        Choice::Base => format!("{BASE_IMAGE}\n"),
        Choice::Version(version) => format!("{BASE_IMAGE}\n{}\n", layer(version)),
    }
}

/// The list's file name, relative to `live/`.
#[must_use]
pub fn file_name(choice: &Choice) -> String {
    match choice {
        Choice::Base => "filesystem.module".to_owned(),
        Choice::Version(version) => format!("{version}.module"),
    }
}

/// The images that a list names. Trailing newlines are padding; live-boot splits at white space.
#[must_use]
pub fn parse(text: &str) -> Vec<&str> {
    text.split_ascii_whitespace().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_lies_below_the_layer() {
        let version = Choice::Version("1.2".parse().unwrap());
        assert_eq!(parse(&format!("{}\n\n", render(&version))), ["filesystem.squashfs", "1.2/1.2.squashfs"]);
        assert_eq!(file_name(&version), "1.2.module");
        assert_eq!(
            (render(&Choice::Base).as_str(), file_name(&Choice::Base).as_str()),
            ("filesystem.squashfs\n", "filesystem.module")
        );
    }
}
