//! Kits that somebody made to hurt, through the real reader and the real daemon.

use std::path::PathBuf;

use sameday_dbus::State;
use sameday_lab::caller::Method;
use sameday_lab::fetcher::KitReaderProcess;
use sameday_lab::kit::{Member, members, write};
use sameday_lab::machine::Spec;
use tar::EntryType;

use super::table;
use super::watched::{Told, Watched, compare};
use sameday_lab::given::given;

/// A computer with kit readers.
pub struct Offline {
    pub watched: Watched,
    pub readers: KitReaderProcess,
    kits: u32,
}

impl Offline {
    pub fn start(spec: &Spec) -> Self {
        let mut watched = Watched::start(&given().world.repository(), spec);
        let readers = watched.case.machine().start_kit_readers().unwrap();
        Self { watched, readers, kits: 0 }
    }

    /// A new file of these members.
    pub fn kit(&mut self, members: &[Member]) -> PathBuf {
        self.kits += 1;
        let path = self.watched.case.dir().join(format!("{}.kit", self.kits));
        write(members, &path).unwrap();
        path
    }

    #[track_caller]
    pub fn open(&mut self, kit: &std::fs::File) -> sameday_dbus::Snapshot {
        use std::os::fd::AsFd as _;
        self.watched.caller.call(&Method::OpenKit(kit.as_fd())).unwrap().unwrap();
        self.watched.settled()
    }

    pub fn end(self) {
        let Self { watched, readers, .. } = self;
        drop(readers);
        watched.end();
    }
}

/// The members of a sound kit.
pub fn sound() -> Vec<Member> {
    members(&given().world.kit().unwrap()).unwrap()
}

/// Where in it a member is.
fn at(members: &[Member], name: impl Fn(&str) -> bool) -> usize {
    members.iter().position(|member| name(&member.text())).expect("a sound kit has it")
}

fn is(end: &'static str) -> impl Fn(&str) -> bool {
    move |name| name.ends_with(end)
}

/// The layer, which is the largest.
fn layer(members: &[Member]) -> usize {
    (0..members.len()).max_by_key(|n| members[*n].content.len()).unwrap()
}

const NONE: Told = (State::Available, "", "");
const FORMAT: Told = (State::Failed, "kit-unreadable", "kit-format");

fn not_verified(reason: &'static str) -> Told {
    (State::Failed, "not-verified", reason)
}

struct Case {
    name: String,
    members: Vec<Member>,
    opened: Told,
    /// How its installation ends, if it is offered and tried.
    installed: Option<Told>,
}

/// A sound kit, changed, and how it ends.
fn changed(name: &str, change: impl FnOnce(&mut Vec<Member>), opened: Told, installed: Option<Told>) -> Case {
    let mut members = sound();
    change(&mut members);
    Case { name: name.to_owned(), members, opened, installed }
}

fn names() -> Vec<Case> {
    let mut cases = Vec::new();
    let bad = [
        "../kit.json",
        "files/../../etc/passwd",
        "/etc/passwd",
        "./kit.json",
        "files//x",
        "files/.",
        "..",
        "",
        "kit.json\\x",
        "metadata/1.root.json/",
        "files/%2e%2e/x",
        "kit.json ",
        "\u{202e}nosj.tik",
        "live/vmlinuz",
        "autorun.inf",
        "metadata/99.root.json",
        "metadata/2.stable.json.sig",
        "targets/upgrade.json",
        "files/x",
        "kit.json",
    ];
    for name in bad {
        let last = |members: &mut Vec<Member>| members.push(Member::file(name, b"extra"));
        cases.push(changed(&format!("a last member {name:?}"), last, FORMAT, None));
        let first = |members: &mut Vec<Member>| members.insert(0, Member::file(name, b"{}"));
        cases.push(changed(&format!("a first member {name:?}"), first, FORMAT, None));
    }
    cases
}

