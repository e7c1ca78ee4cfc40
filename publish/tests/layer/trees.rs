//! Trees to make layers from: a seeded random one, and random changes to it.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, lchown, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use nix::sys::stat::{Mode, SFlag, makedev, mknod};

/// Pseudo-random numbers that follow from a seed (xorshift).
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        (!of.is_empty()).then(|| &of[self.roll(of.len())])
    }
}

const NAMES: [&str; 7] = ["a", "b", "c", "dd", "e f", "ä", ".g"];

/// All paths of a tree but its top, sorted.
fn paths(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut left = vec![root.to_owned()];
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                left.push(entry.path());
            }
            found.push(entry.path());
        }
    }
    found.sort();
    found
}

pub fn remove(path: &Path) {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path).unwrap(),
        Ok(_) => fs::remove_file(path).unwrap(),
        Err(_) => {}
    }
}

/// Puts something random under a free name.
fn make(path: &Path, dice: &mut Dice, depth: usize) {
    match dice.roll(12) {
        0..4 if depth > 0 => grow(path, dice, depth - 1),
        0..6 => fs::write(path, vec![b'x'; dice.roll(3) * 70_000 + dice.roll(5)]).unwrap(),
        6 => fs::create_dir(path).unwrap(),
        7 | 8 => symlink(["a", "../b", "/nowhere"][dice.roll(3)], path).unwrap(),
        9 => mknod(path, SFlag::S_IFIFO, Mode::from_bits_truncate(0o640), 0).unwrap(),
        10 => mknod(path, SFlag::S_IFBLK, Mode::from_bits_truncate(0o600), makedev(7, dice.roll(3) as u64)).unwrap(),
        _ => drop(UnixListener::bind(path)),
    }
}

pub fn grow(root: &Path, dice: &mut Dice, depth: usize) {
    fs::create_dir(root).unwrap();
    for name in NAMES {
        if dice.roll(3) > 0 {
            make(&root.join(name), dice, depth);
        }
    }
}

/// Changes something at random.
pub fn change(root: &Path, dice: &mut Dice) {
    let all = paths(root);
    let mut folders: Vec<_> = all.iter().filter(|path| fs::symlink_metadata(path).unwrap().is_dir()).cloned().collect();
    folders.push(root.to_owned());
    let Some(path) = dice.pick(&all).cloned() else { return };
    let metadata = fs::symlink_metadata(&path).unwrap();
    let plain = !metadata.is_symlink() && !metadata.file_type().is_socket();
    let free = dice.pick(&folders).unwrap().join(NAMES[dice.roll(NAMES.len())]);
    match dice.roll(10) {
        0 | 1 => remove(&path),
        2 => {
            remove(&path);
            make(&path, dice, 1);
        }
        3 if plain => {
            fs::set_permissions(&path, fs::Permissions::from_mode([0o755, 0o4711, 0o1777][dice.roll(3)])).unwrap()
        }
        4 => lchown(&path, Some([0, 7, 3_000_000_000][dice.roll(3)]), None).unwrap(),
        5 if !metadata.is_symlink() => xattr::set(&path, "trusted.mark", &[dice.roll(3) as u8, 0, b'\n']).unwrap(),
        // The same length, other contents; or the same, with another time.
        6 | 7 if metadata.is_file() => {
            let mut contents = fs::read(&path).unwrap();
            if let Some(last) = contents.last_mut() {
                *last = [b'x', b'y'][dice.roll(2)];
            }
            fs::write(&path, contents).unwrap();
        }
        8 if !metadata.is_dir() && fs::symlink_metadata(&free).is_err() => fs::hard_link(&path, &free).unwrap(),
        _ if fs::symlink_metadata(&free).is_err() => make(&free, dice, 1),
        _ => {}
    }
}
