//! Descriptors that are no kits, and files that never answer. The daemon hands them on and never asks anything of them itself.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use nix::fcntl::OFlag;
use sameday_dbus::State;
use sameday_lab::caller::Method;
use sameday_lab::fuse::{Asked, FuseFile, Operation};
use sameday_lab::live::Attached;
use sameday_lab::machine::Spec;

use super::kits::Offline;
use super::watched::compare;
use sameday_lab::given::given;

/// So many questions of somebody else are answered while a file is silent.
const QUESTIONS: u32 = 40;

fn kit() -> File {
    File::open(given().world.kit().unwrap()).unwrap()
}

#[test]
fn what_is_no_regular_file_is_told_and_left_as_it_is() {
    let mut computer = Offline::start(&Spec::default());
    let path = given().world.kit().unwrap();
    let with = |flags: OFlag| File::options().read(true).custom_flags(flags.bits()).open(&path).unwrap();
    let device = Attached::new(&path, true, false).unwrap();
    let (socket, other_end) = std::os::unix::net::UnixStream::pair().unwrap();
    let descriptors: Vec<(&str, File)> = vec![
        ("a directory", File::open("/").unwrap()),
        ("/dev/zero", File::open("/dev/zero").unwrap()),
        ("/dev/null", File::open("/dev/null").unwrap()),
        ("a disk that holds a kit", File::open(device.path()).unwrap()),
        ("a path only", with(OFlag::O_PATH)),
        ("a socket", File::from(OwnedFd::from(socket))),
        ("an event", File::from(OwnedFd::from(nix::sys::eventfd::EventFd::new().unwrap()))),
        ("a file of /proc", File::open("/proc/self/status").unwrap()),
        ("a file that can only be written", File::options().append(true).open(&path).unwrap()),
    ];
    for (name, file) in descriptors {
        let found = computer.open(&file);
        let failure = found.failure.clone().unwrap_or_else(|| panic!("{name}: {found:?}"));
        assert_eq!((found.state, failure.kind.code()), (State::Failed, "kit-unreadable"), "{name}: {failure}");
        assert!(["kit-unreadable", "kit-truncated"].contains(&failure.reason.as_str()), "{name}: {failure}");
        computer.watched.is_as_before().unwrap();
    }
    drop((device, other_end));

    // From a pipe nothing is taken, by nobody.
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    let bytes = vec![7; 30_000];
    std::io::Write::write_all(&mut writer, &bytes).unwrap();
    drop(writer);
    let end = File::from(OwnedFd::from(reader.try_clone().unwrap()));
    compare(&computer.open(&end), (State::Failed, "kit-unreadable", "kit-unreadable")).unwrap();
    let mut left = Vec::new();
    reader.read_to_end(&mut left).unwrap();
    assert_eq!(left, bytes);
    computer.end();
}