fn kinds() -> Vec<Case> {
    use EntryType as T;
    let kinds = [
        T::Symlink,
        T::Link,
        T::Char,
        T::Block,
        T::Directory,
        T::Fifo,
        T::Continuous,
        T::GNULongLink,
        T::GNUSparse,
        T::XHeader,
        T::XGlobalHeader,
        T::new(b'V'),
        T::new(b'x'),
        T::new(0),
    ];
    let of = |kind: EntryType| {
        let push = move |members: &mut Vec<Member>| {
            members.push(Member::special(&format!("files/{}", "0".repeat(64)), kind, "/etc/shadow"));
        };
        // What very old programs wrote for a regular file is one.
        let told = if kind == T::new(0) { NONE } else { FORMAT };
        let push_again = changed(&format!("a member of kind {:?}", char::from(kind.as_byte())), push, told, None);
        let mut instead = changed(
            &format!("the layer is of kind {:?}", char::from(kind.as_byte())),
            |members| {
                let n = layer(members);
                members[n].kind = kind;
            },
            told,
            None,
        );
        instead.members.truncate(layer(&sound()) + 1);
        [push_again, instead]
    };
    kinds.into_iter().flat_map(of).collect()
}

fn orders() -> Vec<Case> {
    let mut cases = Vec::new();
    for n in 0..sound().len() {
        let name = sound()[n].text();
        let (opened, installed) = match name.split('/').next() {
            Some("files") => (NONE, Some((State::Failed, "kit-unreadable", "file-missing"))),
            _ => (FORMAT, None),
        };
        cases.push(changed(&format!("without {name}"), |members| drop(members.remove(n)), opened, installed));
        let twice = |members: &mut Vec<Member>| members.insert(n, members[n].clone());
        cases.push(changed(&format!("{name} twice"), twice, FORMAT, None));
        if !name.starts_with("files/") {
            let late = |members: &mut Vec<Member>| {
                let member = members.remove(n);
                members.push(member);
            };
            cases.push(changed(&format!("{name} last"), late, FORMAT, None));
        }
    }
    let swap = |members: &mut Vec<Member>| {
        let n = layer(members);
        members.swap(n, n - 1);
    };
    // The reader serves by name: where in the kit a file lies changes nothing.
    cases.push(changed("the layer before its chunk list", swap, NONE, Some((State::RestartPending, "", ""))));
    cases
}

fn contents() -> Vec<Case> {
    let replace = |end: &'static str, content: Vec<u8>| {
        move |members: &mut Vec<Member>| {
            let n = at(members, is(end));
            members[n].content = content;
        }
    };
    let zeros = |end: &'static str, zeros: u64| {
        move |members: &mut Vec<Member>| {
            let n = at(members, is(end));
            members[n].zeros = zeros;
        }
    };
    let five_gib = 5 << 30;
    let info = br#"{"format":1,"product":"lab","architecture":"amd64","channel":"stable","initial_version":"0.9"}"#;
    let layer_with = |zeros| {
        move |members: &mut Vec<Member>| {
            let n = layer(members);
            members[n].zeros = zeros;
        }
    };
    let many = |members: &mut Vec<Member>| {
        members.extend((0..3000).map(|n| Member::file(&format!("files/{n:064x}"), b"")));
    };
    vec![
        changed(
            "a kit.json of garbage",
            replace("kit.json", vec![0; 100]),
            (State::Failed, "kit-unreadable", "kit-json-malformed"),
            None,
        ),
        changed("a kit.json without end", replace("kit.json", b"[".repeat(1 << 20)), not_verified("too-long"), None),
        changed("a kit.json of 5 GiB", zeros("kit.json", five_gib), not_verified("too-long"), None),
        changed(
            "a kit.json for another stick",
            replace("kit.json", info.to_vec()),
            (State::Failed, "kit-wrong", "for-another-stick"),
            None,
        ),
        changed("a timestamp of 5 GiB", zeros("timestamp.json", five_gib), not_verified("too-long"), None),
        changed("a timestamp of garbage", replace("timestamp.json", vec![7; 999]), not_verified("malformed"), None),
        changed("a snapshot of 5 GiB", zeros("snapshot.json", five_gib), not_verified("too-long"), None),
        changed("a description of 5 GiB", zeros("upgrade.json", five_gib), not_verified("too-long"), None),
        changed("an empty description", replace("upgrade.json", Vec::new()), not_verified("too-short"), None),
        changed("a layer of 5 GiB", layer_with(five_gib), NONE, Some(not_verified("too-long"))),
        changed("a layer of one byte more", layer_with(1), NONE, Some(not_verified("too-long"))),
        changed(
            "a surplus file of 5 GiB",
            |members| {
                let more = Member { zeros: five_gib, ..Member::file(&format!("files/{}", "0".repeat(64)), b"") };
                members.push(more);
            },
            NONE,
            None,
        ),
        changed("three thousand members", many, FORMAT, None),
    ]
}

