//! Sizes: files up to the last byte that a file system can hold and one byte more, and sticks on which an upgrade just fits, or just does not. By the
//! real daemon, on this machine's kernel and on real vfat in User-mode Linux. With `--long`, only what takes GiB: `make test-long`.

#![allow(clippy::unwrap_used, reason = "a test, only without libtest's harness")]

#[path = "sizes/guest.rs"]
mod guest;
#[path = "sizes/huge.rs"]
mod huge;
#[path = "sizes/rooms.rs"]
mod rooms;

use std::process::ExitCode;

use sameday_lab::program::{self, Test};
use sameday_lab::uml;

fn main() -> ExitCode {
    uml::enter();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["guest", dir, names @ ..] = words.as_slice() {
        return guest::inside(dir.as_ref(), names);
    }
    if words.contains(&"--long") {
        return program::main(&[
            Test { name: "files_around_2_gib_and_up_to_4_gib_on_vfat", run: huge::on_vfat },
            Test { name: "a_file_of_5_gib_on_ext4", run: huge::on_ext4 },
        ]);
    }
    program::main(&[
        Test { name: "a_file_that_vfat_cannot_hold_is_refused_by_name_before_anything_is_fetched", run: huge::refused },
        Test { name: "an_upgrade_that_just_fits_fits_and_one_cluster_less_is_told", run: rooms::here },
        Test { name: "an_upgrade_that_just_fits_on_vfat_fits_and_one_cluster_less_is_told", run: rooms::on_vfat },
    ])
}
