//! Kits, as files.

use std::fs::File;
use std::io;
use std::path::Path;

use gettextrs::gettext;

use crate::fill;

/// Opens a kit, or says why that cannot be.
///
/// # Errors
/// A sentence.
pub fn open(path: &Path) -> Result<File, String> {
    regular(path).map_err(|error| {
        let name = sameday_dbus::text::line(&path.display().to_string(), sameday_dbus::text::LINE);
        let text = gettext("{file} cannot be opened: {error}");
        fill(&text, &[("file", &name), ("error", &error.to_string())])
    })
}

/// A regular file only: opening a pipe or a device may wait for ever.
fn regular(path: &Path) -> io::Result<File> {
    if !path.metadata()?.is_file() {
        return Err(io::Error::other(gettext("it is not a regular file")));
    }
    File::open(path)
}

/// The file is authentic, and of no use.
#[must_use]
pub fn nothing_newer() -> String {
    gettext("The file holds nothing newer than what runs.")
}