#[test]
fn every_kit_that_is_made_to_hurt_has_its_name_and_leaves_the_stick_as_it_was() {
    let cases = [names(), kinds(), orders(), contents()].into_iter().flatten().collect();
    table::run(
        "kits",
        cases,
        || Offline::start(&Spec::default()),
        |computer, case: &Case| {
            let path = computer.kit(&case.members);
            let kit = std::fs::File::open(&path).unwrap();
            std::fs::remove_file(path).unwrap();
            compare(&computer.open(&kit), case.opened)?;
            let Some(installed) = case.installed else { return computer.watched.is_as_before() };
            compare(&computer.watched.install(), installed)?;
            if installed.0 == State::RestartPending {
                *computer = Offline::start(&Spec::default());
                return Ok(());
            }
            computer.watched.is_as_before()
        },
        Offline::end,
        |case| case.name.clone(),
    );
}

/// What lies behind a kit's end, and sizes that lie.
#[test]
fn kits_that_end_otherwise_are_told() {
    use std::io::Write as _;
    use std::os::unix::fs::FileExt as _;
    let mut computer = Offline::start(&Spec::default());
    type Change<'c> = &'c dyn Fn(&std::fs::File, u64);
    let change = |computer: &mut Offline, change: Change<'_>| {
        let path = computer.kit(&sound());
        let file = std::fs::File::options().read(true).write(true).open(path).unwrap();
        change(&file, file.metadata().unwrap().len());
        let after = computer.open(&file);
        computer.watched.is_as_before().unwrap();
        after
    };
    let cases: [(&str, Change<'_>, Told); 6] = [
        ("a TiB of zeros behind the end", &|file, _| file.set_len(1 << 40).unwrap(), FORMAT),
        ("a little of zeros behind the end", &|file, length| file.set_len(length + 8192).unwrap(), NONE),
        ("something behind the end", &|file, length| file.write_all_at(b"x", length + 511).unwrap(), FORMAT),
        (
            "a second kit behind the end",
            &|mut file, _| {
                let whole = std::fs::read(given().world.kit().unwrap()).unwrap();
                std::io::Seek::seek(&mut file, std::io::SeekFrom::End(0)).unwrap();
                file.write_all(&whole).unwrap();
            },
            FORMAT,
        ),
        (
            "a hole in place of the kit",
            &|file, length| {
                file.set_len(0).unwrap();
                file.set_len(length).unwrap();
            },
            FORMAT,
        ),
        (
            "its second half a hole",
            &|file, length| {
                file.set_len(length / 2).unwrap();
                file.set_len(length).unwrap();
            },
            FORMAT,
        ),
    ];
    for (name, make, expected) in cases {
        compare(&change(&mut computer, make), expected).unwrap_or_else(|problem| panic!("{name}: {problem}"));
    }
    computer.end();
}
