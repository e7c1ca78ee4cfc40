//! What is to be signed: changes of keys, thresholds and dates, and whatever has to be signed anew because of them.

use std::path::PathBuf;

use sameday_trust::Time;
use sameday_trust::schema::{Header, Key, Signed, Targets, canonical_form};

use super::change::Offline;
use super::error::Error;
use super::public::PublicKey;
use super::quorum;
use super::request::{Request, published};
use crate::keys::KeyFolder;
use crate::release::{Release, compose};
use crate::repository::{Repository, days};

/// The beginning of a key's id that names it. Shorter ones are easily typed by mistake.
const SHORTEST_ID: usize = 8;

/// One change.
#[derive(Debug, Clone)]
pub enum KeyChange {
    /// A role gets a key.
    Add {
        /// The role.
        role: String,
        /// The key.
        key: PublicKey,
    },
    /// A role loses a key: it is lost, leaked, or its holder leaves.
    Remove {
        /// The role.
        role: String,
        /// The key's id, or its beginning.
        id: String,
    },
    /// So many keys must sign a role.
    Threshold {
        /// The role.
        role: String,
        /// How many.
        threshold: u64,
    },
    /// A role is signed anew before it expires, with nothing else changed.
    Renew {
        /// The role.
        role: String,
    },
}

/// Changes that are signed together.
#[derive(Debug, Clone)]
pub struct Prepare {
    /// The repository.
    pub repository: PathBuf,
    /// The folder with the trust anchor; no key in it is used.
    pub keys: PathBuf,
    /// What changes.
    pub changes: Vec<KeyChange>,
    /// The time that it is signed as of.
    pub now: Time,
}

/// Asks for signatures on changes of keys, thresholds and dates.
///
/// # Errors
/// When the repository does not verify, or the changes make no sense.
pub fn prepare(prepare: &Prepare) -> Result<Request, Error> {
    let keys = KeyFolder::new(&prepare.keys, &prepare.repository)?;
    let repository = Repository::open_with(&prepare.repository, &keys)?;
    let before = published(&repository, repository.channels())?;
    let mut after = before.clone();
    let mut renewed = Vec::new();
    for change in &prepare.changes {
        if let KeyChange::Renew { role } = change {
            renewed.push(role.as_str());
            match role.as_str() {
                "snapshot" | "timestamp" => return Err(Error::OnlineRole(role.clone())),
                role if before.header(role).is_none() => return Err(Error::NoRole(role.to_owned())),
                _ => {}
            }
        }
    }
    // Thresholds last: a key that comes or goes can be what makes one possible.
    for pass in 0..3 {
        for change in &prepare.changes {
            match (pass, change) {
                (0, KeyChange::Add { role, key }) => add(&mut after, role, key)?,
                (1, KeyChange::Remove { role, id }) => remove(&mut after, role, id)?,
                (2, KeyChange::Threshold { role, threshold }) => *role_keys(&mut after, role)?.threshold = *threshold,
                _ => {}
            }
        }
    }
    let now = prepare.now;
    if before.root != after.root || renewed.contains(&"root") {
        renew(&mut after.root.header, now, days::ROOT);
    }
    let is_signed = |role: &str, after: &Offline| {
        let served = &repository.served;
        let file = if role == "targets" { served.targets.as_ref() } else { served.delegated.get(role) };
        file.is_some_and(|file| still_signed(&before, after, role, file))
    };
    if before.targets != after.targets || renewed.contains(&"targets") || !is_signed("targets", &after) {
        renew(&mut after.targets.header, now, days::TARGETS);
    }
    let stay = |role: &str, after: &Offline| !renewed.contains(&role) && is_signed(role, after);
    let leave: Vec<String> = after.channels.keys().filter(|role| stay(role, &after)).cloned().collect();
    after.channels.retain(|role, _| !leave.contains(role));
    after.channels.values_mut().for_each(|role| renew(&mut role.header, now, days::CHANNEL));
    Request::new(&repository, &after)
}

