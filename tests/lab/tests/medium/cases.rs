//! The cases: which stick, how it is started, what is tried inside, what must be true of the stick afterwards.

use std::io;
use std::path::Path;

use sameday_lab::stick::{FileSystem, Stick};

use crate::inside::Inside;
use crate::{after, failing, going_on, material, refusals, rooms, stacks, upgrades};

/// Where a case can run.
pub enum On {
    /// On this kernel and in the guest.
    Both,
    /// In the guest only, and why.
    Guest(&'static str),
    /// On vfat only, and why.
    Vfat(&'static str),
}

/// One case.
pub struct Case {
    pub name: &'static str,
    /// Kernel parameters.
    pub parameters: &'static str,
    pub write_protected: bool,
    /// Number of the system's partition.
    pub partition: u32,
    pub partition_type: &'static str,
    /// Files that the stick holds besides those of a new one.
    pub more: fn() -> Vec<(String, Vec<u8>)>,
    /// What is done to the stick's image before it is started.
    pub prepare: fn(&Stick) -> io::Result<()>,
    /// Runs in the live root.
    pub inside: fn(&Inside),
    /// Judges the image: as it was before, as it is.
    pub after: fn(&Stick, &Stick),
    pub on: On,
    /// The stick has room for the large layer; in the guest, it is a disk of the machine and no loop device.
    pub on_disk: bool,
    /// The time zone that the guest's kernel is told, as `TZ` has it.
    pub zone: &'static str,
}

impl Case {
    fn new(name: &'static str, inside: fn(&Inside)) -> Self {
        Self {
            name,
            parameters: "",
            write_protected: false,
            partition: 1,
            partition_type: sameday_lab::stick::EFI_SYSTEM,
            more: Vec::new,
            prepare: |_| Ok(()),
            inside,
            after: after::unchanged,
            on: On::Both,
            on_disk: false,
            zone: "UTC0",
        }
    }

    /// Makes the case's stick, and a copy to compare with.
    pub fn stick(&self, dir: &Path, file_system: FileSystem) -> io::Result<Stick> {
        let stick = material::stick(dir, file_system, self)?;
        (self.prepare)(&stick)?;
        stick.clone_to(&dir.join(format!("{}.before.img", self.name)))?;
        Ok(stick)
    }

    pub fn pristine(&self, dir: &Path, file_system: FileSystem) -> Stick {
        Stick::existing(&dir.join(format!("{}.before.img", self.name)), file_system)
    }
}

pub fn find(name: &str) -> Case {
    all().into_iter().find(|case| case.name == name).expect("the runner names cases that there are")
}

pub fn all() -> Vec<Case> {
    let mut all = refusals::cases(Case::new);
    all.extend([
        Case { after: after::upgraded, on_disk: true, ..Case::new("a_whole_upgrade_is_committed", upgrades::whole) },
        Case {
            after: after::has_the_releases_times,
            on: On::Guest("the zone is the whole kernel's"),
            // Half a day later than the release, as one looks who takes it for UTC.
            zone: "<+14>-14",
            ..Case::new("the_zone_of_the_computer_does_not_show", upgrades::in_a_zone)
        },
        Case { after: after::same_tree, ..Case::new("a_cancel_leaves_tree_room_and_times", upgrades::cancelled) },
        Case {
            after: after::same_tree,
            ..Case::new("a_dropped_session_leaves_tree_room_and_times", upgrades::dropped)
        },
        Case { after: after::same_tree, ..Case::new("files_of_any_length_read_back", upgrades::lengths) },
        Case { after: after::same_tree, ..Case::new("only_places_of_the_version_are_written", upgrades::places) },
        Case { after: after::same_tree, ..Case::new("room_is_judged_to_the_cluster", rooms::room) },
        Case {
            after: after::same_tree,
            ..Case::new("a_file_too_big_for_the_file_system_is_refused_by_name", rooms::too_big)
        },
        Case { after: after::same_tree, ..Case::new("a_full_stick_is_named_and_left_as_it_was", rooms::full) },
        Case { after: after::same_tree, ..Case::new("a_byte_that_the_device_changed_is_seen", failing::flipped) },
        Case { after: after::same_tree, ..Case::new("another_stick_in_its_place_is_seen", failing::changed) },
        Case { after: after::same_tree, ..Case::new("a_stack_that_is_not_as_promised_is_refused", stacks::refused) },
        Case {
            more: upgrades::left_overs,
            after: after::left_overs_gone,
            ..Case::new("left_overs_go_and_nothing_else", upgrades::clear_left_overs)
        },
        Case {
            more: upgrades::previous,
            after: after::previous_gone,
            ..Case::new("the_previous_version_goes_only_if_given_up", upgrades::give_up)
        },
        Case {
            more: upgrades::previous,
            after: after::superseded_gone,
            ..Case::new("a_third_version_takes_the_place_of_the_first", upgrades::superseded)
        },
        Case {
            more: upgrades::undone,
            after: after::undone_gone,
            ..Case::new("what_was_undone_is_unchosen_before_it_goes", upgrades::clear_undone)
        },
        Case {
            more: upgrades::no_longer_kept,
            after: after::no_longer_kept_gone,
            ..Case::new("the_version_before_the_previous_goes_by_itself", upgrades::clear_no_longer_kept)
        },
        Case {
            more: upgrades::incomplete,
            ..Case::new("a_version_without_its_kernel_is_not_started", upgrades::falls_back)
        },
        Case {
            after: after::same_tree,
            ..Case::new("a_stick_left_writable_is_mounted_read_only_again", upgrades::mend)
        },
        Case {
            more: rooms::cut_off,
            prepare: rooms::shorten,
            after: after::cut_off_gone,
            on: On::Vfat("only vfat hides what a cut-off file holds"),
            ..Case::new("the_room_of_a_cut_off_file_is_counted", rooms::room_of_cut_off)
        },
        Case { after: after::same_tree, ..Case::new("a_paused_download_goes_on_or_goes_away", going_on::paused) },
        Case {
            after: after::same_tree,
            ..Case::new("what_is_downloaded_already_needs_no_room", going_on::room_of_what_is_left)
        },
        Case {
            more: going_on::cut_off,
            prepare: going_on::shorten,
            after: after::cut_off_gone,
            on: On::Vfat("only vfat hides what a cut-off file holds"),
            ..Case::new("a_download_cut_off_by_the_power_goes_on_in_sound_clusters", going_on::after_a_power_cut)
        },
        Case {
            on: On::Guest("this case is made for a device-mapper target of the guest"),
            after: |_, _| {},
            ..Case::new("a_write_error_is_final_and_has_a_name", failing::write_error)
        },
        Case {
            on: On::Guest("this case is made for a device-mapper target of the guest"),
            after: |_, _| {},
            ..Case::new("a_commit_that_fails_is_what_the_device_then_says", failing::commit_error)
        },
        Case {
            on: On::Guest("this case is made for a device-mapper target of the guest"),
            after: |_, _| {},
            ..Case::new("a_device_that_drops_writes_is_found", failing::dropped_writes)
        },
    ]);
    all
}
