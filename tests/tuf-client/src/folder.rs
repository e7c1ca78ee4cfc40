//! The store as a folder: `root.json` and its like, delegated roles beside them under their encoded names, and no other `*.json`.
//!
//! Files that are taken away go before those that are written: if the run is killed between the two, the new root must not stand
//! beside files that it has revoked (5.3.11).

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use sameday_trust::schema::TOP_LEVEL_ROLES;
use sameday_trust::{Limits, Store};

use crate::error::Error;
use crate::names::{decode, encode};

/// A folder, and what it holds.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    kept: Store,
}

impl Folder {
    /// Stores a trusted root, which nobody looks at before the first refresh.
    ///
    /// # Errors
    /// When a file cannot be read or written, or is too long for a root.
    pub fn init(path: &Path, root: &Path, limits: &Limits) -> Result<(), Error> {
        let bytes =
            read(root, limits.root)?.ok_or_else(|| Error::file("read", root)(io::ErrorKind::NotFound.into()))?;
        if u64::try_from(bytes.len()).map_or(true, |length| length > limits.root) {
            return Err(Error::RootTooLong(root.to_owned()));
        }
        fs::create_dir_all(path).map_err(Error::file("make the folder", path))?;
        write(path, "root.json", &bytes)
    }

    /// Reads everything that an earlier run accepted. The next run verifies all of it anew.
    ///
    /// # Errors
    /// When a file cannot be read, or there is no root.
    pub fn load(path: &Path, limits: &Limits) -> Result<Self, Error> {
        let file = |role: &str, limit: u64| read(&path.join(format!("{role}.json")), limit);
        let root = file("root", limits.root)?.ok_or_else(|| Error::NoRoot(path.to_owned()))?;
        let mut kept = Store::from_root(root);
        kept.timestamp = file("timestamp", limits.timestamp)?;
        kept.snapshot = file("snapshot", limits.snapshot)?;
        kept.targets = file("targets", limits.targets)?;
        let failed = Error::file("list", path);
        let entries: Vec<_> = fs::read_dir(path).and_then(Iterator::collect).map_err(failed)?;
        for entry in entries.iter().filter(|entry| entry.path().is_file()) {
            let name = entry.file_name();
            let role = name.to_str().and_then(|name| name.strip_suffix(".json")).and_then(decode);
            let Some(role) = role.filter(|role| !TOP_LEVEL_ROLES.contains(&role.as_str())) else { continue };
            if let Some(bytes) = read(&entry.path(), limits.delegated)? {
                kept.delegated.insert(role, bytes);
            }
        }
        Ok(Self { path: path.to_owned(), kept })
    }

    /// What it holds.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.kept
    }

    /// Writes what has changed.
    ///
    /// # Errors
    /// When a file cannot be written or removed.
    pub fn save(&mut self, store: &Store) -> Result<(), Error> {
        let (old, new) = (files(&self.kept), files(store));
        for name in old.keys().filter(|name| !new.contains_key(*name)) {
            let path = self.path.join(name);
            match fs::remove_file(&path) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(Error::file("remove", &path)(e)),
                _ => {}
            }
        }
        for (name, bytes) in &new {
            if old.get(name) != Some(bytes) {
                write(&self.path, name, bytes)?;
            }
        }
        self.kept.clone_from(store);
        Ok(())
    }
}

/// The files of a store by name. The root chain is not among them: the newest root is all that the next run needs.
fn files(store: &Store) -> BTreeMap<String, &[u8]> {
    let top_level = [
        ("root", Some(&store.root)),
        ("timestamp", store.timestamp.as_ref()),
        ("snapshot", store.snapshot.as_ref()),
        ("targets", store.targets.as_ref()),
    ];
    let top_level = top_level.into_iter().filter_map(|(role, bytes)| Some((role.to_owned(), bytes?.as_slice())));
    let delegated = store.delegated.iter().map(|(role, bytes)| (encode(role), bytes.as_slice()));
    top_level.chain(delegated).map(|(name, bytes)| (format!("{name}.json"), bytes)).collect()
}

/// At most one byte more than `limit`: the verifier says what is wrong with such a file.
fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Error> {
    let file = match File::open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(Error::file("read", path))?,
    };
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(Error::file("read", path))?;
    Ok(Some(bytes))
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), Error> {
    let path = folder.join(name);
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(Error::file("make a file in", folder))?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(Error::file("write", &path))?;
    file.persist(&path).map_err(|e| Error::file("write", &path)(e.error))?;
    Ok(())
}
