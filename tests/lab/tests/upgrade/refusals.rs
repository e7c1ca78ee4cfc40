//! Sticks that cannot be upgraded: each is told why, with its numbers, and nothing is written.

use sameday_dbus::{ErrorKind, Failure, Param, State};
use sameday_lab::machine::{Machine, Spec};

use sameday_lab::case::told;
use sameday_lab::given::{given, start, with};

/// What a check says of a system started like this.
fn verdict(spec: &Spec) -> Failure {
    let mut case = with(&given().world.repository(), spec);
    let after = case.machine().check().unwrap();
    let failure = after.failure.clone().unwrap_or_else(|| panic!("{spec:?}: {after:?}"));
    assert_eq!((after.state, failure.kind), (State::Manual, ErrorKind::ManualUpgrade), "{failure}");
    // Whatever the stick, the user learns that there is something newer.
    assert_eq!(failure.parameters.get("version"), Some(&Param::Text("2.0".into())), "{failure}");
    case.end_untouched();
    failure
}

#[test]
fn a_write_protect_switch() {
    assert_eq!(verdict(&Spec { write_protected: true, ..Spec::default() }).reason, "read-only");
}

#[test]
fn a_system_in_memory_or_in_an_image_file() {
    for (parameter, reason) in
        [("toram", "toram"), ("findiso=/tails.iso", "findiso"), ("fromiso=/dev/sdb1/x.iso", "findiso")]
    {
        let spec = Spec { parameters: parameter.into(), ..Spec::default() };
        assert_eq!(verdict(&spec).reason, reason);
    }
}

#[test]
fn not_a_stick_of_ours() {
    let dir = tempfile::tempdir().unwrap();
    let stick = given().stick.clone_to(&dir.path().join("stick.img")).unwrap();
    stick.remove("live/sameday/boot.env").unwrap();
    let before = stick.digest().unwrap();
    let machine = Machine::start(&dir.path().join("m"), &stick, &Spec::default()).unwrap();
    let socket = machine.live().path("/run/sameday/fetcher.sock");
    let peer = sameday_lab::peer::Peer::start(&given().world.repository(), &socket).unwrap();
    told(&machine.check().unwrap(), State::Manual, ErrorKind::ManualUpgrade, "not-our-stick");
    drop((peer, machine));
    assert_eq!(stick.digest().unwrap(), before);
}

#[test]
fn not_enough_room_tells_how_much() {
    let dir = tempfile::tempdir().unwrap();
    let base = std::fs::metadata(given().world.base_image()).unwrap().len();
    // As small as FAT32 can be.
    let size = base + (40 << 20);
    let stick = given().world.stick("small", given().stick.file_system(), size.next_multiple_of(1 << 20)).unwrap();
    // What is left is filled up but for a megabyte.
    let free = stick.free().unwrap();
    if free > 1 << 20 {
        stick.write("filler", &vec![7; usize::try_from(free - (1 << 20)).unwrap()]).unwrap();
    }
    let before = stick.digest().unwrap();
    let machine = Machine::start(&dir.path().join("m"), &stick, &Spec::default()).unwrap();
    let socket = machine.live().path("/run/sameday/fetcher.sock");
    let peer = sameday_lab::peer::Peer::start(&given().world.repository(), &socket).unwrap();
    let after = machine.check().unwrap();
    told(&after, State::Manual, ErrorKind::NoRoom, "not-enough-room");
    let failure = after.failure.unwrap();
    let number = |name: &str| match failure.parameters.get(name) {
        Some(Param::Number(number)) => *number,
        other => panic!("{name}: {other:?}"),
    };
    assert!(number("needed") > 3 << 20 && number("free") < 2 << 20, "{failure}");
    drop((peer, machine));
    assert_eq!(stick.digest().unwrap(), before);
}

#[test]
fn the_object_on_the_bus_is_the_documented_one() {
    let mut case = start();
    let output = case
        .machine()
        .run(
            "dbus-send",
            &[
                "--system",
                "--print-reply=literal",
                "--dest=org.sameday.Upgrader1",
                sameday_dbus::PATH,
                "org.freedesktop.DBus.Introspectable.Introspect",
            ],
        )
        .unwrap();
    let live = String::from_utf8(output.stdout).unwrap();
    let members = |xml: &str| sameday_dbus::introspection::members(xml, sameday_dbus::INTERFACE).unwrap();
    let documented = members(sameday_dbus::INTROSPECTION);
    assert!(documented.len() >= 14, "{documented:?}");
    assert_eq!(members(live.trim()), documented);
    case.end_untouched();
}
