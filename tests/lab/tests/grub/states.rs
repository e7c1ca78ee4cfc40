//! The states of a stick that GRUB can meet.

use sameday_lab::grub::place_of;
use sameday_lab::vm::Writes;
use sameday_upgrade::boot_env::{BootEnv, Choice, GoodEnv, SIZE};

/// Versions that are complete on the stick that every state begins with: `current`, `previous`, and the one in `good.env`.
pub const CURRENT: &str = "1.2";
pub const PREVIOUS: &str = "1.1";
pub const GOOD: &str = "1.0";
/// Names that use the alphabet to its limits.
pub const TILDE: &str = "2.0~rc1+git-1";
pub const LONGEST: &str = "1234567890.abcdefghijklmnopqrstu";

/// A state.
#[derive(Debug, Clone)]
pub struct State {
    pub name: String,
    pub boot_env: Option<Vec<u8>>,
    pub good_env: Option<Vec<u8>>,
    /// Files that are not there.
    pub absent: Vec<String>,
    pub writes: Writes,
    pub for_secure_boot: bool,
}

impl State {
    /// A version on trial: the state after a commit.
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            boot_env: Some(env(CURRENT, PREVIOUS, 3, false).to_vec()),
            good_env: Some(good_env(GOOD).to_vec()),
            absent: Vec::new(),
            writes: Writes::Kept,
            for_secure_boot: false,
        }
    }

    fn boot(mut self, block: impl Into<Vec<u8>>) -> Self {
        self.boot_env = Some(block.into());
        self
    }

    fn good(mut self, block: impl Into<Vec<u8>>) -> Self {
        self.good_env = Some(block.into());
        self
    }

    fn without(mut self, places: &[String]) -> Self {
        self.absent.extend_from_slice(places);
        self
    }

    fn writes(mut self, writes: Writes) -> Self {
        self.writes = writes;
        self
    }

    fn secure(mut self) -> Self {
        self.for_secure_boot = true;
        self
    }
}

fn choice(name: &str) -> Choice {
    if name == "base" { Choice::Base } else { Choice::Version(name.parse().unwrap()) }
}

fn env(current: &str, previous: &str, tries: u8, good: bool) -> [u8; SIZE] {
    BootEnv { current: choice(current), previous: choice(previous), tries, good }.render()
}

fn good_env(version: &str) -> [u8; SIZE] {
    GoodEnv { version: choice(version) }.render()
}

/// A block with other bytes where a variable's value begins.
fn with(block: [u8; SIZE], name: &str, value: &[u8]) -> [u8; SIZE] {
    let mut block = block;
    let at = place_of(&block, name).unwrap();
    block[at..at + value.len()].copy_from_slice(value);
    block
}

/// A block with other bytes where a variable's line begins: its name is the first thing on it.
fn renamed(block: [u8; SIZE], name: &str, start: &[u8]) -> [u8; SIZE] {
    let mut block = block;
    let at = place_of(&block, name).unwrap() - name.len() - 1;
    block[at..at + start.len()].copy_from_slice(start);
    block
}

/// A block with one more line at its end, where there was filling.
fn appended(block: [u8; SIZE], line: &str) -> [u8; SIZE] {
    let mut block = block;
    let free = block.iter().rposition(|b| *b != b'#').unwrap() + 1;
    block[free..free + line.len()].copy_from_slice(line.as_bytes());
    block
}

/// The files that a version needs.
pub fn files(version: &str) -> [String; 4] {
    [
        format!("live/{version}.module"),
        format!("live/{version}/{version}.squashfs"),
        format!("live/{version}/vmlinuz"),
        format!("live/{version}/initrd.img"),
    ]
}

