//! Room: what fits, what does not, and what is known only once left-overs are gone.

use std::fs::{self, File};
use std::io::{self, Write as _};

use nix::mount::MsFlags;
use sameday_lab::stick::Stick;
use samedayd::medium::{FileSystem, Medium};

use crate::inside::{Inside, MEDIUM, free, open, remount, snapshot, stage, version};
use crate::material;

pub fn room(inside: &Inside) {
    let before = snapshot();
    let lengths = inside.lengths("good");
    let files: Vec<(&str, u64)> = lengths.iter().map(|(place, length)| (place.as_str(), *length)).collect();
    let plan = || Medium::find().unwrap().plan_room(&files, None).unwrap();
    let (needed, cluster) = (plan().needed, Medium::find().unwrap().room().unwrap().cluster);
    fill(needed);
    let exact = plan();
    assert_eq!((exact.free, exact.fits()), (needed, true), "{exact:?}");
    let mut session = open();
    session.room_fits(&files).unwrap();
    inside.stage(&mut session, "good").unwrap();
    session.settle().unwrap();
    session.close().unwrap();
    fill(needed - cluster);
    let session = open();
    assert_eq!(session.room_fits(&files).unwrap_err().reason(), "stick-full");
    session.close().unwrap();
    let short = plan();
    assert_eq!((short.free, short.needed, short.freed, short.fits()), (needed - cluster, needed, 0, false));
    empty();
    assert_eq!(snapshot().1, before.1);
}

const FILLER: &str = "/run/live/medium/filler";

/// Leaves `keep` free bytes.
fn fill(keep: u64) {
    remount(MsFlags::empty());
    let mut file = File::options().create(true).append(true).open(FILLER).unwrap();
    while free() > keep {
        let piece = (free() - keep).min(4 << 20);
        file.write_all(&vec![1; usize::try_from(piece).unwrap()]).unwrap();
        file.sync_all().unwrap();
    }
    drop(file);
    remount(MsFlags::MS_RDONLY);
}

fn empty() {
    remount(MsFlags::empty());
    fs::remove_file(FILLER).unwrap();
    nix::unistd::sync();
    remount(MsFlags::MS_RDONLY);
}

/// A file of 8 MiB of which `shorten` leaves one sector's length and all clusters, as a power cut while it was written does.
const CUT_OFF: usize = 8 << 20;

pub fn cut_off() -> Vec<(String, Vec<u8>)> {
    vec![("live/77/77.squashfs".to_owned(), material::noise(CUT_OFF, 13))]
}

pub fn shorten(stick: &Stick) -> io::Result<()> {
    shorten_to(stick, CUT_OFF, 512)
}

/// Makes the layer of 77 shorter in its entry, and leaves it its clusters.
pub fn shorten_to(stick: &Stick, from: usize, to: u32) -> io::Result<()> {
    /// A directory entry's short name, and where its length stands (FAT specification, 6).
    const NAME: &[u8] = b"77~1    SQU";
    const LENGTH: usize = 28;
    let mut image = fs::read(stick.image())?;
    let found: Vec<usize> =
        image.windows(NAME.len()).enumerate().filter(|(_, w)| *w == NAME).map(|(at, _)| at).collect();
    let [at] = found[..] else { return Err(io::Error::other(format!("the entry is at {found:?}"))) };
    assert_eq!(image[at + LENGTH..at + LENGTH + 4], u32::try_from(from).unwrap().to_le_bytes());
    image[at + LENGTH..at + LENGTH + 4].copy_from_slice(&to.to_le_bytes());
    fs::write(stick.image(), image)
}

pub fn room_of_cut_off(_: &Inside) {
    let layer = |length| [("live/1.1/1.1.squashfs", length)];
    let plan = |length| Medium::find().unwrap().needs_room_of(&layer(length)).unwrap().0;
    let (room, held) = (free(), CUT_OFF as u64);
    assert!(plan(1).freed < held, "where nothing has to be hoped for, nothing is");
    // It fits into what the file really holds, and a little more does not: that is known only once it is gone.
    let (fits, too_long) = (held + room - (64 << 10), held + room);
    assert!(plan(room).fits() && plan(fits).fits() && plan(too_long).fits());
    let mut session = open();
    assert_eq!(session.room_fits(&layer(fits)).unwrap_err().reason(), "stick-full");
    assert_eq!(session.clear(None).unwrap().versions, ["77"].map(version));
    session.room_fits(&layer(fits)).unwrap();
    assert_eq!(session.room_fits(&layer(too_long)).unwrap_err().reason(), "stick-full");
    session.close().unwrap();
    assert!(free() >= room + held && !plan(too_long).fits());
}

pub fn too_big(_: &Inside) {
    let medium = Medium::find().unwrap();
    let limit = medium.room().unwrap().file_size_limit;
    let judge = |length| medium.plan_room(&[("live/1.1/1.1.squashfs", length)], None);
    let refusal = judge(limit + 1).unwrap_err();
    assert_eq!(refusal.reason(), "file-too-big");
    if medium.file_system() == FileSystem::Vfat {
        assert_eq!(limit, (1 << 32) - medium.room().unwrap().cluster);
        assert!(format!("{:?}", refusal.parameters()).contains(&limit.to_string()));
    }
    let plan = judge(limit).unwrap();
    assert!(!plan.fits() && plan.needed > limit, "{plan:?}");
}

pub fn full(_: &Inside) {
    let before = snapshot();
    let mut session = open();
    stage(&mut session, "live/1.1/1.1.squashfs", &material::noise(10_000, 2)).unwrap();
    // All of it, with what ext4 keeps for root.
    let stat = nix::sys::statvfs::statvfs(MEDIUM).unwrap();
    let error = session.stage("live/1.1/vmlinuz", stat.blocks_free() * stat.fragment_size() + 1).unwrap_err();
    assert_eq!(error.reason(), "stick-full");
    session.close().unwrap();
    assert_eq!(snapshot(), before);
}
