//! The reader of kits as a process: one for each connection, the kit by descriptor.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::time::Duration;

use sameday_lab::fetcher::KitReaderProcess;
use sameday_wire::Outcome;
use tar::{Builder, EntryType, Header};

use crate::ask::Asker;

fn digest(n: usize) -> String {
    format!("{n:064x}")
}

/// A kit in its order; the last file is large enough for several frames.
fn members() -> Vec<(String, Vec<u8>)> {
    let mut members = vec![("kit.json".to_owned(), b"{\"format\":1}".to_vec())];
    for name in ["1.root", "2.root", "timestamp", "1.snapshot", "1.targets", "1.stable"] {
        members.push((format!("metadata/{name}.json"), name.as_bytes().to_vec()));
    }
    members.push((format!("targets/stable/sameday/amd64/{}.upgrade.json", digest(1)), b"description".to_vec()));
    members.push((format!("files/{}", digest(2)), b"chunks".to_vec()));
    members.push((format!("files/{}", digest(3)), (0..300_000_u32).map(|n| u8::try_from(n % 251).unwrap()).collect()));
    members
}

fn header(kind: EntryType, size: usize) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(u64::try_from(size).unwrap());
    header.set_mode(0o644);
    header.set_cksum();
    header
}

fn kit(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    for (name, content) in members {
        tar.append_data(&mut header(EntryType::Regular, content.len()), name, content.as_slice()).unwrap();
    }
    tar.into_inner().unwrap()
}

/// A kit with one more member, of any kind and name, behind the others.
fn with(kind: EntryType, name: &str, link: &str) -> Vec<u8> {
    let mut header = header(kind, 0);
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.as_mut_bytes()[157..157 + link.len()].copy_from_slice(link.as_bytes());
    header.set_cksum();
    let mut bytes = kit(&members());
    bytes.truncate(bytes.len() - 1024);
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend_from_slice(&[0; 1024]);
    bytes
}

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn reader() -> (tempfile::TempDir, KitReaderProcess) {
    let dir = tempfile::tempdir().unwrap();
    let reader = KitReaderProcess::start(dir.path()).unwrap();
    (dir, reader)
}

#[test]
fn every_file_of_a_kit_is_served_whole_and_in_parts() {
    let (_dir, reader) = reader();
    let kit = file(&kit(&members()));
    let mut asker = Asker::open(reader.connect().unwrap(), &[], Some(kit.as_fd())).unwrap();
    for (name, content) in members() {
        let total = u64::try_from(content.len()).unwrap();
        let whole = asker.get(&name, 0, 1 << 30).unwrap();
        assert_eq!(whole.outcome, Outcome::Complete { total: Some(total) });
        assert!(whole.bytes == content, "{name}");
        let part = asker.get(&name, 3, 4).unwrap().bytes;
        assert_eq!(part, content[3..7.min(content.len())], "{name}");
        assert_eq!(asker.get(&name, total, 1).unwrap().bytes, b"");
        assert_eq!(asker.get(&name, (1 << 53) - 2, 1).unwrap().bytes, b"");
    }
    assert_eq!(asker.get(&format!("files/{}", digest(9)), 0, 1).unwrap().outcome, Outcome::Absent);
    assert_eq!(asker.get("files", 0, 1).unwrap().outcome, Outcome::Absent);
    asker.client.renew().unwrap();
    assert_eq!(asker.get("kit.json", 0, 100).unwrap().bytes, b"{\"format\":1}");
}

