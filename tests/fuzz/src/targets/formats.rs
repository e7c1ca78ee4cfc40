//! Formats that travel: canonical JSON, names, patterns, descriptions, chunk lists.

use sameday_trust::{PathPattern, Time, json};
use sameday_upgrade::chunks::ChunkList;
use sameday_upgrade::description::{Description, Role};
use sameday_upgrade::digest::Digest;
use sameday_upgrade::kit::KitInfo;
use sameday_upgrade::names::{Name, Version};
use sameday_upgrade::plan::{Outcome, System, plan};
use serde_json::Value;

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// What the strict reader takes, serde's own takes for the same; the canonical form is a fixed point.
pub fn json(bytes: &[u8]) {
    let Ok(value) = json::parse(bytes, 32, 1 << 16) else { return };
    assert_eq!(serde_json::from_slice::<Value>(bytes).ok().as_ref(), Some(&value));
    let Ok(canonical) = json::canonical(&value) else { return };
    // OLPC's form leaves control characters as they are, and so is not always JSON.
    if canonical.iter().all(|byte| *byte >= 0x20) {
        let again = json::parse(&canonical, 32, 1 << 16).expect("a canonical form is JSON");
        assert_eq!(again, value);
        assert_eq!(json::canonical(&again).as_deref(), Ok(canonical.as_slice()));
    }
}

pub fn json_seeds() -> Vec<Vec<u8>> {
    let plain = [
        r#"{"b":[1,-1,true,null,{}],"a":"\u00e4\"\\\/"}"#,
        "[[[[]]]]",
        r#"{"a":1,"a":1}"#,
        "1e3",
        "-0",
        "\"\\ud83d\\ude00\"",
    ];
    let mut seeds: Vec<Vec<u8>> = plain.iter().map(|text| text.as_bytes().to_vec()).collect();
    seeds.extend(crate::seeds::metadata("1.targets.json"));
    seeds
}

/// A pattern, a newline, a path. A wildcard never matches a separator.
pub fn path_pattern(bytes: &[u8]) {
    let Some((pattern, path)) = text(bytes).and_then(|text| text.split_once('\n')) else { return };
    let matches = PathPattern::new(pattern).matches(path);
    if !pattern.contains('[') && matches {
        assert_eq!(pattern.split('/').count(), path.split('/').count());
    }
    if !pattern.contains(['*', '?', '[']) {
        assert_eq!(matches, pattern == path);
    }
}

pub fn path_pattern_seeds() -> Vec<Vec<u8>> {
    let seeds = [
        "stable/*/*/upgrade.json\nstable/demo/amd64/upgrade.json",
        "[a-c]?[!x]*\nabcd",
        "*a*a*a*b\naaaaaaaaaaaa",
        "[]]\n]",
    ];
    seeds.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// Versions, names, digests, times, paths: what is parsed is written the same, and versions have one order.
pub fn names(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let (first, second) = text.split_once('\n').unwrap_or((text, "1.0"));
    if let (Ok(a), Ok(b)) = (first.parse::<Version>(), second.parse::<Version>()) {
        assert_eq!(a.to_string(), first);
        assert_eq!(a.debian_cmp(&b), b.debian_cmp(&a).reverse());
        assert!(!a.is_newer_than(&a));
        assert!(!a.is_newer_than(&b) || !b.is_newer_than(&a));
        assert!(a.same_on_fat(&a));
    }
    if let Ok(name) = first.parse::<Name>() {
        assert_eq!(name.to_string(), first);
    }
    if let Ok(digest) = first.parse::<Digest>() {
        assert_eq!(digest.to_string(), first);
    }
    if let Ok(time) = first.parse::<Time>() {
        assert_eq!(time.to_string().parse::<Time>(), Ok(time));
    }
    if let Ok(path) = sameday_wire::Path::new(first) {
        assert!(!path.as_str().split('/').any(|part| matches!(part, "" | "." | "..")));
    }
}

pub fn name_seeds() -> Vec<Vec<u8>> {
    let seeds = ["1.0~rc1+b2\n1.0", "stable", "2026-11-22T00:00:00Z", "metadata/1.root.json", "base", "00.1-2\n0.01-2"];
    let mut seeds: Vec<Vec<u8>> = seeds.iter().map(|text| text.as_bytes().to_vec()).collect();
    seeds.push(Digest::of(b"").to_string().into_bytes());
    seeds
}

/// A description, and the plan that follows from it for a stick. What a plan has is for this stick, and lies where it must.
pub fn description(bytes: &[u8]) {
    let Ok(description) = Description::parse(bytes) else { return };
    let written = description.to_bytes().expect("a description can be written");
    assert_eq!(Description::parse(&written).ok().as_ref(), Some(&description));
    for initial in ["1.0", "0.9"] {
        let system = System {
            product: "demo".parse().expect("a name"),
            architecture: "amd64".parse().expect("a name"),
            channel: "stable".parse().expect("a name"),
            initial: initial.parse().expect("a version"),
            running: "1.0".parse().expect("a version"),
        };
        let Ok(Outcome::Upgrade(plan)) = plan(&description, Digest::of(bytes), &system) else { continue };
        let upgrade = &plan.upgrade;
        assert!(upgrade.version.is_newer_than(&system.running) && upgrade.initial_versions.contains(&system.initial));
        assert!(!description.withdrawn.contains(&upgrade.version));
        assert!(plan.file(Role::Layer).is_some());
        for file in &upgrade.files {
            assert_eq!(Some(&file.place), file.role.place(&upgrade.version).as_ref());
        }
    }
}

/// A chunk list: taken only if it is written the same.
pub fn chunk_list(bytes: &[u8]) {
    let length = bytes.split(|byte| *byte == b'\n').next().and_then(|line| line.rsplit(|byte| *byte == b' ').next());
    let claimed = length.and_then(text).and_then(|word| word.parse().ok());
    for promised in [claimed.unwrap_or(0), 700, u64::MAX] {
        let Ok(list) = ChunkList::parse(bytes, promised) else { continue };
        assert_eq!(list.length(), promised);
        let chunks: Vec<_> = list.chunks().collect();
        assert_eq!(chunks.iter().map(|(length, _)| length).sum::<u64>(), promised);
        let written = list.to_bytes();
        assert_eq!(ChunkList::parse(&written, promised), Ok(list));
        assert!(written.len() <= bytes.len());
    }
}

/// The note in a kit.
pub fn kit_info(bytes: &[u8]) {
    if let Ok(info) = serde_json::from_slice::<KitInfo>(bytes) {
        assert!(!info.file_name().contains('/'));
    }
}

pub fn kit_info_seeds() -> Vec<Vec<u8>> {
    let seed = r#"{"format":1,"product":"demo","architecture":"amd64","channel":"stable","initial_version":"1.0~rc1"}"#;
    vec![seed.as_bytes().to_vec()]
}
