//! A rehearsal: every role's keys rotated on a twin of the repository with throw-away keys, and the old keys tried afterwards.

use std::path::PathBuf;

use sameday_trust::Time;
use sameday_trust::schema::RoleKeys;

use super::assemble::{Assemble, gather};
use super::error::Error;
use super::prepare::{KeyChange, Prepare, prepare};
use super::public::PublicKey;
use super::signatures::sign;
use super::signer::Signer;
use crate::init::{Init, KeyCount, init};
use crate::keys::{KeyFolder, Passphrase, SigningKey};
use crate::repository::{Overlay, Repository, listed, sign as sign_file};

/// What is rehearsed, and where.
#[derive(Debug, Clone)]
pub struct Rehearsal {
    /// The repository that the twin takes after. It is only read.
    pub repository: PathBuf,
    /// An empty or new folder for the twin.
    pub into: PathBuf,
    /// The time of the rehearsal.
    pub now: Time,
}

/// The twin of a repository: its roles, channels, thresholds and targets, under keys that nobody trusts.
struct Twin<'a> {
    repository: PathBuf,
    keys: PathBuf,
    passphrase: &'a Passphrase,
    now: Time,
}

/// Rehearses the rotation of every role's keys, and says what it does.
///
/// # Errors
/// When a step fails that must succeed, or succeeds that must fail.
pub fn rehearse(rehearsal: &Rehearsal, passphrase: &Passphrase, say: &mut dyn FnMut(&str)) -> Result<(), Error> {
    let original = Repository::open(&rehearsal.repository)?;
    let into = &rehearsal.into;
    let twin = Twin { repository: into.join("repository"), keys: into.join("keys"), passphrase, now: rehearsal.now };
    twin.make(&original)?;
    say(&format!("made a twin of {} in {}", original.path().display(), into.display()));
    let mut roles: Vec<(String, RoleKeys)> = Vec::new();
    for name in ["root", "targets", "snapshot", "timestamp"] {
        roles.extend(original.root.roles.get(name).map(|keys| (name.to_owned(), keys.clone())));
    }
    for delegated in original.targets.delegations.iter().flat_map(|d| &d.roles) {
        let (keyids, threshold) = (delegated.keyids.clone(), delegated.threshold);
        roles.push((delegated.name.clone(), RoleKeys { keyids, threshold, other: delegated.other.clone() }));
    }
    for (role, keys) in &roles {
        twin.rotate(role, keys.keyids.len(), keys.threshold, say)?;
    }
    say("every role has new keys, clients with the first root follow, and no old key is accepted");
    Ok(())
}

