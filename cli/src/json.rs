//! `--json`: one object on one line, for programs. Its keys and codes are those of the D-Bus contract and stay.
//!
//! `format` is 1. `state` is a code of the contract. `offer`, `progress` and `failure` are null when there is none; `pending-version` is
//! null when what runs starts next, `previous-version` when there is none to go back to, `again-version` when there is none to be tried again, `standing-version` when `standing` is about none,
//! `undoes-itself` when that is not known, `left-over` when no unfinished download lies on the stick; `kit` is the name of the file that this stick needs where there is no network.
//! Sizes are bytes, times `YYYY-MM-DDTHH:MM:SSZ`. Readers ignore keys that they do not know.

use std::collections::BTreeMap;

use sameday_dbus::{Failure, Fix, LeftOver, Looking, Offer, Param, Progress, Snapshot, Standing};
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
    running_channel: &'s str,
    looking: Looked<'s>,
    running_version: &'s str,
    initial_version: &'s str,
    pending_version: Option<&'s str>,
    previous_version: Option<&'s str>,
    again_version: Option<&'s str>,
    standing: &'static str,
    undoes_itself: Option<bool>,
    standing_version: Option<&'s str>,
    left_over: Option<Left<'s>>,
    kit: Option<String>,
    offer: Option<Offered<'s>>,
    progress: Option<Done<'s>>,
    failure: Option<Failed<'s>>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Looked<'s> {
    channel: &'s str,
    base_urls: &'s [String],
    chosen_by: &'static str,
}

#[derive(Serialize)]
struct Left<'s> {
    version: &'s str,
    bytes: u64,
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
    staged: u64,
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
    blockage: Option<&'s str>,
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
        running_channel: &snapshot.running_channel,
        looking: looked(&snapshot.looking),
        running_version: &snapshot.running_version,
        initial_version: &snapshot.initial_version,
        pending_version: present(&snapshot.pending_version),
        previous_version: present(&snapshot.previous_version),
        again_version: present(&snapshot.again_version),
        standing: snapshot.standing.code(),
        undoes_itself: (snapshot.standing != Standing::Unknown).then_some(snapshot.undoes_itself),
        standing_version: present(&snapshot.standing_version),
        left_over: snapshot.left_over.as_ref().map(left),
        kit: snapshot.kit(),
        offer: snapshot.offer.as_ref().map(offered),
        progress: snapshot.progress.as_ref().map(done),
        failure: snapshot.failure.as_ref().map(failed),
    })
}

fn present(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

fn looked(looking: &Looking) -> Looked<'_> {
    Looked { channel: &looking.channel, base_urls: &looking.base_urls, chosen_by: looking.chosen_by.code() }
}

fn left(left: &LeftOver) -> Left<'_> {
    Left { version: &left.version, bytes: left.bytes }
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
        staged: offer.staged,
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
    let Progress { phase, bytes, total, seconds_left, blockage } = progress;
    Done { phase, bytes: *bytes, total: *total, seconds_left: *seconds_left, blockage: present(blockage) }
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
#[path = "json/tests.rs"]
mod tests;
