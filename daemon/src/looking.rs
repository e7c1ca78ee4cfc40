//! Which channel is looked at, and where: the image's own, unless a drop-in, the kernel's command line or an administrator says otherwise.
//! Only looking is changed by it: what is found is verified all the same, and installing it asks for more.

use std::fs;
use std::io;
use std::path::Path;

use sameday_dbus::{ChosenBy, ErrorKind, Failure, text};
use sameday_upgrade::names::Name;
use serde::{Deserialize, Serialize};

use crate::files::read_capped;
use crate::system::MOST_BASES;

/// Where an image or an administrator puts files that change what is looked at, read in the order of their names.
const DROP_INS: &str = "etc/sameday/upgrader.d";
/// The kernel parameter that names a channel.
const PARAMETER: &str = "sameday.channel";
/// What was chosen since the start. In memory, so it ends with it.
const CHOSEN: &str = "run/samedayd/looking.toml";
/// The format of these files.
const FORMAT: u64 = 1;
/// The largest of them: a channel and a handful of URLs.
const LARGEST: u64 = 16 * 1024;
/// More drop-ins than anybody has.
const MOST_DROP_INS: usize = 64;
/// The longest base URL.
const LONGEST_BASE: usize = text::LINE;

/// What is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looking {
    /// The channel.
    pub channel: Name,
    /// Base URLs in place of the image's.
    pub bases: Option<Vec<String>>,
    /// Who chose it.
    pub chosen_by: ChosenBy,
}

/// A file that changes what is looked at.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: u64,
    channel: Option<Name>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    base_urls: Vec<String>,
}

impl From<&Looking> for sameday_dbus::Looking {
    fn from(looking: &Looking) -> Self {
        Self {
            channel: looking.channel.to_string(),
            base_urls: looking.bases.clone().unwrap_or_default(),
            chosen_by: looking.chosen_by,
        }
    }
}

impl Looking {
    /// What the image itself looks at.
    #[must_use]
    pub fn own(channel: &Name) -> Self {
        Self { channel: channel.clone(), bases: None, chosen_by: ChosenBy::Image }
    }

    /// Finds out below `root`, which is `/` but in tests of this module. The last to choose decides: the drop-ins in turn, the kernel's
    /// command line, the administrator.
    ///
    /// # Errors
    /// `not-configured`, naming what cannot be read: looking elsewhere than was meant would be worse than not at all.
    pub fn find(root: &Path, own: &Name, command_line: &str) -> Result<Self, Failure> {
        let mut looking = Self::own(own);
        for name in drop_ins(root)? {
            looking.take(root, &name, ChosenBy::DropIn)?;
        }
        let mut words = command_line.split_ascii_whitespace().filter_map(|word| word.split_once('='));
        if let Some((_, channel)) = words.rfind(|(name, _)| *name == PARAMETER) {
            looking.channel = channel.parse::<Name>().ok().filter(Name::may_be_channel).ok_or_else(|| {
                Failure::new(ErrorKind::NotConfigured, "bad-channel").text("channel", channel).text("where", PARAMETER)
            })?;
            looking.chosen_by = ChosenBy::Kernel;
        }
        looking.take(root, CHOSEN, ChosenBy::Administrator)?;
        Ok(looking)
    }

    fn take(&mut self, root: &Path, name: &str, by: ChosenBy) -> Result<(), Failure> {
        let bad = |error: &dyn std::fmt::Display| {
            tracing::error!("{name}: {error}");
            Failure::new(ErrorKind::NotConfigured, "drop-in-unreadable").text("file", &format!("/{name}"))
        };
        let Some(bytes) = read_capped(&root.join(name), LARGEST).map_err(|e| bad(&e))? else { return Ok(()) };
        let text = String::from_utf8(bytes).map_err(|e| bad(&e))?;
        let file: File = toml::from_str(&text).map_err(|e| bad(&e))?;
        if file.format != FORMAT {
            return Err(bad(&format!("unknown format {}", file.format)));
        }
        if let Some(channel) = file.channel {
            self.channel = Some(channel).filter(Name::may_be_channel).ok_or_else(|| bad(&"not a channel"))?;
            self.chosen_by = by;
        }
        if !file.base_urls.is_empty() {
            self.bases = Some(judged(file.base_urls).map_err(|e| bad(&e))?);
            self.chosen_by = by;
        }
        Ok(())
    }
}

/// What an administrator asks for, judged: none is to look where one looked before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice(Option<(Name, Vec<String>)>);

impl Choice {
    /// Judges a channel, empty for none, and base URLs.
    ///
    /// # Errors
    /// `bad-request` for what is neither.
    pub fn new(channel: &str, bases: Vec<String>) -> Result<Self, Failure> {
        let bad = |reason, name, value: &str| Err(Failure::new(ErrorKind::BadRequest, reason).text(name, value));
        if channel.is_empty() {
            return if bases.is_empty() { Ok(Self(None)) } else { bad("bad-channel", "channel", channel) };
        }
        let Some(name) = channel.parse::<Name>().ok().filter(Name::may_be_channel) else {
            return bad("bad-channel", "channel", channel);
        };
        match judged(bases) {
            Ok(bases) => Ok(Self(Some((name, bases)))),
            Err(url) => bad("bad-base-url", "url", &url),
        }
    }

