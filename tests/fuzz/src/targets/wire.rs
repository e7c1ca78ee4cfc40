//! What comes through sockets and descriptors: both sides of the protocol, and kits.

use std::convert::Infallible;
use std::fs::File;
use std::io::Write as _;
use std::net::Shutdown;
use std::os::unix::fs::FileExt as _;
use std::os::unix::net::UnixStream;
use std::sync::LazyLock;
use std::time::Duration;

use nix::sys::memfd::{MFdFlags, memfd_create};
use sameday_kit_reader::index::Index;
use sameday_wire::{
    Answer, Blockage, Client, Consensus, Failed, Head, Kind, Outcome, Path, Patience, Phase, Reason, Request, Server,
    Status, write_frame,
};

/// The other side has said all that it will say, so nothing is waited for.
const PATIENCE: Patience = Patience { frame: Duration::from_secs(5), progress: Duration::from_secs(5) };

fn said(bytes: &[u8]) -> UnixStream {
    let (near, far) = UnixStream::pair().expect("a pair of sockets");
    (&far).write_all(bytes).expect("an input fits into the socket's buffer");
    far.shutdown(Shutdown::Write).expect("a connected socket");
    // What our side says goes into the buffer of a socket that nobody reads, and that stays open as long as this process.
    *KEPT.lock().expect("one thread") = Some(far);
    near
}

static KEPT: std::sync::Mutex<Option<UnixStream>> = std::sync::Mutex::new(None);
static FILE: LazyLock<Path> = LazyLock::new(|| Path::new("metadata/timestamp.json").expect("a path"));

/// A server's bytes as the client reads them: never more to the sink than was asked for, and never a gap called complete.
pub fn client(bytes: &[u8]) {
    let mut client = Client::new(said(bytes), PATIENCE);
    if client.open(&[], None, &mut |status| assert!(status.percent <= 100)).is_err() {
        return;
    }
    for (start, length) in [(0, 16), (3, 1 << 32), ((1 << 53) - 2, 1)] {
        let mut received: u64 = 0;
        let mut sink = |piece: &[u8]| {
            received += u64::try_from(piece.len()).expect("64 bits");
            Ok::<_, Infallible>(())
        };
        match client.get(&FILE, start, length, &mut sink, &mut |_| {}) {
            Ok(Outcome::Complete { total: Some(total) }) => {
                assert_eq!(received, total.saturating_sub(start).min(length));
            }
            Ok(Outcome::Complete { total: None }) => {}
            Ok(Outcome::Absent) => assert_eq!(received, 0),
            Err(_) => {}
        }
        assert!(received <= length);
    }
}

pub fn client_seeds() -> Vec<Vec<u8>> {
    let consensus = Some(Consensus { valid_after: 1, valid_until: u64::MAX });
    let status = |phase, blockage| Answer::Status(Status { phase, percent: 50, blockage, consensus });
    let failed = Answer::Failed(Failed::new(Reason::ServerError, "later"));
    let begin = [Answer::Opened, status(Phase::Connecting, None), status(Phase::Blocked, Some(Blockage::Offline))];
    let mut sound = encode(&begin);
    for total in [Some(16), None] {
        sound.extend(encode(&[Answer::Head(Head { total })]));
        Answer::encode_data_into(b"sixteen bytes !!", &mut sound).expect("one frame");
        sound.extend(encode(&[Answer::End]));
    }
    let mut other = encode(&begin);
    other.extend(encode(&[failed, status(Phase::Ready, None), Answer::Absent, Answer::Absent]));
    vec![sound, other]
}

fn encode(answers: &[Answer]) -> Vec<u8> {
    let mut out = Vec::new();
    answers.iter().for_each(|answer| answer.encode_into(&mut out).expect("a frame"));
    out
}

/// A client's bytes as a server reads them.
pub fn server(bytes: &[u8]) {
    let mut server = Server::new(said(bytes));
    let Ok((open, descriptor)) = server.accept_open() else { return };
    assert!(descriptor.is_none() && open.bases.len() <= sameday_wire::MAX_BASES);
    while let Ok(Some(request)) = server.next_request() {
        match request {
            Request::Open(_) => panic!("OPEN is let through once"),
            Request::Get(get) => {
                let end = get.start.checked_add(get.length).expect("a range that was taken ends");
                assert!(end <= sameday_wire::MAX_LENGTH && (1..=sameday_wire::MAX_RANGE).contains(&get.length));
            }
            Request::Renew => {}
        }
    }
}

pub fn server_seeds() -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    let mut say = |kind, payload: &[u8]| write_frame(&mut out, kind, payload).expect("memory");
    say(Kind::Open, br#"{"version":1,"bases":["http://a.onion/","https://b/"]}"#);
    say(Kind::Get, br#"{"path":"metadata/timestamp.json","start":0,"length":16384}"#);
    say(Kind::Renew, b"");
    say(Kind::Get, br#"{"path":"files/a","start":9007199254740990,"length":1}"#);
    vec![out]
}

/// A kit: every member that is found lies within it.
pub fn kit(bytes: &[u8]) {
    static KIT: LazyLock<File> =
        LazyLock::new(|| File::from(memfd_create("kit", MFdFlags::MFD_CLOEXEC).expect("a file in memory")));
    let length = u64::try_from(bytes.len()).expect("64 bits");
    KIT.set_len(length).and_then(|()| KIT.write_all_at(bytes, 0)).expect("a file in memory");
    let Ok(index) = Index::read(&KIT) else { return };
    for name in ["kit.json", "metadata/1.root.json", "metadata/timestamp.json"] {
        let member = index.find(&Path::new(name).expect("a path")).expect("a kit that is taken has it");
        assert!(member.offset.checked_add(member.length).is_some_and(|end| end <= length));
    }
}
