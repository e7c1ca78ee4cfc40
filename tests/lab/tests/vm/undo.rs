//! A version on trial that cannot come up is undone, and nobody has to edit anything.

use std::io;
use std::time::Instant;

use sameday_lab::stick::Stick;
use sameday_upgrade::boot_env::{BootEnv, TRIES};

use crate::stick::{Material, NEW, OLD};
use crate::upgrade::{BOOT, COMMAND, boot, computer, expect};

const BOOT_ENV: &str = "live/sameday/boot.env";

/// The new version's initrd is cut in the middle: its kernel finds no init, and restarts by `panic=10`.
pub fn after_a_truncated_initrd(material: &Material, committed: &Stick) -> io::Result<()> {
    let stick = committed.clone_to(&material.dir.join("truncated.img"))?;
    let place = format!("live/{NEW}/initrd.img");
    let whole = stick.read(&place)?;
    stick.write(&place, whole.get(..whole.len() / 2).unwrap_or_default())?;
    let vm = computer(&stick);
    let began = Instant::now();
    for left in (0..TRIES).rev() {
        let said = vm.start(&material.dir.join("truncated"))?.ended(BOOT)?;
        if !said.contains("Kernel panic") {
            return Err(io::Error::other(format!("the kernel did not panic:\n{said}")));
        }
        expect(
            &BootEnv::parse(&stick.read(BOOT_ENV)?).map_err(io::Error::other)?.tries.to_string(),
            &left.to_string(),
        )?;
    }
    println!("figure: {TRIES} starts of a truncated initrd took {:.0} s", began.elapsed().as_secs_f64());
    let mut guest = boot(&vm, material, "undone", "filesystem", OLD)?;
    println!("{}", guest.run("sameday status", COMMAND)?.output);
    guest.end("systemctl poweroff", BOOT)?;
    stick.fsck()
}
