//! `--json`: one object on one line, for programs. Its keys and codes are those of the D-Bus contract and stay.
//!
//! `format` is 1. `state` is a code of the contract. `offer`, `progress` and `failure` are null when there is none; `pending-version` is
//! null when what runs starts next; `kit` is the name of the file that this stick needs where there is no network. Sizes are bytes, times
//! `YYYY-MM-DDTHH:MM:SSZ`. Readers ignore keys that they do not know.

use std::collections::BTreeMap;

use sameday_dbus::{Failure, Fix, Offer, Param, Progress, Snapshot};
use serde::Serialize;

/// The format of this output. A new number means that an old key has changed its meaning.
const FORMAT: u8 = 1;

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Status<'s> {
    format: u8,
    state: &'static str,
    product: &'s str,
    architecture: &'s str,
    channel: &'s str,
    running_version: &'s str,
    initial_version: &'s str,
    pending_version: Option<&'s str>,
    kit: Option<String>,
    offer: Option<Offered<'s>>,
    progress: Option<Done<'s>>,
    failure: Option<Failed<'s>>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Offered<'s> {
    version: &'s str,
    digest: &'s str,
    channel: &'s str,
    published: &'s str,
    signed_on: &'s str,
    source: &'static str,
    signers: &'s [String],
    download_size: u64,
    room_needed: u64,
    room_free: u64,
    gives_up: Option<&'s str>,
    confirm_signed_on: bool,
    fixes: Vec<Fixed<'s>>,
    notes: &'s BTreeMap<String, String>,
    details_url: Option<&'s str>,
}

#[derive(Serialize)]
struct Fixed<'s> {
    name: &'s str,
    severity: &'static str,
    cves: &'s [String],
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Done<'s> {
    phase: &'s str,
    bytes: u64,
    total: u64,
    seconds_left: Option<u64>,
}

#[derive(Serialize)]
struct Failed<'s> {
    kind: &'static str,
    reason: &'s str,
    parameters: BTreeMap<&'s str, Value<'s>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Value<'s> {
    Text(&'s str),
    Number(u64),
}

/// The daemon's properties as one line of JSON.
///
/// # Errors
/// Never for these types: all keys are text.
pub fn render(snapshot: &Snapshot) -> serde_json::Result<String> {
    serde_json::to_string(&Status {
        format: FORMAT,
        state: snapshot.state.code(),
        product: &snapshot.product,
        architecture: &snapshot.architecture,
        channel: &snapshot.channel,
        running_version: &snapshot.running_version,
        initial_version: &snapshot.initial_version,
        pending_version: present(&snapshot.pending_version),
        kit: snapshot.kit(),
        offer: snapshot.offer.as_ref().map(offered),
        progress: snapshot.progress.as_ref().map(done),
        failure: snapshot.failure.as_ref().map(failed),
    })
}

fn present(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

fn offered(offer: &Offer) -> Offered<'_> {
    Offered {
        version: &offer.version,
        digest: &offer.digest,
        channel: &offer.channel,
        published: &offer.published,
        signed_on: &offer.signed_on,
        source: offer.source.code(),
        signers: &offer.signers,
        download_size: offer.download_size,
        room_needed: offer.room_needed,
        room_free: offer.room_free,
        gives_up: present(&offer.gives_up),
        confirm_signed_on: offer.confirm_signed_on,
        fixes: offer.fixes.iter().map(fixed).collect(),
        notes: &offer.notes,
        details_url: present(&offer.details_url),
    }
}

fn fixed(fix: &Fix) -> Fixed<'_> {
    Fixed { name: &fix.name, severity: fix.severity.code(), cves: &fix.cves }
}

fn done(progress: &Progress) -> Done<'_> {
    let Progress { phase, bytes, total, seconds_left, blockage: _ } = progress;
    Done { phase, bytes: *bytes, total: *total, seconds_left: *seconds_left }
}

fn failed(failure: &Failure) -> Failed<'_> {
    let parameters = failure.parameters.iter().map(|(name, value)| {
        let value = match value {
            Param::Text(text) => Value::Text(text),
            Param::Number(number) => Value::Number(*number),
        };
        (name.as_str(), value)
    });
    Failed { kind: failure.kind.code(), reason: &failure.reason, parameters: parameters.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sameday_dbus::{ErrorKind, Severity, State};
    use serde_json::json;

    #[test]
    fn the_keys_stay_as_they_are() {
        let offer = Offer {
            version: "1.2".into(),
            digest: "d".into(),
            fixes: vec![Fix { name: "openssl".into(), severity: Severity::High, cves: vec!["CVE-2026-1".into()] }],
            notes: [("en".into(), "a\nb".into())].into(),
            ..Offer::default()
        };
        let snapshot = Snapshot {
            state: State::Available,
            offer: Some(offer),
            progress: Some(Progress {
                phase: "metadata".into(),
                bytes: 1,
                total: u64::MAX,
                seconds_left: None,
                ..Progress::default()
            }),
            failure: Some(Failure::new(ErrorKind::NoRoom, "r").number("needed", 2).text("on", "x")),
            product: "demo".into(),
            architecture: "amd64".into(),
            channel: "stable".into(),
            running_version: "1.0".into(),
            initial_version: "1.0".into(),
            pending_version: String::new(),
        };
        let line = render(&snapshot).unwrap();
        assert!(!line.contains('\n'));
        let expected = json!({
            "format": 1, "state": "available", "product": "demo", "architecture": "amd64", "channel": "stable",
            "running-version": "1.0", "initial-version": "1.0", "pending-version": null,
            "kit": "demo-amd64-stable-from-1.0.kit",
            "offer": {
                "version": "1.2", "digest": "d", "channel": "", "published": "", "signed-on": "", "source": "repository",
                "signers": [], "download-size": 0, "room-needed": 0, "room-free": 0, "gives-up": null,
                "confirm-signed-on": false,
                "fixes": [{ "name": "openssl", "severity": "high", "cves": ["CVE-2026-1"] }],
                "notes": { "en": "a\nb" }, "details-url": null
            },
            "progress": { "phase": "metadata", "bytes": 1, "total": u64::MAX, "seconds-left": null },
            "failure": { "kind": "no-room", "reason": "r", "parameters": { "needed": 2, "on": "x" } }
        });
        assert_eq!(serde_json::from_str::<serde_json::Value>(&line).unwrap(), expected);
    }
}
