//! What the machine's own apt configuration says: the mirror, the keyring and the transport options for a Debian suite. No host
//! name stands in the project.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::Command;

use crate::process::run;

/// One suite's mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    uri: String,
    suite: String,
    signed_by: Option<PathBuf>,
}

impl Source {
    /// The line for a sources.list.
    pub fn line(&self) -> String {
        let options = self.signed_by.as_ref().map(|key| format!("[signed-by={}] ", key.display())).unwrap_or_default();
        format!("deb {options}{} {} main", self.uri, self.suite)
    }
}

/// Where this machine gets Debian's `suite` from.
pub fn source(suite: &str) -> io::Result<Source> {
    let targets = run(Command::new("apt-get").arg("indextargets"))?;
    let (uri, entry) = find(&String::from_utf8_lossy(&targets.stdout), suite).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::NotFound,
            format!("apt on this machine has no mirror for Debian {suite}, component main"),
        )
    })?;
    let signed_by = match entry.rsplit_once(':') {
        Some((file, line)) => {
            keyring(&fs::read_to_string(file)?, file.ends_with(".sources"), line.parse().unwrap_or(1))
        }
        None => None,
    };
    Ok(Source { uri, suite: suite.to_owned(), signed_by })
}

/// The options that this machine's apt needs to reach and to accept its mirrors: proxies, and checks that are switched off.
pub fn transport_options() -> io::Result<Vec<String>> {
    let dump = run(Command::new("apt-config").arg("dump"))?;
    Ok(String::from_utf8_lossy(&dump.stdout)
        .lines()
        .filter(|line| {
            ["Acquire::http::", "Acquire::https::", "Acquire::Check-"].iter().any(|prefix| line.starts_with(prefix))
                && !line.ends_with("\"\";")
        })
        .map(str::to_owned)
        .collect())
}

/// The repository's address, and the place ("FILE:ENTRY") in apt's configuration that names it.
fn find(targets: &str, suite: &str) -> Option<(String, String)> {
    targets.split("\n\n").find_map(|paragraph| {
        let fields: BTreeMap<_, _> = paragraph.lines().filter_map(|line| line.split_once(": ")).collect();
        let is = |name: &str, value: &str| fields.get(name).is_some_and(|found| *found == value);
        // Before the first update, apt does not know the origin yet.
        let debian = is("Origin", "Debian") || !fields.contains_key("Origin");
        (is("Created-By", "Packages") && is("Release", suite) && is("Component", "main") && debian)
            .then(|| Some(((*fields.get("Repo-URI")?).to_owned(), (*fields.get("Sourcesentry")?).to_owned())))?
    })
}

/// The keyring file that an entry names: the paragraph with that number (deb822), or the line.
fn keyring(text: &str, deb822: bool, entry: usize) -> Option<PathBuf> {
    let index = entry.checked_sub(1)?;
    let value = if deb822 {
        let paragraphs = text.split("\n\n").filter(|part| part.lines().any(|line| line.starts_with("Types:")));
        paragraphs.clone().nth(index)?.lines().find_map(|line| line.strip_prefix("Signed-By:"))?.trim().to_owned()
    } else {
        let options = text.lines().nth(index)?.split_once('[')?.1.split_once(']')?.0;
        options.split_whitespace().find_map(|option| option.strip_prefix("signed-by="))?.to_owned()
    };
    // An inline key or a fingerprint is no file; apt's general keyrings are then the ones to try.
    value.starts_with('/').then(|| PathBuf::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGETS: &str = "Created-By: DEP-11\nRelease: one\nComponent: main\nRepo-URI: no\nSourcesentry: no:1\n\n\
        Created-By: Packages\nRelease: one\nComponent: main\nOrigin: Other\nRepo-URI: no\nSourcesentry: no:1\n\n\
        Created-By: Packages\nRelease: one\nComponent: main\nOrigin: Debian\nRepo-URI: file:/one/\nSourcesentry: /a.sources:2\n";

    #[test]
    fn the_mirror_is_debians_own() {
        assert_eq!(find(TARGETS, "one"), Some(("file:/one/".into(), "/a.sources:2".into())));
        assert_eq!(find(TARGETS, "two"), None);
    }

    #[test]
    fn the_keyring_is_found_in_both_forms() {
        let deb822 = "# a comment\nTypes: deb\nSigned-By: /a.gpg\n\nTypes: deb\nSuites: x\nSigned-By: /b.gpg\n";
        assert_eq!(keyring(deb822, true, 2), Some("/b.gpg".into()));
        assert_eq!(keyring(deb822, true, 3), None);
        let lines = "# x\ndeb [arch=amd64 signed-by=/c.gpg] file:/one one main\ndeb file:/two two main\n";
        assert_eq!(keyring(lines, false, 2), Some("/c.gpg".into()));
        assert_eq!(keyring(lines, false, 3), None);
    }
}
