//! Kits that are sound, cut, and made to hurt, each read from a real file.

use std::io::Write;

use tar::Builder;

use super::*;

fn digest(n: usize) -> String {
    format!("{n:064x}")
}

/// The names of a small kit.
fn names() -> Vec<String> {
    // Longer than the name field of a header, so that it gets a long name before it.
    let description = format!("targets/{0}/{0}/{0}/{1}.upgrade.json", "a".repeat(32), digest(1));
    assert!(description.len() > 100);
    let plain = ["kit.json", "metadata/1.root.json", "metadata/timestamp.json", "metadata/1.snapshot.json"];
    let mut names = plain.map(str::to_owned).to_vec();
    names.extend(["metadata/1.targets.json".to_owned(), "metadata/1.stable.json".to_owned()]);
    names.push(description);
    names.extend([format!("files/{}", digest(2)), format!("files/{}", digest(3))]);
    names
}

fn header(kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o644);
    header.set_cksum();
    header
}

fn append(tar: &mut Builder<Vec<u8>>, name: &str, content: &[u8]) {
    let size = u64::try_from(content.len()).unwrap();
    tar.append_data(&mut header(EntryType::Regular, size), name, content).unwrap();
}

fn kit_of(names: &[String]) -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    names.iter().for_each(|name| append(&mut tar, name, format!("this is {name}").as_bytes()));
    tar.into_inner().unwrap()
}

fn read(bytes: &[u8]) -> Result<Index, KitError> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    Index::read(&file)
}

/// A member with any name and kind at all, appended to the first `before` of a good kit.
fn with_raw(before: usize, name: &[u8], kind: EntryType) -> Vec<u8> {
    let mut header = header(kind, 0);
    header.as_mut_bytes()[..name.len()].copy_from_slice(name);
    header.set_cksum();
    let mut bytes = kit_of(&names()[..before]);
    bytes.truncate(bytes.len() - 1024);
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend_from_slice(&[0; 1024]);
    bytes
}

#[test]
fn every_file_of_a_kit_is_found_where_it_lies() {
    let bytes = kit_of(&names());
    let index = read(&bytes).unwrap();
    for name in names() {
        let Member { offset, length } = index.find(&Path::new(name.as_str()).unwrap()).unwrap();
        let start = usize::try_from(offset).unwrap();
        let content = &bytes[start..start + usize::try_from(length).unwrap()];
        assert_eq!(content, format!("this is {name}").as_bytes());
    }
    assert!(index.find(&Path::new("files/none").unwrap()).is_none());
}

#[test]
fn a_kit_cut_anywhere_is_no_kit() {
    let bytes = kit_of(&names());
    for length in (0..bytes.len()).step_by(97).chain([bytes.len() - 1, bytes.len() - 512]) {
        let error = read(&bytes[..length]).unwrap_err();
        assert!(matches!(error, KitError::Truncated(_)), "cut to {length}: {error}");
        assert_eq!(error.reason(), Reason::KitTruncated);
    }
}

#[test]
fn foreign_and_escaping_names_are_refused() {
    for name in ["/etc/passwd", "../kit.json", "metadata/../../x", "metadata//x", "a%2fb", "a\nb", "\u{e4}", ""] {
        let error = read(&with_raw(4, name.as_bytes(), EntryType::Regular)).unwrap_err();
        assert!(matches!(error, KitError::Name(_)), "{name:?}: {error}");
    }
    for name in ["autorun.sh", "files/x", "live/vmlinuz"] {
        let error = read(&with_raw(4, name.as_bytes(), EntryType::Regular)).unwrap_err();
        assert!(matches!(error, KitError::Order(_, OrderError::Foreign)), "{name:?}: {error}");
    }
}

#[test]
fn nothing_but_regular_files_is_taken() {
    use EntryType as T;
    let kinds =
        [T::Link, T::Symlink, T::Char, T::Block, T::Directory, T::Fifo, T::Continuous, T::XHeader, T::XGlobalHeader];
    for kind in kinds.into_iter().chain([T::GNULongLink, T::GNUSparse, T::new(b'V')]) {
        let error = read(&with_raw(4, b"metadata/1.targets.json", kind)).unwrap_err();
        assert!(matches!(error, KitError::Kind(_)), "{kind:?}: {error}");
        assert_eq!(error.reason(), Reason::KitFormat);
    }
}

