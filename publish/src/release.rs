//! A release: upgrades to one version, for named initial versions, into a channel; and withdrawals.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sameday_trust::Time;
use sameday_trust::schema::{Other, TargetInfo};
use sameday_upgrade::description::{Description, FORMAT, File, Fix, Kind, LARGEST, Role, Upgrade};
use sameday_upgrade::digest::Digest;
use sameday_upgrade::names::{Name, Version, description_path};

use crate::error::Error;
use crate::keys::{KeyFolder, Passphrase};
use crate::payload;
use crate::repository::{Repository, days, read_at_most, write_whole};

/// A change of one channel's description.
#[derive(Debug, Clone)]
pub struct Release {
    /// The repository.
    pub repository: PathBuf,
    /// Its keys.
    pub keys: PathBuf,
    /// The channel.
    pub channel: Name,
    /// The product.
    pub product: Name,
    /// Debian's name of the architecture.
    pub architecture: Name,
    /// A new version, if there is one.
    pub new: Option<NewVersion>,
    /// Versions that nobody should be offered, or stay on, from now on.
    pub withdraw: Vec<Version>,
    /// The time that it is published and signed at.
    pub now: Time,
}

/// A new version.
#[derive(Debug, Clone)]
pub struct NewVersion {
    /// What runs afterwards.
    pub version: Version,
    /// How each initial version gets there.
    pub from: Vec<(Version, Way)>,
    /// The kernel and its initramfs, unless the base's stay.
    pub kernel: Option<PathBuf>,
    /// See `kernel`.
    pub initrd: Option<PathBuf>,
    /// Release notes by language.
    pub notes: BTreeMap<String, String>,
    /// What it fixes.
    pub fixes: Vec<Fix>,
    /// Where to read more.
    pub details_url: Option<String>,
    /// Digest of the record of the release's tests.
    pub test_record: Option<Digest>,
}

/// How an initial version gets to the new one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// By this layer over its base.
    Layer(PathBuf),
    /// By hand.
    Manual,
}

/// What was published.
#[derive(Debug, Clone)]
pub struct Released {
    /// The description.
    pub description: Description,
    /// Digest of its bytes.
    pub digest: Digest,
    /// Its path below `targets/`.
    pub path: String,
    /// Versions of the channel's role, the snapshot and the timestamp.
    pub versions: [u64; 3],
}

/// Publishes a release.
///
/// # Errors
/// When it contradicts itself, the repository does not verify, keys are missing, or a file cannot be read or written. The repository
/// then serves what it served before.
pub fn release(release: &Release, passphrase: &Passphrase) -> Result<Released, Error> {
    let keys = KeyFolder::new(&release.keys, &release.repository)?;
    let mut repository = Repository::open_to_change(&release.repository, &keys)?;
    let composed = compose(release, &mut repository)?;
    let now = release.now;
    let snapshot = &mut repository.snapshot.header;
    snapshot.version = snapshot.version.saturating_add(1);
    snapshot.issued = Some(now);
    snapshot.expires = now.plus_days(days::SNAPSHOT);
    let timestamp = &mut repository.timestamp.header;
    timestamp.version = timestamp.version.saturating_add(1);
    timestamp.issued = Some(now);
    timestamp.expires = now.plus_days(days::TIMESTAMP);
    let versions = [composed.version, snapshot.version, timestamp.version];

    repository.publish_targets(release.channel.as_str(), &keys, passphrase)?;
    repository.publish_snapshot(&keys, passphrase)?;
    repository.publish_timestamp(&keys, passphrase)?;
    let Composed { description, digest, path, .. } = composed;
    Ok(Released { description, digest, path, versions })
}

/// A release whose files are in place, where nothing leads to them before the channel's role is signed.
pub(crate) struct Composed {
    pub(crate) description: Description,
    pub(crate) digest: Digest,
    pub(crate) path: String,
    /// The new version of the channel's role.
    pub(crate) version: u64,
}

