//! What lies on sticks and in images, and what the kernel says of them.

use std::path::Path;

use sameday_upgrade::boot_env::{BootEnv, Choice, GoodEnv};
use sameday_upgrade::module_list;
use sameday_upgrade::os_release::{self, OsRelease};
use sameday_upgrade::standing::Standing;

use crate::edit::binary::crc32;
use crate::{fetcher_configuration, gpt, mounts, repository_configuration};

fn seeds(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn version(text: &str) -> Choice {
    Choice::Version(text.parse().expect("a version"))
}

/// The block that says what starts: what was read is written so that it reads the same.
pub fn boot_env(bytes: &[u8]) {
    if let Ok(env) = BootEnv::parse(bytes) {
        assert_eq!(BootEnv::parse(&env.render()).as_ref(), Ok(&env));
        assert!([&env.current, &env.previous].contains(&env.starts_next()));
        assert!(!matches!(Standing::of(&env, &env.current, &|_| true), Standing::RestartPending(_)));
    }
}

pub fn boot_env_seeds() -> Vec<Vec<u8>> {
    let trial = BootEnv { current: version("1.2"), previous: version("1.1"), tries: 3, good: false };
    vec![BootEnv::base().render().to_vec(), trial.render().to_vec()]
}

/// The block that says what came up well.
pub fn good_env(bytes: &[u8]) {
    if let Ok(env) = GoodEnv::parse(bytes) {
        assert_eq!(GoodEnv::parse(&env.render()), Ok(env));
    }
}

pub fn good_env_seeds() -> Vec<Vec<u8>> {
    [Choice::Base, version("1.2")].map(|version| GoodEnv { version }.render().to_vec()).to_vec()
}

/// live-boot's list of images.
pub fn module_list(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let images = module_list::parse(text);
    assert!(images.iter().all(|image| !image.is_empty()));
    assert_eq!(module_list::parse(&images.join("\n")), images);
}

pub fn module_list_seeds() -> Vec<Vec<u8>> {
    vec![module_list::render(&Choice::Base).into_bytes(), module_list::render(&version("1.2")).into_bytes()]
}

/// What is mounted where.
pub fn mountinfo(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mounts = mounts::parse(&text);
    assert!(mounts.len() <= text.lines().count());
    for mount in &mounts {
        assert_eq!(mounts::at(&mounts, &mount.point).map(|found| &found.point), Some(&mount.point));
    }
    assert!(mounts::at(&mounts, Path::new("/run/live/medium")).is_none_or(|mount| !mount.file_system.contains(' ')));
}

pub fn mountinfo_seeds() -> Vec<Vec<u8>> {
    let mut all = seeds(&[
        "36 35 98:0 / /run/live/medium ro,noatime shared:1 - vfat /dev/sda1 ro,fmask=0022\n\
         37 35 98:17 / /run/live/rootfs/1.2.squashfs rw,nosuid,nodev,noexec,relatime,nodiratime shared:1 - squashfs /dev/loop0 rw\n",
        "38 35 0:1 / /a\\040b\\134\\377 rw - tmpfs tmpfs rw\n",
    ]);
    all.extend(std::fs::read("/proc/self/mountinfo").into_iter().map(|mut text| {
        text.truncate(2048);
        text
    }));
    all
}

/// The kernel's parameters.
pub fn command_line(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let found = mounts::Parameters::parse(&text);
    assert!(found.module.is_none_or(|module| text.contains(&module)));
    assert!(!found.to_ram || text.contains("toram"));
    assert!(found.iso_file.is_none_or(|name| text.contains(&name)));
}

pub fn command_line_seeds() -> Vec<Vec<u8>> {
    seeds(&[
        "BOOT_IMAGE=/live/vmlinuz boot=live module=1.2 quiet panic=10\n",
        "toram findiso=/a fromiso=/b isofrom=/c toram=x",
    ])
}

/// A partition table's header and first entry.
pub fn gpt(bytes: &[u8]) {
    if let Some(header) = gpt::header(bytes) {
        assert!(bytes.starts_with(b"EFI PART") && bytes.len() >= 92);
        assert_eq!(bytes.get(72..80), Some(header.entries.to_le_bytes().as_slice()));
    }
    if let Some(entry) = gpt::first_entry(bytes) {
        assert_eq!(bytes.get(..16), Some(entry.kind.as_slice()));
        assert_eq!(entry.kind == gpt::EFI_SYSTEM, bytes.starts_with(&gpt::EFI_SYSTEM));
        assert_eq!(bytes.get(32..48), Some([entry.first.to_le_bytes(), entry.last.to_le_bytes()].as_flattened()));
    }
}

pub fn gpt_seeds() -> Vec<Vec<u8>> {
    let mut block = vec![0; 512];
    block[..8].copy_from_slice(b"EFI PART");
    for (place, value) in [(12, 92_u32), (24, 1), (72, 2), (80, 128), (84, 128)] {
        block[place..place + 4].copy_from_slice(&value.to_le_bytes());
    }
    let sum = crc32(&block[..92]).to_le_bytes();
    block[16..20].copy_from_slice(&sum);
    let mut entry = vec![0; 128];
    entry[..16].copy_from_slice(&gpt::EFI_SYSTEM);
    vec![block, entry]
}

/// What a system says that it is.
pub fn os_release(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let fields = os_release::fields(text);
    if let Ok(release) = OsRelease::parse(text) {
        assert_eq!(fields.get("IMAGE_VERSION"), Some(&release.version.to_string()));
        assert_eq!(fields.get("IMAGE_ID"), Some(&release.product.to_string()));
    }
}

pub fn os_release_seeds() -> Vec<Vec<u8>> {
    seeds(&[
        "# c\nNAME=\"a \\\"b\\\"\"\nIMAGE_ID='demo'\nIMAGE_VERSION=1.0\nSAMEDAY_CHANNEL=stable\nSAMEDAY_ARCHITECTURE=amd64\n\
             SAMEDAY_BUILT=2026-01-01T00:00:00Z\n",
    ])
}

/// How Tor is to be reached: no error tells a word of the text.
pub fn fetcher_toml(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match fetcher_configuration::parse(text) {
        Ok(arti) => assert!(!arti.contains_key("bridges")),
        Err(error) => assert!(!error.to_string().is_empty() && !error.reason().code().is_empty()),
    }
}

pub fn fetcher_toml_seeds() -> Vec<Vec<u8>> {
    seeds(&[
        "format = 1\ntor = \"direct\"\n[arti.address_filter]\nallow_local_addrs = true\n",
        "format = 1\ntor = \"bridges\"\n[arti.bridges]\nbridges = [\"a\", 'b']\n",
        "format = 2\ntor = { how = 1.5, when = 2026-11-22T00:00:00Z }\n[[x]]\ny = \"\"\"z\"\"\"\n",
    ])
}

/// Where upgrades are.
pub fn repository_toml(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(bases) = repository_configuration::bases(text) {
        assert!(bases.len() <= 8);
    }
}

pub fn repository_toml_seeds() -> Vec<Vec<u8>> {
    seeds(&["format = 1\nbase_urls = [\"http://a.onion/\", \"https://b.example/\"]\n", "format = 9\nbase_urls = []\n"])
}
