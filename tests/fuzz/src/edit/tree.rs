//! JSON: fields removed, renamed, doubled, moved, and given the values at which programs break.

use serde_json::{Map, Number, Value, json};

use super::Context;
use crate::random::Random;

const NUMBERS: [u64; 14] = [
    0,
    1,
    2,
    3,
    64,
    65,
    (1 << 31) - 1,
    1 << 31,
    1 << 32,
    (1 << 53) - 1,
    1 << 53,
    i64::MAX as u64,
    u64::MAX - 1,
    u64::MAX,
];

const TEXTS: [&str; 44] = [
    "",
    "root",
    "timestamp",
    "snapshot",
    "targets",
    "stable",
    "alpha",
    "base",
    "1",
    "1.0",
    "1.0.34",
    "2.0.0",
    "1.1",
    "1.2",
    "9999-12-31T23:59:59Z",
    "1970-01-01T00:00:00Z",
    "2026-11-22T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "-9999-01-01T00:00:00Z",
    "2026-11-22T00:00:60Z",
    "stable/*/*/upgrade.json",
    "stable/demo/amd64/upgrade.json",
    "*/*",
    "[!a-z]?",
    "../x",
    "a/b",
    "/",
    "\u{0}",
    "\u{10ffff}",
    "ed25519",
    "ecdsa",
    "ecdsa-sha2-nistp256",
    "rsa",
    "rsassa-pss-sha256",
    "sha256",
    "sha512",
    "layer",
    "manual",
    "whole",
    "kernel",
    "live/1.2/1.2.squashfs",
    "amd64",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
];

const NAMES: [&str; 34] = [
    "_type",
    "spec_version",
    "version",
    "expires",
    "issued",
    "keys",
    "roles",
    "keyids",
    "threshold",
    "meta",
    "snapshot.json",
    "targets.json",
    "stable.json",
    "length",
    "hashes",
    "sha256",
    "sha512",
    "targets",
    "delegations",
    "name",
    "paths",
    "path_hash_prefixes",
    "terminating",
    "custom",
    "keytype",
    "scheme",
    "keyval",
    "public",
    "consistent_snapshot",
    "signed",
    "signatures",
    "keyid",
    "sig",
    "format",
];

/// Changes one to three places of a JSON text.
pub fn json(bytes: &[u8], context: &mut Context<'_>) -> Option<Vec<u8>> {
    let mut value: Value = serde_json::from_slice(bytes).ok()?;
    for _ in 0..=context.random.below(3) {
        change(&mut value, context.random);
    }
    write(&value, context)
}

/// The text of a value, tight or with white space.
pub(super) fn write(value: &Value, context: &mut Context<'_>) -> Option<Vec<u8>> {
    let text = if context.random.chance(1, 8) { serde_json::to_vec_pretty(value) } else { serde_json::to_vec(value) };
    text.ok().filter(|text| text.len() <= context.longest)
}

/// Changes one place.
pub(super) fn change(value: &mut Value, random: &mut Random) {
    let count = count(value);
    let donor = nth(value, random.below(count)).cloned().filter(|donor| self::count(donor) < 200);
    let place = random.below(count);
    let Some(node) = nth_mut(value, &mut { place }) else { return };
    match node {
        Value::Object(map) if random.chance(3, 4) => change_map(map, donor, random),
        Value::Array(items) if random.chance(3, 4) => change_items(items, donor, random),
        other if random.chance(1, 6) => *other = donor.unwrap_or_default(),
        other => *other = leaf(other, random),
    }
}

fn change_map(map: &mut Map<String, Value>, donor: Option<Value>, random: &mut Random) {
    let name = map.keys().nth(random.below(map.len())).cloned().unwrap_or_default();
    let other = if random.chance(1, 4) { (*random.pick(&TEXTS)).to_owned() } else { (*random.pick(&NAMES)).to_owned() };
    match random.below(4) {
        0 => drop(map.remove(&name)),
        1 => drop(map.insert(other, donor.unwrap_or_default())),
        2 => {
            let value = map.get(&name).cloned().unwrap_or_default();
            map.insert(other, value);
        }
        _ => {
            let value = map.remove(&name).unwrap_or_default();
            map.insert(other, value);
        }
    }
}

fn change_items(items: &mut Vec<Value>, donor: Option<Value>, random: &mut Random) {
    let place = random.below(items.len());
    match random.below(4) {
        0 if !items.is_empty() => drop(items.remove(place)),
        1 => items.insert(place, donor.unwrap_or_default()),
        2 if items.len() < 128 => items.extend(items.clone()),
        _ if !items.is_empty() => {
            let other = random.below(items.len());
            items.swap(place, other);
        }
        _ => items.push(donor.unwrap_or_default()),
    }
}

fn leaf(old: &Value, random: &mut Random) -> Value {
    match random.below(8) {
        0 => Value::Null,
        1 => Value::Bool(random.chance(1, 2)),
        2 => json!([1.5, -1, 1e300, i64::MIN, [], {}])[random.below(6)].clone(),
        _ => match old {
            Value::Number(number) => {
                let near = number.as_u64().map(|n| n.wrapping_add(random.number() % 5).wrapping_sub(2));
                let number = if random.chance(1, 2) { near } else { None };
                Value::Number(Number::from(number.unwrap_or(*random.pick(&NUMBERS))))
            }
            Value::String(text) if random.chance(1, 2) && !text.is_empty() => {
                let mut characters: Vec<char> = text.chars().collect();
                let place = random.below(characters.len());
                let new = char::from_u32(u32::try_from(random.number() % 0x180).unwrap_or(0)).unwrap_or('x');
                match random.below(3) {
                    0 => drop(characters.remove(place)),
                    1 => characters.insert(place, new),
                    _ => characters[place] = new,
                }
                Value::String(characters.into_iter().collect())
            }
            Value::Bool(value) => Value::Bool(!value),
            _ => Value::String((*random.pick(&TEXTS)).to_owned()),
        },
    }
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(map) => map.values().map(count).sum::<usize>(),
        _ => 0,
    }
}

fn nth(value: &Value, n: usize) -> Option<&Value> {
    let mut all = vec![value];
    for _ in 0..n {
        let next = all.pop()?;
        match next {
            Value::Array(items) => all.extend(items),
            Value::Object(map) => all.extend(map.values()),
            _ => {}
        }
    }
    all.pop()
}

fn nth_mut<'a>(value: &'a mut Value, n: &mut usize) -> Option<&'a mut Value> {
    if *n == 0 {
        return Some(value);
    }
    *n -= 1;
    match value {
        Value::Array(items) => items.iter_mut().find_map(|item| nth_mut(item, n)),
        Value::Object(map) => map.values_mut().find_map(|item| nth_mut(item, n)),
        _ => None,
    }
}
