//! What a stick does at its next starts, if no version is ever marked good: which versions GRUB picks, one after the other, and whether each is
//! whole. By the model that real GRUB is compared with ([`Look::decide`]), and by what live-boot then needs.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap};
use std::hash::{Hash as _, Hasher as _};

use sameday_upgrade::digest::Digest;
use sameday_upgrade::module_list;
use sameday_upgrade::names::BASE;

use super::directory::{Entry, Tree};
use super::fat::Volume;
use super::image::Image;
use crate::grub::Look;
use crate::live::OTHER_LOADER;

const BOOT_ENV: &str = "live/sameday/boot.env";
const GOOD_ENV: &str = "live/sameday/good.env";
/// A block is one sector; a damaged length is not followed further than this.
const LARGEST_BLOCK: u32 = 64 << 10;
/// With three tries and two versions to fall back to, the fifth start is like the fourth.
const MOST_STARTS: usize = 8;

/// How the names of images end.
const IMAGE: &str = ".squashfs";

/// The list that another boot loader asks for. Where it is, GRUB's blocks decide nothing.
fn other_list() -> String {
    format!("live/{OTHER_LOADER}.module")
}

/// What must be on a stick that starts a version: place, length and digest of each file.
pub type Wanted = BTreeMap<String, Vec<(String, u64, Digest)>>;

/// One start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// What GRUB picks.
    pub pick: String,
    /// What is wrong with that.
    pub fault: Option<String>,
}

/// What a stick does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its starts, until they repeat; equal ones next to each other are one.
    pub starts: Vec<Start>,
    /// A number for the tables, the directories and the blocks.
    pub print: u64,
}

impl Seen {
    /// The versions that start, one after the other.
    ///
    /// # Errors
    /// What is wrong with one.
    pub fn whole(&self) -> Result<Vec<&str>, String> {
        self.starts
            .iter()
            .map(|start| match &start.fault {
                None => Ok(start.pick.as_str()),
                Some(fault) => Err(format!("{} starts, and {fault}", start.pick)),
            })
            .collect()
    }

    /// The version that runs in the end, whatever starts in vain before it.
    ///
    /// # Errors
    /// What is wrong with that.
    pub fn in_the_end(&self) -> Result<&str, String> {
        match self.starts.last() {
            Some(Start { pick, fault: None }) => Ok(pick),
            Some(Start { pick, fault: Some(fault) }) => Err(format!("{pick} starts for ever, and {fault}")),
            None => Err("nothing starts".to_owned()),
        }
    }
}

/// Judges states; remembers the digests of what it has read.
#[derive(Debug, Clone)]
pub struct Judge {
    wanted: Wanted,
    digests: HashMap<u64, Digest>,
}

impl Judge {
    /// A judge who knows these versions.
    #[must_use]
    pub fn new(wanted: Wanted) -> Self {
        Self { wanted, digests: HashMap::new() }
    }

    /// Judges a state.
    ///
    /// # Errors
    /// When there is no file system.
    pub fn see(&mut self, image: &Image) -> Result<Seen, String> {
        let volume = Volume::of(image).map_err(|broken| broken.to_string())?;
        let tree = Tree::of(&volume);
        let block = |place: &str| {
            let entry = tree.files.get(place).filter(|entry| entry.length <= LARGEST_BLOCK)?;
            let sectors = volume.file(entry.first, entry.length).ok()?;
            Some((volume.bytes(&sectors, entry.length), sectors))
        };
        let (boot, good) = (block(BOOT_ENV), block(GOOD_ENV));
        let blocks = [&boot, &good].into_iter().flatten().flat_map(|(_, sectors)| sectors);
        let print = print(&volume, &tree, blocks);
        if let Some(list) = tree.files.get(&other_list()) {
            return Ok(Seen { starts: vec![self.other(&volume, &tree, list)], print });
        }
        let mut look = Look {
            boot_env: boot.map(|(bytes, _)| bytes),
            good_env: good.map(|(bytes, _)| bytes),
            files: tree.files.keys().cloned().collect(),
            writable: true,
        };
        let mut starts: Vec<Start> = Vec::new();
        for _ in 0..MOST_STARTS {
            let decision = look.decide();
            if starts.last().is_none_or(|last| last.pick != decision.pick) {
                let fault = self.fault(&volume, &tree, &decision.pick).err();
                starts.push(Start { pick: decision.pick, fault });
            }
            if decision.boot_env == look.boot_env {
                break;
            }
            look.boot_env = decision.boot_env;
        }
        Ok(Seen { starts, print })
    }

