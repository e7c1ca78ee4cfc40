//! Judges a stick's image after a case, from outside and without the daemon's code: what starts is whole, and the file system is sound but for
//! what a failed device excuses.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::process::Command;

use sameday_lab::stick::{Entry, FileSystem, Stick};
use sameday_upgrade::boot_env::{BootEnv, Choice, GoodEnv};

use crate::material::Material;

/// What a file system check may say of any stick that was mounted for writing.
const ALWAYS: [&str; 7] = [
    "fsck.fat ",
    "Dirty bit is set.",
    "There are differences between boot sector and its backup.",
    "This is mostly harmless.",
    "Leaving filesystem unchanged.",
    "*** Filesystem was changed ***",
    "Writing changes.",
];
/// What it may say besides of a stick whose device failed or went away, as long as it concerns files that nothing lists.
const AFTER_FAILURE: [&str; 6] = [
    "Reclaimed ",
    "FATs differ but appear to be intact.",
    "Free cluster summary wrong ",
    "Orphaned long file name part ",
    "Unfinished long file name ",
    "Wrong checksum for long file name ",
];

/// The stick's image.
pub struct Judged<'a> {
    pub material: &'a Material,
    pub stick: &'a Stick,
    /// The device failed or went away.
    pub excused: bool,
}

impl Judged<'_> {
    /// What is wrong with it; what it chooses if nothing is.
    pub fn judge(&self) -> Result<BootEnv, String> {
        let io = |what: &'static str| move |error: io::Error| format!("{what}: {error}");
        let env = self.env(self.stick)?;
        let listed = self.listed(&env);
        let complaints = check(self.stick, true).map_err(io("check the file system"))?;
        self.weigh(&complaints, &listed)?;
        self.whole(self.stick, &listed)?;
        if !complaints.is_empty() && self.stick.file_system() == FileSystem::Vfat {
            let mended = self.stick.image().with_extension("mended.img");
            let copy = self.stick.clone_to(&mended).map_err(io("copy the stick"))?;
            let result = check(&copy, false).map_err(io("mend the file system")).and_then(|_| {
                if self.env(&copy)? != env {
                    return Err("after fsck.fat -a the stick chooses something else".to_owned());
                }
                self.whole(&copy, &listed).map_err(|error| format!("after fsck.fat -a {error}"))
            });
            fs::remove_file(mended).map_err(io("remove the copy"))?;
            result?;
        }
        Ok(env)
    }

    fn env(&self, stick: &Stick) -> Result<BootEnv, String> {
        let block = stick.read("live/sameday/boot.env").map_err(|e| format!("read boot.env: {e}"))?;
        BootEnv::parse(&block).map_err(|e| format!("boot.env: {e}"))
    }

    /// What this stick may start, with the files that it takes.
    fn listed(&self, env: &BootEnv) -> BTreeMap<String, (u64, String)> {
        let mut choices = vec![Choice::Base, env.starts_next().clone(), env.previous.clone()];
        if let Ok(block) = self.stick.read("live/sameday/good.env")
            && let Ok(good) = GoodEnv::parse(&block)
        {
            choices.push(good.version);
        }
        let files = choices.iter().filter_map(|choice| self.material.files(choice)).flatten();
        files.map(|(place, length, digest)| (place.clone(), (*length, digest.clone()))).collect()
    }

    fn whole(&self, stick: &Stick, listed: &BTreeMap<String, (u64, String)>) -> Result<(), String> {
        // Files that nothing lists may be unreadable; those listed are read one by one.
        for (place, (length, digest)) in listed {
            let bytes = stick.read(place).map_err(|e| format!("{place} is listed and cannot be read: {e}"))?;
            let found = Entry { length: bytes.len() as u64, digest: sameday_upgrade::digest::Digest::of(&bytes) };
            if (found.length, found.digest.to_string()) != (*length, digest.clone()) {
                return Err(format!("{place} is listed and holds something else: {found:?}"));
            }
        }
        Ok(())
    }

    /// Every complaint must be one that is excused.
    fn weigh(&self, complaints: &[String], listed: &BTreeMap<String, (u64, String)>) -> Result<(), String> {
        let all = || complaints.join("\n");
        if complaints.is_empty() {
            return Ok(());
        }
        if !self.excused {
            return Err(format!("the file system is not sound:\n{}", all()));
        }
        let upper: Vec<String> = listed.keys().map(|place| format!("/{}", place.to_uppercase())).collect();
        for line in complaints {
            let of_a_file = line.starts_with('/');
            let named = line.to_uppercase();
            if of_a_file && upper.iter().any(|place| named.split_whitespace().next() == Some(place)) {
                return Err(format!("a listed file is not sound:\n{}", all()));
            }
            // What is said of a file, or was done about a fault, stands below it, indented.
            let known = AFTER_FAILURE.iter().any(|known| line.starts_with(known));
            if !of_a_file && !line.starts_with(' ') && !known {
                return Err(format!("not excused: {line}\n{}", all()));
            }
        }
        Ok(())
    }
}

/// What a check says that it does not say of every stick. Changes nothing if it only looks.
fn check(stick: &Stick, only_look: bool) -> io::Result<Vec<String>> {
    if stick.file_system() == FileSystem::Ext4 {
        return Ok(stick.fsck().err().map(|error| error.to_string()).into_iter().collect());
    }
    let (start, image) = (sameday_lab::stick::PARTITION_START, stick.image());
    let partition = image.with_extension("partition");
    let copy = |from: &std::path::Path, to: &std::path::Path, options: &[String]| {
        let mut dd = Command::new("dd");
        dd.arg(format!("if={}", from.display())).arg(format!("of={}", to.display())).args(["bs=1M", "status=none"]);
        sameday_lab::process::run(dd.args(options)).map(drop)
    };
    copy(image, &partition, &[format!("skip={}", start >> 20), "conv=sparse".to_owned()])?;
    let output = Command::new("fsck.fat").arg(if only_look { "-n" } else { "-a" }).arg(&partition).output()?;
    if !only_look {
        copy(&partition, image, &[format!("seek={}", start >> 20), "conv=notrunc".to_owned()])?;
    }
    fs::remove_file(&partition)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    // "…: 12 files, 345/6789 clusters"
    let summary = format!("{}: ", partition.display());
    let mut complaints = Vec::new();
    let mut lines = text.lines().filter(|line| !line.trim().is_empty()).peekable();
    while let Some(line) = lines.next() {
        if line.starts_with(&summary) || ALWAYS.iter().any(|known| line.starts_with(known)) {
            while lines.peek().is_some_and(|next| next.starts_with(' ')) {
                lines.next();
            }
            continue;
        }
        complaints.push(line.to_owned());
    }
    if output.status.code() == Some(2) || output.status.code().is_none() {
        return Err(io::Error::other(format!("fsck.fat: {}: {text}", output.status)));
    }
    Ok(complaints)
}
