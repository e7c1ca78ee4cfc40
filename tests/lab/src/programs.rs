//! Where the programs under test are: built by the same cargo, into the same directory as the test itself.

use std::io;
use std::path::{Path, PathBuf};

/// The path of one of our programs, such as `sameday-fetcher`.
///
/// # Errors
/// When it has not been built: `cargo build` makes the programs, `cargo test` of this package alone does not.
pub fn path(name: &str) -> io::Result<PathBuf> {
    let here = std::env::current_exe()?;
    // target/PROFILE/deps/TEST-HASH, or target/PROFILE/PROGRAM, or target/PROFILE/examples/PROGRAM.
    let found = here.ancestors().skip(1).take(2).map(|dir| dir.join(name)).find(|program| program.is_file());
    found.ok_or_else(|| {
        let place = here.parent().and_then(Path::parent).unwrap_or(&here).display().to_string();
        io::Error::new(io::ErrorKind::NotFound, format!("{name} is not in {place}: run cargo build first"))
    })
}

/// The folder of our programs.
///
/// # Errors
/// When they have not been built.
pub fn folder() -> io::Result<PathBuf> {
    let program = path("samedayd")?;
    Ok(program.parent().unwrap_or(Path::new("/")).to_owned())
}
