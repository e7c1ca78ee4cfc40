//! Every lie of the fetcher, at every stage: while it is opened, in metadata, in the description, in a chunk list, in a file.

use sameday_dbus::State;
use sameday_lab::forge::place_of;
use sameday_lab::machine::Spec;
use sameday_lab::peer::Lie;
use sameday_lab::peer::script::{DATA, END, HEAD, OPENED, STATUS, Total, Word, frame};
use sameday_wire::Reason;

use super::table;
use super::watched::{Told, Watched, compare};
use sameday_lab::given::given;

/// Where in an upgrade the lie is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Metadata,
    Description,
    List,
    File,
}

const STAGES: [Stage; 4] = [Stage::Metadata, Stage::Description, Stage::List, Stage::File];

impl Stage {
    fn path(self) -> String {
        let what = match self {
            Self::Metadata => "timestamp",
            Self::Description => "description",
            Self::List => "layer-chunks",
            Self::File => "layer",
        };
        place_of(&given().world.repository(), what).unwrap()
    }

    fn after_consent(self) -> bool {
        matches!(self, Self::List | Self::File)
    }
}

/// How the lie ends at each stage: kind and reason. An empty kind: it did no harm, and the upgrade goes its way.
type Ends = [(&'static str, &'static str); 4];

struct Case {
    name: &'static str,
    words: Vec<Word>,
    ends: Ends,
}

fn same(kind: &'static str, reason: &'static str) -> Ends {
    [(kind, reason); 4]
}

/// Small files are judged by their answer as a whole; of a large one every byte is there and verified before the answer goes wrong.
fn but_for_the_end(reason: &'static str) -> Ends {
    [("server", reason), ("server", reason), ("server", reason), ("", "")]
}

const ALL: Word = Word::Bytes { shift: 0, more: 0 };
const BUT_ONE: Word = Word::Bytes { shift: 0, more: -1 };

fn raw(bytes: &[u8]) -> Word {
    Word::Raw(bytes.to_vec())
}

fn head() -> Word {
    Word::Head(Total::True)
}

