//! The tar that is packed: one pax header before each entry, so that names, links, numbers and attributes of any length and with
//! any bytes take the same way.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::sys::stat::{major, minor};
use tar::{Builder, EntryType, Header};

use super::LayerError;
use super::changes::open;
use super::tree::{Kind, Node};

/// The attribute that makes a directory hide the base's.
const OPAQUE: (&str, &[u8]) = ("trusted.overlay.opaque", b"y");
/// The first owner, and the first length, that a ustar header's octal field cannot hold.
const FIRST_LONG_ID: u32 = 1 << 21;
const FIRST_LONG_SIZE: u64 = 1 << 33;

/// An entry but for its contents.
#[derive(Debug)]
pub struct Item<'a> {
    kind: EntryType,
    path: &'a Path,
    target: Option<&'a Path>,
    mode: u32,
    uid: u32,
    gid: u32,
    device: u64,
    xattrs: Option<&'a BTreeMap<OsString, Vec<u8>>>,
    opaque: bool,
}

impl<'a> Item<'a> {
    fn plain(kind: EntryType, path: &'a Path) -> Self {
        Self { kind, path, target: None, mode: 0, uid: 0, gid: 0, device: 0, xattrs: None, opaque: false }
    }

    /// A character device 0/0.
    pub fn whiteout(path: &'a Path) -> Self {
        Self::plain(EntryType::Char, path)
    }

    /// A further name of what stands under `target`.
    pub fn link(path: &'a Path, target: &'a Path) -> Self {
        Self { target: Some(target), ..Self::plain(EntryType::Link, path) }
    }

    /// An inode.
    pub fn node(path: &'a Path, node: &'a Node, opaque: bool) -> Self {
        let (kind, target, device) = match &node.kind {
            Kind::Directory(_) => (EntryType::Directory, None, 0),
            Kind::File(_) => (EntryType::Regular, None, 0),
            Kind::Symlink(target) => (EntryType::Symlink, Some(target.as_path()), 0),
            Kind::Character(device) => (EntryType::Char, None, *device),
            Kind::Block(device) => (EntryType::Block, None, *device),
            // Sockets never get here: the walk leaves them out.
            Kind::Fifo | Kind::Socket => (EntryType::Fifo, None, 0),
        };
        let Node { mode, uid, gid, .. } = *node;
        Self { kind, path, target, mode, uid, gid, device, xattrs: Some(&node.xattrs), opaque }
    }

    /// The records of its pax header.
    fn records(&self, length: u64) -> Vec<(String, Vec<u8>)> {
        let mut records = vec![("path".to_owned(), self.path.as_os_str().as_bytes().to_vec())];
        for (name, id) in [("uid", self.uid), ("gid", self.gid)] {
            if id >= FIRST_LONG_ID {
                records.push((name.to_owned(), id.to_string().into_bytes()));
            }
        }
        if length >= FIRST_LONG_SIZE {
            records.push(("size".to_owned(), length.to_string().into_bytes()));
        }
        if let Some(target) = self.target {
            records.push(("linkpath".to_owned(), target.as_os_str().as_bytes().to_vec()));
        }
        if self.opaque {
            records.push((format!("SCHILY.xattr.{}", OPAQUE.0), OPAQUE.1.to_vec()));
        }
        for (name, value) in self.xattrs.into_iter().flatten() {
            // The scan refuses names that are not UTF-8.
            records.push((format!("SCHILY.xattr.{}", name.to_string_lossy()), value.clone()));
        }
        records
    }

    fn header(&self, length: u64, time: u32) -> io::Result<Header> {
        let mut header = Header::new_ustar();
        header.set_entry_type(self.kind);
        header.set_mode(self.mode);
        header.set_uid(if self.uid < FIRST_LONG_ID { u64::from(self.uid) } else { 0 });
        header.set_gid(if self.gid < FIRST_LONG_ID { u64::from(self.gid) } else { 0 });
        header.set_size(if length < FIRST_LONG_SIZE { length } else { 0 });
        header.set_mtime(u64::from(time));
        let number =
            |part: u64| u32::try_from(part).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "device number"));
        header.set_device_major(number(major(self.device))?)?;
        header.set_device_minor(number(minor(self.device))?)?;
        // The names are in the pax header; a header without any is not an entry to every reader.
        header.set_path("x")?;
        header.set_cksum();
        Ok(header)
    }
}