    /// What another boot loader starts: the base's kernel, with what this list stacks.
    fn other(&mut self, volume: &Volume<'_>, tree: &Tree, list: &Entry) -> Start {
        let sectors = volume.file(list.first, list.length.min(LARGEST_BLOCK)).unwrap_or_default();
        let mut text = volume.bytes(&sectors, list.length);
        // So does the shell that reads it.
        text.retain(|byte| *byte != 0);
        let text = String::from_utf8_lossy(&text).into_owned();
        let images: Vec<String> = module_list::parse(&text).iter().map(|image| format!("live/{image}")).collect();
        let needs = |(version, files): (&String, &Vec<(String, u64, Digest)>)| {
            let layers = if version == BASE { &[][..] } else { &files[..] };
            let mut needed = vec![format!("live/{}", module_list::BASE_IMAGE)];
            needed.extend(layers.iter().map(|(place, ..)| place).filter(|place| place.ends_with(IMAGE)).cloned());
            (needed == images).then(|| version.clone())
        };
        let pick = self.wanted.iter().find_map(needs);
        let Some(pick) = pick else {
            return Start { pick: "nothing".to_owned(), fault: Some(format!("the list says {text:?}")) };
        };
        let files = |version: &str| self.wanted.get(version).cloned().unwrap_or_default();
        let of_the_base = files(BASE).into_iter();
        let layers = files(&pick).into_iter().filter(|(place, ..)| place.ends_with(IMAGE));
        let needed: Vec<_> = of_the_base.chain(layers).collect();
        Start { fault: self.compare(volume, tree, &needed).err(), pick }
    }

    /// What is wrong with a version: the files that GRUB and live-boot take for it must be those that were released.
    fn fault(&mut self, volume: &Volume<'_>, tree: &Tree, version: &str) -> Result<(), String> {
        let wanted = self.wanted.get(version).cloned().ok_or_else(|| format!("nobody knows {version}"))?;
        // live-boot prefers this list.
        let other = format!("live/filesystem.{version}.module");
        if tree.files.contains_key(&other) {
            return Err(format!("{other} is in the way of its list"));
        }
        self.compare(volume, tree, &wanted)
    }

    /// What is wrong with one of these files.
    fn compare(&mut self, volume: &Volume<'_>, tree: &Tree, wanted: &[(String, u64, Digest)]) -> Result<(), String> {
        for (place, length, digest) in wanted {
            let entry = tree.files.get(place).ok_or_else(|| format!("{place} is missing"))?;
            if u64::from(entry.length) != *length {
                return Err(format!("{place} has {} bytes, not {length}", entry.length));
            }
            let found = read(&mut self.digests, volume, entry).map_err(|broken| format!("of {place}, {broken}"))?;
            if found != *digest {
                return Err(format!("{place} holds something else"));
            }
        }
        Ok(())
    }
}

/// The digest of a file.
fn read(digests: &mut HashMap<u64, Digest>, volume: &Volume<'_>, entry: &Entry) -> Result<Digest, super::fat::Broken> {
    let sectors = volume.file(entry.first, entry.length)?;
    let mut hasher = DefaultHasher::new();
    entry.length.hash(&mut hasher);
    sectors.iter().for_each(|sector| volume.image.print_of(*sector).hash(&mut hasher));
    let digest = || Digest::of(&volume.bytes(&sectors, entry.length));
    Ok(*digests.entry(hasher.finish()).or_insert_with(digest))
}

