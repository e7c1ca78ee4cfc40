//! What a month of updates fixes, read from the changelogs that Debian's packages bring along.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::process::Command;

use sameday_lab::process::run;
use sameday_upgrade::description::{Fix, Severity};

/// One fix for each source package whose changelog names CVE ids in entries that the old root does not have.
pub fn between(
    new_root: &Path,
    old: &BTreeMap<String, String>,
    new: &BTreeMap<String, String>,
) -> io::Result<Vec<Fix>> {
    let mut fixes: BTreeMap<String, (Severity, BTreeSet<String>)> = BTreeMap::new();
    for (package, version) in new {
        let Some(before) = old.get(package).filter(|before| *before != version) else { continue };
        let folder = new_root.join("usr/share/doc").join(package);
        for name in ["changelog.Debian.gz", "changelog.gz"] {
            let path = folder.join(name);
            if !path.is_file() {
                continue;
            }
            let text = run(Command::new("zcat").arg(&path))?.stdout;
            if let Some((source, severity, cves)) = newer_entries(&String::from_utf8_lossy(&text), before) {
                let fix = fixes.entry(source).or_insert((severity, BTreeSet::new()));
                fix.0 = fix.0.min(severity);
                fix.1.extend(cves);
            }
            break;
        }
    }
    let fix = |(name, (severity, cves)): (String, (Severity, BTreeSet<String>))| Fix {
        name,
        severity,
        cves: cves.into_iter().collect(),
    };
    Ok(fixes.into_iter().filter(|(_, (_, cves))| !cves.is_empty()).map(fix).collect())
}

/// The source package, the highest urgency and the CVE ids of the entries above that of version `before` (deb-changelog(5)).
fn newer_entries(text: &str, before: &str) -> Option<(String, Severity, BTreeSet<String>)> {
    let mut source = None;
    let mut severity = Severity::Unknown;
    let mut cves = BTreeSet::new();
    for line in text.lines() {
        if !line.starts_with(' ') && line.contains("; urgency=") {
            let (name, rest) = line.split_once(" (")?;
            if rest.starts_with(&format!("{before})")) {
                break;
            }
            source.get_or_insert(name.to_owned());
            let urgency = match rest.rsplit_once("urgency=").map(|(_, urgency)| urgency.trim()) {
                Some("critical" | "emergency") => Severity::Critical,
                Some("high") => Severity::High,
                Some("medium") => Severity::Medium,
                Some("low") => Severity::Low,
                _ => Severity::Unknown,
            };
            severity = severity.min(urgency);
        }
        for word in line.split(|c: char| !c.is_ascii_alphanumeric() && c != '-') {
            if word.strip_prefix("CVE-").is_some_and(|rest| rest.len() >= 9 && rest.as_bytes()[4] == b'-') {
                cves.insert(word.to_owned());
            }
        }
    }
    Some((source?, severity, cves))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_entries_newer_than_the_old_version_count() {
        let text = "openssl (3-3) bookworm-security; urgency=medium\n\n  * Fix CVE-2026-1111, CVE-2026-22222.\n\n -- A <a> D\n\n\
                    openssl (3-2) bookworm; urgency=high\n\n  * CVE-2025-0001\n\n -- A <a> D\n\n\
                    openssl (3-1) bookworm; urgency=low\n\n  * CVE-2024-0001\n";
        let (source, severity, cves) = newer_entries(text, "3-1").unwrap();
        assert_eq!((source.as_str(), severity), ("openssl", Severity::High));
        assert_eq!(cves.into_iter().collect::<Vec<_>>(), ["CVE-2025-0001", "CVE-2026-1111", "CVE-2026-22222"]);
    }
}
