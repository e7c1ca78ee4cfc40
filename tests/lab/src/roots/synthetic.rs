//! Tiny roots with seeded contents: a base and newer versions of it, with a payload that does not compress.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The fake kernel's and initrd's length: small, and not a multiple of a chunk.
const KERNEL_LENGTH: u64 = 100_003;
const INITRD_LENGTH: u64 = 300_007;
const BLOCK: usize = 64 * 1024;

/// What tiny roots shall hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// `IMAGE_ID` in os-release.
    pub product: String,
    /// The base's version.
    pub base: String,
    /// The newer versions.
    pub newer: Vec<String>,
    /// The length of the payload file of each version, in bytes.
    pub payload: u64,
    /// Another seed makes other contents.
    pub seed: u64,
}

/// Tiny roots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Synthetic {
    /// The base's root.
    pub base: PathBuf,
    /// The newer versions' roots, in the order asked for.
    pub newer: Vec<PathBuf>,
}

pub fn roots(dir: &Path, spec: &Spec) -> io::Result<Synthetic> {
    let base = dir.join(&spec.base);
    root(&base, spec, &spec.base)?;
    // What each upgrade takes away.
    fs::create_dir_all(base.join("var/lib/old"))?;
    fs::write(base.join("var/lib/old/state"), "gone after the upgrade\n")?;
    let newer = spec.newer.iter().map(|version| dir.join(version)).collect::<Vec<_>>();
    for (path, version) in newer.iter().zip(&spec.newer) {
        root(path, spec, version)?;
    }
    Ok(Synthetic { base, newer })
}

fn root(root: &Path, spec: &Spec, version: &str) -> io::Result<()> {
    for folder in ["boot", "etc", "usr/bin", "usr/lib", "usr/share", "var/lib"] {
        fs::create_dir_all(root.join(folder))?;
    }
    let product = &spec.product;
    fs::write(
        root.join("usr/lib/os-release"),
        format!(
            "NAME=\"{product}\"\nID=debian\nPRETTY_NAME=\"{product} {version}\"\nIMAGE_ID=\"{product}\"\nIMAGE_VERSION=\"{version}\"\n"
        ),
    )?;
    std::os::unix::fs::symlink("../usr/lib/os-release", root.join("etc/os-release"))?;
    fs::write(root.join("etc/hostname"), "amnesia\n")?;
    fs::write(root.join("usr/bin/program"), format!("#!/bin/sh\necho {version}\n"))?;
    seeded(&root.join(format!("boot/vmlinuz-{version}")), KERNEL_LENGTH, spec.seed, &[version, "kernel"])?;
    seeded(&root.join(format!("boot/initrd.img-{version}")), INITRD_LENGTH, spec.seed, &[version, "initrd"])?;
    seeded(&root.join("usr/share/payload"), spec.payload, spec.seed, &[version, "payload"])
}

/// Writes a file that does not compress and follows from the seed and the names alone (splitmix64).
fn seeded(path: &Path, length: u64, seed: u64, names: &[&str]) -> io::Result<()> {
    let mut state = names.iter().flat_map(|name| name.bytes()).fold(seed ^ 0x5a5a_1234, |state, byte| {
        (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(17)
    });
    let mut file = File::create(path)?;
    let mut block = vec![0; BLOCK];
    let mut left = length;
    while left > 0 {
        for word in block.chunks_exact_mut(8) {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            word.copy_from_slice(&(z ^ (z >> 31)).to_le_bytes());
        }
        let part = usize::try_from(left).map_or(BLOCK, |left| left.min(BLOCK));
        file.write_all(block.split_at(part).0)?;
        left -= part as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_spec_makes_the_same_roots_and_each_version_its_own() {
        let spec =
            Spec { product: "sample".into(), base: "1.0".into(), newer: vec!["1.1".into()], payload: 200_001, seed: 7 };
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = roots(one.path(), &spec).unwrap();
        let second = roots(two.path(), &spec).unwrap();
        let payload = |root: &Path| fs::read(root.join("usr/share/payload")).unwrap();
        assert_eq!(payload(&first.base).len(), 200_001);
        assert_eq!(payload(&first.base), payload(&second.base));
        assert_ne!(payload(&first.base), payload(&first.newer[0]));
        assert!(super::super::kernel_and_initrd(&first.newer[0]).unwrap().0.ends_with("vmlinuz-1.1"));
    }
}