/// A number for what a file system check goes by, and what the decision goes by.
fn print<'a>(volume: &Volume<'_>, tree: &'a Tree, blocks: impl Iterator<Item = &'a usize>) -> u64 {
    let mut hasher = DefaultHasher::new();
    for sector in (0..volume.geometry.data).chain(tree.directories.iter().chain(blocks).copied()) {
        (sector, volume.image.print_of(sector)).hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::image::{Piece, SECTOR};
    use crate::replay::sample::{LAYER, image, stick, wanted};

    const TRIED: [&str; 2] = ["2.0~rc1", "base"];

    /// The place of a file's first sector, and its entry.
    fn place(image: &Image, file: &str) -> (usize, Entry) {
        let volume = Volume::of(image).unwrap();
        let entry = Tree::of(&volume).files[file].clone();
        (volume.file(entry.first, entry.length).unwrap()[0], entry)
    }

    /// The image with other bytes in a sector.
    fn with(image: &mut Image, sector: usize, at: usize, bytes: &[u8]) {
        let mut content = image.sector(sector).unwrap().to_owned();
        content[at..at + bytes.len()].copy_from_slice(bytes);
        image.apply(&Piece::new(sector, &content));
    }

    #[test]
    fn a_version_is_whole_or_it_is_told_what_is_wrong() {
        let dir = tempfile::tempdir().unwrap();
        let mut image = image(&stick(dir.path()));
        let mut judge = Judge::new(wanted());
        let before = judge.see(&image).unwrap();
        assert_eq!(before.whole(), Ok(TRIED.to_vec()));
        let (layer, entry) = place(&image, LAYER);
        let crate::replay::fat::Geometry { table, data, .. } = Volume::of(&image).unwrap().geometry;
        let first = usize::try_from(entry.first).unwrap();
        for (sector, at, bytes, what) in [
            (layer + 130, 7, vec![0], "holds something else"),
            (table + first / 128, first % 128 * 4, vec![0; 4], "its chain leads after 1 clusters to 0"),
            (place(&image, "live/2.0~rc1.module").0, 0, vec![b'F'], "2.0~rc1.module holds something else"),
        ] {
            let depth = image.depth();
            with(&mut image, sector, at, &bytes);
            let seen = judge.see(&image).unwrap();
            let told = seen.whole().unwrap_err();
            assert!(told.starts_with("2.0~rc1 starts, and") && told.contains(what), "{told}");
            assert_eq!(seen.in_the_end(), Ok("base"));
            // The content of files is nothing that a file system check goes by.
            assert_eq!(seen.print != before.print, sector < data);
            image.undo_to(depth);
        }
        let (block, _) = place(&image, BOOT_ENV);
        image.apply(&Piece::new(block, &[0; SECTOR]));
        let seen = judge.see(&image).unwrap();
        assert_eq!(seen.whole(), Ok(vec!["base"]));
        assert!(seen.print != before.print, "the blocks count");
        let (base, _) = place(&image, "live/filesystem.squashfs");
        with(&mut image, base, 0, b"x");
        let told = judge.see(&image).unwrap().in_the_end().unwrap_err().to_owned();
        assert!(told.starts_with("base starts for ever, and live/filesystem.squashfs"), "{told}");
    }

    #[test]
    fn a_block_that_is_never_undone_is_not_that_of_a_version_on_trial() {
        let dir = tempfile::tempdir().unwrap();
        let mut image = image(&stick(dir.path()));
        let (block, _) = place(&image, BOOT_ENV);
        let at = image.sector(block).unwrap().windows(5).position(|bytes| bytes == b"good=").unwrap();
        with(&mut image, block, at + 5, b"1");
        assert_eq!(Judge::new(wanted()).see(&image).unwrap().whole(), Ok(vec!["2.0~rc1"]));
    }
}
