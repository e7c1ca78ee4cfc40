//! The list of targets.

mod formats;
mod keys;
mod roles;
mod stick;
mod wire;

use crate::edit::{self, Edit};
use crate::seeds;

/// A parser of bytes from outside.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name on the command line.
    pub name: &'static str,
    /// Takes the bytes. It panics where a promise is broken.
    pub run: fn(&[u8]),
    /// Changes that know the shape of its input, for half of all.
    pub edit: Option<Edit>,
    /// What it starts from, beside what the release side makes.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Most bytes of an input. Longer ones are slow and find nothing that short ones don't.
    pub longest: usize,
    /// Executions that are wanted altogether: fewer where each costs signatures.
    pub goal: u64,
}

const SIGNED: u64 = 1_000_000;
const PLAIN: u64 = 10_000_000;

macro_rules! target {
    ($name:literal, $run:path, $edit:expr, $seeds:expr, $longest:expr, $goal:expr) => {
        Target { name: $name, run: $run, edit: $edit, seeds: $seeds, longest: $longest, goal: $goal }
    };
}

/// All of them.
pub const TARGETS: &[Target] = &[
    target!("root", roles::root, Some(edit::resigned), || seeds::metadata("2.root.json"), 8192, SIGNED),
    target!("timestamp", roles::timestamp, Some(edit::resigned), || seeds::metadata("timestamp.json"), 4096, SIGNED),
    target!("snapshot", roles::snapshot, Some(edit::resigned), || seeds::metadata("1.snapshot.json"), 4096, SIGNED),
    target!("targets", roles::targets, Some(edit::resigned), || seeds::metadata("1.targets.json"), 8192, SIGNED),
    target!("delegated", roles::delegated, Some(edit::resigned), || seeds::metadata("1.stable.json"), 4096, SIGNED),
    target!("keys", keys::keys, Some(edit::key_and_signature), seeds::signed_keys, 2048, SIGNED),
    target!("json", formats::json, Some(edit::json), formats::json_seeds, 4096, PLAIN),
    target!("path-pattern", formats::path_pattern, None, formats::path_pattern_seeds, 128, PLAIN),
    target!("names", formats::names, None, formats::name_seeds, 64, PLAIN),
    target!("description", formats::description, Some(edit::json), Vec::new, 8192, PLAIN),
    target!("chunk-list", formats::chunk_list, None, Vec::new, 512, PLAIN),
    target!("kit-info", formats::kit_info, Some(edit::json), formats::kit_info_seeds, 1024, PLAIN),
    target!("kit", wire::kit, Some(edit::kit), Vec::new, 32 << 10, PLAIN),
    target!("wire-client", wire::client, Some(edit::frames), wire::client_seeds, 8192, PLAIN),
    target!("wire-server", wire::server, Some(edit::frames), wire::server_seeds, 8192, PLAIN),
    target!("boot-env", stick::boot_env, Some(edit::padded_block), stick::boot_env_seeds, 1024, PLAIN),
    target!("good-env", stick::good_env, Some(edit::padded_block), stick::good_env_seeds, 1024, PLAIN),
    target!("module-list", stick::module_list, None, stick::module_list_seeds, 1024, PLAIN),
    target!("mountinfo", stick::mountinfo, None, stick::mountinfo_seeds, 2048, PLAIN),
    target!("command-line", stick::command_line, None, stick::command_line_seeds, 512, PLAIN),
    target!("gpt", stick::gpt, Some(edit::gpt_header), stick::gpt_seeds, 1024, PLAIN),
    target!("os-release", stick::os_release, None, stick::os_release_seeds, 1024, PLAIN),
    target!("fetcher-toml", stick::fetcher_toml, None, stick::fetcher_toml_seeds, 1024, PLAIN),
    target!("repository-toml", stick::repository_toml, None, stick::repository_toml_seeds, 1024, PLAIN),
];

/// The target of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