#[test]
fn a_name_twice_is_refused() {
    let mut names = names();
    names.push(names.last().unwrap().clone());
    assert!(matches!(read(&kit_of(&names)), Err(KitError::Duplicate(_))));
}

#[test]
fn a_kit_without_its_description_is_incomplete() {
    assert!(matches!(read(&kit_of(&names()[..6])), Err(KitError::Incomplete)));
    assert!(matches!(read(&[0; 1024]), Err(KitError::Incomplete)));
}

#[test]
fn sizes_that_lie_are_found_out() {
    for claimed in [1 << 31, 1 << 32, (1 << 53) - 1] {
        let mut lie = header(EntryType::Regular, claimed);
        lie.set_path("kit.json").unwrap();
        lie.set_cksum();
        assert!(matches!(read(lie.as_bytes()), Err(KitError::Truncated(_))), "{claimed}");
    }
    for claimed in [1 << 53, u64::MAX, u64::MAX - 511] {
        let mut lie = header(EntryType::Regular, claimed);
        lie.set_path("kit.json").unwrap();
        lie.set_cksum();
        assert!(matches!(read(lie.as_bytes()), Err(KitError::Header(0))), "{claimed}");
    }
}

#[test]
fn what_is_no_tar_is_refused() {
    assert!(matches!(read(&[b'x'; 4096]), Err(KitError::Header(0))));
    let mut bytes = kit_of(&names());
    bytes[0] ^= 1;
    assert!(matches!(read(&bytes), Err(KitError::Header(0))), "a wrong checksum");
    let old = with_raw(4, b"metadata/1.targets.json", EntryType::Regular);
    let mut magic = old.clone();
    let at = old.len() - 1024 - 512;
    magic[at + 257..at + 265].fill(0);
    assert!(matches!(read(&magic), Err(KitError::Header(_))), "no magic");
}

#[test]
fn bytes_behind_the_end_are_refused_and_padding_is_not() {
    let mut bytes = kit_of(&names());
    bytes.resize(bytes.len() + 8192, 0);
    assert!(read(&bytes).is_ok());
    *bytes.last_mut().unwrap() = 1;
    assert!(matches!(read(&bytes), Err(KitError::Trailing(_))));
    bytes.resize(bytes.len() + (1 << 20), 0);
    assert!(matches!(read(&bytes), Err(KitError::Trailing(_))));
}

#[test]
fn long_names_name_a_member_and_are_not_too_long() {
    let block = |kind, content: &[u8]| {
        let mut bytes = header(kind, u64::try_from(content.len()).unwrap()).as_bytes().to_vec();
        bytes.extend_from_slice(content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        bytes
    };
    let cases: [&[u8]; 4] = [b"kit.json", b"\0", b"kit\0json\0", &[b'a'; 258]];
    for content in cases {
        let bytes = block(EntryType::GNULongName, content);
        assert!(matches!(read(&bytes), Err(KitError::LongName(0))), "{content:?}");
    }
    let twice = [block(EntryType::GNULongName, b"kit.json\0"), block(EntryType::GNULongName, b"kit.json\0")].concat();
    assert!(matches!(read(&twice), Err(KitError::LongName(1024))));
    let alone = [block(EntryType::GNULongName, b"kit.json\0"), vec![0; 1024]].concat();
    assert!(matches!(read(&alone), Err(KitError::LongName(1024))));
}

#[test]
fn members_are_counted() {
    let mut names = names();
    names.extend((4..MAX_MEMBERS + 4).map(|n| format!("files/{}", digest(n))));
    assert!(matches!(read(&kit_of(&names)), Err(KitError::TooMany)));
}

#[test]
fn only_a_regular_file_is_a_kit() {
    let (pipe, _other) = std::io::pipe().unwrap();
    let pipe = File::from(std::os::fd::OwnedFd::from(pipe));
    assert!(matches!(Index::read(&pipe), Err(KitError::NotAFile)));
    assert!(matches!(Index::read(&File::open("/").unwrap()), Err(KitError::NotAFile)));
    let file = tempfile::NamedTempFile::new().unwrap();
    let unreadable = File::options().append(true).open(file.path()).unwrap();
    file.as_file().set_len(1024).unwrap();
    assert!(matches!(Index::read(&unreadable), Err(KitError::Io(_))));
}
