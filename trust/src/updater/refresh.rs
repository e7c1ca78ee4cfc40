//! The top-level roles: 5.3 root, 5.4 timestamp, 5.5 snapshot, 5.6 targets.

use super::{Step, Updater};
use crate::document::{open, open_next_root};
use crate::error::Error;
use crate::policy::{Kind, Source, StoredRoles};
use crate::schema::{Header, MetaInfo, Root, Snapshot, Targets, Timestamp};
use crate::signature::{Scheme, lost_a_key};
use crate::target::check_listed;
use crate::time::Time;

impl Updater {
    /// The version to ask for; none once a run has taken as many as it may (5.3.3).
    pub(super) fn next_root(&self) -> Option<u64> {
        let version = self.root.signed.header.version.checked_add(1)?;
        (self.root_steps < self.limits.root_steps).then_some(version)
    }

    /// 5.3.4 to 5.3.9.
    pub(super) fn accept_root(&mut self, bytes: Vec<u8>) -> Result<(), Error> {
        let trusted = &self.root.signed;
        let new = open_next_root(&bytes, trusted, self.rules())?;
        let (old_version, found) = (trusted.header.version, new.signed.header.version);
        // 5.3.5: "exactly the version in the trusted root metadata incremented by one"; an equal one is refused, too.
        if found < old_version {
            return Err(Error::Rollback { role: "root".to_owned(), trusted: old_version, offered: found });
        }
        let expected = old_version.saturating_add(1);
        if found != expected {
            return Err(Error::VersionMismatch { role: "root".to_owned(), expected, found });
        }
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.root_bytes = self.root_bytes.saturating_add(length);
        if self.root_bytes > self.limits.root_chain {
            return Err(Error::RootChain { limit: self.limits.root_chain });
        }
        // 5.3.11 at once and not at the end of the chain: a run that breaks off must not leave the new root with old files.
        if online_keys_rotated(trusted, &new.signed, self.policy.extra_scheme) {
            self.store.timestamp = None;
            self.store.snapshot = None;
        }
        self.raise_floor(new.signed.header.issued);
        self.store.root.clone_from(&bytes);
        self.store.chain.insert(found, bytes);
        self.root = new;
        self.root_steps = self.root_steps.saturating_add(1);
        if self.next_root().is_none() {
            return self.finish_root();
        }
        Ok(())
    }

    /// 5.3.10, after everything in the store was verified under the root that is current now.
    pub(super) fn finish_root(&mut self) -> Result<(), Error> {
        self.load_stored();
        self.judge("root", &self.root.signed.header)?;
        self.step = Step::Timestamp;
        Ok(())
    }

    /// Stored roles count if they verify under who signs for them now; a stored role that does not is as good as absent.
    /// Delegated ones wait until it is known who delegates.
    fn load_stored(&mut self) {
        let (root, rules) = (&self.root.signed, self.rules());
        let until = Some(root.header.expires);
        let bytes = self.store.timestamp.as_deref();
        let timestamp = bytes.and_then(|b| {
            open::<Timestamp>(Kind::Timestamp, "timestamp", b, root.delegation("timestamp"), until, rules).ok()
        });
        let bytes = self.store.snapshot.as_deref();
        let snapshot = bytes.and_then(|b| {
            open::<Snapshot>(Kind::Snapshot, "snapshot", b, root.delegation("snapshot"), until, rules).ok()
        });
        let bytes = self.store.targets.as_deref();
        let targets = bytes
            .and_then(|b| open::<Targets>(Kind::Targets, "targets", b, root.delegation("targets"), until, rules).ok());
        self.raise_floor(timestamp.as_ref().and_then(|t| t.signed.header.issued));
        self.raise_floor(snapshot.as_ref().and_then(|s| s.signed.header.issued));
        self.raise_floor(targets.as_ref().and_then(|t| t.signed.header.issued));
        self.timestamp = timestamp;
        self.snapshot = snapshot;
        self.targets = targets;
    }

    /// 5.4.2 to 5.4.5.
    pub(super) fn accept_timestamp(&mut self, bytes: Vec<u8>) -> Result<(), Error> {
        let root = &self.root.signed;
        let until = Some(root.header.expires);
        let delegation = root.delegation("timestamp");
        let new = open::<Timestamp>(Kind::Timestamp, "timestamp", &bytes, delegation, until, self.rules())?;
        if let Some(old) = &self.timestamp {
            not_older("timestamp", old.signed.header.version, new.signed.header.version)?;
            if new.signed.header.version == old.signed.header.version {
                // 5.4.3.1: nothing is new; the one that is kept must still be good today.
                self.judge("timestamp", &old.signed.header)?;
                return self.after_timestamp();
            }
            if let (Some(old), Some(new)) = (old.signed.snapshot(), new.signed.snapshot()) {
                not_older("snapshot", old.version, new.version)?;
            }
        }
        self.judge("timestamp", &new.signed.header)?;
        self.raise_floor(new.signed.header.issued);
        self.timestamp = Some(new);
        self.store.timestamp = Some(bytes);
        self.after_timestamp()
    }

    fn after_timestamp(&mut self) -> Result<(), Error> {
        let info = self.timestamp.as_ref().and_then(|t| t.signed.snapshot());
        let stored = self.snapshot.as_ref().map(|s| &s.signed.header).zip(self.store.snapshot.as_deref());
        if self.is_current("snapshot", info, stored) {
            return self.after_snapshot();
        }
        self.step = Step::Snapshot;
        Ok(())
    }

