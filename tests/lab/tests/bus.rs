//! The bus policy and the polkit actions, on a private bus with the real polkitd.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use sameday_lab::bus::{Bus, Listen};
use sameday_lab::process::{Process, tied};

const ACTIONS: [&str; 9] =
    ["check", "open-kit", "install", "cancel", "install-other-channel", "rollback", "try-again", "look-at", "report"];

/// An object that only has what every object has.
struct Nothing;

#[zbus::interface(name = "org.sameday.Upgrader1")]
impl Nothing {}

/// A folder that other users can look into.
fn folder() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    dir
}

fn start(dir: &Path) -> Bus {
    Bus::start(&dir.join("bus"), &|program| tied(program), Listen::Folder).unwrap()
}

fn as_nobody(program: &str) -> Command {
    let mut command = tied("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--", program]);
    command
}

/// What polkit answers about a process: whether it may do this.
fn may(bus: &Bus, process: &Process, action: &str) -> bool {
    let mut command = Command::new("pkcheck");
    command.env("DBUS_SYSTEM_BUS_ADDRESS", bus.address());
    command.args(["--action-id", &format!("org.sameday.upgrader1.{action}"), "--process", &process.id().to_string()]);
    command.stderr(std::process::Stdio::null());
    // 0 yes, 1 no, 2 a password would be needed (pkcheck(1)); 127 means that the question itself failed.
    match command.status().unwrap().code() {
        Some(0) => true,
        Some(1 | 2) => false,
        other => panic!("pkcheck: {other:?}"),
    }
}

/// What a call of another user to the upgrader fails with, or nothing. The service must go on meanwhile, so it is made on another thread.
async fn call(bus: &Bus, interface_and_member: &'static str) -> String {
    let address = format!("--bus={}", bus.address());
    let call = move || {
        let mut command = as_nobody("dbus-send");
        command.args([&address, "--print-reply", "--dest=org.sameday.Upgrader1", "/org/sameday/Upgrader1"]);
        String::from_utf8_lossy(&command.arg(interface_and_member).output().unwrap().stderr).into_owned()
    };
    tokio::task::spawn_blocking(call).await.unwrap()
}

#[test]
fn root_may_and_others_may_not_unless_a_rule_says_so() {
    let dir = folder();
    let mut bus = start(dir.path());
    let root = Process::start("root", tied("sleep").arg("60"), &dir.path().join("log")).unwrap();
    let nobody = Process::start("nobody", as_nobody("sleep").arg("60"), &dir.path().join("log")).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    for action in ACTIONS {
        assert!(may(&bus, &root, action), "{action}");
        assert!(!may(&bus, &nobody, action), "{action}");
    }
    bus.rule("if (action.id == 'org.sameday.upgrader1.check' && subject.user == 'nobody') return 'yes';").unwrap();
    assert!(may(&bus, &nobody, "check"));
    assert!(!may(&bus, &nobody, "install"));
    bus.rule("if (action.id == 'org.sameday.upgrader1.install') return 'yes';").unwrap();
    assert!(may(&bus, &nobody, "check") && may(&bus, &nobody, "install"));
    assert!(!may(&bus, &nobody, "install-other-channel"));
}

#[tokio::test]
async fn only_root_is_the_upgrader_and_only_its_interfaces_can_be_called() {
    let dir = folder();
    let bus = start(dir.path());
    let builder = || zbus::connection::Builder::address(bus.address().as_str());
    let _service = builder().serve_at(sameday_dbus::PATH, Nothing).name(sameday_dbus::BUS_NAME).build().await.unwrap();
    assert!(bus.has_owner(sameday_dbus::BUS_NAME).unwrap());

    let refused = call(&bus, "org.freedesktop.DBus.ObjectManager.GetManagedObjects").await;
    assert!(refused.contains("AccessDenied"), "{refused}");
    for allowed in ["org.freedesktop.DBus.Peer.Ping", "org.freedesktop.DBus.Introspectable.Introspect"] {
        assert_eq!(call(&bus, allowed).await, "", "{allowed}");
    }

    let mut own = as_nobody("dbus-send");
    own.arg(format!("--bus={}", bus.address())).args(["--print-reply", "--dest=org.freedesktop.DBus", "/"]);
    own.args(["org.freedesktop.DBus.RequestName", "string:org.sameday.Upgrader1", "uint32:2"]);
    let refused = own.output().unwrap();
    assert!(String::from_utf8_lossy(&refused.stderr).contains("AccessDenied"), "{refused:?}");
}
