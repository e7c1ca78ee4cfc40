//! Pages of sticks with a past, and of one that cannot be written to.

use sameday_dbus::{ErrorKind, State};
use sameday_lab::case::{BOOT_ENV, told};
use sameday_lab::machine::{Call, Clock, Spec};
use sameday_lab::stick::Stick;
use sameday_upgrade::boot_env::{BootEnv, Choice};
use serde_json::json;

use super::reach::{briefly, fail, forged};
use super::{Group, Page};
use crate::app::stage::Stage;
use crate::given::given;

fn clocked() -> Spec {
    Spec { clock: Some(Clock { time: "+0d".into(), waits: false }), ..Spec::default() }
}

fn days(stage: &mut Stage, days: i64) {
    stage.case.machine().set_clock(&format!("{days:+}d")).unwrap();
}

/// A stick that was upgraded, and found good.
pub fn upgraded_stick() -> Group {
    let pages = vec![
        Page {
            name: "up-to-date",
            says: &["Up to date", "2.0 is the newest version."],
            buttons: &["Check for Upgrades"],
            reach: |stage| {
                assert_eq!(stage.case.machine().check().unwrap().state, State::UpToDate);
                None
            },
        },
        Page {
            name: "not-confirmed-newest",
            says: &["It could not be confirmed that this is the newest version"],
            buttons: &["Try Again"],
            reach: |stage| {
                days(stage, 2);
                fail(stage, ErrorKind::NotConfirmedNewest)
            },
        },
        Page {
            name: "expired",
            says: &["What came is out of date", "somebody may be holding back newer versions"],
            buttons: &["Try Again"],
            reach: |stage| {
                days(stage, 8);
                fail(stage, ErrorKind::Expired)
            },
        },
        Page {
            name: "clock-in-doubt",
            says: &["The clock of this computer cannot be right", "Set the clock and try again."],
            buttons: &["Try Again"],
            reach: |stage| {
                days(stage, -9000);
                fail(stage, ErrorKind::ClockInDoubt)
            },
        },
        Page {
            name: "withdrawn",
            says: &["The version was withdrawn"],
            buttons: &["Try Again"],
            reach: |stage| {
                days(stage, 0);
                forged(stage, &|forge| forge.description(&|d| d["withdrawn"] = json!(["2.0"])).unwrap());
                fail(stage, ErrorKind::Withdrawn)
            },
        },
        Page {
            name: "switching",
            says: &["Changing the version that starts next"],
            buttons: &[],
            reach: |stage| briefly(stage, State::Switching, |stage| stage.call(&Call::Rollback("1.0"))),
        },
    ];
    Group { stick: || given().upgraded.clone(), spec: clocked, pages }
}

/// A stick of which this block was written.
fn written(name: &str, env: &BootEnv) -> Stick {
    let image = given().upgraded.image().with_file_name(format!("{name}.img"));
    let stick = given().upgraded.clone_to(&image).unwrap();
    stick.write(BOOT_ENV, &env.render()).unwrap();
    stick
}

fn two() -> Choice {
    Choice::Version("2.0".parse().unwrap())
}

pub fn undone() -> Group {
    let pages = vec![Page {
        name: "undone",
        says: &["The last upgrade was undone", "2.0", "1.0"],
        buttons: &["Give 2.0 Another Try", "Check for Upgrades", "Show Report", "What This Means"],
        reach: |stage| {
            stage.until(State::Undone);
            None
        },
    }];
    Group {
        stick: || written("undone", &BootEnv { current: two(), previous: Choice::Base, tries: 0, good: false }),
        spec: Spec::default,
        pages,
    }
}

pub fn rolled_back() -> Group {
    let pages = vec![Page {
        name: "rolled-back",
        says: &["Not checked yet", "2.0"],
        buttons: &["Check for Upgrades", "Give 2.0 Another Try"],
        reach: |_| None,
    }];
    Group {
        stick: || written("rolled-back", &BootEnv { current: Choice::Base, previous: two(), tries: 0, good: true }),
        spec: Spec::default,
        pages,
    }
}

/// A stick that cannot be written to.
pub fn write_protected() -> Group {
    let pages = vec![Page {
        name: "manual-upgrade",
        says: &["This stick cannot be upgraded automatically", "with the security holes that newer versions fix"],
        buttons: &["Try Again", "What This Means"],
        reach: |stage| {
            let after = stage.case.machine().check().unwrap();
            told(&after, State::Manual, ErrorKind::ManualUpgrade, "read-only");
            None
        },
    }];
    Group { stick: || given().new.clone(), spec: || Spec { write_protected: true, ..Spec::default() }, pages }
}