fn cases() -> Vec<Case> {
    let case = |name, words: &[Word], ends| Case { name, words: words.to_vec(), ends };
    let head_of = |json: &[u8]| Word::Raw(frame(HEAD, json));
    let status = |json: &[u8]| Word::Raw(frame(STATUS, json));
    let unsaid = Word::Head(Total::Unsaid);
    let (n, s) = ("not-verified", "server");
    let none = ("", "");
    vec![
        case("one byte more than said", &[head(), Word::Bytes { shift: 0, more: 1 }, Word::End], same(n, "too-long")),
        case(
            "a MiB more, of which nothing was said",
            &[unsaid.clone(), Word::Bytes { shift: 0, more: 1 << 20 }, Word::End],
            same(n, "too-long"),
        ),
        case(
            "one byte more promised than sent",
            &[Word::Head(Total::Off(1)), ALL, Word::End],
            [(s, "too-short"), (s, "too-short"), (s, "too-short"), (n, "too-long")],
        ),
        case(
            "one byte fewer promised and sent",
            &[Word::Head(Total::Off(-1)), BUT_ONE, Word::End],
            [(n, "malformed"), (n, "too-short"), (n, "chunk-list-mismatch"), (s, "too-short")],
        ),
        case("one byte fewer than said", &[head(), BUT_ONE, Word::End], same(s, "too-short")),
        case(
            "one byte fewer, of which nothing was said",
            &[unsaid.clone(), BUT_ONE, Word::End],
            [(n, "malformed"), (n, "too-short"), (n, "chunk-list-mismatch"), (s, "too-short")],
        ),
        case(
            "no bytes at all",
            &[Word::Head(Total::Exactly(0)), Word::End],
            [(n, "malformed"), (n, "too-short"), (n, "chunk-list-mismatch"), (s, "too-short")],
        ),
        case(
            "bytes without end",
            &[unsaid.clone(), Word::Endless(frame(DATA, &[b' '; 4096]))],
            [(n, "too-long"), (n, "too-long"), (n, "too-long"), (n, "chunk-mismatch")],
        ),
        case(
            "bytes from one further on",
            &[head(), Word::Bytes { shift: 1, more: 0 }, Word::End],
            [(n, "malformed"), (n, "digest-mismatch"), (n, "chunk-list-mismatch"), (n, "chunk-mismatch")],
        ),
        case(
            "the answer to another request",
            &[Word::AnswerFor("metadata/1.root.json".into())],
            [(n, "wrong-role"), (n, "too-long"), (n, "too-long"), (s, "too-short")],
        ),
        case(
            "the answer twice, so that the second is taken for the next request's",
            &[head(), ALL, Word::End, head(), ALL, Word::End],
            [(n, "too-short"), none, (n, "too-long"), (n, "too-long")],
        ),
        case("bytes before their head", &[ALL], same(s, "out-of-turn")),
        case("the end first", &[Word::End], same(s, "out-of-turn")),
        case("two heads", &[head(), head()], same(s, "out-of-turn")),
        case("opened again", &[Word::Opened(1)], same(s, "out-of-turn")),
        case("absent after all", &[head(), ALL, Word::Absent], but_for_the_end("out-of-turn")),
        case("a request in place of an answer", &[raw(&frame(2, b"{}"))], same(s, "out-of-turn")),
        case("data without data", &[head(), raw(&frame(DATA, b""))], same(s, "garbage")),
        case("an end that holds something", &[head(), ALL, raw(&frame(END, b"x"))], but_for_the_end("garbage")),
        case("a frame of no kind", &[raw(&frame(99, b"x"))], same(s, "garbage")),
        case("a frame of 4 GiB", &[head(), raw(&[DATA, 255, 255, 255, 255])], same(s, "garbage")),
        case("a frame of 64 KiB and a byte", &[head(), raw(&[DATA, 0, 1, 0, 1])], same(s, "garbage")),
        case("another protocol", &[raw(b"HTTP/1.1 200 OK\r\n\r\n")], same(s, "garbage")),
        case("a head that is no JSON", &[head_of(b"[")], same(s, "garbage")),
        case("a head nested without end", &[head_of(&b"[".repeat(60_000))], same(s, "garbage")),
        case("a negative length", &[head_of(br#"{"total":-1}"#)], same(s, "garbage")),
        case("a length beyond 64 bits", &[head_of(br#"{"total":1e99}"#)], same(s, "garbage")),
        case("a length beyond 2^53", &[Word::Head(Total::Exactly(1 << 53))], same(n, "too-long")),
        case("a status that is none", &[status(b"\xff\xfe")], same(s, "garbage")),
        case(
            "a status of 255 per cent",
            &[status(br#"{"phase":"ready","percent":255}"#), head(), ALL, Word::End],
            [none; 4],
        ),
        case("a status in the middle", &[head(), status(br#"{"phase":"ready"}"#), ALL, Word::End], [none; 4]),
        case("closes at once", &[Word::Close], same(s, "closed")),
        case("closes after the head", &[head(), Word::Close], same(s, "closed")),
        case("closes before the last byte", &[head(), BUT_ONE, Word::Close], same(s, "closed")),
        case("closes in place of the end", &[head(), ALL, Word::Close], but_for_the_end("closed")),
        case("closes within a frame's head", &[head(), raw(&[DATA, 0, 0]), Word::Close], same(s, "closed")),
        case("closes within a frame", &[head(), raw(&[DATA, 0, 0, 9, 9, 1]), Word::Close], same(s, "closed")),
        case(
            "fails after the last byte",
            &[head(), ALL, Word::Failed(Reason::ServerError)],
            but_for_the_end("server-error"),
        ),
        case("is redirected", &[Word::Failed(Reason::Redirected)], same(s, "redirected")),
        case("knows a failure of kits", &[Word::Failed(Reason::KitFormat)], same(s, "kit-format")),
        case("fails by a code of the future", &[raw(&frame(22, br#"{"reason":"solar-flare"}"#))], same(s, "unknown")),
    ]
}

#[test]
fn every_lie_at_every_stage_has_its_name_and_leaves_the_stick_as_it_was() {
    let cases = cases().into_iter().flat_map(|case| {
        let ends = case.ends;
        STAGES.into_iter().zip(ends).map(move |(stage, end)| (stage, end, case.name, case.words.clone()))
    });
    // Those that are tried again take longest.
    let mut cases: Vec<_> = cases.collect();
    cases.sort_by_key(|(stage, (kind, _), ..)| !(stage.after_consent() && *kind == "server"));
    table::run(
        "lies",
        cases,
        || Watched::start(&given().world.repository(), &Spec::default()),
        |computer, (stage, end, _, words)| told_a_lie(computer, *stage, *end, words),
        Watched::end,
        |(stage, _, name, _)| format!("{name} ({stage:?})"),
    );
}

fn told_a_lie(
    computer: &mut Watched,
    stage: Stage,
    (kind, reason): (&'static str, &'static str),
    words: &[Word],
) -> Result<(), String> {
    computer.fresh();
    computer.case.peer().honest();
    if stage.after_consent() {
        compare(&computer.check(), (State::Available, "", ""))?;
    }
    computer.case.peer().lie(&stage.path(), Lie::Words(words.to_vec()));
    let found = if stage.after_consent() { computer.install() } else { computer.check() };
    let state = match (kind.is_empty(), stage.after_consent()) {
        (true, true) => State::RestartPending,
        (true, false) => State::Available,
        // What may be better later is not given up.
        (_, true) if kind == "server" => State::Paused,
        _ => State::Failed,
    };
    compare(&found, (state, kind, reason))?;
    if state == State::Paused {
        computer.discard()?;
    }
    if state == State::RestartPending {
        // The stick is another one now; the next case begins anew.
        *computer = Watched::start(&given().world.repository(), &Spec::default());
        return Ok(());
    }
    computer.is_as_before()
}

#[test]
fn every_lie_while_the_connection_is_opened_has_its_name() {
    let opened = |json: &[u8]| Word::Raw(frame(OPENED, json));
    let cases: Vec<(&str, Vec<Word>, Told)> = vec![
        ("closes", vec![Word::Close], (State::Failed, "server", "closed")),
        ("closes within a frame", vec![raw(&[OPENED, 0]), Word::Close], (State::Failed, "server", "closed")),
        ("another version", vec![Word::Opened(2)], (State::Failed, "internal", "unknown-version")),
        ("no version", vec![opened(b"{}")], (State::Failed, "server", "garbage")),
        ("no JSON", vec![opened(b"\0")], (State::Failed, "server", "garbage")),
        ("a frame of 4 GiB", vec![raw(&[OPENED, 255, 255, 255, 255])], (State::Failed, "server", "garbage")),
        ("another protocol", vec![raw(b"220 ready\r\n")], (State::Failed, "server", "garbage")),
        ("a head", vec![Word::Head(Total::Exactly(3))], (State::Failed, "server", "out-of-turn")),
        ("the end", vec![Word::End], (State::Failed, "server", "out-of-turn")),
        ("absent", vec![Word::Absent], (State::Failed, "server", "out-of-turn")),
        ("not configured", vec![Word::Failed(Reason::Unconfigured)], (State::Failed, "not-configured", "unconfigured")),
        ("Tor is blocked", vec![Word::Failed(Reason::TorBlocked)], (State::Failed, "tor-blocked", "tor-blocked")),
        ("no base", vec![Word::Failed(Reason::BaseRefused)], (State::Failed, "internal", "base-refused")),
        (
            "progress without end",
            vec![Word::Endless(frame(STATUS, br#"{"phase":"connecting","percent":1}"#))],
            (State::Failed, "server", "too-many-events"),
        ),
        (
            "data that nobody asked for",
            vec![Word::Opened(1), Word::Raw(frame(DATA, b"unasked"))],
            (State::Failed, "server", "out-of-turn"),
        ),
        ("opened twice", vec![Word::Opened(1), Word::Opened(1)], (State::Failed, "server", "out-of-turn")),
    ];
    table::run(
        "lies while opening",
        cases,
        || Watched::start(&given().world.repository(), &Spec::default()),
        |computer, (_, words, expected)| {
            computer.fresh();
            computer.case.peer().lie_at_open(words.clone());
            compare(&computer.check(), *expected)?;
            computer.is_as_before()
        },
        |computer| computer.case.end_untouched(),
        |(name, ..)| (*name).to_owned(),
    );
}
