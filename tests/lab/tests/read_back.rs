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

/// Where in the image these bytes of a file lie: they begin a sector.
fn find(image: &Path, sector: &[u8]) -> u64 {
    let bytes = fs::read(image).unwrap();
    let found: Vec<usize> =
        bytes.chunks(SECTOR).enumerate().filter(|(_, s)| s.starts_with(sector)).map(|(n, _)| n).collect();
    let [at] = found[..] else { panic!("the sector is on the device {} times", found.len()) };
    (at * SECTOR) as u64
}

#[test]
fn a_byte_that_changes_on_the_device_before_the_read_back_is_found() {
    let repository = given().world.repository();
    let layer = fs::read(repository.join(place_of(&repository, "layer").unwrap())).unwrap();
    let kernel = fs::read(repository.join(place_of(&repository, "kernel").unwrap())).unwrap();
    // First byte, one in the middle of a chunk, the last: of the layer and of a file after it.
    let spots =
        [(&layer, 0), (&layer, layer.len() / 2), (&layer, layer.len() - 1), (&kernel, 0), (&kernel, kernel.len() - 1)];
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
        let start_of_sector = at / SECTOR * SECTOR;
        let sector = &bytes[start_of_sector..bytes.len().min(start_of_sector + SECTOR)];
        let place = find(case.stick.image(), sector) + (at - start_of_sector) as u64;
        let image = File::options().write(true).open(case.stick.image()).unwrap();
        image.write_all_at(&[bytes[at] ^ 1], place).unwrap();
        case.peer().honest();
        case.peer().hang_up();
        let after = case.machine().settled(PATIENCE).unwrap();
        told(&after, State::Failed, ErrorKind::StickFailed, "read-back-mismatch");
        case.end_as_before();
    }
}
