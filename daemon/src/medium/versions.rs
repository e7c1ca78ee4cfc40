//! What lies on the stick besides the base: versions, what refers to them, what nothing refers to any more, and the evidence they kept.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;

use sameday_upgrade::boot_env::{BootEnv, Choice};
use sameday_upgrade::description;
use sameday_upgrade::module_list;
use sameday_upgrade::names::Version;

use super::Medium;
use super::error::Refusal;

/// live-boot's lists name a handful of images.
const LARGEST_LIST: u64 = 64 * 1024;
/// The largest file of evidence; trust judges more strictly, file by file.
const LARGEST_EVIDENCE: u64 = 1 << 20;
/// All evidence of a version together: a long root chain and some metadata. Bounds the memory that a planted stick can take.
const ALL_EVIDENCE: u64 = 8 << 20;
/// Sectors of st_blocks.
const SECTOR: u64 = 512;

/// A version on the stick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Present {
    /// Its name.
    pub version: Version,
    /// Whether its module list is there and says what it must.
    pub listed: bool,
    /// Whether list and layer are there, and kernel and initrd both or neither.
    pub complete: bool,
    /// Whether it runs, or `boot.env` or `good.env` can still choose it.
    pub referred_to: bool,
}

/// Metadata that an upgrade kept. Nobody vouches for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// File name and content of each file of the version's metadata.
    pub files: Vec<(String, Vec<u8>)>,
    /// The description that the version came from.
    pub description: Option<Vec<u8>>,
}

/// What is removed of one version, in this order: list, files, directories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Removal {
    pub version: Version,
    pub list: Option<String>,
    pub files: Vec<String>,
    pub directories: Vec<String>,
    pub bytes: u64,
}

/// The folder of a version's metadata.
pub(super) fn metadata_folder(version: &Version) -> String {
    format!("live/sameday/metadata/{version}")
}

/// The folder of a version's files.
pub(super) fn folder(version: &Version) -> String {
    format!("live/{version}")
}

/// The module list of a version.
pub(super) fn list(version: &Version) -> String {
    format!("live/{}", module_list::file_name(&Choice::Version(version.clone())))
}

/// The files of a version's folder, the layer last: while it is there, the folder is known as ours.
fn files(version: &Version) -> [String; 4] {
    let folder = folder(version);
    [
        format!("{folder}/vmlinuz"),
        format!("{folder}/initrd.img"),
        format!("{folder}/upgrade.json"),
        format!("live/{}", module_list::layer(version)),
    ]
}

fn unreadable(error: std::io::Error) -> Refusal {
    Refusal::io("read the medium's directories", error)
}

impl Medium {
    /// All versions on the stick but the base: what has a list or a layer.
    ///
    /// # Errors
    /// When its directories cannot be read.
    pub fn versions(&self) -> Result<Vec<Present>, Refusal> {
        let mut all = Vec::new();
        for version in self.named()? {
            let choice = Choice::Version(version.clone());
            let text = self.tree.read(&list(&version), LARGEST_LIST).unwrap_or_default().unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let listed = module_list::parse(&text) == module_list::parse(&module_list::render(&choice));
            let [kernel, initrd, _, layer] = files(&version);
            let file = |place: &str| self.tree.is_file(place).map_err(unreadable);
            let has_layer = file(&layer)?;
            if !listed && !has_layer {
                continue;
            }
            let complete = listed && has_layer && file(&kernel)? == file(&initrd)?;
            let referred_to = self.protected(&self.boot_env).contains(&choice);
            all.push(Present { version, listed, complete, referred_to });
        }
        Ok(all)
    }

    /// The evidence that the upgrade to `version` kept; what is missing is left out.
    ///
    /// # Errors
    /// When a file is longer than evidence may be, all of it is, or it cannot be read.
    pub fn evidence(&self, version: &Version) -> Result<Evidence, Refusal> {
        let folder = metadata_folder(version);
        let read = |place: &str, cap| self.tree.read(place, cap).map_err(|e| Refusal::io("read evidence", e));
        let mut evidence = Evidence {
            files: Vec::new(),
            description: read(&format!("live/{version}/upgrade.json"), description::LARGEST)?,
        };
        let mut left = ALL_EVIDENCE;
        for (name, directory) in self.tree.names(&folder).map_err(unreadable)? {
            if directory {
                continue;
            }
            if let Some(bytes) = read(&format!("{folder}/{name}"), left.min(LARGEST_EVIDENCE))? {
                left = left.saturating_sub(bytes.len() as u64);
                evidence.files.push((name, bytes));
            }
        }
        Ok(evidence)
    }

    /// Names of folders and lists in `live/` and of folders of evidence that are versions.
    fn named(&self) -> Result<Vec<Version>, Refusal> {
        let mut all = Vec::new();
        let live = self.tree.names("live").map_err(unreadable)?;
        let metadata = self.tree.names("live/sameday/metadata").map_err(unreadable)?;
        for (name, directory) in live.iter().chain(&metadata) {
            let name = if *directory { Some(name.as_str()) } else { name.strip_suffix(".module") };
            if let Some(version) = name.and_then(|name| name.parse::<Version>().ok()) {
                all.push(version);
            }
        }
        all.sort_by(|a, b| a.debian_cmp(b).then_with(|| a.as_str().cmp(b.as_str())));
        all.dedup();
        Ok(all)
    }

    /// What must not be removed once `env` is in place.
    fn protected(&self, env: &BootEnv) -> Vec<Choice> {
        let good = self.good_env.as_ref().map(|good| good.version.clone());
        [self.running.choice.clone(), env.current.clone(), env.previous.clone()].into_iter().chain(good).collect()
    }

