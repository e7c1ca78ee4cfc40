//! Kits that nobody honest would make: the members of a sound one, changed, and written whatever they are.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use tar::{Archive, EntryType, Header};

const BLOCK: u64 = 512;
/// Where a header has the name, and the target of a link (POSIX, ustar).
const NAME: usize = 0;
const LINK: usize = 157;
const LONGEST_NAME: usize = 100;

/// A member of a kit.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its name, of any bytes.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: EntryType,
    /// What it points to, if it is a link.
    pub link: Vec<u8>,
    /// What it holds.
    pub content: Vec<u8>,
    /// Zeros behind the content, which take no room on this machine's disk.
    pub zeros: u64,
}

impl Member {
    /// A regular file.
    #[must_use]
    pub fn file(name: &str, content: &[u8]) -> Self {
        let (kind, link) = (EntryType::Regular, Vec::new());
        Self { name: name.into(), kind, link, content: content.to_vec(), zeros: 0 }
    }

    /// Something else, without content.
    #[must_use]
    pub fn special(name: &str, kind: EntryType, link: &str) -> Self {
        Self { kind, link: link.into(), ..Self::file(name, &[]) }
    }

    /// Its name as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.name).into_owned()
    }

    fn header(&self) -> io::Result<Header> {
        let mut header = Header::new_ustar();
        header.set_entry_type(self.kind);
        header.set_mode(0o644);
        header.set_size(self.content.len() as u64 + self.zeros);
        // What a tar program would refuse is written all the same.
        if self.name.len() > LONGEST_NAME {
            header.set_path(self.text())?;
        } else {
            let (bytes, name) = (header.as_mut_bytes(), self.name.len());
            bytes[NAME..NAME + name].copy_from_slice(&self.name);
        }
        let link = self.link.len().min(LONGEST_NAME);
        header.as_mut_bytes()[LINK..LINK + link].copy_from_slice(&self.link[..link]);
        header.set_cksum();
        Ok(header)
    }
}

/// The members of a kit.
///
/// # Errors
/// When it is no tar.
pub fn members(kit: &Path) -> io::Result<Vec<Member>> {
    let mut archive = Archive::new(File::open(kit)?);
    let entries = archive.entries()?.map(|entry| {
        let mut entry = entry?;
        let (name, kind) = (entry.path_bytes().into_owned(), entry.header().entry_type());
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        Ok(Member { name, kind, link: Vec::new(), content, zeros: 0 })
    });
    entries.collect()
}

/// Writes a kit of these members, in this order, and its end.
///
/// # Errors
/// When it cannot be written.
pub fn write(members: &[Member], out: &Path) -> io::Result<()> {
    let mut file = File::create(out)?;
    for member in members {
        file.write_all(member.header()?.as_bytes())?;
        file.write_all(&member.content)?;
        let at = file.seek(SeekFrom::Current(i64::try_from(member.zeros).map_err(io::Error::other)?))?;
        file.seek(SeekFrom::Start(at.next_multiple_of(BLOCK)))?;
    }
    let end = file.stream_position()?;
    file.set_len(end + 2 * BLOCK)
}
