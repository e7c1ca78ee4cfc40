//! What the cases' sticks and upgrades are made of: small images of made-up systems, and one layer of 100 MiB.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use sameday_lab::process::run;
use sameday_lab::stick::{FileSystem, Spec, Stick};

use crate::cases::Case;

/// Enough for the base and two small versions, and enough clusters of one sector for FAT32.
pub const STICK_SIZE: u64 = 64 << 20;
/// Enough for the large layer too, in clusters of 4 KiB as on a real stick.
const LARGE_STICK_SIZE: u64 = 300 << 20;
/// Content of the large layer; noise, so that no compression shrinks it.
const LARGE: usize = 100 << 20;

pub const PRODUCT: &str = "demo";
pub const ARCHITECTURE: &str = "amd64";
pub const CHANNEL: &str = "stable";

/// An os-release as an image has it.
pub fn os_release(version: &str) -> String {
    format!(
        "NAME=\"Demo\"\nIMAGE_ID={PRODUCT}\nIMAGE_VERSION={version}\nSAMEDAY_CHANNEL={CHANNEL}\nSAMEDAY_ARCHITECTURE={ARCHITECTURE}\nSAMEDAY_BUILT=2026-01-01T00:00:00Z\n"
    )
}

/// Packs a folder.
pub fn pack(tree: &Path, image: &Path) -> io::Result<()> {
    run(Command::new("mksquashfs").arg(tree).arg(image).args([
        "-noappend",
        "-quiet",
        "-no-progress",
        "-comp",
        "gzip",
        "-xattrs",
    ]))
    .map(drop)
}

/// The file of a layer.
pub fn layer(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("layer-{name}.squashfs"))
}

/// Makes all images in `dir`.
pub fn make(dir: &Path, file_system: FileSystem) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    let tree = |name: &str| -> io::Result<PathBuf> {
        let tree = dir.join(format!("tree-{name}"));
        fs::create_dir_all(tree.join("usr/lib"))?;
        Ok(tree)
    };
    let base = tree("base")?;
    fs::create_dir_all(base.join("etc"))?;
    symlink("../usr/lib/os-release", base.join("etc/os-release"))?;
    fs::write(base.join("usr/lib/os-release"), os_release("1.0"))?;
    pack(&base, &dir.join("base.squashfs"))?;

    let set = |path: &Path, attribute: &str, value: &str| {
        run(Command::new("setfattr").args(["-n", attribute, "-v", value]).arg(path))
    };
    for (name, version) in
        [("good", "1.1"), ("wrong-version", "1.2"), ("redirect", "1.1"), ("metacopy", "1.1"), ("opaque", "1.1")]
    {
        let tree = tree(name)?;
        fs::write(tree.join("usr/lib/os-release"), os_release(version))?;
        fs::create_dir_all(tree.join("usr/share/x"))?;
        fs::write(tree.join("usr/share/x/f"), name)?;
        match name {
            "redirect" => drop(set(&tree.join("usr/share/x"), "trusted.overlay.redirect", "/etc")?),
            "metacopy" => drop(set(&tree.join("usr/share/x/f"), "trusted.overlay.metacopy", "y")?),
            "opaque" => drop(set(&tree.join("usr/share/x"), "trusted.overlay.opaque", "y")?),
            _ => {}
        }
        pack(&tree, &layer(dir, name))?;
    }
    let alpha = tree("wrong-channel")?;
    fs::write(alpha.join("usr/lib/os-release"), os_release("1.1").replace(CHANNEL, "alpha"))?;
    pack(&alpha, &layer(dir, "wrong-channel"))?;
    // Outside of the stack this link leads to this machine's own file.
    let hidden = tree("link-out")?;
    fs::create_dir_all(hidden.join("etc"))?;
    symlink("/etc/hostname", hidden.join("usr/lib/os-release"))?;
    pack(&hidden, &layer(dir, "link-out"))?;
    fs::write(layer(dir, "garbage"), noise(20_000, 3))?;

    let large = tree("large")?;
    fs::write(large.join("usr/lib/os-release"), os_release("1.1"))?;
    File::create(large.join("usr/lib/noise"))?.write_all(&noise(LARGE, 1))?;
    pack(&large, &layer(dir, "large"))?;

    fs::write(dir.join("vmlinuz"), noise(300_001, 5))?;
    fs::write(dir.join("initrd.img"), noise(900_001, 7))?;
    // So that a stick's image is made once and copied for each case.
    stick_of(dir, "pristine", file_system, STICK_SIZE, &[], 1, sameday_lab::stick::EFI_SYSTEM).map(drop)
}

/// The stick of a case.
pub fn stick(dir: &Path, file_system: FileSystem, case: &Case) -> io::Result<Stick> {
    let more = (case.more)();
    if more.is_empty() && case.partition == 1 && case.partition_type == sameday_lab::stick::EFI_SYSTEM && !case.on_disk
    {
        return Stick::existing(&dir.join("pristine.img"), file_system)
            .clone_to(&dir.join(format!("{}.img", case.name)));
    }
    let size = if case.on_disk { LARGE_STICK_SIZE } else { STICK_SIZE };
    stick_of(dir, case.name, file_system, size, &more, case.partition, case.partition_type)
}

fn stick_of(
    dir: &Path,
    name: &str,
    file_system: FileSystem,
    size: u64,
    more: &[(String, Vec<u8>)],
    partition: u32,
    kind: &str,
) -> io::Result<Stick> {
    let [base, kernel, initrd] = ["base.squashfs", "vmlinuz", "initrd.img"].map(|name| dir.join(name));
    let mut spec = Spec::new(file_system, size, &base, &kernel, &initrd);
    (spec.more, spec.partition, spec.partition_type) = (more, partition, kind);
    Stick::build(dir, name, &spec)
}

/// Bytes that do not repeat and are the same each time (xorshift64*).
pub fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        bytes.extend_from_slice(&state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