    /// Keeps it below `root` until the next start of the computer.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&self, root: &Path) -> io::Result<()> {
        let path = root.join(CHOSEN);
        let Some((channel, bases)) = &self.0 else {
            return match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
        };
        let file = File { format: FORMAT, channel: Some(channel.clone()), base_urls: bases.clone() };
        let text = toml::to_string(&file).map_err(io::Error::other)?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        // A reader sees the old file or the new one, whole.
        let new = path.with_extension("new");
        fs::write(&new, text)?;
        fs::rename(new, path)
    }
}

/// Base URLs that the fetcher can be asked for: it judges them for itself.
fn judged(bases: Vec<String>) -> Result<Vec<String>, String> {
    let fits = |url: &String| {
        let known = url.starts_with("http://") || url.starts_with("https://");
        known && url.len() <= LONGEST_BASE && url.ends_with('/') && url.bytes().all(|b| b.is_ascii_graphic())
    };
    match bases.iter().find(|url| !fits(url)) {
        Some(bad) => Err(bad.clone()),
        None if bases.len() > MOST_BASES => Err(format!("{} base URLs", bases.len())),
        None => Ok(bases),
    }
}

fn drop_ins(root: &Path) -> Result<Vec<String>, Failure> {
    let unreadable = |error: io::Error| {
        tracing::error!("{DROP_INS}: {error}");
        Failure::new(ErrorKind::NotConfigured, "drop-in-unreadable").text("file", &format!("/{DROP_INS}"))
    };
    let entries = match fs::read_dir(root.join(DROP_INS)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(unreadable)?.file_name();
        let name = name.to_str().ok_or_else(|| unreadable(io::Error::other("a name that is no text")))?;
        if name.ends_with(".toml") && !name.starts_with('.') {
            names.push(format!("{DROP_INS}/{name}"));
        }
        if names.len() > MOST_DROP_INS {
            return Err(unreadable(io::Error::other("too many files")));
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> Name {
        "stable".parse().unwrap()
    }

    fn drop_in(root: &Path, name: &str, text: &str) {
        fs::create_dir_all(root.join(DROP_INS)).unwrap();
        fs::write(root.join(DROP_INS).join(name), text).unwrap();
    }

    #[test]
    fn the_last_to_choose_decides() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let look = |line: &str| Looking::find(root, &own(), line).unwrap();
        let told = |looking: Looking| (looking.channel.to_string(), looking.chosen_by);
        assert_eq!(look("quiet"), Looking::own(&own()));
        drop_in(root, "20.toml", "format = 1\nchannel = \"test\"\n");
        drop_in(root, "10.toml", "format = 1\nchannel = \"alpha\"\nbase_urls = [\"http://candidate.invalid/\"]\n");
        drop_in(root, "notes.txt", "not read");
        let found = look("quiet");
        assert_eq!(found.bases, Some(vec!["http://candidate.invalid/".to_owned()]));
        assert_eq!(told(found), ("test".into(), ChosenBy::DropIn));
        assert_eq!(told(look("a sameday.channel=x sameday.channel=beta b")), ("beta".into(), ChosenBy::Kernel));
        Choice::new("alpha", vec![]).unwrap().keep(root).unwrap();
        assert_eq!(told(look("sameday.channel=beta")), ("alpha".into(), ChosenBy::Administrator));
        Choice::new("", vec![]).unwrap().keep(root).unwrap();
        Choice::new("", vec![]).unwrap().keep(root).unwrap();
        assert_eq!(told(look("sameday.channel=beta")), ("beta".into(), ChosenBy::Kernel));
    }

    #[test]
    fn what_cannot_be_understood_is_never_skipped() {
        let refused = |text: &str| {
            let dir = tempfile::tempdir().unwrap();
            drop_in(dir.path(), "a.toml", text);
            Looking::find(dir.path(), &own(), "").unwrap_err().reason
        };
        for text in [
            "format = 2",
            "channel = \"alpha\"",
            "format = 1\nchannel = \"../x\"",
            "format = 1\nchannel = \"root\"",
            "format = 1\nchanel = \"alpha\"",
            "format = 1\nbase_urls = [\"ftp://x/\"]",
            "\u{0}",
        ] {
            assert_eq!(refused(text), "drop-in-unreadable", "{text:?}");
        }
        let dir = tempfile::tempdir().unwrap();
        let refused = Looking::find(dir.path(), &own(), "sameday.channel=../x").unwrap_err();
        assert_eq!((refused.kind, refused.reason.as_str()), (ErrorKind::NotConfigured, "bad-channel"));
        for (channel, bases, reason) in [
            ("..", vec![], "bad-channel"),
            ("", vec!["http://a/".to_owned()], "bad-channel"),
            ("alpha", vec!["http://a".to_owned()], "bad-base-url"),
            ("alpha", vec!["http://a /".to_owned()], "bad-base-url"),
            ("alpha", vec!["http://a/".to_owned(); 9], "bad-base-url"),
        ] {
            assert_eq!(Choice::new(channel, bases).unwrap_err().reason, reason);
        }
    }
}
