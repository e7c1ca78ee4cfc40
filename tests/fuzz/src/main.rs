//! `fuzz --target=NAME [libFuzzer's options] [folders or files]`: libFuzzer around one target. Otherwise the program that runs it for
//! each of them, see [`run`].
//!
//! They are one program, since nothing that is built with coverage counters can be linked without libFuzzer, whose `main` it has.
#![no_main]

mod run;

use std::sync::OnceLock;

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use sameday_fuzz::edit::Context;
use sameday_fuzz::random::Random;
use sameday_fuzz::{Target, targets};

static TARGET: OnceLock<&'static Target> = OnceLock::new();

/// The target of the command line; libFuzzer leaves options with two dashes to others.
fn target() -> &'static Target {
    TARGET.get().expect("set before libFuzzer begins")
}

fn choose() {
    match std::env::args().find_map(|argument| argument.strip_prefix("--target=").map(str::to_owned)) {
        Some(name) => {
            TARGET.get_or_init(|| targets::find(&name).expect("--target names a target"));
        }
        None => std::process::exit(run::main()),
    }
}

fuzz_target!(init: choose(), |data: &[u8]| {
    (target().run)(data);
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut random = Random::new(seed);
    if let Some(edit) = target().edit
        && random.chance(1, 2)
    {
        let mut context = Context { random: &mut random, bytes: &byte_level, longest: max_size };
        if let Some(changed) = edit(&data[..size], &mut context)
            && changed.len() <= data.len()
        {
            data[..changed.len()].copy_from_slice(&changed);
            return changed.len();
        }
    }
    fuzzer_mutate(data, size, max_size)
});

/// libFuzzer's own change of a part of the input.
fn byte_level(bytes: &[u8], longest: usize) -> Vec<u8> {
    let longest = longest.max(1);
    let mut room = bytes.to_vec();
    room.truncate(longest);
    let size = room.len();
    room.resize(longest, 0);
    let size = fuzzer_mutate(&mut room, size, longest);
    room.truncate(size);
    room
}