#[test]
fn a_kit_without_a_name_is_as_good_as_another() {
    let mut computer = Offline::start(&Spec::default());
    let path = computer.watched.case.dir().join("gone.kit");
    std::fs::copy(given().world.kit().unwrap(), &path).unwrap();
    let mut kit = File::open(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    compare(&computer.open(&kit), (State::Available, "", "")).unwrap();
    let done = computer.watched.install();
    assert_eq!(done.state, State::RestartPending, "{done:?}");
    // The descriptor is shared: whoever had read from it would have moved it.
    assert_eq!(kit.stream_position().unwrap(), 0);
}

/// Requests of the daemon's own, but for the closing of its descriptor.
fn of_the_daemon(fuse: &FuseFile, daemon: u32) -> Vec<Asked> {
    let asked = fuse.asked().into_iter();
    asked.filter(|asked| asked.process == daemon && asked.operation != Operation::Flush).collect()
}

#[test]
fn a_whole_upgrade_asks_nothing_of_the_kit_but_through_its_reader() {
    let mut computer = Offline::start(&Spec::default());
    let daemon = computer.watched.case.machine().daemon_id().unwrap();
    let fuse = FuseFile::start(computer.watched.case.dir(), kit(), |_| false).unwrap();
    compare(&computer.open(fuse.file()), (State::Available, "", "")).unwrap();
    let done = computer.watched.install();
    assert_eq!(done.state, State::RestartPending, "{done:?}");
    let asked = fuse.asked();
    let reads = asked.iter().filter(|asked| asked.operation == Operation::Read).count();
    assert!(reads > 20, "every read of the kit is seen: {reads}");
    assert!(asked.iter().any(|asked| asked.process == daemon), "the daemon's closing is seen");
    assert_eq!(of_the_daemon(&fuse, daemon), []);
}

/// A file that falls silent, and a daemon that goes on answering until the reader is given up.
fn silent(operation: Operation, after: u32, consent: bool) {
    let mut computer = Offline::start(&super::silence::clock());
    let daemon = computer.watched.case.machine().daemon_id().unwrap();
    let seen = AtomicU32::new(0);
    let fuse = FuseFile::start(computer.watched.case.dir(), kit(), move |asked| {
        asked.operation == operation
            && asked.process != std::process::id()
            && seen.fetch_add(1, Ordering::SeqCst) >= after
    });
    let fuse = fuse.unwrap();
    use std::os::fd::AsFd as _;
    computer.watched.caller.call(&Method::OpenKit(fuse.file().as_fd())).unwrap().unwrap();
    if consent {
        let offered = computer.watched.settled();
        let offer = offered.offer.unwrap_or_else(|| panic!("{:?}", offered.failure));
        computer.watched.caller.call(&Method::Install(&offer.version, &offer.digest)).unwrap().unwrap();
    }
    super::silence::wait(|| fuse.asked().iter().any(|asked| asked.silent));
    for _ in 0..QUESTIONS {
        assert!(computer.watched.caller.snapshot().unwrap().state.is_busy());
    }
    // A second before the half minute it is still waited for, a second after it no more.
    super::silence::jump(&mut computer.watched, 29);
    for _ in 0..QUESTIONS {
        assert!(computer.watched.caller.snapshot().unwrap().state.is_busy());
    }
    super::silence::jump(&mut computer.watched, 31);
    compare(&computer.watched.settled(), (State::Failed, "kit-unreadable", "stalled")).unwrap();
    computer.watched.is_as_before().unwrap();
    assert_eq!(of_the_daemon(&fuse, daemon), []);
    // The next kit is read by another reader, while the first still waits for its file.
    compare(&computer.open(&kit()), (State::Available, "", "")).unwrap();
    // With the file its reader goes.
    drop(fuse);
    super::silence::wait(|| computer.readers.readers().unwrap().len() <= 1);
    computer.end();
}

#[test]
fn a_kit_whose_bytes_never_come_is_given_up_after_half_a_minute() {
    silent(Operation::Read, 0, false);
    silent(Operation::Read, 12, false);
}

#[test]
fn a_kit_that_does_not_say_what_it_is_is_given_up_after_half_a_minute() {
    silent(Operation::Attributes, 0, false);
}

#[test]
fn a_kit_that_falls_silent_after_the_consent_leaves_the_stick_as_it_was() {
    silent(Operation::Read, 60, true);
}

#[test]
fn a_kit_that_is_silent_can_be_cancelled() {
    use std::os::fd::AsFd as _;
    let mut computer = Offline::start(&Spec::default());
    let fuse = FuseFile::start(computer.watched.case.dir(), kit(), |asked| asked.operation == Operation::Read).unwrap();
    computer.watched.caller.call(&Method::OpenKit(fuse.file().as_fd())).unwrap().unwrap();
    super::silence::wait(|| fuse.asked().iter().any(|asked| asked.silent));
    computer.watched.caller.call(&Method::Cancel).unwrap().unwrap();
    compare(&computer.watched.settled(), (State::Idle, "", "")).unwrap();
    drop(fuse);
    computer.end();
}

#[test]
fn a_descriptor_that_cannot_be_closed_holds_nobody_up() {
    use std::os::fd::AsFd as _;
    let mut computer = Offline::start(&Spec::default());
    let daemon = computer.watched.case.machine().daemon_id().unwrap();
    // The first thread's closes are those of the bus's messages, see below.
    let silent =
        move |asked: &Asked| asked.operation == Operation::Flush && asked.process == daemon && asked.thread != daemon;
    let fuse = FuseFile::start(computer.watched.case.dir(), kit(), silent).unwrap();
    compare(&computer.open(fuse.file()), (State::Available, "", "")).unwrap();
    // What was offered is replaced, and with it the last descriptor of the first kit goes.
    compare(&computer.open(&kit()), (State::Available, "", "")).unwrap();
    super::silence::wait(|| fuse.asked().iter().any(|asked| asked.silent));
    // Handed in by the dozen.
    for _ in 0..2 * QUESTIONS {
        // Refused or begun: in both cases the daemon has a descriptor to close.
        drop(computer.watched.caller.call(&Method::OpenKit(fuse.file().as_fd())).unwrap());
        computer.watched.caller.snapshot().unwrap();
    }
    computer.watched.settled();
    let threads = std::fs::read_dir(format!("/proc/{daemon}/task")).unwrap().count();
    assert!(threads <= MOST_THREADS, "{threads} threads wait for files to be closed");
    compare(&computer.open(&kit()), (State::Available, "", "")).unwrap();
    drop(fuse);
    computer.end();
}

#[test]
fn a_message_whose_descriptor_cannot_be_closed_holds_nobody_up() {
    let mut computer = Offline::start(&Spec::default());
    let daemon = computer.watched.case.machine().daemon_id().unwrap();
    let silent = move |asked: &Asked| asked.operation == Operation::Flush && asked.process == daemon;
    let fuse = FuseFile::start(computer.watched.case.dir(), kit(), silent).unwrap();
    compare(&computer.open(fuse.file()), (State::Available, "", "")).unwrap();
    drop(fuse);
    computer.end();
}

/// The unit's `TasksMax` is 64: a caller that could use them up would stop the daemon.
const MOST_THREADS: usize = 32;

#[test]
fn a_kit_that_changes_while_it_is_read_ends_with_a_name_or_well() {
    for seed in 1..=4_u64 {
        let mut computer = Offline::start(&Spec::default());
        let path = computer.watched.case.dir().join("changing.kit");
        std::fs::copy(given().world.kit().unwrap(), &path).unwrap();
        let file = File::options().read(true).write(true).open(&path).unwrap();
        let length = file.metadata().unwrap().len();
        let stop = Arc::new(AtomicBool::new(false));
        let writer = {
            let (stop, file) = (Arc::clone(&stop), file.try_clone().unwrap());
            std::thread::spawn(move || {
                let mut state = seed;
                while !stop.load(Ordering::SeqCst) {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    // Odd seeds spoil any byte, even ones only those of files.
                    let low = if seed % 2 == 0 { length / 2 } else { 0 };
                    let at = low + (state >> 16) % (length - low);
                    file.write_all_at(&[state.to_le_bytes()[7]], at).unwrap();
                    std::thread::yield_now();
                }
            })
        };
        let mut found = computer.open(&file);
        if found.state == State::Available {
            found = computer.watched.install();
        }
        stop.store(true, Ordering::SeqCst);
        writer.join().unwrap();
        let kind = found.failure.as_ref().map(|failure| failure.kind.code());
        match kind {
            None => assert_eq!(found.state, State::RestartPending, "{found:?}"),
            Some("kit-unreadable" | "not-verified" | "kit-wrong") => {
                computer.watched.is_as_before().unwrap();
                computer.end();
            }
            Some(_) => panic!("seed {seed}: {:?}", found.failure),
        }
    }
}
