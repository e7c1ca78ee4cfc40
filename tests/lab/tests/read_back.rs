//! What was written is read back from the device, by the daemon, in the course of an upgrade: a byte that changes below the file system in between
//! is found, wherever it is.

#![allow(clippy::unwrap_used, reason = "in a test, what fails fails the test")]

use std::collections::HashMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

use sameday_dbus::{ErrorKind, State};
use sameday_lab::case::told;
use sameday_lab::forge::place_of;
use sameday_lab::given::{given, start};
use sameday_lab::peer::Lie;

const PATIENCE: Duration = Duration::from_secs(60);
const MOST_POLLS: u32 = 2400;
const SECTOR: usize = 512;

/// Where in the image the last sector of a file lies that is there once, of those up to this place in the file; and its place in the file.
fn find(image: &Path, file: &[u8], upto: usize) -> (u64, usize) {
    let bytes = fs::read(image).unwrap();
    let mut times: HashMap<&[u8], (u32, usize)> = HashMap::new();
    for (n, sector) in bytes.chunks_exact(SECTOR).enumerate() {
        times.entry(sector).or_insert((0, n)).0 += 1;
    }
    let sectors = file[..upto.next_multiple_of(SECTOR).min(file.len())].chunks_exact(SECTOR).enumerate().rev();
    let mut once = sectors.filter_map(|(n, sector)| Some((n, times.get(sector).filter(|(times, _)| *times == 1)?.1)));
    let (in_file, in_image) = once.next().expect("a sector that is there once");
    ((in_image * SECTOR) as u64, in_file * SECTOR)
}

#[test]
fn a_byte_that_changes_on_the_device_before_the_read_back_is_found() {
    let repository = given().world.repository();
    let layer = fs::read(repository.join(place_of(&repository, "layer").unwrap())).unwrap();
    let kernel = fs::read(repository.join(place_of(&repository, "kernel").unwrap())).unwrap();
    // In the first sectors, in the middle of a chunk, in the last sectors: of the layer and of a file after it.
    let spots = [
        (&layer, SECTOR),
        (&layer, layer.len() / 2),
        (&layer, layer.len() - 1),
        (&kernel, SECTOR),
        (&kernel, kernel.len() - 1),
    ];
    for (bytes, at) in spots {
        let mut case = start();
        assert_eq!(case.machine().check().unwrap().state, State::Available);
        // The last file does not come, while the first two are on the device.
        let last = place_of(&repository, "initrd").unwrap();
        case.peer().lie(&last, Lie::StallAt(1));
        case.machine().consent().unwrap();
        let mut polls = 0;
        while !case.peer().asked().iter().any(|asked| asked.path == last) {
            polls += 1;
            assert!(polls < MOST_POLLS, "{:?}", case.machine().snapshot());
            std::thread::sleep(Duration::from_millis(25));
        }
        let (place, in_file) = find(case.stick.image(), bytes, at);
        let image = File::options().write(true).open(case.stick.image()).unwrap();
        image.write_all_at(&[bytes[in_file + 7] ^ 1], place + 7).unwrap();
        case.peer().honest();
        case.peer().hang_up();
        let after = case.machine().settled(PATIENCE).unwrap();
        told(&after, State::Failed, ErrorKind::StickFailed, "read-back-mismatch");
        case.end_as_before();
    }
}