#[test]
fn what_is_no_kit_is_refused_by_name() {
    let (_dir, reader) = reader();
    let sound = kit(&members());
    let swapped = {
        let mut members = members();
        members.swap(3, 4);
        kit(&members)
    };
    let twice = {
        let mut members = members();
        members.push(members[9].clone());
        kit(&members)
    };
    let cases = [
        ("cut in a file", sound[..sound.len() - 100_000].to_vec(), "kit-truncated"),
        ("cut in a header", sound[..700].to_vec(), "kit-truncated"),
        ("empty", Vec::new(), "kit-truncated"),
        ("no tar", b"PK\x03\x04".repeat(1000), "kit-format"),
        ("out of order", swapped, "kit-format"),
        ("a name twice", twice, "kit-format"),
        ("foreign", with(EntryType::Regular, "autorun.sh", ""), "kit-format"),
        ("absolute", with(EntryType::Regular, "/etc/passwd", ""), "kit-format"),
        ("escaping", with(EntryType::Regular, "files/../../etc/passwd", ""), "kit-format"),
        ("symlink", with(EntryType::Symlink, &format!("files/{}", digest(7)), "/etc/shadow"), "kit-format"),
        ("hard link", with(EntryType::Link, &format!("files/{}", digest(7)), "kit.json"), "kit-format"),
        ("directory", with(EntryType::Directory, "files/", ""), "kit-format"),
        ("device", with(EntryType::Char, &format!("files/{}", digest(7)), ""), "kit-format"),
        ("extension", with(EntryType::XHeader, "pax", ""), "kit-format"),
        ("something behind", [sound.clone(), b"x".repeat(512)].concat(), "kit-format"),
    ];
    for (name, bytes, code) in cases {
        let refusal = Asker::open(reader.connect().unwrap(), &[], Some(file(&bytes).as_fd())).err();
        assert_eq!(refusal, Some(code), "{name}");
    }
}

#[test]
fn only_a_regular_file_that_can_be_read_is_a_kit() {
    let (dir, reader) = reader();
    let refusal = |kit: std::os::fd::BorrowedFd<'_>| Asker::open(reader.connect().unwrap(), &[], Some(kit)).err();
    let (pipe, _far) = std::io::pipe().unwrap();
    assert_eq!(refusal(pipe.as_fd()), Some("kit-unreadable"));
    assert_eq!(refusal(File::open("/dev/zero").unwrap().as_fd()), Some("kit-unreadable"));
    assert_eq!(refusal(File::open("/").unwrap().as_fd()), Some("kit-unreadable"));
    let path = dir.path().join("write-only");
    std::fs::write(&path, kit(&members())).unwrap();
    assert_eq!(refusal(File::options().append(true).open(&path).unwrap().as_fd()), Some("kit-unreadable"));
    assert_eq!(Asker::open(reader.connect().unwrap(), &[], None).err(), Some("bad-request"));
    let kit = file(&kit(&members()));
    let with_base = Asker::open(reader.connect().unwrap(), &["https://example.org/".to_owned()], Some(kit.as_fd()));
    assert_eq!(with_base.err(), Some("bad-request"));
}

#[test]
fn a_kit_that_shrinks_while_it_is_read_is_named() {
    let (_dir, reader) = reader();
    let bytes = kit(&members());
    let kit = file(&bytes);
    let mut asker = Asker::open(reader.connect().unwrap(), &[], Some(kit.as_fd())).unwrap();
    kit.set_len(u64::try_from(bytes.len()).unwrap() - 200_000).unwrap();
    let (code, before) = asker.get(&format!("files/{}", digest(3)), 0, 1 << 30).unwrap_err();
    assert_eq!(code, "kit-truncated");
    assert!(before.len() < 300_000);
    assert_eq!(asker.get("kit.json", 0, 100).unwrap().bytes, b"{\"format\":1}", "the rest is still served");
}

#[test]
fn each_connection_has_a_reader_that_ends_with_it() {
    let (_dir, reader) = reader();
    let kit = file(&kit(&members()));
    let asker = Asker::open(reader.connect().unwrap(), &[], Some(kit.as_fd())).unwrap();
    let other = Asker::open(reader.connect().unwrap(), &[], Some(kit.as_fd())).unwrap();
    assert_eq!(reader.readers().unwrap().len(), 2);
    drop(asker);
    drop(other);
    let end = std::time::Instant::now() + Duration::from_secs(5);
    while !reader.readers().unwrap().is_empty() {
        assert!(std::time::Instant::now() < end, "{:?}", reader.readers());
        std::thread::sleep(Duration::from_millis(20));
    }
}
