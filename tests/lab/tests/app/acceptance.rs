//! The acceptance of the upgrader that stands on such sticks now, and more: {our stick, a stick of somebody else's, a medium that cannot be
//! written, as a DVD} × {no upgrade, one by hand only, an upgrade} × {nothing wrong, server down, file missing, wrong size, too little room}.
//! Each has its page and its reason, by a click on “Check”.

use std::path::PathBuf;

use sameday_lab::case::BOOT_ENV;
use sameday_lab::case::STICK;
use sameday_lab::desktop::app::App;
use sameday_lab::forge::Forge;
use sameday_lab::machine::Spec;
use sameday_lab::peer::Lie;
use sameday_lab::stick::Stick;
use sameday_publish::release::{NewVersion, Release, Way};
use sameday_wire::Reason;

use crate::app::stage::Stage;
use crate::given::given;

const TIMESTAMP: &str = "metadata/timestamp.json";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Medium {
    Ours,
    SomebodyElses,
    Dvd,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum News {
    None,
    ByHand,
    Upgrade,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    Down,
    Missing,
    WrongSize,
    NoRoom,
}

const MEDIA: [Medium; 3] = [Medium::Ours, Medium::SomebodyElses, Medium::Dvd];
const NEWS: [News; 3] = [News::None, News::ByHand, News::Upgrade];
const FAULTS: [Fault; 5] = [Fault::None, Fault::Down, Fault::Missing, Fault::WrongSize, Fault::NoRoom];

/// The page's title, and a part of its reason.
fn expected(medium: Medium, news: News, fault: Fault) -> (&'static str, &'static str) {
    const BY_HAND: &str = "This stick cannot be upgraded automatically";
    match (fault, news, medium) {
        (Fault::Down | Fault::Missing, ..) => {
            ("The servers did not answer as they should", "could not be reached, or did not answer as they should")
        }
        (Fault::WrongSize, ..) => ("What came is not what the project signed", "Nothing of it is used."),
        (_, News::None, _) => ("Up to date", "1.0 is the newest version."),
        (_, News::ByHand, _) => (BY_HAND, "There is 2.0, but no automatic way to it. Upgrade by hand."),
        (_, News::Upgrade, Medium::SomebodyElses) => {
            (BY_HAND, "This is not a USB stick that was made for automatic upgrades. Upgrade by hand.")
        }
        (_, News::Upgrade, Medium::Dvd) => (BY_HAND, "The stick is write-protected."),
        (Fault::NoRoom, News::Upgrade, Medium::Ours) => ("The stick has not enough room", "are needed, "),
        (Fault::None, News::Upgrade, Medium::Ours) => ("Upgrade to 2.0 (this stick runs 1.0)", "Fixes 2 problems"),
    }
}

/// A repository that has 2.0, and no automatic way to it.
fn by_hand(stage: &Stage) -> PathBuf {
    let dir = stage.case.dir().join("by-hand");
    Forge::over(&given().world, &given().state("empty").unwrap(), &dir).unwrap();
    let prepared = given().world.prepared("2.0", &["1.0"]).unwrap();
    let new = prepared.new.map(|new| {
        let from = new.from.into_iter().map(|(from, _)| (from, Way::Manual)).collect();
        NewVersion { from, kernel: None, initrd: None, ..new }
    });
    given().world.publish(&Release { repository: dir.clone(), new, ..prepared }).unwrap();
    dir
}

/// The stick; without room, but for a megabyte, if so asked.
fn stick(medium: Medium, full: bool) -> Stick {
    let name = format!("{medium:?}-{full}.img");
    let stick = given().new.clone_to(&given().new.image().with_file_name(name)).unwrap();
    if medium == Medium::SomebodyElses {
        stick.remove(BOOT_ENV).unwrap();
    }
    if full {
        let filler = stick.free().unwrap().saturating_sub(1 << 20);
        assert!(filler < STICK);
        stick.write("filler", &vec![7; usize::try_from(filler).unwrap()]).unwrap();
    }
    stick
}

fn check(stage: &mut Stage, app: &App<'_>, medium: Medium, news: News, fault: Fault) {
    // What was checked before is known to a daemon that goes on.
    stage.kill_daemon();
    stage.case.machine().start_daemon().unwrap();
    match fault {
        Fault::Down => stage.case.peer().lie(TIMESTAMP, Lie::FailAt(0, Reason::ServerUnreachable)),
        Fault::Missing => stage.case.peer().lie(TIMESTAMP, Lie::Absent),
        Fault::WrongSize => stage.case.peer().lie(TIMESTAMP, Lie::Longer(1 << 20)),
        Fault::None | Fault::NoRoom => stage.case.peer().honest(),
    }
    let (title, reason) = expected(medium, news, fault);
    let what = format!("{medium:?}, {news:?}, {fault:?}");
    app.says("Not checked yet").unwrap_or_else(|error| panic!("{what}: {error}"));
    app.click("button", "Check for Upgrades").unwrap();
    app.says(title).unwrap_or_else(|error| panic!("{what}: {error}"));
    app.says(reason).unwrap_or_else(|error| panic!("{what}: {error}"));
    stage.case.peer().honest();
}

pub fn matrix() -> Option<String> {
    let mut checks = 0;
    for medium in MEDIA {
        for full in [false, true] {
            let spec = Spec { write_protected: medium == Medium::Dvd, ..Spec::default() };
            let mut stage = Stage::of(&stick(medium, full), &given().world.repository(), &spec);
            let by_hand = by_hand(&stage);
            let app = stage.app();
            for news in NEWS {
                let repository = match news {
                    News::None => given().state("empty").unwrap(),
                    News::ByHand => by_hand.clone(),
                    News::Upgrade => given().world.repository(),
                };
                stage.case.serve(&repository);
                for fault in FAULTS.into_iter().filter(|fault| (*fault == Fault::NoRoom) == full) {
                    check(&mut stage, &app, medium, news, fault);
                    checks += 1;
                }
            }
            drop(app);
            stage.case.end_untouched();
        }
    }
    println!("acceptance: {checks} cases");
    None
}
