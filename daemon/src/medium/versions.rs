//! What lies on the stick besides the base: versions, what refers to them, what nothing refers to any more, and the evidence they kept.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;

use sameday_upgrade::boot_env::{BootEnv, Choice, GoodEnv};
use sameday_upgrade::description;
use sameday_upgrade::module_list;
use sameday_upgrade::names::Version;
use sameday_upgrade::standing::{self, Standing};

use super::error::Refusal;
use super::{FileSystem, Medium};

/// live-boot's lists name a handful of images.
const LARGEST_LIST: u64 = 64 * 1024;
/// The largest file of evidence; trust judges more strictly, file by file.
const LARGEST_EVIDENCE: u64 = 1 << 20;
/// All evidence of a version together: a long root chain and some metadata. Bounds the memory that a planted stick can take.
const ALL_EVIDENCE: u64 = 8 << 20;
/// Sectors of st_blocks.
pub(super) const SECTOR: u64 = 512;

/// A version on the stick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Present {
    /// Its name.
    pub version: Version,
    /// Whether its module list is there and says what it must.
    pub listed: bool,
    /// Whether list, layer, kernel and initrd are there: otherwise GRUB does not start it.
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
    /// With the bytes that each takes up.
    pub files: Vec<(String, u64)>,
    pub directories: Vec<String>,
    pub bytes: u64,
}

/// What a download that was paused or abandoned left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOver {
    /// The version that it would have become.
    pub version: Version,
    /// The bytes of its files, unverified.
    pub bytes: u64,
}

/// `boot.env` and `good.env` as they have to be before anything is removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Blocks {
    pub boot: BootEnv,
    pub good: Option<GoodEnv>,
}

