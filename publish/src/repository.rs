//! The repository on disk: read as a client reads it, changed so that every reader at any moment sees a whole state.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sameday_trust::schema::{MetaInfo, Other, Root, Signature, Signed, Snapshot, Targets, Timestamp, canonical_form};
use sameday_trust::{Answer, Error as Refusal, Limits, Next, Policy, Source, Store, Time, Updater};
use sameday_upgrade::digest::Digest;
use sameday_upgrade::names::Name;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::keys::{KeyFolder, Passphrase, SigningKey};

/// How long each role is valid, in days. The root and the targets role have offline keys, which people fetch from safes.
pub(crate) mod days {
    pub(crate) const ROOT: u32 = 730;
    pub(crate) const TARGETS: u32 = 365;
    pub(crate) const CHANNEL: u32 = 60;
    pub(crate) const SNAPSHOT: u32 = 90;
    pub(crate) const TIMESTAMP: u32 = 7;
}

/// A repository whose metadata verifies.
#[derive(Debug)]
pub struct Repository {
    path: PathBuf,
    anchor: Vec<u8>,
    /// The files as they are served.
    pub(crate) served: Store,
    pub(crate) root: Root,
    pub(crate) targets: Targets,
    pub(crate) channels: BTreeMap<String, Targets>,
    pub(crate) snapshot: Snapshot,
    pub(crate) timestamp: Timestamp,
    /// Held for as long as this run may write.
    _lock: Option<File>,
}

