//! Kits: the slice of a repository that one initial version needs, in a tar that is the same whoever makes it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sameday_trust::Time;
use sameday_upgrade::description::{Kind, LARGEST};
use sameday_upgrade::digest::Digest;
use sameday_upgrade::kit::{INFO, KitInfo};
use sameday_upgrade::names::{Name, Version, description_path};
use sha2::{Digest as _, Sha256};
use tar::{Builder, EntryType, Header};

use crate::error::Error;
use crate::release::{hashed, read_description};
use crate::repository::{Repository, put, read_at_most};

/// For whom a kit is.
#[derive(Debug, Clone)]
pub struct KitRequest {
    /// The repository.
    pub repository: PathBuf,
    /// The channel.
    pub channel: Name,
    /// The product.
    pub product: Name,
    /// Debian's name of the architecture.
    pub architecture: Name,
    /// The version first installed.
    pub initial_version: Version,
    /// The folder that the kit is written into.
    pub out: PathBuf,
}

/// Writes the kit and returns its path.
///
/// # Errors
/// When the channel has no automatic upgrade for this initial version, the repository does not verify or is damaged, or a file cannot
/// be written.
pub fn kit(request: &KitRequest) -> Result<PathBuf, Error> {
    let repository = Repository::open(&request.repository)?;
    let target = description_path(&request.channel, &request.product, &request.architecture);
    let role = repository.channels.get(request.channel.as_str());
    let role = role.ok_or_else(|| Error::NoChannel(request.channel.clone()))?;
    let no_upgrade =
        || Error::NoUpgrade { channel: request.channel.clone(), initial_version: request.initial_version.clone() };
    let info = role.targets.get(&target).ok_or_else(no_upgrade)?;
    let description = read_description(&request.repository, &target, info)?;
    let serves = |initial: &[Version]| initial.contains(&request.initial_version);
    let upgrade = description.upgrades.iter().find(|u| u.kind == Kind::Layer && serves(&u.initial_versions));
    let upgrade = upgrade.ok_or_else(no_upgrade)?;

    let kit_info = KitInfo {
        format: 1,
        product: request.product.clone(),
        architecture: request.architecture.clone(),
        channel: request.channel.clone(),
        initial_version: request.initial_version.clone(),
    };
    let path = request.out.join(kit_info.file_name());
    std::fs::create_dir_all(&request.out).map_err(Error::io("make the folder", &request.out))?;
    let file = tempfile::NamedTempFile::new_in(&request.out).map_err(Error::io("make a file in", &request.out))?;
    // The release's time, and not that of whoever makes the kit: the same release gives the same kit.
    let time = description.published.parse::<Time>().map_or(0, |time| u64::try_from(time.unix()).unwrap_or(0));
    let mut members = Members { tar: Builder::new(io::BufWriter::with_capacity(1 << 20, file)), time, path: &path };

    let json = serde_json::to_vec(&kit_info).map_err(|source| Error::Json { what: "kit.json", source })?;
    members.add(INFO, &json)?;
    for name in repository.current_files(&request.channel) {
        let source = request.repository.join("metadata").join(&name);
        let bytes = read_at_most(&source, LARGEST)?.ok_or(Error::Damaged(source))?;
        members.add(&format!("metadata/{name}"), &bytes)?;
    }
    let digest = info.hashes.get("sha256").map_or("", String::as_str);
    let (folder, name) = hashed(&request.repository, &target, digest);
    let bytes = read_at_most(&folder.join(&name), LARGEST)?.ok_or_else(|| Error::Damaged(folder.join(&name)))?;
    let folder = target.rsplit_once('/').map_or("", |(folder, _)| folder);
    members.add(&format!("targets/{folder}/{name}"), &bytes)?;
    let mut added = BTreeSet::new();
    for file in &upgrade.files {
        for (digest, length) in [(file.chunks, file.chunks_length), (file.sha256, file.length)] {
            if added.insert(digest) {
                members.add_payload(&request.repository, digest, length)?;
            }
        }
    }
    let file = members.finish()?;
    put(file, &path)?;
    Ok(path)
}

struct Members<'a> {
    tar: Builder<io::BufWriter<tempfile::NamedTempFile>>,
    time: u64,
    path: &'a Path,
}

impl Members<'_> {
    fn header(&self, length: u64) -> Header {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(self.time);
        header.set_size(length);
        header
    }

    fn add(&mut self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let mut header = self.header(bytes.len() as u64);
        self.tar.append_data(&mut header, name, bytes).map_err(Error::io("write", self.path))
    }

    /// Copies a payload, and refuses to hand on a damaged one.
    fn add_payload(&mut self, repository: &Path, digest: Digest, length: u64) -> Result<(), Error> {
        let name = format!("files/{digest}");
        let source = repository.join(&name);
        let file = File::open(&source).map_err(Error::io("read", &source))?;
        let found = file.metadata().map_err(Error::io("read", &source))?.len();
        let mut hashed = Hashed { inner: file.take(length), hasher: Sha256::new() };
        let mut header = self.header(length);
        if found == length {
            self.tar.append_data(&mut header, &name, &mut hashed).map_err(Error::io("write", self.path))?;
        }
        if found != length || Digest::from(hashed.hasher) != digest {
            return Err(Error::Damaged(source));
        }
        Ok(())
    }

    fn finish(self) -> Result<tempfile::NamedTempFile, Error> {
        let failed = |e| Error::io("write", self.path)(e);
        let mut buffered = self.tar.into_inner().map_err(failed)?;
        buffered.flush().map_err(failed)?;
        buffered.into_inner().map_err(|e| failed(e.into_error()))
    }
}

struct Hashed<R> {
    inner: R,
    hasher: Sha256,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hasher.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}
