//! Which changes a request may hold: only those that the words say. Whatever else differs from what is published is refused, so that
//! nobody signs what they were not told.

use std::collections::{BTreeMap, BTreeSet};

use sameday_trust::Lifetimes;
use sameday_trust::schema::{Header, Key, Targets, key_id};

use super::change::Offline;
use super::error::Error;
use super::public::PublicKey;

/// More keys than this for one role are a mistake; clients refuse 64 in one file.
pub(super) const MOST_KEYS: usize = 32;

pub(super) fn check(before: &Offline, after: &Offline) -> Result<(), Error> {
    let days = Lifetimes::PRODUCT;
    if before.root != after.root {
        check_root(before, after)?;
        check_life("root", &after.root.header, days.root)?;
    }
    if before.targets != after.targets {
        check_targets(&before.targets, &after.targets)?;
        check_life("targets", &after.targets.header, days.targets)?;
    }
    for (name, role) in &after.channels {
        let published = before.channels.get(name).ok_or_else(|| Error::NoRole(name.clone()))?;
        if published != role {
            check_channel(name, published, role)?;
            check_life(name, &role.header, days.delegated)?;
        }
    }
    Ok(())
}

fn unspoken(role: &str, what: impl Into<String>) -> Error {
    Error::Unspoken { role: role.to_owned(), what: what.into() }
}

/// Puts back what the words say, after which nothing may differ.
fn same_but_for_dates(after: &mut Header, before: &Header) {
    after.version = before.version;
    after.expires = before.expires;
    after.issued = before.issued;
}

fn check_life(role: &str, header: &Header, longest: u32) -> Result<(), Error> {
    let expires = header.expires;
    let issued = header.issued.ok_or_else(|| unspoken(role, "it has no signing date"))?;
    if issued >= expires || expires > issued.plus_days(longest) {
        return Err(Error::Lifetime { role: role.to_owned(), issued, expires });
    }
    Ok(())
}

fn check_root(before: &Offline, after: &Offline) -> Result<(), Error> {
    let (before, after) = (&before.root, &after.root);
    let mut plain = after.clone();
    same_but_for_dates(&mut plain.header, &before.header);
    plain.keys.clone_from(&before.keys);
    for (name, keys) in &mut plain.roles {
        if let Some(published) = before.roles.get(name) {
            keys.keyids.clone_from(&published.keyids);
            keys.threshold = published.threshold;
        }
    }
    if plain != *before {
        return Err(unspoken("root", "more than dates, keys and thresholds"));
    }
    let roles = after.roles.iter().map(|(name, keys)| (name.as_str(), keys.keyids.as_slice(), keys.threshold));
    check_keys("root", roles, &after.keys, &before.keys)
}

fn check_targets(before: &Targets, after: &Targets) -> Result<(), Error> {
    let mut plain = after.clone();
    same_but_for_dates(&mut plain.header, &before.header);
    if let (Some(plain), Some(published)) = (&mut plain.delegations, &before.delegations) {
        plain.keys.clone_from(&published.keys);
        for (role, published) in plain.roles.iter_mut().zip(&published.roles) {
            role.keyids.clone_from(&published.keyids);
            role.threshold = published.threshold;
        }
    }
    if plain != *before {
        return Err(unspoken("targets", "more than dates, keys and thresholds of channels"));
    }
    let (Some(after), Some(before)) = (&after.delegations, &before.delegations) else { return Ok(()) };
    let roles = after.roles.iter().map(|role| (role.name.as_str(), role.keyids.as_slice(), role.threshold));
    check_keys("targets", roles, &after.keys, &before.keys)
}

fn check_channel(name: &str, before: &Targets, after: &Targets) -> Result<(), Error> {
    for (path, target) in &after.targets {
        let published = before.targets.get(path);
        let same = |published: &sameday_trust::schema::TargetInfo| {
            published.custom == target.custom && published.other == target.other
        };
        if !published.map_or(target.custom.is_none() && target.other.is_empty(), same) {
            return Err(unspoken(name, format!("more about {path:?} than its length and digest")));
        }
        if !target.hashes.keys().eq(["sha256"]) {
            return Err(unspoken(name, format!("{path:?} by another digest than SHA-256")));
        }
    }
    let mut plain = after.clone();
    same_but_for_dates(&mut plain.header, &before.header);
    plain.targets.clone_from(&before.targets);
    if plain == *before { Ok(()) } else { Err(unspoken(name, "more than dates and targets")) }
}

/// Every key is listed under the id that its bytes give, belongs to a role, and stands once in it; every threshold can be met.
fn check_keys<'a>(
    file: &str,
    roles: impl Iterator<Item = (&'a str, &'a [String], u64)>,
    keys: &BTreeMap<String, Key>,
    published: &BTreeMap<String, Key>,
) -> Result<(), Error> {
    let mut used = BTreeSet::new();
    for (role, ids, threshold) in roles {
        let mut distinct: Vec<PublicKey> = Vec::new();
        for id in ids {
            let key =
                keys.get(id).ok_or_else(|| unspoken(file, format!("{role} has a key that is not listed: {id:?}")))?;
            let known = published.get(id) == Some(key);
            if !known && key_id(key).ok().as_ref() != Some(id) {
                return Err(unspoken(file, format!("{id:?} is not the id of that key")));
            }
            match PublicKey::from_key(id, key) {
                Ok(key) if distinct.iter().any(|other| other.same_as(&key)) => {
                    return Err(unspoken(file, format!("{role} has the key {id:?} twice")));
                }
                Ok(key) => distinct.push(key),
                Err(_) if known => {}
                Err(why) => return Err(unspoken(file, format!("the key {id:?}: {why}"))),
            }
            used.insert(id);
        }
        if threshold == 0 || threshold > distinct.len() as u64 || ids.len() > MOST_KEYS {
            let keys = u32::try_from(ids.len()).unwrap_or(u32::MAX);
            let threshold = u32::try_from(threshold).unwrap_or(u32::MAX);
            return Err(crate::error::Error::KeyCount { role: role.to_owned(), keys, threshold }.into());
        }
    }
    match keys.keys().find(|id| !used.contains(id) && !published.contains_key(*id)) {
        Some(id) => Err(unspoken(file, format!("the key {id:?} belongs to no role"))),
        None => Ok(()),
    }
}