impl Repository {
    /// Opens a repository for reading, from its own first root on.
    ///
    /// # Errors
    /// When it cannot be read or does not verify.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let first = path.join("metadata/1.root.json");
        let anchor = fs::read(&first).map_err(Error::io("read", &first))?;
        Self::load(path, anchor, None, &Overlay::new())
    }

    /// Opens a repository for reading, from the root kept with the keys on.
    pub(crate) fn open_with(path: &Path, keys: &KeyFolder) -> Result<Self, Error> {
        Self::load(path, keys.anchor()?, None, &Overlay::new())
    }

    /// Opens a repository for a change, from the root kept with the keys on: what somebody put on the server must not be signed.
    ///
    /// # Errors
    /// When it cannot be read, does not verify, or another run is changing it.
    pub fn open_to_change(path: &Path, keys: &KeyFolder) -> Result<Self, Error> {
        Self::open_without(path, keys, None)
    }

    /// Opens it for a change as if a root were not there yet: one that an interrupted run put into place.
    pub(crate) fn open_without(path: &Path, keys: &KeyFolder, root: Option<u64>) -> Result<Self, Error> {
        let lock = lock(path)?;
        let hidden = root.map(|version| (format!("{version}.root.json"), None)).into_iter().collect();
        Self::load(path, keys.anchor()?, Some(lock), &hidden)
    }

    /// Runs the client's workflow over the files. Expiry is no matter here: an expired role is what is about to be renewed.
    fn load(path: &Path, anchor: Vec<u8>, lock: Option<File>, overlay: &Overlay) -> Result<Self, Error> {
        let store = Store::from_root(anchor.clone());
        let mut updater =
            Updater::new(store, Time::EARLIEST, Time::EARLIEST, Policy::specification(), Limits::product())
                .map_err(Error::Verify)?;
        serve(path, &mut updater, overlay)?;
        let targets: Targets = signed(updater.store().targets.as_deref())?;
        let names: Vec<String> = targets.delegations.iter().flat_map(|d| &d.roles).map(|r| r.name.clone()).collect();
        for name in &names {
            load_channel(path, &mut updater, name, overlay)?;
        }
        let store = updater.into_store();
        let mut channels = BTreeMap::new();
        for name in names {
            let role = signed(store.delegated.get(&name).map(Vec::as_slice))?;
            channels.insert(name, role);
        }
        Ok(Self {
            path: path.to_owned(),
            anchor,
            root: signed(Some(&store.root))?,
            targets,
            channels,
            snapshot: signed(store.snapshot.as_deref())?,
            timestamp: signed(store.timestamp.as_deref())?,
            served: store,
            _lock: lock,
        })
    }

    /// A repository that is about to be written for the first time.
    pub(crate) fn first(path: &Path, anchor: Vec<u8>, root: Root, now: Time) -> Result<Self, Error> {
        Ok(Self {
            path: path.to_owned(),
            served: Store::from_root(anchor.clone()),
            anchor,
            root,
            targets: Targets::new(1, now, now.plus_days(days::TARGETS)),
            channels: BTreeMap::new(),
            snapshot: Snapshot::new(1, now, now.plus_days(days::SNAPSHOT)),
            timestamp: Timestamp::new(1, now, now.plus_days(days::TIMESTAMP), MetaInfo::version(1)),
            _lock: Some(lock(path)?),
        })
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The root that everything else is verified from.
    #[must_use]
    pub fn anchor(&self) -> &[u8] {
        &self.anchor
    }

    /// The names of its channels.
    pub fn channels(&self) -> impl Iterator<Item = &str> {
        self.channels.keys().map(String::as_str)
    }

    /// The metadata files that are current, oldest root first: names below `metadata/`, in the order of a kit. With the role of one
    /// channel only.
    #[must_use]
    pub fn current_files(&self, channel: &Name) -> Vec<String> {
        let mut names: Vec<_> = (1..=self.root.header.version).map(|n| format!("{n}.root.json")).collect();
        names.push("timestamp.json".to_owned());
        names.push(format!("{}.snapshot.json", self.snapshot.header.version));
        names.push(format!("{}.targets.json", self.targets.header.version));
        if let Some(role) = self.channels.get(channel.as_str()) {
            names.push(format!("{}.{channel}.json", role.header.version));
        }
        names
    }

    /// Signs a role's file with keys of the folder, as many as are needed, and puts a targets role into place and into the snapshot.
    pub(crate) fn publish_targets(
        &mut self,
        role: &str,
        keys: &KeyFolder,
        passphrase: &Passphrase,
    ) -> Result<(), Error> {
        let (signed, key_ids, threshold) = match self.channels.get(role) {
            Some(signed) => {
                let found = self.targets.delegations.iter().flat_map(|d| &d.roles).find(|d| d.name == role);
                let missing = || Error::Verify(Refusal::DelegationMissing { role: role.to_owned() });
                let delegated = found.ok_or_else(missing)?;
                (signed, delegated.keyids.clone(), delegated.threshold)
            }
            None => {
                let (key_ids, threshold) = self.top_level_keys(role)?;
                (&self.targets, key_ids, threshold)
            }
        };
        let signers = keys.load(role, &key_ids, threshold, passphrase)?;
        let bytes = sign(signed, &signers)?;
        let version = signed.header.version;
        self.write_metadata(&format!("{version}.{role}.json"), &bytes)?;
        self.list(role, version, &bytes);
        Ok(())
    }

    /// Signs the snapshot and puts it into place, where only the next timestamp makes it current.
    pub(crate) fn publish_snapshot(&mut self, keys: &KeyFolder, passphrase: &Passphrase) -> Result<(), Error> {
        let (name, bytes) = self.sign_snapshot(keys, passphrase)?;
        self.write_metadata(&name, &bytes)
    }

    /// Signs the timestamp, checks the whole as the product's clients will at this moment, and only then makes it current.
    pub(crate) fn publish_timestamp(&mut self, keys: &KeyFolder, passphrase: &Passphrase) -> Result<(), Error> {
        let (name, bytes) = self.sign_timestamp(keys, passphrase)?;
        let now = self.timestamp.header.issued.unwrap_or(Time::EARLIEST);
        let overlay = Overlay::from([(name.clone(), Some(bytes.clone()))]);
        self.check_as_client(Store::from_root(self.anchor.clone()), now, &overlay, &[])?;
        self.write_metadata(&name, &bytes)
    }

    /// The snapshot, signed: its name, and its bytes, which the timestamp lists from now on.
    pub(crate) fn sign_snapshot(
        &mut self,
        keys: &KeyFolder,
        passphrase: &Passphrase,
    ) -> Result<(String, Vec<u8>), Error> {
        let (key_ids, threshold) = self.top_level_keys("snapshot")?;
        let bytes = sign(&self.snapshot, &keys.load("snapshot", &key_ids, threshold, passphrase)?)?;
        let version = self.snapshot.header.version;
        self.timestamp.meta.insert("snapshot.json".to_owned(), listed(version, &bytes));
        Ok((format!("{version}.snapshot.json"), bytes))
    }

    /// The timestamp, signed.
    pub(crate) fn sign_timestamp(&self, keys: &KeyFolder, passphrase: &Passphrase) -> Result<(String, Vec<u8>), Error> {
        let (key_ids, threshold) = self.top_level_keys("timestamp")?;
        let bytes = sign(&self.timestamp, &keys.load("timestamp", &key_ids, threshold, passphrase)?)?;
        Ok(("timestamp.json".to_owned(), bytes))
    }

    /// Runs the product's workflow at a moment over the files and an overlay, and loads some channels.
    pub(crate) fn check_as_client(
        &self,
        store: Store,
        now: Time,
        overlay: &Overlay,
        channels: &[&str],
    ) -> Result<(), Error> {
        let policy = Policy::product(Source::Repository);
        let mut client = Updater::new(store, now, Time::EARLIEST, policy, Limits::product()).map_err(Error::Verify)?;
        serve(&self.path, &mut client, overlay)?;
        channels.iter().try_for_each(|channel| load_channel(&self.path, &mut client, channel, overlay))
    }

    /// Whether the repository would verify, from its anchor on and with all channels, if the overlay were in place.
    pub(crate) fn check_whole(&self, overlay: &Overlay) -> Result<(), Error> {
        Self::load(&self.path, self.anchor.clone(), None, overlay).map(drop)
    }

    /// Lists a targets role's new file in the snapshot.
    pub(crate) fn list(&mut self, role: &str, version: u64, bytes: &[u8]) {
        self.snapshot.meta.insert(format!("{role}.json"), listed(version, bytes));
    }

    /// Puts a file below `metadata/` into place in one step.
    pub(crate) fn write_metadata(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        write_whole(&self.path.join("metadata"), name, bytes)
    }

    fn top_level_keys(&self, role: &str) -> Result<(Vec<String>, u64), Error> {
        let missing = || Error::Verify(Refusal::DelegationMissing { role: role.to_owned() });
        let keys = self.root.roles.get(role).ok_or_else(missing)?;
        Ok((keys.keyids.clone(), keys.threshold))
    }
}

