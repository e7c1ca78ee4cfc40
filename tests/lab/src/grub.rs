//! What GRUB decides, written from the design and not from its script: which version a stick starts, and what is in `boot.env` then.

use std::collections::BTreeSet;

use sameday_upgrade::boot_env::SIZE;

/// grub-core/lib/envblk.c: what a block begins with.
const SIGNATURE: &[u8] = b"# GRUB Environment Block\n";

/// What GRUB looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// The bytes of `boot.env`, if it is there.
    pub boot_env: Option<Vec<u8>>,
    /// The bytes of `good.env`, if it is there.
    pub good_env: Option<Vec<u8>>,
    /// Files that are there, from the top.
    pub files: BTreeSet<String>,
    /// Whether writes reach the disk and can be read back.
    pub writable: bool,
}

/// What it decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The version, or `base`.
    pub pick: String,
    /// `boot.env` afterwards.
    pub boot_env: Option<Vec<u8>>,
}

impl Look {
    /// Decides as the design says: `current` if it is complete and either good or a try could be taken from it; otherwise `previous`, the
    /// last good version, the base, the first that is complete.
    #[must_use]
    pub fn decide(&self) -> Decision {
        let block = self.boot_env.as_deref().and_then(Block::open).filter(Block::known);
        let good = self.good_env.as_deref().and_then(Block::open).filter(Block::known);
        let mut after = self.boot_env.clone();
        let named = |block: &Option<Block>, name| block.as_ref().and_then(|block| block.value(name));
        let usable = |name: Option<String>| name.filter(|name| self.is_complete(name));

        let current = usable(named(&block, "current")).filter(|_| {
            named(&block, "good").as_deref() == Some("1")
                || block.as_ref().is_some_and(|block| self.take_a_try(block, &mut after))
        });
        let others = [usable(named(&block, "previous")), usable(named(&good, "good_version"))];
        let pick = current.or_else(|| others.into_iter().flatten().next()).unwrap_or_else(|| "base".to_owned());
        Decision { pick, boot_env: after }
    }

    /// List, layer, kernel and initrd of a version are there.
    fn is_complete(&self, name: &str) -> bool {
        if name == "base" {
            let needed = ["filesystem.module", "filesystem.squashfs", "vmlinuz", "initrd.img"];
            return needed.iter().all(|file| self.files.contains(&format!("live/{file}")));
        }
        let alphabet = name.bytes().all(|b| b.is_ascii_alphanumeric() || b".+~-".contains(&b));
        let ends = name.starts_with(|c: char| c.is_ascii_alphanumeric()) && !name.ends_with('.');
        let needed = [
            format!("live/{name}.module"),
            format!("live/{name}/{name}.squashfs"),
            format!("live/{name}/vmlinuz"),
            format!("live/{name}/initrd.img"),
        ];
        alphabet && ends && name.len() <= 32 && needed.iter().all(|file| self.files.contains(file))
    }

    /// Whether there was a try, and one less could be saved and read back.
    fn take_a_try(&self, block: &Block, after: &mut Option<Vec<u8>>) -> bool {
        let left = match block.value("tries").as_deref() {
            Some("3") => "2",
            Some("2") => "1",
            Some("1") => "0",
            _ => return false,
        };
        let Some(saved) = block.with("tries", left).filter(|_| self.writable) else { return false };
        let counted = saved.value("tries").as_deref() == Some(left);
        *after = Some(saved.0);
        counted
    }
}

/// An environment block as grub-core/lib/envblk.c takes it.
#[derive(Debug, Clone)]
struct Block(Vec<u8>);

impl Block {
    fn open(bytes: &[u8]) -> Option<Self> {
        bytes.starts_with(SIGNATURE).then(|| Self(bytes.to_owned()))
    }

    /// A format that was not known when the stick was made is as good as none.
    fn known(&self) -> bool {
        self.value("format").as_deref() == Some("1")
    }

    /// Names and values in their order. Lines that begin with `#` are none; a name goes on to the next `=`, over the ends of lines, too.
    fn variables(&self) -> Vec<(String, String)> {
        // To GRUB a text ends at a NUL.
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes.split(|b| *b == 0).next().unwrap_or(&[])).into_owned();
        let mut found = Vec::new();
        let mut rest = &self.0[SIGNATURE.len()..];
        while let Some(first) = rest.first() {
            if *first != b'#' {
                let Some(equals) = rest.iter().position(|b| *b == b'=') else { break };
                let (name, value) = (&rest[..equals], &rest[equals + 1..]);
                let Some(end) = value.iter().position(|b| *b == b'\n') else { break };
                found.push((text(name), text(&value[..end])));
                rest = value;
            }
            let Some(end) = rest.iter().position(|b| *b == b'\n') else { break };
            rest = &rest[end + 1..];
        }
        found
    }

    /// The last value of a variable.
    fn value(&self, name: &str) -> Option<String> {
        self.variables().into_iter().rfind(|(found, _)| found == name).map(|(_, value)| value)
    }

    /// The block with another value of the same length for the *first* variable of that name; none if GRUB would not write it: before the
    /// `#` at the end there must be the end of a line.
    fn with(&self, name: &str, value: &str) -> Option<Self> {
        let free = self.0.iter().rposition(|b| *b != b'#')?;
        if self.0[free] != b'\n' {
            return None;
        }
        let key = [name.as_bytes(), b"="].concat();
        let line = [b"\n", key.as_slice()].concat();
        let from = self.0.windows(line.len()).position(|window| window == line)? + line.len();
        let old = self.0[from..].iter().position(|b| *b == b'\n')?;
        if old != value.len() {
            return None;
        }
        let mut bytes = self.0.clone();
        bytes[from..from + old].copy_from_slice(value.as_bytes());
        Some(Self(bytes))
    }
}

/// The place of a variable's value in a block that was made by us.
#[must_use]
pub fn place_of(block: &[u8; SIZE], name: &str) -> Option<usize> {
    let key = format!("\n{name}=");
    block.windows(key.len()).position(|window| window == key.as_bytes()).map(|start| start + key.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_read_as_grub_reads_it() {
        let block = |text: &str| Block::open(&[SIGNATURE, text.as_bytes()].concat()).unwrap();
        let doubled = block("tries=3\n##\ntries=1\n##");
        assert_eq!(doubled.value("tries").as_deref(), Some("1"));
        assert_eq!(doubled.with("tries", "0").unwrap().variables()[0].1, "0");
        assert_eq!(block("a=1\nb!2\n#\nc=3\n").variables()[1].0, "b!2\n#\nc");
        assert_eq!(block("a\0b=1\nc=2\0\n").variables(), [("a".into(), "1".into()), ("c".into(), "2".into())]);
        assert!(block("tries=3\n#x").with("tries", "2").is_none());
        assert!(Block::open(b"# GRUB").is_none());
    }
}
