//! The FAT32 file system inside the image, written by mtools.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;

use super::contents::{Contents, Source};
use super::table::{Extent, MIB, SECTOR};
use super::tool::Tool;
use super::{Identity, ImageError};

/// The file system's label.
const LABEL: &str = "SAMEDAY";
/// The longest file whose clusters, of whatever size, end below 4 GiB: fsck.fat (4.2) cuts longer ones to nothing.
const LONGEST_FILE: u64 = (1 << 32) - (1 << 16);
/// FAT's first second, 1980-01-01. Its last is later than that of this type.
const FIRST_TIME: u32 = 315_532_800;

/// Whether FAT32 can hold this in so much room.
pub(super) fn check(place: &Extent, contents: &Contents, time: u32) -> Result<(), ImageError> {
    if time < FIRST_TIME {
        return Err(ImageError::Time(time));
    }
    for (file, source) in contents.files() {
        if source.length()? > LONGEST_FILE {
            return Err(ImageError::TooLarge(file.to_owned()));
        }
    }
    let (needed, given) = (contents.length()?.div_ceil(MIB), place.length() / MIB);
    if needed < given { Ok(()) } else { Err(ImageError::Full { needed, given }) }
}

/// Makes the file system in this part of the image and puts the contents into it, all with this time.
///
/// # Errors
/// When a file is too large, not all fits, or a tool fails.
pub fn fill(
    image: &Path,
    place: &Extent,
    identity: &Identity,
    contents: &Contents,
    time: u32,
) -> Result<(), ImageError> {
    check(place, contents, time)?;
    let mut tool = Tool::new("mkfs.vfat", "dosfstools");
    tool.command.args(["-F", "32", "--invariant", "-n", LABEL, "-i", &format!("{:08X}", identity.fat_serial())]);
    tool.command.args(["--offset", &(place.start / SECTOR).to_string()]);
    tool.command.arg(image).arg((place.length() / 1024).to_string());
    tool.run()?;
    // One folder or file at a time, in order of names: mtools numbers short names in the order that it sees.
    for folder in contents.folders() {
        let mut tool = mtools("mmd", image, place, time);
        tool.command.arg(format!("::{folder}"));
        tool.run()?;
    }
    for (file, source) in contents.files() {
        let mut tool = mtools("mcopy", image, place, time);
        let held = match source {
            Source::File(path) => {
                tool.command.arg(std::path::absolute(path).map_err(ImageError::io("find", path))?);
                None
            }
            Source::Bytes(bytes) => {
                let failed = || ImageError::io("write", Path::new("a temporary file"));
                let mut held = tempfile::NamedTempFile::new().map_err(failed())?;
                held.write_all(bytes).map_err(failed())?;
                tool.command.arg(held.path());
                Some(held)
            }
        };
        tool.command.arg(format!("::{file}"));
        tool.run()?;
        drop(held);
    }
    Ok(())
}

/// A tool of mtools on the file system inside the image. It runs in the image's folder, whose name could hold what mtools takes for an offset.
fn mtools(program: &'static str, image: &Path, place: &Extent, time: u32) -> Tool {
    let mut tool = Tool::new(program, "mtools");
    let mut drive = OsString::from("./");
    drive.push(image.file_name().unwrap_or_default());
    drive.push(format!("@@{}", place.start));
    match image.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => tool.command.current_dir(parent),
        _ => &mut tool.command,
    };
    tool.command.env("SOURCE_DATE_EPOCH", time.to_string()).arg("-i").arg(drive);
    tool
}