    /// `boot.env` as it has to be before anything is removed: nothing in it chooses what failed or is given up.
    pub(super) fn env_after(&self, gives_up: Option<&Version>) -> BootEnv {
        let mut env = self.boot_env.clone();
        let running = &self.running.choice;
        if env.current != *running {
            let previous = if env.previous == *running { Choice::Base } else { env.previous };
            // What runs came up well before: GRUB only starts it again because it did.
            env = BootEnv { current: running.clone(), previous, tries: 0, good: true };
        }
        if gives_up.is_some_and(|version| env.previous == Choice::Version(version.clone())) {
            env.previous = Choice::Base;
        }
        env
    }

    /// What nothing refers to once `env` is in place. Folders and lists that do not look as ours do are never named.
    pub(super) fn removals(&self, env: &BootEnv) -> Result<Vec<Removal>, Refusal> {
        let protected = self.protected(env);
        let is_protected =
            |version: &Version| protected.iter().any(|c| matches!(c, Choice::Version(p) if p.same_on_fat(version)));
        let candidates: Vec<Version> = self.named()?.into_iter().filter(|version| !is_protected(version)).collect();
        let referred = self.referred_to_by_other_lists(&candidates)?;
        let mut removals = Vec::new();
        for version in candidates {
            if referred.contains(&version.as_str().to_ascii_lowercase()) {
                continue;
            }
            let removal = self.removal(&version)?;
            if removal.list.is_some() || !removal.files.is_empty() || !removal.directories.is_empty() {
                removals.push(removal);
            }
        }
        Ok(removals)
    }

    /// Folders that some list names, but for the own lists of `candidates`. In lower case.
    fn referred_to_by_other_lists(&self, candidates: &[Version]) -> Result<BTreeSet<String>, Refusal> {
        let mut referred = BTreeSet::new();
        for (name, directory) in self.tree.names("live").map_err(unreadable)? {
            let Some(stem) = name.strip_suffix(".module").filter(|_| !directory) else { continue };
            let own = candidates.iter().find(|version| version.as_str() == stem);
            let text = self.tree.read(&format!("live/{name}"), LARGEST_LIST).map_err(unreadable)?.unwrap_or_default();
            if own.is_some_and(|version| is_own_list(&text, version)) {
                continue;
            }
            for image in module_list::parse(&String::from_utf8_lossy(&text)) {
                if let Some((folder, _)) = image.split_once('/') {
                    referred.insert(folder.to_ascii_lowercase());
                }
            }
        }
        Ok(referred)
    }

    fn removal(&self, version: &Version) -> Result<Removal, Refusal> {
        let mut removal =
            Removal { version: version.clone(), list: None, files: Vec::new(), directories: Vec::new(), bytes: 0 };
        let size = |place: &str| -> Result<Option<u64>, Refusal> {
            let metadata = self.tree.metadata(place).map_err(unreadable)?;
            Ok(metadata.map(|m| m.blocks().saturating_mul(SECTOR)))
        };
        let own_list = list(version);
        let text = self.tree.read(&own_list, LARGEST_LIST).map_err(unreadable)?;
        if text.is_some_and(|text| is_own_list(&text, version)) {
            removal.bytes = removal.bytes.saturating_add(size(&own_list)?.unwrap_or(0));
            removal.list = Some(own_list);
        }
        let own = folder(version);
        if let Some(bytes) = size(&own)? {
            let present: Vec<String> =
                self.tree.names(&own).map_err(unreadable)?.into_iter().map(|(name, _)| name).collect();
            let marked = [format!("{version}.squashfs"), "upgrade.json".to_owned()];
            // A folder that somebody else has made stays, whatever its name.
            if present.is_empty() || present.iter().any(|name| marked.contains(name)) {
                for file in files(version) {
                    if let Some(bytes) = size(&file)? {
                        removal.bytes = removal.bytes.saturating_add(bytes);
                        removal.files.push(file);
                    }
                }
                if removal.files.len() == present.len() {
                    removal.bytes = removal.bytes.saturating_add(bytes);
                    removal.directories.push(own);
                }
            }
        }
        let metadata = metadata_folder(version);
        if let Some(bytes) = size(&metadata)? {
            for (name, _) in self.tree.names(&metadata).map_err(unreadable)?.iter().filter(|(_, directory)| !directory)
            {
                let file = format!("{metadata}/{name}");
                removal.bytes = removal.bytes.saturating_add(size(&file)?.unwrap_or(0));
                removal.files.push(file);
            }
            removal.bytes = removal.bytes.saturating_add(bytes);
            removal.directories.push(metadata);
        }
        Ok(removal)
    }
}

/// Whether this is the list that we write for `version`, or what a power cut left of it: its beginning, or zeros.
fn is_own_list(text: &[u8], version: &Version) -> bool {
    let ours = module_list::render(&Choice::Version(version.clone()));
    let end = text.iter().rposition(|byte| !matches!(byte, 0 | b'\n')).map_or(0, |last| last.saturating_add(1));
    text.get(..end).is_some_and(|start| ours.as_bytes().starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_others_are_not_ours() {
        let version: Version = "1.2".parse().unwrap();
        for own in ["", "\0\0\0", "filesystem.sq", "filesystem.squashfs\n1.2/1.2.squashfs\n\n\n"] {
            assert!(is_own_list(own.as_bytes(), &version), "{own:?}");
        }
        for other in
            ["filesystem.squashfs\n1.2/1.2.squashfs\nmine.squashfs\n", "x", "filesystem.squashfs 1.2/1.2.squashfs"]
        {
            assert!(!is_own_list(other.as_bytes(), &version), "{other:?}");
        }
    }
}
