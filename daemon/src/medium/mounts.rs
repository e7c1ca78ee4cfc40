//! What the kernel says of mounts and of its own command line: parsers that take text.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use nix::mount::MsFlags;

/// One line of mountinfo: proc_pid_mountinfo(5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    /// Where it is mounted.
    pub point: PathBuf,
    /// Number of its device.
    pub device: (u64, u64),
    /// The file system's name.
    pub file_system: String,
    /// The options of the mount itself, without read-only.
    pub flags: MsFlags,
    /// Whether the file system is writable, wherever it is mounted.
    pub writable: bool,
    /// Whether it keeps dates in the kernel's own zone: vfat does where nothing else is said (Documentation/filesystems/vfat.rst).
    pub in_local_time: bool,
}

/// All lines that can be read, in their order: a later one at the same place hides the earlier.
pub(super) fn parse(mountinfo: &str) -> Vec<Mount> {
    mountinfo.lines().filter_map(line).collect()
}

/// What is mounted at `point`, visibly.
pub(super) fn at<'a>(mounts: &'a [Mount], point: &Path) -> Option<&'a Mount> {
    mounts.iter().rev().find(|mount| mount.point == point)
}

fn line(line: &str) -> Option<Mount> {
    let (fixed, rest) = line.split_once(" - ")?;
    let mut fixed = fixed.split(' ').skip(2);
    let (major, minor) = fixed.next()?.split_once(':')?;
    let device = (major.parse().ok()?, minor.parse().ok()?);
    let point = unescape(fixed.nth(1)?);
    let flags = fixed.next()?.split(',').filter_map(flag).fold(MsFlags::empty(), |all, one| all | one);
    let mut rest = rest.split(' ');
    let file_system = rest.next()?.to_owned();
    let options: Vec<&str> = rest.nth(1).unwrap_or_default().split(',').collect();
    let writable = options.contains(&"rw");
    let zone = |option: &&str| option.starts_with("tz=") || option.starts_with("time_offset=");
    let in_local_time = file_system == "vfat" && !options.iter().any(zone);
    Some(Mount { point, device, file_system, flags, writable, in_local_time })
}

fn flag(option: &str) -> Option<MsFlags> {
    match option {
        "nosuid" => Some(MsFlags::MS_NOSUID),
        "nodev" => Some(MsFlags::MS_NODEV),
        "noexec" => Some(MsFlags::MS_NOEXEC),
        "noatime" => Some(MsFlags::MS_NOATIME),
        "nodiratime" => Some(MsFlags::MS_NODIRATIME),
        "relatime" => Some(MsFlags::MS_RELATIME),
        _ => None,
    }
}

/// Space, tab, line break and backslash stand as three octal digits.
fn unescape(text: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let octal = match tail {
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] if *first == b'\\' => {
                Some((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'))
            }
            _ => None,
        };
        bytes.push(octal.unwrap_or(*first));
        rest = if octal.is_some() { tail.get(3..).unwrap_or_default() } else { tail };
    }
    PathBuf::from(OsString::from_vec(bytes))
}

/// The kernel parameters that say where a live system comes from: live-boot(7).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Parameters {
    /// `module=`.
    pub module: Option<String>,
    /// The medium was copied to memory.
    pub to_ram: bool,
    /// The parameter that names an image file.
    pub iso_file: Option<String>,
}

impl Parameters {
    pub(super) fn parse(command_line: &str) -> Self {
        let mut found = Self::default();
        for word in command_line.split_ascii_whitespace() {
            match word.split_once('=') {
                Some(("module", value)) => found.module = Some(value.to_owned()),
                Some(("toram", _)) => found.to_ram = true,
                Some((name @ ("findiso" | "fromiso" | "isofrom"), _)) => found.iso_file = Some(name.to_owned()),
                None if word == "toram" => found.to_ram = true,
                _ => {}
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_mount_at_a_place_counts() {
        let text = "36 35 98:0 / /run/live/medium ro,noatime shared:1 - vfat /dev/sda1 ro,fmask=0022\n\
                    37 35 98:17 / /run/live/medium rw,nosuid,nodev,relatime shared:1 master:2 - ext4 /dev/sdb1 rw\n\
                    broken line\n\
                    38 35 0:1 / /a\\040b\\134 ro - tmpfs tmpfs rw,size=1\n";
        let mounts = parse(text);
        let medium = at(&mounts, Path::new("/run/live/medium")).unwrap();
        assert_eq!((medium.device, medium.file_system.as_str()), ((98, 17), "ext4"));
        assert_eq!(medium.flags, MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_RELATIME);
        assert!(at(&mounts, Path::new("/a b\\")).is_some());
        assert_eq!(mounts.len(), 3);
        assert_eq!(mounts.iter().map(|mount| mount.in_local_time).collect::<Vec<_>>(), [true, false, false]);
        for zone in ["tz=UTC", "time_offset=-60"] {
            let text =
                format!("36 35 98:0 / /run/live/medium ro - vfat /dev/sda1 ro,fmask=0022,{zone},errors=remount-ro");
            assert!(!parse(&text)[0].in_local_time, "{zone}");
        }
        // The first is that of the file system, not of the mount.
        assert_eq!(mounts.iter().map(|mount| mount.writable).collect::<Vec<_>>(), [false, true, true]);
    }

    #[test]
    fn parameters_are_whole_words() {
        let parse = Parameters::parse;
        assert_eq!(parse("boot=live module=1.2 quiet\n").module.as_deref(), Some("1.2"));
        assert!(
            parse("toram").to_ram && parse("toram=filesystem.squashfs").to_ram && !parse("notoram toram2=1").to_ram
        );
        for name in ["findiso", "fromiso", "isofrom"] {
            assert_eq!(parse(&format!("a {name}=/x.iso")).iso_file.as_deref(), Some(name));
        }
        assert_eq!(parse(""), Parameters::default());
    }
}