/// A tar under way.
pub struct TarStream<W: Write> {
    builder: Builder<W>,
    time: u32,
}

impl<W: Write> TarStream<W> {
    /// An empty one, in which everything has this time.
    pub fn new(output: W, time: u32) -> Self {
        Self { builder: Builder::new(output), time }
    }

    /// Appends an entry without contents.
    pub fn append(&mut self, item: &Item<'_>) -> Result<(), LayerError> {
        self.start(item, 0).map_err(LayerError::Pipe)?;
        self.data(item, 0, &mut io::empty()).map_err(LayerError::Pipe)
    }

    /// Appends a regular file with the contents of `source`, which must be `length` bytes long.
    pub fn append_file(&mut self, item: &Item<'_>, source: &Path, length: u64) -> Result<(), LayerError> {
        let file = open(source)?;
        let now = file.metadata().map_err(|error| LayerError::Read { path: source.to_owned(), source: error })?;
        if !now.is_file() || now.len() != length {
            return Err(LayerError::Changed(source.to_owned()));
        }
        self.start(item, length).map_err(LayerError::Pipe)?;
        let mut contents = Contents { inner: file.take(length), count: 0, error: None };
        let written = self.data(item, length, &mut contents);
        if let Some(error) = contents.error {
            return Err(LayerError::Read { path: source.to_owned(), source: error });
        }
        written.map_err(LayerError::Pipe)?;
        if contents.count != length {
            return Err(LayerError::Changed(source.to_owned()));
        }
        Ok(())
    }

    fn start(&mut self, item: &Item<'_>, length: u64) -> io::Result<()> {
        let records = item.records(length);
        self.builder.append_pax_extensions(records.iter().map(|(name, value)| (name.as_str(), value.as_slice())))
    }

    fn data(&mut self, item: &Item<'_>, length: u64, contents: &mut dyn Read) -> io::Result<()> {
        self.builder.append(&item.header(length, self.time)?, contents)
    }

    /// Writes the end of the archive.
    pub fn finish(self) -> Result<(), LayerError> {
        self.builder.into_inner().and_then(|mut output| output.flush()).map_err(LayerError::Pipe)
    }
}

/// Tells apart an error of the source from one of the pipe, and counts.
struct Contents<R> {
    inner: R,
    count: u64,
    error: Option<io::Error>,
}

impl<R: Read> Read for Contents<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.inner.read(buffer) {
            Ok(count) => {
                self.count = self.count.saturating_add(count as u64);
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                let kind = error.kind();
                self.error = Some(error);
                Err(kind.into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The header of an entry and its pax records, written and read back.
    fn round_trip(length: u64, uid: u32) -> (u64, u64, Vec<(String, Vec<u8>)>) {
        let node = Node { mode: 0o4755, uid, gid: 7, xattrs: BTreeMap::new(), inode: None, kind: Kind::File(length) };
        let path = Path::new("a/file");
        let item = Item::node(path, &node, false);
        let header = item.header(length, 0).unwrap();
        (header.size().unwrap(), header.uid().unwrap(), item.records(length))
    }

    #[test]
    fn a_length_beyond_8_gib_stands_in_the_pax_header() {
        let (size, _, records) = round_trip((1 << 33) - 1, 0);
        assert_eq!((size, records.len()), ((1 << 33) - 1, 1));
        let (size, _, records) = round_trip(1 << 33, 0);
        assert_eq!(size, 0);
        assert_eq!(records[1], ("size".to_owned(), b"8589934592".to_vec()));
    }

    #[test]
    fn an_owner_beyond_21_bits_stands_in_the_pax_header() {
        assert_eq!(round_trip(0, (1 << 21) - 1).1, (1 << 21) - 1);
        let (_, uid, records) = round_trip(0, u32::MAX - 1);
        assert_eq!(uid, 0);
        assert_eq!(records[1], ("uid".to_owned(), b"4294967294".to_vec()));
    }
}