/// Signs metadata: the whole file, in as few bytes as it takes, for it is what every check downloads.
pub(crate) fn sign<T: Serialize>(signed: &T, keys: &[SigningKey]) -> Result<Vec<u8>, Error> {
    let message = canonical_form(signed).map_err(|e| Error::MakeKey(e.to_string()))?;
    let signature =
        |key: &SigningKey| Signature { keyid: key.id().to_owned(), sig: key.sign(&message), other: Other::new() };
    let file = Signed { signatures: keys.iter().map(signature).collect(), signed, other: Other::new() };
    serde_json::to_vec(&file).map_err(|source| Error::Json { what: "metadata", source })
}

/// How a snapshot or timestamp lists a file.
pub(crate) fn listed(version: u64, bytes: &[u8]) -> MetaInfo {
    let hashes = BTreeMap::from([("sha256".to_owned(), Digest::of(bytes).to_string())]);
    MetaInfo { version, length: Some(bytes.len() as u64), hashes: Some(hashes), other: Other::new() }
}

/// Writes a file beside its place and moves it there; everybody may read it, nobody ever sees half of it.
pub(crate) fn write_whole(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), Error> {
    let path = folder.join(name);
    fs::create_dir_all(folder).map_err(Error::io("make the folder", folder))?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(Error::io("make a file in", folder))?;
    file.write_all(bytes).map_err(Error::io("write", &path))?;
    put(file, &path)
}

/// Moves a finished file to its place.
pub(crate) fn put(file: tempfile::NamedTempFile, path: &Path) -> Result<(), Error> {
    let failed = |e| Error::io("write", path)(e);
    file.as_file().set_permissions(Permissions::from_mode(0o644)).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|e| failed(e.error))?;
    let folder = path.parent().unwrap_or(path);
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io("write", folder))
}

/// Reads a file of which no more than `limit + 1` bytes matter.
pub(crate) fn read_at_most(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Error> {
    let file = match File::open(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(Error::io("read", path))?,
    };
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(Error::io("read", path))?;
    Ok(Some(bytes))
}

/// Files below `metadata/` that are not in place yet, and (none) those that shall not be seen.
pub(crate) type Overlay = BTreeMap<String, Option<Vec<u8>>>;

/// Loads a channel's role. The search ends without a target; what counts is that the role is in the store then, verified.
fn load_channel(path: &Path, updater: &mut Updater, channel: &str, overlay: &Overlay) -> Result<(), Error> {
    let no_target = format!("{channel}/*/*/upgrade.json");
    let searched = updater.target(&no_target, Some(channel)).map_err(Error::Verify);
    match searched.and_then(|()| serve(path, updater, overlay)) {
        Err(Error::Verify(Refusal::TargetMissing { .. })) | Ok(()) => Ok(()),
        Err(other) => Err(other),
    }
}

/// Answers the workflow from the files, and the overlay over them.
fn serve(path: &Path, updater: &mut Updater, overlay: &Overlay) -> Result<(), Error> {
    while let Next::Fetch(request) = updater.next() {
        let file = match overlay.get(&request.path) {
            Some(overlaid) => overlaid.clone(),
            None => read_at_most(&path.join("metadata").join(&request.path), request.limit)?,
        };
        updater.supply(file.map_or(Answer::Absent, Answer::Bytes)).map_err(Error::Verify)?;
    }
    Ok(())
}

/// The signed part of a file that was verified.
pub(crate) fn signed<T: DeserializeOwned>(bytes: Option<&[u8]>) -> Result<T, Error> {
    let file: Signed<T> =
        serde_json::from_slice(bytes.unwrap_or_default()).map_err(|source| Error::Json { what: "metadata", source })?;
    Ok(file.signed)
}

/// One run at a time: two would sign two different files of one version.
fn lock(path: &Path) -> Result<File, Error> {
    let folder = path.join("metadata");
    let file = File::open(&folder).map_err(Error::io("open", &folder))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Busy(path.to_owned())),
        Err(TryLockError::Error(e)) => Err(Error::io("lock", &folder)(e)),
    }
}