/// What stands where a block was, if not a block.
fn rubbish() -> Vec<(&'static str, Vec<u8>)> {
    let trial = env(CURRENT, PREVIOUS, 3, false);
    let mut first_line = trial;
    first_line[7] ^= 0x20;
    let noise = (0..SIZE as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    vec![
        ("empty", Vec::new()),
        ("zeros", vec![0; SIZE]),
        ("ones", vec![0xff; SIZE]),
        ("first_line_damaged", first_line.to_vec()),
        ("noise", noise),
        ("cut_after_the_first_line", trial[..25].to_vec()),
    ]
}

/// All of them.
pub fn all() -> Vec<State> {
    let mut all = counters();
    all.extend(blocks());
    all.extend(variables());
    all.extend(missing_files());
    all.extend(last_resorts());
    all.extend(disks());
    all
}

/// A version on trial, good, and undone.
fn counters() -> Vec<State> {
    let trial = env(CURRENT, PREVIOUS, 3, false);
    let mut all = vec![State::new("on_trial_with_3_tries").secure()];
    for tries in "012456789x ".chars() {
        let name = if tries == ' ' {
            "on_trial_with_a_space_for_tries".to_owned()
        } else {
            format!("on_trial_with_{tries}_tries")
        };
        all.push(State::new(&name).boot(with(trial, "tries", &[tries as u8])));
    }
    for (tries, good) in [(0, "1"), (3, "1"), (0, "x"), (3, "x"), (3, "2"), (0, " ")] {
        let block = with(env(CURRENT, PREVIOUS, tries, false), "good", good.as_bytes());
        let state = State::new(&format!("good_is_{good}_with_{tries}_tries").replace(' ', "space")).boot(block);
        all.push(if good == "1" && tries == 0 { state.secure() } else { state });
    }
    all.extend([
        State::new("a_new_stick").boot(BootEnv::base().render()).good(good_env("base")),
        State::new("the_base_on_trial").boot(env("base", PREVIOUS, 2, false)),
        State::new("undone_to_the_base").boot(env(CURRENT, "base", 0, false)).secure(),
        State::new("rolled_back_to_the_base").boot(env("base", CURRENT, 0, true)),
        State::new("all_of_the_alphabet").boot(env(TILDE, PREVIOUS, 3, false)),
        State::new("undone_to_all_of_the_alphabet").boot(env(CURRENT, TILDE, 0, false)),
        State::new("the_longest_name").boot(env(LONGEST, LONGEST, 1, false)),
    ]);
    all
}

/// Blocks that are none, and those that GRUB reads and cannot write.
fn blocks() -> Vec<State> {
    let trial = env(CURRENT, PREVIOUS, 3, false);
    let mut all: Vec<State> =
        rubbish().into_iter().map(|(what, block)| State::new(&format!("boot_env_{what}")).boot(block)).collect();
    let mut missing = State::new("boot_env_missing");
    missing.boot_env = None;
    let fill = trial.iter().rposition(|b| *b != b'#').unwrap() + 1;
    let tail = |byte: u8| [&trial[..fill], &vec![byte; SIZE - fill]].concat();
    let binary: Vec<u8> = (fill..SIZE).map(|i| (i % 7) as u8 + 0x80).collect();
    all.extend([
        missing,
        State::new("boot_env_of_an_unknown_format").boot(with(trial, "format", b"2")),
        State::new("boot_env_without_a_format").boot(renamed(trial, "format", b"F")),
        State::new("boot_env_with_two_formats").boot(appended(trial, "format=2\n")),
        State::new("second_half_zeros").boot([&trial[..256], &[0; 256]].concat()),
        State::new("nothing_free_zeros").boot(tail(0)),
        State::new("nothing_free_lines").boot(tail(b'\n')),
        State::new("nothing_free_text").boot([&trial[..fill], &vec![b'x'; SIZE - fill]].concat()),
        State::new("binary_tail").boot([&trial[..fill], &binary].concat()),
        State::new("a_block_too_long").boot([&trial[..], &[b'#'; SIZE]].concat()),
        State::new("a_block_too_short").boot(trial[..SIZE - 1].to_vec()),
    ]);
    all
}

/// Each variable missing, damaged, twice there.
fn variables() -> Vec<State> {
    let trial = env(CURRENT, PREVIOUS, 3, false);
    let mut all = Vec::new();
    for name in ["tries", "good", "current", "previous"] {
        all.push(State::new(&format!("{name}_missing")).boot(renamed(trial, name, b"_")));
        all.push(State::new(&format!("{name}_commented_out")).boot(renamed(trial, name, b"#")));
        all.push(State::new(&format!("{name}_with_a_nul_in_its_name")).boot(renamed(
            trial,
            name,
            &[name.as_bytes()[0], 0],
        )));
        // Without its `=` it swallows the next one.
        let equals = [name.as_bytes(), b"?"].concat();
        all.push(State::new(&format!("{name}_without_equals")).boot(renamed(trial, name, &equals)));
        all.push(State::new(&format!("{name}_damaged")).boot(with(trial, name, b"\xfe")));
        let other = match name {
            "tries" => "1",
            "good" => "1",
            _ => GOOD,
        };
        all.push(State::new(&format!("{name}_twice")).boot(appended(trial, &format!("{name}={other}\n"))));
    }
    for (what, value) in [
        ("unknown", "9.9"),
        ("a_path", "../live/1.1"),
        ("an_option", "-f"),
        ("a_variable", "$good_version"),
        ("words", "1.2 -o 1"),
        ("a_folder", "sameday"),
        ("the_bases_list", "filesystem"),
        ("a_dot_too_many", "1.2."),
        ("empty", "\n"),
    ] {
        all.push(State::new(&format!("current_is_{what}")).boot(with(trial, "current", value.as_bytes())));
    }
    let undone = env(CURRENT, PREVIOUS, 0, false);
    for (what, value) in [("unknown", "9.9"), ("a_path", "../live/1.1"), ("empty", "\n")] {
        all.push(State::new(&format!("previous_is_{what}")).boot(with(undone, "previous", value.as_bytes())));
    }
    all
}

/// Versions that are not all there.
fn missing_files() -> Vec<State> {
    let mut all = Vec::new();
    for (place, what) in files(CURRENT).into_iter().zip(["list", "layer", "kernel", "initrd"]) {
        all.push(State::new(&format!("on_trial_without_its_{what}")).without(std::slice::from_ref(&place)));
        all.push(
            State::new(&format!("good_without_its_{what}")).boot(env(CURRENT, PREVIOUS, 0, true)).without(&[place]),
        );
    }
    for (place, what) in files(PREVIOUS).into_iter().zip(["list", "layer", "kernel", "initrd"]) {
        all.push(
            State::new(&format!("undone_and_previous_without_its_{what}"))
                .boot(env(CURRENT, PREVIOUS, 0, false))
                .without(&[place]),
        );
    }
    all
}

/// `good.env`, when nothing else is left.
fn last_resorts() -> Vec<State> {
    let lost = vec![0; SIZE];
    let mut all: Vec<State> = rubbish()
        .into_iter()
        .map(|(what, block)| State::new(&format!("boot_env_lost_and_good_env_{what}")).boot(lost.clone()).good(block))
        .collect();
    let mut both_missing = State::new("both_missing");
    (both_missing.boot_env, both_missing.good_env) = (None, None);
    let trial = env(CURRENT, PREVIOUS, 3, false);
    let nothing = [&files(CURRENT)[..], &files(PREVIOUS), &files(GOOD)].concat();
    let good = good_env(GOOD);
    all.extend([
        both_missing.secure(),
        State::new("boot_env_lost_and_good_env_of_an_unknown_format")
            .boot(lost.clone())
            .good(with(good, "format", b"7")),
        State::new("boot_env_lost_and_good_version_missing").boot(lost.clone()).good(renamed(
            good,
            "good_version",
            b"_",
        )),
        State::new("boot_env_lost_and_good_version_twice")
            .boot(lost.clone())
            .good(appended(good, &format!("good_version={PREVIOUS}\n"))),
        State::new("boot_env_lost_and_good_version_a_path").boot(lost.clone()).good(with(
            good,
            "good_version",
            b"../live/1.0",
        )),
        State::new("boot_env_lost_and_the_base_was_good").boot(lost.clone()).good(good_env("base")),
        State::new("boot_env_lost_and_good_version_incomplete").boot(lost).without(&files(GOOD)[1..2]),
        State::new("good_env_lost_with_a_version_on_trial").good(vec![0xff; SIZE]),
        State::new("good_env_sets_other_variables").good(appended(good, "root=hd9\nprefix=/\npick=x\n")),
        State::new("boot_env_sets_other_variables").boot(appended(trial, "root=hd9\nboot_env=/x\n")),
        State::new("only_the_base_is_left").without(&nothing),
        State::new("the_base_is_good_and_without_its_list")
            .boot(env("base", PREVIOUS, 0, true))
            .without(&["live/filesystem.module".to_owned()]),
        State::new("the_base_is_all_and_without_its_list")
            .boot(env("base", "base", 0, true))
            .without(&[&nothing[..], &["live/filesystem.module".to_owned()]].concat()),
    ]);
    all
}

/// Disks that do not take writes.
fn disks() -> Vec<State> {
    let good = env(CURRENT, PREVIOUS, 0, true);
    vec![
        State::new("write_protected_and_on_trial").writes(Writes::Refused).secure(),
        State::new("write_protected_and_good").boot(good).writes(Writes::Refused),
        State::new("write_protected_and_undone").boot(env(CURRENT, PREVIOUS, 0, false)).writes(Writes::Refused),
        State::new("a_stick_that_forgets_and_on_trial").writes(Writes::Forgotten),
    ]
}
