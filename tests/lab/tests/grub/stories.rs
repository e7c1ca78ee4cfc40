//! What goes beyond one decision: several starts in a row, versions that cannot be loaded, the hidden menu.

use std::fs;
use std::time::Duration;

use sameday_lab::replay::judge::{Judge, Wanted};
use sameday_lab::replay::states::Allowed;
use sameday_lab::replay::{Effort, Recording};
use sameday_lab::vm::{Firmware, Writes};
use sameday_upgrade::boot_env::{BootEnv, Choice, GoodEnv};
use sameday_upgrade::digest::Digest;

use crate::Played;
use crate::states::{CURRENT, GOOD, PREVIOUS, files};
use crate::sticks::{MARK, SYSTEM_MIB, Sticks, computer, differences, start, starts};

const LIMIT: Duration = Duration::from_secs(180);
const BOOT_ENV: &str = "live/sameday/boot.env";
const GOOD_ENV: &str = "live/sameday/good.env";

pub type Story = (&'static str, fn(&Sticks, Firmware) -> Played);

pub const ALL: [Story; 5] = [
    ("a_version_that_never_comes_up_is_undone_after_three_starts", undone),
    ("what_cannot_be_loaded_is_passed_over_at_once", not_loadable),
    ("a_key_shows_the_menu_and_previous_costs_no_try", previous_by_hand),
    ("choosing_current_by_hand_costs_one_try", current_by_hand),
    ("a_power_cut_while_a_try_is_counted_changes_no_choice", power_cuts),
];

fn trial() -> BootEnv {
    let version = |name: &str| Choice::Version(name.parse().unwrap());
    BootEnv { current: version(CURRENT), previous: version(PREVIOUS), tries: 3, good: false }
}

fn good_env() -> [u8; 512] {
    GoodEnv { version: Choice::Version(GOOD.parse().unwrap()) }.render()
}

/// Fails with both where they differ.
fn same<T: PartialEq + std::fmt::Debug>(found: &T, wanted: &T) -> Played {
    if found == wanted { Ok(()) } else { Err(format!("{found:?} where {wanted:?} was expected").into()) }
}

fn undone(sticks: &Sticks, firmware: Firmware) -> Played {
    let (stick, dir) = sticks.fresh()?;
    stick.write(BOOT_ENV, &trial().render())?;
    let mut started = Vec::new();
    for _ in 0..5 {
        let said = start(firmware, &stick, Writes::Kept, &dir)?.ended(LIMIT)?;
        started.extend(starts(&said).into_iter().filter_map(|start| start.split(' ').next()).map(str::to_owned));
    }
    same(&started, &[CURRENT, CURRENT, CURRENT, PREVIOUS, PREVIOUS].map(str::to_owned).to_vec())?;
    same(&BootEnv::parse(&stick.read(BOOT_ENV)?)?, &BootEnv { tries: 0, ..trial() })
}

/// `start` comes back, as it does where GRUB cannot load kernel or initrd.
fn not_loadable(sticks: &Sticks, firmware: Firmware) -> Played {
    let (stick, dir) = sticks.fresh()?;
    let text = String::from_utf8(stick.read("grub/start.cfg")?)?;
    stick.write("grub/start.cfg", text.replace("  halt\n", "  if [ \"$1\" = base ]; then halt; fi\n").as_bytes())?;
    for (good, tries) in [(false, 0), (true, 3)] {
        stick.write(BOOT_ENV, &BootEnv { good, ..trial() }.render())?;
        stick.write(GOOD_ENV, &good_env())?;
        let said = start(firmware, &stick, Writes::Kept, &dir)?.ended(LIMIT)?;
        let order: Vec<_> = starts(&said).into_iter().filter_map(|start| start.split(' ').next()).collect();
        same(&order, &vec![CURRENT, PREVIOUS, GOOD, "base"])?;
        // On trial it has failed, whatever tries were left; of a good version nothing is written.
        same(&BootEnv::parse(&stick.read(BOOT_ENV)?)?, &BootEnv { good, tries, ..trial() })?;
    }
    Ok(())
}

fn previous_by_hand(sticks: &Sticks, firmware: Firmware) -> Played {
    by_hand(sticks, firmware, 2, PREVIOUS, 0)
}

fn current_by_hand(sticks: &Sticks, firmware: Firmware) -> Played {
    by_hand(sticks, firmware, 1, CURRENT, 1)
}

/// Waits for GRUB, shows the menu with a key, goes down so many entries, and starts what is there.
fn by_hand(sticks: &Sticks, firmware: Firmware, down: usize, wanted: &str, bytes: usize) -> Played {
    let (stick, dir) = sticks.fresh()?;
    stick.write(BOOT_ENV, &trial().render())?;
    let text = String::from_utf8(stick.read("grub/start.cfg")?)?;
    // Time to press the key, which the product gives too, only less: nobody knows how slow this machine is.
    let ready = "echo \"PRESS A KEY\"\nset timeout=30\n";
    stick.write("grub/start.cfg", text.replace("set timeout=0\n", ready).as_bytes())?;
    let before = fs::read(stick.image())?;
    let mut running = start(firmware, &stick, Writes::Kept, &dir)?;
    running.wait_for("PRESS A KEY", LIMIT)?;
    running.press(&["esc"])?;
    let shown = running.wait_for("Start base", LIMIT)?;
    for entry in ["Start as usual", &format!("Start {CURRENT}"), &format!("Start {PREVIOUS}")] {
        same(&shown.contains(entry), &true)?;
    }
    same(&shown.contains(MARK), &false)?;
    running.press(&vec!["down"; down])?;
    running.press(&["ret"])?;
    let said = running.ended(LIMIT)?;
    same(&starts(&said).into_iter().filter_map(|start| start.split(' ').next()).collect::<Vec<_>>(), &vec![wanted])?;
    same(&differences(&before, &fs::read(stick.image())?), &bytes)
}

/// Three starts on trial, with what GRUB writes noted down: every state in which the power could go is decided. One more start writes nothing.
fn power_cuts(sticks: &Sticks, firmware: Firmware) -> Played {
    let (stick, dir) = sticks.fresh()?;
    stick.write(BOOT_ENV, &trial().render())?;
    let file = |place: &String| (place.clone(), 9, Digest::of(b"something"));
    let wanted = [CURRENT, PREVIOUS].map(|version| (version.to_owned(), files(version).iter().map(file).collect()));
    let mut judge = Judge::new(Wanted::from(wanted));
    let versions = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    for tries in [3_u8, 2, 1, 0] {
        let (before, log) = (dir.join(format!("{tries}.img")), dir.join(format!("{tries}.log")));
        stick.clone_to(&before)?;
        let mut computer = computer(firmware, &stick, Writes::Kept);
        computer.log = Some(log.clone());
        computer.start(&dir)?.ended(LIMIT)?;
        if tries == 0 {
            same(&fs::read(&log)?, &Vec::new())?;
            continue;
        }
        let trial = versions(&[CURRENT, PREVIOUS]);
        let undone = versions(&[PREVIOUS]);
        let recording = Recording {
            name: format!("{} with {tries} tries", firmware.name()),
            before,
            after: stick.image().to_owned(),
            log,
            length: SYSTEM_MIB << 20,
            old: trial.clone(),
            new: if tries > 1 { trial } else { undone },
            first: Allowed::Either,
        };
        let figures = recording.replay(&mut judge, 1, Effort { draws: 0, percent: 100 })?;
        println!("figure: {figures}");
        same(&figures.told, &Vec::new())?;
        same(&figures.writes, &1)?;
    }
    Ok(())
}
