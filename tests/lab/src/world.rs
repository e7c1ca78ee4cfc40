//! A release side with all that it has: keys, a repository, a base, newer versions, and the sticks and kits that they make.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use sameday_publish::init::{Init, init};
use sameday_publish::keys::Passphrase;
use sameday_publish::kit::{KitRequest, kit};
use sameday_publish::layer::{Compressor, LayerOptions, layer};
use sameday_publish::prepare_root::{Image, prepare_root};
use sameday_publish::release::{NewVersion, Release, Released, Way, release};
use sameday_publish::timestamp::{Renewal, Renewed, renew};
use sameday_trust::Time;
use sameday_upgrade::boot_env::Choice;
use sameday_upgrade::description::{Fix, Severity};
use sameday_upgrade::digest::Digest;
use sameday_upgrade::module_list;
use sameday_upgrade::names::{BASE, Name, Version};

use crate::keys::StolenKeys;
use crate::process::run;
use crate::roots::{BaseOptions, Roots, Spec as Tiny, base_squashfs, kernel_and_initrd};
use crate::stick::{FileSystem, Spec as StickSpec, Stick};

/// What a world is made of.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The version first installed.
    pub base: String,
    /// The versions that can be released.
    pub newer: Vec<String>,
    /// Bytes of each version's payload that do not compress.
    pub payload: u64,
    /// Where images look for the repository.
    pub base_urls: Vec<String>,
    /// The Tor mode that images are configured with.
    pub tor: Option<String>,
    /// The `arti` table of a private Tor network.
    pub arti: Option<String>,
    /// When the repository and the base were made.
    pub made: Time,
}

impl Default for Spec {
    /// From 1.0 to 2.0 or 3.0 by 3 MiB, made a day ago.
    fn default() -> Self {
        Self {
            base: "1.0".into(),
            newer: vec!["2.0".into(), "3.0".into()],
            payload: 3 << 20,
            base_urls: vec!["https://lab.invalid/".into()],
            tor: None,
            arti: None,
            made: now().plus_seconds(-86_400),
        }
    }
}

/// The time.
#[must_use]
pub fn now() -> Time {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    Time::from_unix(i64::try_from(seconds).unwrap_or(i64::MAX))
}

/// The release side.
#[derive(Debug)]
pub struct World {
    dir: PathBuf,
    spec: Spec,
    /// Version to root.
    roots: BTreeMap<String, PathBuf>,
    base_image: PathBuf,
    passphrase: Passphrase,
    stolen: Arc<StolenKeys>,
}

fn other(error: impl std::fmt::Display) -> io::Error {
    io::Error::other(error.to_string())
}

fn name(text: &str) -> Name {
    text.parse().expect("the lab's names are valid")
}

fn version(text: &str) -> io::Result<Version> {
    text.parse().map_err(other)
}

/// The passphrase of all keys.
pub const PASSPHRASE: &str = "correct horse battery staple";
/// The product of all worlds.
pub const PRODUCT: &str = "lab";
/// Their architecture.
pub const ARCHITECTURE: &str = "amd64";
/// The channel that their images follow.
pub const CHANNEL: &str = "stable";

