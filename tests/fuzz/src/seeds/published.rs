//! Seeds that the release side makes: a repository with a release, and its kit.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;

use sameday_publish::init::{Init, KeyCount, init};
use sameday_publish::keys::Passphrase;
use sameday_publish::kit::{KitRequest, kit};
use sameday_publish::release::{NewVersion, Release, Way, release};
use sameday_upgrade::description::{Fix, Severity};

use super::now;

/// Files by the target that they are a seed of.
pub type Published = BTreeMap<&'static str, Vec<Vec<u8>>>;

/// Makes a repository with one release below `folder`, as a release team would.
///
/// # Errors
/// When the release side fails.
pub fn publish(folder: &Path) -> Result<Published, Box<dyn Error>> {
    let (repository, keys) = (folder.join("repository"), folder.join("keys"));
    let passphrase = Passphrase::new("of a fuzzer".to_owned())?;
    let mut first = Init::new(repository.clone(), keys.clone(), now());
    first.channels = vec!["stable".parse()?];
    first.root = KeyCount { keys: 1, threshold: 1 };
    first.targets = first.root;
    init(&first, &passphrase)?;
    let payload = |name: &str, length: usize| -> std::io::Result<_> {
        let path = folder.join(name);
        fs::write(&path, vec![length.to_le_bytes()[0]; length])?;
        Ok(path)
    };
    let plan = Release {
        repository: repository.clone(),
        keys,
        channel: "stable".parse()?,
        product: "demo".parse()?,
        architecture: "amd64".parse()?,
        new: Some(NewVersion {
            version: "1.2".parse()?,
            from: vec![("1.0".parse()?, Way::Layer(payload("layer", 700)?)), ("0.9".parse()?, Way::Manual)],
            kernel: Some(payload("kernel", 300)?),
            initrd: Some(payload("initrd", 400)?),
            notes: BTreeMap::from([("en".to_owned(), "notes".to_owned())]),
            fixes: vec![Fix { name: "openssl".into(), severity: Severity::High, cves: vec!["CVE-2026-1".into()] }],
            details_url: Some("https://example.org/".to_owned()),
            test_record: None,
        }),
        withdraw: vec!["1.1".parse()?],
        now: now(),
    };
    let released = release(&plan, &passphrase)?;
    let request = KitRequest {
        repository: repository.clone(),
        channel: plan.channel,
        product: plan.product,
        architecture: plan.architecture,
        initial_version: "1.0".parse()?,
        out: folder.to_owned(),
    };
    let kit = fs::read(kit(&request)?)?;
    let mut seeds = Published::from([("kit", vec![kit]), ("description", vec![released.description.to_bytes()?])]);
    let lists = released.description.upgrades.iter().flat_map(|upgrade| &upgrade.files).map(|file| &file.chunks);
    let lists = lists.map(|digest| fs::read(repository.join("files").join(digest.to_string())));
    seeds.insert("chunk-list", lists.collect::<Result<_, _>>()?);
    for (target, name) in [
        ("root", "1.root.json"),
        ("timestamp", "timestamp.json"),
        ("snapshot", "2.snapshot.json"),
        ("targets", "1.targets.json"),
        ("delegated", "2.stable.json"),
    ] {
        seeds.insert(target, vec![fs::read(repository.join("metadata").join(name))?]);
    }
    Ok(seeds)
}