/// Whether we make files of this name.
pub(super) fn in_alphabet(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._+~-".contains(&b);
    !name.is_empty() && !name.starts_with('.') && name.bytes().all(allowed)
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

/// The files of a version's folder that come from a source, in the order in which they are written.
pub(super) fn payload(version: &Version) -> [String; 3] {
    let [kernel, initrd, _, layer] = files(version);
    [layer, kernel, initrd]
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
            let listed = self.is_listed(&version);
            let [layer, ..] = payload(&version);
            if !listed && !self.tree.is_file(&layer).map_err(unreadable)? {
                continue;
            }
            let choice = Choice::Version(version.clone());
            let complete = self.is_complete(&choice);
            let referred_to = self.protected(&self.boot_env, self.good_env.as_ref()).contains(&choice);
            all.push(Present { version, listed, complete, referred_to });
        }
        Ok(all)
    }

    /// Whether it would start: its list and layer are there and, for our GRUB, kernel and initrd.
    #[must_use]
    pub fn is_complete(&self, choice: &Choice) -> bool {
        let file = |place: &str| self.tree.is_file(place).unwrap_or(false);
        match choice {
            Choice::Base => ["live/vmlinuz", "live/initrd.img"].into_iter().all(file),
            Choice::Version(version) => {
                // Another boot loader starts its own kernel.
                let [layer, kernel, initrd] = payload(version);
                let started = !self.undoes_itself() || (file(&kernel) && file(&initrd));
                self.is_listed(version) && file(&layer) && started
            }
        }
    }

    fn is_listed(&self, version: &Version) -> bool {
        let text = self.tree.read(&list(version), LARGEST_LIST).unwrap_or_default().unwrap_or_default();
        let ours = module_list::render(&Choice::Version(version.clone()));
        module_list::parse(&String::from_utf8_lossy(&text)) == module_list::parse(&ours)
    }

    /// What a download that was paused or abandoned left: a version newer than what runs, which nothing refers to. Of several the newest.
    ///
    /// # Errors
    /// When the medium cannot be read.
    pub fn left_over(&self) -> Result<Option<LeftOver>, Refusal> {
        let newer = |version: &Version| match &self.running.choice {
            Choice::Base => true,
            Choice::Version(running) => version.is_newer_than(running),
        };
        for removal in self.removals(&self.blocks())?.iter().rev().filter(|removal| newer(&removal.version)) {
            let mut bytes = 0_u64;
            for place in payload(&removal.version) {
                if removal.files.iter().any(|(file, _)| *file == place) {
                    let metadata = self.tree.metadata(&place).map_err(unreadable)?;
                    bytes = bytes.saturating_add(metadata.map_or(0, |metadata| metadata.len()));
                }
            }
            if bytes > 0 {
                return Ok(Some(LeftOver { version: removal.version.clone(), bytes }));
            }
        }
        Ok(None)
    }

    /// The description that a version was installed from, as it lies on the stick.
    ///
    /// # Errors
    /// When it is longer than a description may be, or cannot be read.
    pub fn description(&self, version: &Version) -> Result<Option<Vec<u8>>, Refusal> {
        let place = format!("{}/upgrade.json", folder(version));
        self.tree.read(&place, description::LARGEST).map_err(|e| Refusal::io("read a description", e))
    }

    /// The evidence that the upgrade to `version` kept; what is missing is left out.
    ///
    /// # Errors
    /// When a file is longer than evidence may be, all of it is, or it cannot be read.
    pub fn evidence(&self, version: &Version) -> Result<Evidence, Refusal> {
        let folder = metadata_folder(version);
        let read = |place: &str, cap| self.tree.read(place, cap).map_err(|e| Refusal::io("read evidence", e));
        let mut evidence = Evidence { files: Vec::new(), description: self.description(version)? };
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
        let mut all: Vec<Version> = Vec::new();
        let live = self.tree.names("live").map_err(unreadable)?;
        let metadata = self.tree.names("live/sameday/metadata").map_err(unreadable)?;
        let folders = live.iter().chain(&metadata).filter(|(_, directory)| *directory).map(|(name, _)| name.as_str());
        // What another boot loader reads is no version's, whatever its name.
        let decides = self.loader.place();
        let lists = live.iter().filter(|(name, directory)| !directory && decides != format!("live/{name}"));
        let lists = lists.filter_map(|(name, _)| name.strip_suffix(".module"));
        // Folders first: of two spellings that are one on FAT, that of the folder counts.
        for version in folders.chain(lists).filter_map(|name| name.parse::<Version>().ok()) {
            let twin = |known: &Version| self.file_system == FileSystem::Vfat && known.same_on_fat(&version);
            if !all.iter().any(twin) {
                all.push(version);
            }
        }
        all.sort_by(|a, b| a.debian_cmp(b).then_with(|| a.as_str().cmp(b.as_str())));
        all.dedup();
        Ok(all)
    }

    /// What must not be removed once these blocks are in place.
    fn protected(&self, env: &BootEnv, good: Option<&GoodEnv>) -> Vec<Choice> {
        let good = good.map(|good| good.version.clone());
        [self.running.choice.clone(), env.current.clone(), env.previous.clone()].into_iter().chain(good).collect()
    }

    /// Whether the version, or one that is the same on FAT, stays on the stick whatever a session clears without giving one up.
    pub(super) fn keeps(&self, version: &Version) -> bool {
        self.is_protected(version, &self.blocks_after(None))
    }

    fn is_protected(&self, version: &Version, blocks: &Blocks) -> bool {
        let protected = self.protected(&blocks.boot, blocks.good.as_ref());
        protected.iter().any(|choice| matches!(choice, Choice::Version(kept) if kept.same_on_fat(version)))
    }

    /// The blocks as they are.
    pub(super) fn blocks(&self) -> Blocks {
        Blocks { boot: self.boot_env.clone(), good: self.good_env.clone() }
    }

    /// The blocks as they have to be before anything is removed: nothing in them chooses what failed or is given up.
    pub(super) fn blocks_after(&self, gives_up: Option<&Version>) -> Blocks {
        let running = &self.running.choice;
        let standing = Standing::of(&self.boot_env, running, &|choice| self.is_complete(choice));
        let (mut boot, good) = standing::settled(&standing, &self.boot_env, self.good_env.as_ref(), running);
        if gives_up.is_some_and(|version| boot.previous == Choice::Version(version.clone())) {
            boot.previous = Choice::Base;
        }
        Blocks { boot, good }
    }

    /// What nothing refers to once `blocks` are in place. Folders and lists that do not look as ours do are never named.
    pub(super) fn removals(&self, blocks: &Blocks) -> Result<Vec<Removal>, Refusal> {
        let mut candidates = self.named()?;
        candidates.retain(|version| !self.is_protected(version, blocks));
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
        let (own_list, own, metadata) = (list(version), folder(version), metadata_folder(version));
        let text = self.tree.read(&own_list, LARGEST_LIST).map_err(unreadable)?;
        let listed = text.as_deref().is_some_and(|text| is_own_list(text, version));
        let names = self.folder_names(&own)?;
        let evidence = self.folder_names(&metadata)?;

        // A folder that somebody else has made stays, whatever its name; and what is empty says nothing of who has made it.
        let marks = [format!("{version}.squashfs"), "upgrade.json".to_owned()];
        let marked = names.as_ref().is_some_and(|names| names.iter().any(|name| marks.contains(name)));
        let empty = names.as_ref().is_some_and(Vec::is_empty);
        let blank = text.as_deref().is_some_and(is_blank);
        let second = |other: bool| other || marked || evidence.is_some();

        let mut removal =
            Removal { version: version.clone(), list: None, files: Vec::new(), directories: Vec::new(), bytes: 0 };
        if listed && (!blank || second(empty)) {
            self.add(&mut removal, &own_list)?;
            removal.list = Some(own_list);
        }
        if let Some(names) = names.filter(|names| if names.is_empty() { second(listed) } else { marked }) {
            self.add_files(&mut removal, files(version).into(), names.len(), own)?;
        }
        if let Some(names) = evidence {
            let ours = names.iter().filter(|name| in_alphabet(name)).map(|name| format!("{metadata}/{name}"));
            self.add_files(&mut removal, ours.collect(), names.len(), metadata)?;
        }
        Ok(removal)
    }

    /// Counts what `place` takes up.
    fn add(&self, removal: &mut Removal, place: &str) -> Result<u64, Refusal> {
        let metadata = self.tree.metadata(place).map_err(unreadable)?;
        let bytes = metadata.map_or(0, |metadata| metadata.blocks().saturating_mul(SECTOR));
        removal.bytes = removal.bytes.saturating_add(bytes);
        Ok(bytes)
    }

    /// Adds those of the files that are there, and their folder if they are all that is in it.
    fn add_files(
        &self,
        removal: &mut Removal,
        files: Vec<String>,
        in_folder: usize,
        folder: String,
    ) -> Result<(), Refusal> {
        let mut added = 0_usize;
        for file in files {
            if self.tree.metadata(&file).map_err(unreadable)?.is_some_and(|metadata| metadata.is_file()) {
                let bytes = self.add(removal, &file)?;
                removal.files.push((file, bytes));
                added = added.saturating_add(1);
            }
        }
        if added == in_folder {
            self.add(removal, &folder)?;
            removal.directories.push(folder);
        }
        Ok(())
    }

    /// The names in a folder, if it is one.
    fn folder_names(&self, folder: &str) -> Result<Option<Vec<String>>, Refusal> {
        if !self.tree.metadata(folder).map_err(unreadable)?.is_some_and(|metadata| metadata.is_dir()) {
            return Ok(None);
        }
        let names = self.tree.names(folder).map_err(unreadable)?;
        Ok(Some(names.into_iter().map(|(name, _)| name).collect()))
    }
}

/// Whether nothing is in a list: what a power cut leaves of any.
pub(super) fn is_blank(text: &[u8]) -> bool {
    text.iter().all(|byte| matches!(byte, 0 | b'\n'))
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
