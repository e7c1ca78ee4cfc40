//! A change in words, for whoever signs it. Together with [`super::spoken`]: nothing is changed that is not said here.

use std::collections::{BTreeMap, BTreeSet};

use sameday_trust::schema::{Header, Key, TargetInfo, Targets};

use super::change::{Change, Offline};
use super::public::PublicKey;
use crate::repository::Repository;

/// Ids of keys and the threshold of a role.
type Keys<'a> = (&'a [String], u64);

impl Change {
    /// What changes against the published version, and who must sign it.
    #[must_use]
    pub fn words(&self) -> String {
        let mut out = Page(String::new());
        let (before, after) = (&self.before, &self.after);
        for role in self.roles() {
            let (Some(old), Some(new)) = (before.header(role), after.header(role)) else { continue };
            out.header(role, old, new);
            match role {
                "root" => {
                    for (name, keys) in &after.root.roles {
                        let old =
                            before.root.roles.get(name).map_or((&[][..], 0), |k| (k.keyids.as_slice(), k.threshold));
                        let new = (keys.keyids.as_slice(), keys.threshold);
                        out.keys(name, (old, &before.root.keys), (new, &after.root.keys));
                    }
                }
                "targets" => delegations(&mut out, &before.targets, &after.targets),
                channel => {
                    if let (Some(old), Some(new)) = (before.channels.get(channel), after.channels.get(channel)) {
                        out.targets(&old.targets, &new.targets);
                    }
                }
            }
            for quorum in self.quorums(role) {
                out.line(&format!(
                    "needs {} of {} signatures by {}",
                    quorum.threshold,
                    quorum.keys.len(),
                    quorum.whose
                ));
            }
        }
        if self.changes_online_keys() {
            out.0.push_str("snapshot and timestamp are signed by the new online keys when this is published\n");
        }
        out.0
    }
}

fn delegations(out: &mut Page, before: &Targets, after: &Targets) {
    let (Some(before), Some(after)) = (&before.delegations, &after.delegations) else { return };
    for role in &after.roles {
        let old = before.roles.iter().find(|old| old.name == role.name);
        let old = old.map_or((&[][..], 0), |old| (old.keyids.as_slice(), old.threshold));
        out.keys(&role.name, (old, &before.keys), ((&role.keyids, role.threshold), &after.keys));
    }
}

struct Page(String);

impl Page {
    fn line(&mut self, text: &str) {
        // What is named in a request comes from outside: a line break, an escape sequence of terminals or a change of writing
        // direction would put other words on the screen than these.
        let safe: String = text.chars().map(|c| if matches!(c, ' '..='~') { c } else { '\u{fffd}' }).collect();
        self.0.push_str("    ");
        self.0.push_str(&safe);
        self.0.push('\n');
    }

    fn header(&mut self, role: &str, old: &Header, new: &Header) {
        self.0.push_str(&format!("{role}: version {} -> {}\n", old.version, new.version));
        if let Some(issued) = new.issued {
            let days = new.expires.seconds_since(issued) / 86_400;
            self.line(&format!("signed as of {issued}, expires {} (was {}), {days} days", new.expires, old.expires));
        }
    }

    fn keys(&mut self, role: &str, old: (Keys<'_>, &BTreeMap<String, Key>), new: (Keys<'_>, &BTreeMap<String, Key>)) {
        let ((old_ids, old_threshold), old_keys) = old;
        let ((new_ids, new_threshold), new_keys) = new;
        let (was, is): (BTreeSet<_>, BTreeSet<_>) = (old_ids.iter().collect(), new_ids.iter().collect());
        for id in was.difference(&is) {
            self.line(&format!("key of {role} taken away: {}", describe(id, old_keys)));
        }
        for id in is.difference(&was) {
            self.line(&format!("key of {role} added:      {}", describe(id, new_keys)));
        }
        let (old_count, new_count) = (old_ids.len(), new_ids.len());
        if was != is || old_threshold != new_threshold {
            self.line(&format!(
                "{role} signed by {new_threshold} of {new_count} keys (was {old_threshold} of {old_count})"
            ));
        } else {
            self.line(&format!("{role} signed by {new_threshold} of {new_count} keys, as before"));
        }
    }

    fn targets(&mut self, old: &BTreeMap<String, TargetInfo>, new: &BTreeMap<String, TargetInfo>) {
        let digest = |info: &TargetInfo| info.hashes.get("sha256").cloned().unwrap_or_default();
        for path in old.keys().filter(|path| !new.contains_key(*path)) {
            self.line(&format!("target taken away: {path}"));
        }
        for (path, info) in new {
            match old.get(path) {
                Some(old) if old == info => self.line(&format!("target as before: {path}")),
                Some(old) => {
                    self.line(&format!("target changed: {path}"));
                    self.line(&format!("  was {} bytes, sha256 {}", old.length, digest(old)));
                    self.line(&format!("  now {} bytes, sha256 {}", info.length, digest(info)));
                }
                None => {
                    self.line(&format!("target added: {path}"));
                    self.line(&format!("  {} bytes, sha256 {}", info.length, digest(info)));
                }
            }
        }
    }
}

fn describe(id: &str, keys: &BTreeMap<String, Key>) -> String {
    let kind = keys.get(id).and_then(|key| PublicKey::from_key(id, key).ok()).map_or("unknown", |key| key.kind());
    format!("{kind} {id}")
}

/// Every role of a repository with its keys and dates.
#[must_use]
pub fn list_keys(repository: &Repository) -> String {
    let mut out = String::new();
    let roles = Offline {
        root: repository.root.clone(),
        targets: repository.targets.clone(),
        channels: repository.channels.clone(),
    };
    let mut role = |name: &str, header: &Header, ids: &[String], threshold: u64, keys: &BTreeMap<String, Key>| {
        let (version, expires, count) = (header.version, header.expires, ids.len());
        out.push_str(&format!("{name} {version}, expires {expires}, signed by {threshold} of {count} keys\n"));
        ids.iter().for_each(|id| out.push_str(&format!("    {}\n", describe(id, keys))));
    };
    for name in ["root", "targets", "snapshot", "timestamp"] {
        let header = match name {
            "snapshot" => Some(&repository.snapshot.header),
            "timestamp" => Some(&repository.timestamp.header),
            other => roles.header(other),
        };
        if let (Some(header), Some(keys)) = (header, roles.root.roles.get(name)) {
            role(name, header, &keys.keyids, keys.threshold, &roles.root.keys);
        }
    }
    if let Some(delegations) = &roles.targets.delegations {
        for delegated in &delegations.roles {
            if let Some(header) = roles.header(&delegated.name) {
                role(&delegated.name, header, &delegated.keyids, delegated.threshold, &delegations.keys);
            }
        }
    }
    out
}