impl Twin<'_> {
    fn make(&self, original: &Repository) -> Result<(), Error> {
        let count = |keys: usize, threshold: u64| KeyCount {
            keys: u32::try_from(keys).unwrap_or(u32::MAX),
            threshold: u32::try_from(threshold).unwrap_or(u32::MAX),
        };
        let mut plan = Init::new(self.repository.clone(), self.keys.clone(), self.now);
        for (name, place) in [
            ("root", &mut plan.root),
            ("targets", &mut plan.targets),
            ("snapshot", &mut plan.snapshot),
            ("timestamp", &mut plan.timestamp),
        ] {
            if let Some(keys) = original.root.roles.get(name) {
                *place = count(keys.keyids.len(), keys.threshold);
            }
        }
        // Channels get the counts of the first one; their own come with the rotation.
        let mut delegated = original.targets.delegations.iter().flat_map(|d| &d.roles);
        if let Some(first) = delegated.next() {
            plan.channel = count(first.keyids.len(), first.threshold);
        }
        plan.channels = original.channels().filter_map(|name| name.parse().ok()).collect();
        let mut twin = init(&plan, self.passphrase)?;
        let keys = KeyFolder::new(&self.keys, &self.repository)?;
        for (name, role) in &original.channels {
            if let Some(copy) = twin.channels.get_mut(name) {
                copy.targets.clone_from(&role.targets);
                copy.header.version = copy.header.version.saturating_add(1);
                twin.publish_targets(name, &keys, self.passphrase)?;
            }
        }
        twin.snapshot.header.version = twin.snapshot.header.version.saturating_add(1);
        twin.publish_snapshot(&keys, self.passphrase)?;
        twin.timestamp.header.version = twin.timestamp.header.version.saturating_add(1);
        Ok(twin.publish_timestamp(&keys, self.passphrase)?)
    }

    /// All keys of a role give way to new ones: what a leak of all of them would take.
    fn rotate(&self, role: &str, count: usize, threshold: u64, say: &mut dyn FnMut(&str)) -> Result<(), Error> {
        let folder = KeyFolder::new(&self.keys, &self.repository)?;
        let old = self.published_ids(role)?;
        let mut changes = vec![KeyChange::Threshold { role: role.to_owned(), threshold }];
        changes.extend(old.iter().map(|id| KeyChange::Remove { role: role.to_owned(), id: id.clone() }));
        for n in 0..count {
            let key = SigningKey::generate()?;
            key.save(
                &self.keys.join(format!("{role}-{}.pem", old.len().saturating_add(n).saturating_add(1))),
                self.passphrase,
            )?;
            let key = PublicKey::from_key(key.id(), key.public()).map_err(|why| Error::Rehearsal(why.to_owned()))?;
            changes.push(KeyChange::Add { role: role.to_owned(), key });
        }
        let request = prepare(&self.request(changes))?;
        let change = request.judge(Some(&folder.anchor()?))?;
        say(&format!("new keys for {role}\n{}", change.words()));
        let mut assemble = Assemble {
            repository: self.repository.clone(),
            keys: self.keys.clone(),
            request: request.clone(),
            signatures: Vec::new(),
            now: self.now,
        };
        for signer in change.roles() {
            for quorum in change.quorums(signer) {
                let ids: Vec<String> = quorum.keys.iter().map(|key| key.id().to_owned()).collect();
                for key in folder.load(signer, &ids, quorum.threshold, self.passphrase)? {
                    match gather(&assemble) {
                        Err(Error::Incomplete(_)) => {}
                        Err(other) => return Err(other),
                        // The root's two quorums can share keys.
                        Ok(_) => break,
                    }
                    let name = PathBuf::from(format!("the signatures of {}", key.id()));
                    assemble.signatures.push((name, sign(&request, &change, &mut Signer::key(key)?)?));
                }
            }
        }
        let published = gather(&assemble)?.publish(Some(self.passphrase))?;
        let versions: Vec<_> = published.0.iter().map(|(role, version)| format!("{role} {version}")).collect();
        say(&format!("signed and published: {}\n", versions.join(", ")));
        self.try_old_keys(role, &old, &folder)
    }

    /// What the old keys sign must be refused, by the assembly and by clients.
    fn try_old_keys(&self, role: &str, old: &[String], folder: &KeyFolder) -> Result<(), Error> {
        let keys = folder.load(role, old, old.len() as u64, self.passphrase)?;
        let accepted = || Error::Rehearsal(format!("a key of {role} that was taken away is still accepted"));
        if ["snapshot", "timestamp"].contains(&role) {
            return if self.accepts_online(role, &keys, folder)? { Err(accepted()) } else { Ok(()) };
        }
        let request = prepare(&self.request(vec![KeyChange::Renew { role: role.to_owned() }]))?;
        let change = request.judge(None)?;
        for key in keys {
            match sign(&request, &change, &mut Signer::key(key)?) {
                Err(Error::NotAsked(_)) => {}
                Err(other) => return Err(other),
                Ok(_) => return Err(accepted()),
            }
        }
        Ok(())
    }

    /// Whether clients would accept the next version of an online role if these keys signed it.
    fn accepts_online(&self, role: &str, keys: &[SigningKey], folder: &KeyFolder) -> Result<bool, Error> {
        let mut twin = Repository::open_with(&self.repository, folder)?;
        let mut overlay = Overlay::new();
        twin.timestamp.header.version = twin.timestamp.header.version.saturating_add(1);
        if role == "snapshot" {
            let version = twin.snapshot.header.version.saturating_add(1);
            twin.snapshot.header.version = version;
            let bytes = sign_file(&twin.snapshot, keys)?;
            twin.timestamp.meta.insert("snapshot.json".to_owned(), listed(version, &bytes));
            overlay.insert(format!("{version}.snapshot.json"), Some(bytes));
            let (name, timestamp) = twin.sign_timestamp(folder, self.passphrase)?;
            overlay.insert(name, Some(timestamp));
        } else {
            overlay.insert("timestamp.json".to_owned(), Some(sign_file(&twin.timestamp, keys)?));
        }
        match twin.check_whole(&overlay) {
            Ok(()) => Ok(true),
            Err(crate::error::Error::Verify(sameday_trust::Error::SignatureThreshold { .. })) => Ok(false),
            Err(other) => Err(other.into()),
        }
    }

    fn request(&self, changes: Vec<KeyChange>) -> Prepare {
        Prepare { repository: self.repository.clone(), keys: self.keys.clone(), changes, now: self.now }
    }

    fn published_ids(&self, role: &str) -> Result<Vec<String>, Error> {
        let repository = Repository::open(&self.repository)?;
        if let Some(keys) = repository.root.roles.get(role) {
            return Ok(keys.keyids.clone());
        }
        let mut delegated = repository.targets.delegations.iter().flat_map(|d| &d.roles);
        let found = delegated.find(|delegated| delegated.name == role);
        found.map(|delegated| delegated.keyids.clone()).ok_or_else(|| Error::NoRole(role.to_owned()))
    }
}