impl World {
    /// Makes keys, repository, base and newer roots below `dir`, with tiny roots.
    ///
    /// # Errors
    /// When a tool fails.
    pub fn tiny(dir: &Path, spec: Spec) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let tiny = Tiny {
            product: PRODUCT.into(),
            base: spec.base.clone(),
            newer: spec.newer.clone(),
            payload: spec.payload,
            seed: 7,
        };
        let made = Roots::synthetic(&dir.join("roots"), &tiny)?;
        let mut roots = BTreeMap::from([(spec.base.clone(), made.base)]);
        roots.extend(spec.newer.iter().cloned().zip(made.newer));
        Self::new(dir, spec, roots, &BaseOptions { compressor: "lz4", ..BaseOptions::default() })
    }

    /// As [`World::tiny`], but no version takes a whole folder away: that is written as an attribute, which the kernel of User-mode Linux cannot
    /// read.
    ///
    /// # Errors
    /// When a tool fails.
    pub fn tiny_for_uml(dir: &Path, spec: Spec) -> io::Result<Self> {
        let mut roots = BTreeMap::new();
        for version in std::iter::once(&spec.base).chain(&spec.newer) {
            let (product, base) = (PRODUCT.to_owned(), version.clone());
            let alone = Tiny { product, base, newer: Vec::new(), payload: spec.payload, seed: 7 };
            let root = Roots::synthetic(&dir.join("roots"), &alone)?.base;
            fs::write(root.join("boot/config"), "stays\n")?;
            roots.insert(version.clone(), root);
        }
        Self::new(dir, spec, roots, &BaseOptions { compressor: "lz4", ..BaseOptions::default() })
    }

    /// Makes keys, repository and base below `dir`, of roots that are there. What an image must hold is put into each.
    ///
    /// # Errors
    /// When a tool fails.
    pub fn new(dir: &Path, spec: Spec, roots: BTreeMap<String, PathBuf>, base: &BaseOptions) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let passphrase = Passphrase::new(PASSPHRASE.into()).map_err(other)?;
        let wanted = Init::new(dir.join("repository"), dir.join("keys"), spec.made);
        init(&wanted, &passphrase).map_err(other)?;
        let stolen = Arc::new(StolenKeys::new(dir.join("keys"), PASSPHRASE));
        let base_image = dir.join("filesystem.squashfs");
        let world = Self { dir: dir.to_owned(), spec, roots, base_image, passphrase, stolen };
        for (version, root) in &world.roots {
            prepare_root(root, &world.image(version, &world.repository())?).map_err(other)?;
        }
        base_squashfs(world.root(&world.spec.base)?, &world.base_image, base)?;
        Ok(world)
    }

    fn image(&self, of: &str, repository: &Path) -> io::Result<Image> {
        Ok(Image {
            product: name(PRODUCT),
            version: version(of)?,
            channel: name(CHANNEL),
            architecture: name(ARCHITECTURE),
            built: self.spec.made.to_string(),
            base_urls: self.spec.base_urls.clone(),
            tor: self.spec.tor.clone(),
            arti: self.spec.arti.clone(),
            repository: repository.to_owned(),
        })
    }

    /// The repository's folder.
    #[must_use]
    pub fn repository(&self) -> PathBuf {
        self.dir.join("repository")
    }

    /// The folder of its keys.
    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.dir.join("keys")
    }

    /// Its keys in the hands of a thief.
    #[must_use]
    pub fn stolen_keys(&self) -> Arc<StolenKeys> {
        Arc::clone(&self.stolen)
    }

    /// The passphrase of its keys.
    #[must_use]
    pub fn passphrase(&self) -> &Passphrase {
        &self.passphrase
    }

    /// A version's root.
    ///
    /// # Errors
    /// When the world has no such version.
    pub fn root(&self, version: &str) -> io::Result<&Path> {
        self.roots
            .get(version)
            .map(PathBuf::as_path)
            .ok_or_else(|| other(format!("no version {version} in this world")))
    }

    /// The layer from the base to a version, made on first use.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn layer(&self, to: &str) -> io::Result<PathBuf> {
        self.layer_from(&self.spec.base, to)
    }

    fn layer_from(&self, from: &str, to: &str) -> io::Result<PathBuf> {
        let out = self.dir.join(format!("{to}-from-{from}.squashfs"));
        if !out.exists() {
            let time = u32::try_from(self.spec.made.unix()).map_err(other)?;
            let options = LayerOptions { time, compressor: Compressor::Zstd, processors: None };
            layer(self.root(from)?, self.root(to)?, &out, &options).map_err(other)?;
        }
        Ok(out)
    }

    /// What a release of a version to its channel would be; tests change it before they publish it.
    ///
    /// # Errors
    /// When its layer cannot be made.
    pub fn prepared(&self, to: &str, from: &[&str]) -> io::Result<Release> {
        let (kernel, initrd) = kernel_and_initrd(self.root(to)?)?;
        let fix = |name: &str, severity, cve: &str| Fix { name: name.into(), severity, cves: vec![cve.into()] };
        Ok(Release {
            repository: self.repository(),
            keys: self.keys(),
            channel: name(CHANNEL),
            product: name(PRODUCT),
            architecture: name(ARCHITECTURE),
            new: Some(NewVersion {
                version: version(to)?,
                from: from
                    .iter()
                    .map(|from| Ok((version(from)?, Way::Layer(self.layer_from(from, to)?))))
                    .collect::<io::Result<_>>()?,
                kernel: Some(kernel),
                initrd: Some(initrd),
                notes: BTreeMap::from([
                    ("en".to_owned(), format!("Version {to} fixes security flaws.")),
                    ("de".to_owned(), format!("Version {to} behebt Sicherheitslücken.")),
                ]),
                fixes: vec![
                    fix("openssl", Severity::High, "CVE-2026-0001"),
                    fix("linux", Severity::Medium, "CVE-2026-0002"),
                ],
                details_url: None,
                test_record: None,
            }),
            withdraw: vec![],
            now: now(),
        })
    }

    /// Publishes.
    ///
    /// # Errors
    /// When it is refused.
    pub fn publish(&self, wanted: &Release) -> io::Result<Released> {
        release(wanted, &self.passphrase).map_err(other)
    }

    /// Releases a version for the base.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn release(&self, to: &str) -> io::Result<Released> {
        self.publish(&self.prepared(to, &[&self.spec.base])?)
    }

    /// Signs the online roles anew.
    ///
    /// # Errors
    /// When it is refused.
    pub fn renew(&self, at: Time) -> io::Result<Renewed> {
        renew(&Renewal { repository: self.repository(), keys: self.keys(), now: at }, &self.passphrase).map_err(other)
    }

    /// The kit for sticks that began with the base.
    ///
    /// # Errors
    /// When there is nothing to put into it.
    pub fn kit(&self) -> io::Result<PathBuf> {
        self.kit_of(&self.repository(), &self.dir.join("kits"))
    }

    /// As [`World::kit`], of another repository, in `out`.
    ///
    /// # Errors
    /// When there is nothing to put into it.
    pub fn kit_of(&self, repository: &Path, out: &Path) -> io::Result<PathBuf> {
        fs::create_dir_all(out)?;
        kit(&KitRequest {
            repository: repository.to_owned(),
            channel: name(CHANNEL),
            product: name(PRODUCT),
            architecture: name(ARCHITECTURE),
            initial_version: version(&self.spec.base)?,
            out: out.to_owned(),
        })
        .map_err(other)
    }

    /// A new stick of `size` bytes with the base on it.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn stick(&self, name: &str, file_system: FileSystem, size: u64) -> io::Result<Stick> {
        self.stick_of(&self.spec.base, &self.base_image, name, file_system, size)
    }

    /// A new stick that began with a newer version than the base.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn newer_stick(&self, version: &str, name: &str, file_system: FileSystem, size: u64) -> io::Result<Stick> {
        let image = self.dir.join(format!("{name}.squashfs"));
        base_squashfs(self.root(version)?, &image, &BaseOptions::default())?;
        self.stick_of(version, &image, name, file_system, size)
    }

    /// A new stick whose image, of the base's version, was built while the repository was as it is in this folder.
    ///
    /// # Errors
    /// When it cannot be made, or the repository does not verify.
    pub fn stick_built_from(
        &self,
        repository: &Path,
        name: &str,
        file_system: FileSystem,
        size: u64,
    ) -> io::Result<Stick> {
        let base = &self.spec.base;
        let root = self.dir.join(format!("{name}.root"));
        run(Command::new("cp").arg("-a").arg(self.root(base)?).arg(&root))?;
        prepare_root(&root, &self.image(base, repository)?).map_err(other)?;
        let image = self.dir.join(format!("{name}.squashfs"));
        base_squashfs(&root, &image, &BaseOptions { compressor: "lz4", ..BaseOptions::default() })?;
        self.stick_of(base, &image, name, file_system, size)
    }

    fn stick_of(
        &self,
        version: &str,
        image: &Path,
        name: &str,
        file_system: FileSystem,
        size: u64,
    ) -> io::Result<Stick> {
        let (kernel, initrd) = kernel_and_initrd(self.root(version)?)?;
        let spec =
            StickSpec { time: self.spec.made.unix(), ..StickSpec::new(file_system, size, image, &kernel, &initrd) };
        Stick::build(&self.dir, name, &spec)
    }

    /// What must be on a stick that starts a version, or the base: place, length and digest of its list, its image, its kernel and its initrd.
    ///
    /// # Errors
    /// When the world has no such version.
    pub fn needed(&self, name: &str) -> io::Result<Vec<(String, u64, Digest)>> {
        let choice = if name == BASE { Choice::Base } else { Choice::Version(version(name)?) };
        let entry = |place: String, bytes: &[u8]| (format!("live/{place}"), bytes.len() as u64, Digest::of(bytes));
        let (root, folder, image, file) = match &choice {
            Choice::Base => (
                self.root(&self.spec.base)?,
                String::new(),
                module_list::BASE_IMAGE.to_owned(),
                self.base_image.clone(),
            ),
            Choice::Version(version) => {
                let layer = self.layer(version.as_str())?;
                (self.root(version.as_str())?, format!("{version}/"), module_list::layer(version), layer)
            }
        };
        let (kernel, initrd) = kernel_and_initrd(root)?;
        Ok(vec![
            entry(module_list::file_name(&choice), module_list::render(&choice).as_bytes()),
            entry(image, &fs::read(file)?),
            entry(format!("{folder}vmlinuz"), &fs::read(kernel)?),
            entry(format!("{folder}initrd.img"), &fs::read(initrd)?),
        ])
    }

    /// The base's image.
    #[must_use]
    pub fn base_image(&self) -> &Path {
        &self.base_image
    }
}