    /// 5.5.2 to 5.5.7.
    pub(super) fn accept_snapshot(&mut self, bytes: Vec<u8>) -> Result<(), Error> {
        let info = self.timestamp.as_ref().and_then(|t| t.signed.snapshot());
        let info = info.ok_or_else(|| Error::Absent { role: "timestamp".to_owned() })?;
        check_listed("snapshot", info, &bytes)?;
        let root = &self.root.signed;
        let until = Some(root.header.expires);
        let delegation = root.delegation("snapshot");
        let new = open::<Snapshot>(Kind::Snapshot, "snapshot", &bytes, delegation, until, self.rules())?;
        is_version("snapshot", info.version, new.signed.header.version)?;
        if let Some(old) = &self.snapshot {
            for (file, trusted) in &old.signed.meta {
                let role = file.strip_suffix(".json").unwrap_or(file);
                let offered = new.signed.meta.get(file).ok_or_else(|| Error::RoleRemoved { role: role.to_owned() })?;
                not_older(role, trusted.version, offered.version)?;
            }
        }
        self.judge("snapshot", &new.signed.header)?;
        self.raise_floor(new.signed.header.issued);
        self.snapshot = Some(new);
        self.store.snapshot = Some(bytes);
        self.after_snapshot()
    }

    fn after_snapshot(&mut self) -> Result<(), Error> {
        let info = self.snapshot.as_ref().and_then(|s| s.signed.role("targets"));
        let info = info.ok_or_else(|| Error::NotInSnapshot { role: "targets".to_owned() })?;
        if let (StoredRoles::Floor, Some(stored)) = (self.policy.stored, &self.targets) {
            not_older("targets", stored.signed.header.version, info.version)?;
        }
        let stored = self.targets.as_ref().map(|t| &t.signed.header).zip(self.store.targets.as_deref());
        if self.is_current("targets", Some(info), stored) {
            return self.finish_refresh();
        }
        self.step = Step::Targets;
        Ok(())
    }

    /// 5.6.2 to 5.6.6.
    pub(super) fn accept_targets(&mut self, bytes: Vec<u8>) -> Result<(), Error> {
        let info = self.snapshot.as_ref().and_then(|s| s.signed.role("targets"));
        let info = info.ok_or_else(|| Error::NotInSnapshot { role: "targets".to_owned() })?;
        check_listed("targets", info, &bytes)?;
        let root = &self.root.signed;
        let until = Some(root.header.expires);
        let new = open::<Targets>(Kind::Targets, "targets", &bytes, root.delegation("targets"), until, self.rules())?;
        is_version("targets", info.version, new.signed.header.version)?;
        self.judge("targets", &new.signed.header)?;
        self.raise_floor(new.signed.header.issued);
        self.targets = Some(new);
        self.store.targets = Some(bytes);
        self.finish_refresh()
    }

    fn finish_refresh(&mut self) -> Result<(), Error> {
        self.judge_all()?;
        self.step = Step::Idle;
        Ok(())
    }

    /// Whether a stored role, verified already, is the very file that is current, and alive.
    pub(super) fn is_current(&self, role: &str, info: Option<&MetaInfo>, stored: Option<(&Header, &[u8])>) -> bool {
        let (Some(info), Some((header, bytes))) = (info, stored) else { return false };
        header.version == info.version && check_listed(role, info, bytes).is_ok() && self.judge(role, header).is_ok()
    }

    /// Expired means `expires <= max(floor, now)`. A kit's timestamp and snapshot are for people to judge.
    pub(super) fn judge(&self, role: &str, header: &Header) -> Result<(), Error> {
        judge_at(self.moment(), self.policy.source, role, header)
    }

    /// Judges again what was judged before the floor rose to its height: dates of roles read later count too.
    pub(super) fn judge_all(&self) -> Result<(), Error> {
        self.judge("root", &self.root.signed.header)?;
        if let Some(timestamp) = &self.timestamp {
            self.judge("timestamp", &timestamp.signed.header)?;
        }
        if let Some(snapshot) = &self.snapshot {
            self.judge("snapshot", &snapshot.signed.header)?;
        }
        if let Some(targets) = &self.targets {
            self.judge("targets", &targets.signed.header)?;
        }
        self.delegated.iter().try_for_each(|(name, role)| self.judge(name, role.header()))
    }
}

fn judge_at(at: Time, source: Source, role: &str, header: &Header) -> Result<(), Error> {
    let told_only = source == Source::Kit && ["timestamp", "snapshot"].contains(&header.role_type.as_str());
    if header.expires <= at && !told_only {
        return Err(Error::Expired { role: role.to_owned(), expires: header.expires, at });
    }
    Ok(())
}

pub(super) fn not_older(role: &str, trusted: u64, offered: u64) -> Result<(), Error> {
    if offered < trusted { Err(Error::Rollback { role: role.to_owned(), trusted, offered }) } else { Ok(()) }
}

pub(super) fn is_version(role: &str, expected: u64, found: u64) -> Result<(), Error> {
    if found == expected { Ok(()) } else { Err(Error::VersionMismatch { role: role.to_owned(), expected, found }) }
}

/// 5.3.11: "if the timestamp and / or snapshot keys have been rotated". A key that was only added takes nothing back.
fn online_keys_rotated(old: &Root, new: &Root, extra: Option<&'static dyn Scheme>) -> bool {
    ["timestamp", "snapshot"].into_iter().any(|role| match (old.delegation(role), new.delegation(role)) {
        (Some(old), Some(new)) => lost_a_key(old, new, extra),
        _ => true,
    })
}
