//! What the tests of several modules begin with.

use crate::boot_env::{BootEnv, Choice};

pub fn choice(name: &str) -> Choice {
    if name == "base" { Choice::Base } else { Choice::Version(name.parse().unwrap()) }
}

pub fn env(current: &str, previous: &str, tries: u8, good: bool) -> BootEnv {
    BootEnv { current: choice(current), previous: choice(previous), tries, good }
}