/// Puts payloads and description into place and changes the channel's role, which is still to be signed.
pub(crate) fn compose(release: &Release, repository: &mut Repository) -> Result<Composed, Error> {
    check(release)?;
    let target = description_path(&release.channel, &release.product, &release.architecture);
    let no_channel = || Error::NoChannel(release.channel.clone());
    let role = repository.channels.get(release.channel.as_str()).ok_or_else(no_channel)?;
    let mut description = match role.targets.get(&target) {
        Some(info) => read_description(&release.repository, &target, info)?,
        None => Description {
            format: FORMAT,
            product: release.product.clone(),
            architecture: release.architecture.clone(),
            channel: release.channel.clone(),
            published: String::new(),
            withdrawn: Vec::new(),
            upgrades: Vec::new(),
        },
    };
    description.published = release.now.to_string();
    for version in &release.withdraw {
        if !description.withdrawn.contains(version) {
            description.withdrawn.push(version.clone());
        }
    }
    if let Some(new) = &release.new {
        let upgrades = new_upgrades(&release.repository, new)?;
        for upgrade in &mut description.upgrades {
            upgrade.initial_versions.retain(|initial| !new.from.iter().any(|(replaced, _)| replaced == initial));
        }
        description.upgrades.retain(|upgrade| !upgrade.initial_versions.is_empty());
        description.upgrades.extend(upgrades);
    }
    let bytes = description.to_bytes().map_err(|source| Error::Json { what: "the description", source })?;
    let length = bytes.len() as u64;
    if length > LARGEST {
        return Err(Error::DescriptionTooLong { length, limit: LARGEST });
    }
    let digest = Digest::of(&bytes);
    let (folder, name) = hashed(&release.repository, &target, &digest.to_string());
    write_whole(&folder, &name, &bytes)?;

    let now = release.now;
    let role = repository.channels.get_mut(release.channel.as_str()).ok_or_else(no_channel)?;
    let hashes = BTreeMap::from([("sha256".to_owned(), digest.to_string())]);
    role.targets.insert(target.clone(), TargetInfo { length, hashes, custom: None, other: Other::new() });
    role.header.version = role.header.version.saturating_add(1);
    role.header.issued = Some(now);
    role.header.expires = now.plus_days(days::CHANNEL);
    Ok(Composed { description, digest, path: target, version: role.header.version })
}

/// Where a target lies: its folder, and its name after its digest.
pub(crate) fn hashed(repository: &Path, target: &str, digest: &str) -> (PathBuf, String) {
    let (folder, name) = target.rsplit_once('/').unwrap_or(("", target));
    (repository.join("targets").join(folder), format!("{digest}.{name}"))
}

/// Reads the published description, which must be the one that its channel signed.
pub(crate) fn read_description(repository: &Path, target: &str, info: &TargetInfo) -> Result<Description, Error> {
    let signed: Option<Digest> = info.hashes.get("sha256").and_then(|digest| digest.parse().ok());
    let (folder, name) = hashed(repository, target, &signed.map(String::from).unwrap_or_default());
    let path = folder.join(name);
    let bytes = read_at_most(&path, LARGEST)?.ok_or_else(|| Error::Damaged(path.clone()))?;
    if Some(Digest::of(&bytes)) != signed || bytes.len() as u64 != info.length {
        return Err(Error::Damaged(path));
    }
    Description::parse(&bytes).map_err(Error::Description)
}

/// One upgrade for each layer; initial versions that share a layer share the upgrade.
fn new_upgrades(repository: &Path, new: &NewVersion) -> Result<Vec<Upgrade>, Error> {
    let mut kernel = Vec::new();
    if let (Some(vmlinuz), Some(initrd)) = (&new.kernel, &new.initrd) {
        kernel.push(payload::add(repository, vmlinuz, Role::Kernel, &new.version)?);
        kernel.push(payload::add(repository, initrd, Role::Initrd, &new.version)?);
    }
    let mut groups: BTreeMap<&Way, Vec<Version>> = BTreeMap::new();
    for (initial, way) in &new.from {
        groups.entry(way).or_default().push(initial.clone());
    }
    let mut upgrades = Vec::new();
    for (way, initial_versions) in groups {
        let (kind, files): (Kind, Vec<File>) = match way {
            Way::Layer(layer) => {
                let mut files = vec![payload::add(repository, layer, Role::Layer, &new.version)?];
                files.extend(kernel.iter().cloned());
                (Kind::Layer, files)
            }
            Way::Manual => (Kind::Manual, Vec::new()),
        };
        upgrades.push(Upgrade {
            version: new.version.clone(),
            kind,
            initial_versions,
            fixes: new.fixes.clone(),
            notes: new.notes.clone(),
            details_url: new.details_url.clone(),
            room: files.iter().map(|file| file.length).fold(0, u64::saturating_add),
            files,
            test_record: new.test_record,
        });
    }
    Ok(upgrades)
}

fn check(release: &Release) -> Result<(), Error> {
    let Some(new) = &release.new else {
        return if release.withdraw.is_empty() { Err(Error::Nothing) } else { Ok(()) };
    };
    if new.from.is_empty() {
        return Err(Error::Nothing);
    }
    if new.kernel.is_some() != new.initrd.is_some() {
        return Err(Error::HalfAKernel);
    }
    for (i, (initial, _)) in new.from.iter().enumerate() {
        if initial.same_on_fat(&new.version) {
            return Err(Error::SameVersion(initial.clone()));
        }
        if new.from.iter().take(i).any(|(earlier, _)| earlier.same_on_fat(initial)) {
            return Err(Error::InitialTwice(initial.clone()));
        }
    }
    Ok(())
}
