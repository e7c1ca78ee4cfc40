//! Downloads that stop and go on: what a pause leaves on the stick, what a power cut left, and what of it is believed.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use sameday_lab::stick::Stick;
use sameday_upgrade::digest::Digest;
use samedayd::medium::{Medium, Session, StickError};

use crate::inside::{Inside, MEDIUM, RELEASE, boot_env, free, is_read_only, open, snapshot, version};
use crate::{material, rooms};

const PLACE: &str = "live/1.1/1.1.squashfs";
const CHUNK: usize = 1 << 20;
/// Two chunks and the start of a third.
const LENGTH: usize = 2 * CHUNK + 12_345;

/// Goes on with a file as the daemon does, and answers how much of what lay there was good.
pub fn go_on(session: &mut Session, place: &str, bytes: &[u8]) -> Result<usize, StickError> {
    let chunks: Vec<&[u8]> = bytes.chunks(CHUNK).collect();
    let (mut staging, good) = session.go_on(place, bytes.len() as u64, &mut |index, chunk| {
        ControlFlow::Continue(chunks.get(usize::try_from(index).unwrap()).is_some_and(|promised| *promised == chunk))
    })?;
    let good = usize::try_from(good).unwrap();
    for chunk in bytes[good..].chunks(CHUNK) {
        staging.append(chunk)?;
    }
    staging.finish()?;
    Ok(good)
}

fn read_back(session: &Session, place: &str, bytes: &[u8]) {
    let length = bytes.len() as u64;
    session.medium().read_back(place, length, &Digest::of(bytes), &mut |_| ControlFlow::Continue(())).unwrap();
}

/// A pause after the first chunk.
fn pause(bytes: &[u8]) {
    let mut session = open();
    session.clear(None).unwrap();
    let mut staging = session.stage(PLACE, bytes.len() as u64).unwrap();
    staging.append(&bytes[..CHUNK]).unwrap();
    drop(staging);
    assert!(session.holds_payload());
    session.pause().unwrap();
    assert!(is_read_only());
    let metadata = fs::metadata(Path::new(MEDIUM).join(PLACE)).unwrap();
    assert_eq!((metadata.len(), metadata.mtime()), (CHUNK as u64, RELEASE), "the release's time, finished or not");
    assert_eq!(boot_env(), sameday_upgrade::boot_env::BootEnv::base());
}

pub fn paused(_: &Inside) {
    let bytes = material::noise(LENGTH, 21);
    let before = snapshot();
    pause(&bytes);
    let left = Medium::find().unwrap().left_over().unwrap().unwrap();
    assert_eq!((left.version.as_str(), left.bytes), ("1.1", CHUNK as u64));
    // Another pause before anything was read loses nothing.
    let mut session = open();
    assert_eq!(session.clear(None).unwrap().versions, []);
    let stopped = session.go_on(PLACE, LENGTH as u64, &mut |_, _| ControlFlow::Break(()));
    assert_eq!(stopped.map(drop).unwrap_err().reason(), "cancelled");
    session.pause().unwrap();
    let mut session = open();
    session.clear(None).unwrap();
    session.room_fits(&[(PLACE, LENGTH as u64)]).unwrap();
    assert_eq!(go_on(&mut session, PLACE, &bytes).unwrap(), CHUNK);
    session.settle().unwrap();
    read_back(&session, PLACE, &bytes);
    // A cancel takes away what the earlier one left, too.
    session.close().unwrap();
    assert_eq!(without_times(snapshot()), without_times(before.clone()));
    // What is discarded without anything new.
    pause(&bytes);
    let mut session = Medium::find().unwrap().open_as_it_is().unwrap();
    session.discard(&version("1.1")).unwrap();
    session.close().unwrap();
    assert_eq!(without_times(snapshot()), without_times(before));
}

/// After a pause `live/` carries the release's time: nobody knows any more which one it had.
fn without_times((entries, free): (BTreeSet<(String, u64, i64)>, u64)) -> (BTreeSet<(String, u64)>, u64) {
    (entries.into_iter().map(|(place, length, _)| (place, length)).collect(), free)
}

pub fn room_of_what_is_left(_: &Inside) {
    // The rest fits only because the first chunk is there already.
    let bytes = material::noise(LENGTH, 22);
    pause(&bytes);
    let medium = Medium::find().unwrap();
    let needed = medium.plan_room(&[(PLACE, LENGTH as u64)], None).unwrap().needed;
    let mut session = open();
    session.clear(None).unwrap();
    let filler = free() - (needed - CHUNK as u64);
    let mut other = session.stage("live/1.1/vmlinuz", filler).unwrap();
    other.append(&material::noise(512, 1)).unwrap();
    drop(other);
    assert!(free() < needed);
    session.room_fits(&[(PLACE, LENGTH as u64)]).unwrap();
    assert_eq!(go_on(&mut session, PLACE, &bytes).unwrap(), CHUNK);
    session.close().unwrap();
}

/// A file that holds clusters for more than its length, as the power leaves one that was being written.
pub fn cut_off() -> Vec<(String, Vec<u8>)> {
    vec![("live/77/77.squashfs".to_owned(), material::noise(LENGTH, 23))]
}

pub fn shorten(stick: &Stick) -> io::Result<()> {
    rooms::shorten_to(stick, LENGTH, CHUNK as u32 + 512)
}

pub fn after_a_power_cut(_: &Inside) {
    let bytes = material::noise(LENGTH, 23);
    let medium = Medium::find().unwrap();
    let left = medium.left_over().unwrap().unwrap();
    assert_eq!((left.version.as_str(), left.bytes), ("77", CHUNK as u64 + 512));
    let mut session = medium.open(&version("77"), RELEASE).unwrap();
    let (before, cluster) = (free(), medium.room().unwrap().cluster);
    session.clear(None).unwrap();
    let held = (LENGTH as u64).div_ceil(cluster) - (CHUNK as u64 + 512).div_ceil(cluster);
    assert_eq!(free() - before, held * cluster, "what lay beyond its end is free");
    assert_eq!(go_on(&mut session, "live/77/77.squashfs", &bytes).unwrap(), CHUNK);
    session.settle().unwrap();
    read_back(&session, "live/77/77.squashfs", &bytes);
    session.close().unwrap();
    assert!(free() > before);
}
