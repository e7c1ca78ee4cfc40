//! Pages of a stick as it was given, from the first check to the restart.

use sameday_dbus::{ErrorKind, State};
use sameday_lab::machine::{Call, Spec};
use sameday_lab::peer::script::{STATUS, Word, frame};
use sameday_lab::peer::{Lie, Tor};
use sameday_wire::Reason;

use super::reach::{begin_check, briefly, download, fail, install, kit, offer, pause};
use super::{Group, Page};
use crate::given::given;

const TIMESTAMP: &str = "metadata/timestamp.json";

/// The pages.
pub fn pages() -> Group {
    let pages = vec![
        Page {
            name: "not-checked",
            says: &["Not checked yet", "This stick runs 1.0."],
            buttons: &["Check for Upgrades", "Open Upgrade File…"],
            reach: |_| None,
        },
        Page {
            name: "connecting",
            says: &["Connecting to Tor", "Nothing is written to the stick."],
            buttons: &["Cancel"],
            reach: |stage| {
                stage.case.peer().tor(Tor::Connecting);
                begin_check(stage, State::Connecting)
            },
        },
        Page {
            name: "connecting-held-up",
            says: &["Connecting to Tor", "there is no network"],
            buttons: &["Cancel", "What This Means"],
            reach: |stage| {
                let status = br#"{"phase":"blocked","percent":10,"blockage":"offline"}"#;
                let words = vec![Word::Opened(sameday_wire::VERSION), Word::Raw(frame(STATUS, status)), Word::Silence];
                stage.case.peer().lie_at_open(words);
                begin_check(stage, State::Connecting)
            },
        },
        Page {
            name: "checking",
            says: &["Looking for an upgrade"],
            buttons: &["Cancel"],
            reach: |stage| {
                stage.case.peer().lie(TIMESTAMP, Lie::HoldAt(0));
                begin_check(stage, State::Checking)
            },
        },
        Page {
            name: "server",
            says: &["The servers did not answer as they should"],
            buttons: &["Try Again", "Open Upgrade File…", "What This Means"],
            reach: |stage| {
                stage.case.peer().lie(TIMESTAMP, Lie::FailAt(0, Reason::ServerError));
                fail(stage, ErrorKind::Server)
            },
        },
        Page {
            name: "not-verified",
            says: &["What came is not what the project signed", "Nothing of it is used."],
            buttons: &["Try Again", "Show Report", "What This Means"],
            reach: |stage| {
                stage.case.peer().lie(TIMESTAMP, Lie::Flip(100));
                fail(stage, ErrorKind::NotVerified)
            },
        },
        Page {
            name: "tor-blocked",
            says: &["Tor cannot be reached"],
            buttons: &["Try Again", "Open Upgrade File…", "What This Means"],
            reach: |stage| {
                stage.case.peer().tor(Tor::Lost);
                fail(stage, ErrorKind::TorBlocked)
            },
        },
        Page {
            name: "not-configured",
            says: &["It is not configured how to connect"],
            buttons: &["Try Again", "Open Upgrade File…", "What This Means"],
            reach: |stage| {
                stage.case.peer().lie(TIMESTAMP, Lie::FailAt(0, Reason::Unconfigured));
                fail(stage, ErrorKind::NotConfigured)
            },
        },
        Page {
            name: "kit-unreadable",
            says: &["The file is damaged or incomplete"],
            buttons: &["Open Upgrade File…", "Check for Upgrades"],
            reach: |stage| kit(stage, |bytes| bytes.truncate(5000), ErrorKind::KitUnreadable),
        },
        Page {
            name: "available",
            says: &["Upgrade to 2.0 (this stick runs 1.0)", "Fixes 2 problems: 1 high, 1 medium"],
            buttons: &["Later", "Upgrade Now"],
            reach: offer,
        },
        Page {
            name: "downloading",
            says: &["Downloading", "You can close this window and go on working."],
            buttons: &["Pause", "Cancel"],
            reach: download,
        },
        Page {
            name: "pausing",
            says: &["Pausing"],
            buttons: &["Cancel"],
            reach: |stage| {
                download(stage);
                briefly(stage, State::Pausing, |stage| stage.call(&Call::Pause))
            },
        },
        Page {
            name: "paused",
            says: &["The download is paused", "What is verified stays on the stick"],
            buttons: &["Continue", "Discard It"],
            reach: pause,
        },
        Page {
            name: "left-overs",
            says: &["An earlier download was not finished"],
            buttons: &["Continue", "Discard It", "What This Means"],
            reach: |stage| {
                download(stage);
                stage.kill_daemon();
                stage.case.peer().honest();
                stage.case.machine().start_daemon().unwrap();
                stage.until(State::LeftOvers);
                None
            },
        },
        Page {
            name: "cancelling",
            says: &["Cancelling"],
            buttons: &[],
            reach: |stage| {
                download(stage);
                briefly(stage, State::Cancelling, |stage| stage.call(&Call::Cancel))
            },
        },
        Page {
            name: "applying",
            says: &["Checking what was written", "Please leave the stick plugged in."],
            buttons: &["Cancel"],
            reach: |stage| {
                download(stage);
                briefly(stage, State::Applying, |stage| stage.case.peer().honest())
            },
        },
        Page {
            name: "restart-pending",
            says: &["2.0 is ready", "Save your work before you restart."],
            buttons: &["Later", "Restart Now"],
            reach: |stage| {
                if stage.now().state != State::RestartPending {
                    install(stage);
                }
                None
            },
        },
    ];
    Group { stick: || given().new.clone(), spec: Spec::default, pages }
}