/// Asks for signatures on a release. Its files are put into place, where nothing leads to them before the channel's role is signed.
///
/// # Errors
/// As for a release that is signed at once.
pub fn prepare_release(release: &Release) -> Result<Request, Error> {
    let keys = KeyFolder::new(&release.keys, &release.repository)?;
    let mut repository = Repository::open_to_change(&release.repository, &keys)?;
    let channels = repository.channels.clone();
    compose(release, &mut repository)?;
    let changed = std::mem::replace(&mut repository.channels, channels);
    let mut after = published(&repository, std::iter::empty())?;
    after.channels.extend(changed.into_iter().filter(|(name, _)| *name == release.channel.as_str()));
    Request::new(&repository, &after)
}

fn renew(header: &mut Header, now: Time, days: u32) {
    header.version = header.version.saturating_add(1);
    header.issued = Some(now);
    header.expires = now.plus_days(days);
}

/// Whether what is published would still be accepted under the keys that it would have.
fn still_signed(before: &Offline, after: &Offline, role: &str, file: &[u8]) -> bool {
    let Ok(file) = serde_json::from_slice::<Signed<Targets>>(file) else { return false };
    let Ok(message) = canonical_form(&file.signed) else { return false };
    quorum::of(before, after, role).iter().all(|quorum| quorum.missing(role, &message, &file.signatures).is_none())
}

/// Where a role's keys stand.
struct RoleKeys<'a> {
    ids: &'a mut Vec<String>,
    threshold: &'a mut u64,
    keys: &'a mut std::collections::BTreeMap<String, Key>,
}

fn role_keys<'a>(roles: &'a mut Offline, role: &str) -> Result<RoleKeys<'a>, Error> {
    let none = || Error::NoRole(role.to_owned());
    if let Some(found) = roles.root.roles.get_mut(role) {
        return Ok(RoleKeys { ids: &mut found.keyids, threshold: &mut found.threshold, keys: &mut roles.root.keys });
    }
    let delegations = roles.targets.delegations.as_mut().ok_or_else(none)?;
    let found = delegations.roles.iter_mut().find(|delegated| delegated.name == role).ok_or_else(none)?;
    Ok(RoleKeys { ids: &mut found.keyids, threshold: &mut found.threshold, keys: &mut delegations.keys })
}

fn add(roles: &mut Offline, role: &str, key: &PublicKey) -> Result<(), Error> {
    let RoleKeys { ids, keys, .. } = role_keys(roles, role)?;
    let mut known = ids.iter().filter_map(|id| keys.get(id).and_then(|key| PublicKey::from_key(id, key).ok()));
    if known.any(|other| other.same_as(key)) {
        return Err(Error::KeyThere { role: role.to_owned(), id: key.id().to_owned() });
    }
    ids.push(key.id().to_owned());
    keys.insert(key.id().to_owned(), key.key().clone());
    Ok(())
}

fn remove(roles: &mut Offline, role: &str, id: &str) -> Result<(), Error> {
    let RoleKeys { ids, .. } = role_keys(roles, role)?;
    let fitting: Vec<String> = ids.iter().filter(|known| known.starts_with(id)).cloned().collect();
    let gone = match fitting.as_slice() {
        [one] if id.len() >= SHORTEST_ID => one.clone(),
        _ => return Err(Error::KeyNotThere { role: role.to_owned(), id: id.to_owned(), found: fitting.len() }),
    };
    ids.retain(|id| *id != gone);
    // The key itself goes when no other role has it.
    if !roles.root.roles.values().any(|role| role.keyids.contains(&gone)) {
        roles.root.keys.remove(&gone);
    }
    if let Some(delegations) = &mut roles.targets.delegations
        && !delegations.roles.iter().any(|role| role.keyids.contains(&gone))
    {
        delegations.keys.remove(&gone);
    }
    Ok(())
}
