//! Power cuts of whole computers: all that GRUB, the kernel and Sameday wrote to the stick in two starts is replayed, and some of the states are
//! started.

use std::fs;
use std::io;

use sameday_lab::replay::judge::Judge;
use sameday_lab::replay::states::Allowed;
use sameday_lab::replay::{Effort, Recording};
use sameday_lab::stick::Stick;

use crate::computer::{BOOT, boot, computer, judged, status};
use crate::stick::{Material, NEW, OLD};
use crate::upgrade::{FIRST, SECOND, log_of};

/// The same states each time.
const SEED: u64 = 1;
/// States of each start that are started, besides the two where the commit is.
const MORE: usize = 2;

/// Between the stick as it was made and the one that was upgraded; and between that and the one whose version is good, where GRUB has written too.
pub fn replayed(material: &Material, [committed, good]: &[Stick; 2]) -> io::Result<()> {
    let mut judge = Judge::new(material.wanted(&["base", NEW])?);
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let recording = |name: &str, before: &Stick, after: &Stick, old: &[&str], new: &[&str]| Recording {
        name: name.to_owned(),
        before: before.image().to_owned(),
        after: after.image().to_owned(),
        log: log_of(material, name),
        length: material.summary.system_length,
        old: names(old),
        new: names(new),
        first: Allowed::Either,
    };
    for recording in [
        recording(FIRST, &material.stick, committed, &["base"], &[NEW, "base"]),
        recording(SECOND, committed, good, &[NEW, "base"], &[NEW]),
    ] {
        let figures = recording.replay(&mut judge, SEED, Effort { draws: 120, percent: 100 })?;
        println!("figure: in the computer, {figures}");
        if !figures.told.is_empty() {
            return Err(io::Error::other(figures.told.join("\n")));
        }
        for saved in recording.save(&mut judge, SEED, MORE, &material.dir)? {
            println!("     {}: {:?}", saved.what, saved.starts);
            start(material, &saved.stick, &saved.starts)?;
        }
    }
    Ok(())
}

/// Starts a stick, and sees that the version comes up that should.
fn start(material: &Material, stick: &Stick, starts: &[String]) -> io::Result<()> {
    let (module, version) = match starts.first().map(String::as_str) {
        Some("base") => ("filesystem", OLD),
        Some(version) => (version, version),
        None => return Err(io::Error::other("nothing starts")),
    };
    let mut guest = boot(&computer(stick), &material.dir, "after-a-cut", module, version)?;
    judged(&mut guest)?;
    status(&mut guest, &[("/running-version", version), ("/standing", "good")])?;
    guest.end("systemctl poweroff", BOOT)?;
    fs::remove_file(stick.image())
}
