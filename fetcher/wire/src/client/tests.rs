//! Servers that lie, stall and send too much, each against the real client over a real socket.

use std::convert::Infallible;
use std::io::Read;
use std::thread;
use std::time::Instant;

use super::*;
use crate::{Answer, Blockage, Phase, Reason, write_frame};

const QUICK: Patience = Patience { frame: Duration::from_millis(300), progress: Duration::from_millis(900) };

/// What a server does with its end of the stream after the client's first request was read.
type Script = fn(&mut UnixStream);

fn against(script: Script, length: u64) -> (Result<Outcome, GetError<Infallible>>, Vec<u8>, Client) {
    let (near, mut far) = UnixStream::pair().unwrap();
    let server = thread::spawn(move || {
        read_frame(&mut far, &mut Vec::new()).unwrap();
        script(&mut far);
    });
    let mut client = Client::new(near, QUICK);
    let mut bytes = Vec::new();
    let mut sink = |piece: &[u8]| {
        bytes.extend_from_slice(piece);
        Ok(())
    };
    let result = client.get(&Path::new("a/b").unwrap(), 0, length, &mut sink, &mut |_| {});
    client.shared.close();
    server.join().unwrap();
    (result, bytes, client)
}

fn say(stream: &mut UnixStream, answers: &[Answer]) {
    let mut out = Vec::new();
    answers.iter().for_each(|a| a.encode_into(&mut out).unwrap());
    stream.write_all(&out).unwrap();
}

fn head(total: impl Into<Option<u64>>) -> Answer {
    Answer::Head(Head { total: total.into() })
}

fn data(stream: &mut UnixStream, bytes: &[u8]) {
    write_frame(stream, Kind::Data, bytes).unwrap();
}

/// Stays silent until the client goes.
fn silent(stream: &mut UnixStream) {
    stream.read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn bytes_reach_the_sink_and_the_total_the_caller() {
    let (result, bytes, _) = against(
        |s| {
            say(
                s,
                &[
                    Answer::Status(Status { phase: Phase::Ready, percent: 100, blockage: None, consensus: None }),
                    head(7),
                ],
            );
            data(s, b"abc");
            data(s, b"d");
            say(s, &[Answer::End]);
        },
        4,
    );
    assert_eq!(result.unwrap(), Outcome::Complete { total: Some(7) });
    assert_eq!(bytes, b"abcd");
}

#[test]
fn absent_is_no_error() {
    assert_eq!(against(|s| say(s, &[Answer::Absent]), 4).0.unwrap(), Outcome::Absent);
}

#[test]
fn fewer_bytes_than_asked_for_are_all_there_are_if_the_server_never_said_otherwise() {
    let (result, bytes, _) = against(
        |s| {
            say(s, &[head(None)]);
            data(s, b"a");
            say(s, &[Answer::End]);
        },
        4,
    );
    assert_eq!((result.unwrap(), bytes.as_slice()), (Outcome::Complete { total: None }, b"a".as_slice()));
}

#[test]
fn every_lie_has_its_name() {
    let cases: &[(&str, Script)] = &[
        ("too-long", |s| {
            say(s, &[head(None)]);
            data(s, b"abcde");
            silent(s);
        }),
        ("too-long", |s| {
            say(s, &[head(2)]);
            data(s, b"abc");
            silent(s);
        }),
        ("too-long", |s| say(s, &[head(1 << 53)])),
        ("too-short", |s| {
            say(s, &[head(4)]);
            data(s, b"abc");
            say(s, &[Answer::End]);
        }),
        ("out-of-turn", |s| data(s, b"abc")),
        ("out-of-turn", |s| say(s, &[Answer::End])),
        ("out-of-turn", |s| say(s, &[Answer::Opened])),
        ("out-of-turn", |s| say(s, &[head(None), head(None)])),
        ("out-of-turn", |s| say(s, &[head(None), Answer::Absent])),
        ("out-of-turn", |s| write_frame(s, Kind::Renew, b"").unwrap()),
        ("garbage", |s| {
            say(s, &[head(None)]);
            s.write_all(&[19, 0, 0, 0, 0]).unwrap();
        }),
        ("garbage", |s| s.write_all(&[19, 0, 1, 0, 1]).unwrap()),
        ("garbage", |s| s.write_all(b"HTTP/1.1 200 OK\r\n").unwrap()),
        ("garbage", |s| write_frame(s, Kind::Head, b"{\"total\":-1}").unwrap()),
        ("garbage", |s| write_frame(s, Kind::Head, b"{\"total\":1e99}").unwrap()),
        ("garbage", |s| write_frame(s, Kind::Failed, &b"[".repeat(60_000)).unwrap()),
        ("closed", |_| {}),
        ("closed", |s| s.write_all(&[19, 0, 0]).unwrap()),
        ("stalled", silent),
        ("stalled", |s| {
            say(s, &[head(None)]);
            s.write_all(&[19, 0, 0, 0, 4, 1]).unwrap();
            silent(s);
        }),
        ("server-error", |s| say(s, &[Answer::Failed(Failed::new(Reason::ServerError, "500"))])),
        ("unknown", |s| write_frame(s, Kind::Failed, br#"{"reason":"brand-new"}"#).unwrap()),
    ];
    for (number, (code, script)) in cases.iter().enumerate() {
        let GetError::Wire(error) = against(*script, 4).0.unwrap_err();
        assert_eq!(error.code(), *code, "case {number}: {error:?}");
    }
}

#[test]
fn bytes_one_at_a_time_do_not_outwit_the_deadline() {
    let begun = Instant::now();
    let (result, ..) = against(
        |s| {
            say(s, &[head(None)]);
            s.write_all(&[19, 0, 0, 1, 0]).unwrap();
            for _ in 0..256 {
                thread::sleep(Duration::from_millis(50));
                if s.write_all(b"x").is_err() {
                    return;
                }
            }
        },
        1000,
    );
    assert!(matches!(result, Err(GetError::Wire(Error::Stalled(_)))), "{result:?}");
    assert!(begun.elapsed() < Duration::from_secs(3));
}

#[test]
fn status_alone_is_no_progress() {
    let (result, ..) = against(
        |s| {
            for _ in 0..100 {
                let mut out = Vec::new();
                let status =
                    Status { phase: Phase::Blocked, percent: 15, blockage: Some(Blockage::Offline), consensus: None };
                Answer::Status(status).encode_into(&mut out).unwrap();
                if s.write_all(&out).is_err() {
                    return;
                }
                thread::sleep(Duration::from_millis(50));
            }
        },
        4,
    );
    assert!(matches!(result, Err(GetError::Wire(Error::Stalled(d))) if d == QUICK.progress), "{result:?}");
}

#[test]
fn after_a_lie_nothing_is_read_from_the_connection_any_more() {
    let (result, _, mut client) = against(|s| say(s, &[Answer::End]), 4);
    assert!(result.is_err());
    let again: Result<_, GetError<Infallible>> =
        client.get(&Path::new("c").unwrap(), 0, 1, &mut |_| Ok(()), &mut |_| {});
    assert!(matches!(again, Err(GetError::Wire(Error::Closed))), "{again:?}");
}

#[test]
fn another_thread_can_stop_a_wait() {
    let (near, far) = UnixStream::pair().unwrap();
    let mut client = Client::new(near, Patience::default());
    let canceller = client.canceller();
    let stopper = thread::spawn(move || {
        thread::sleep(Duration::from_millis(100));
        canceller.cancel();
    });
    let begun = Instant::now();
    let result: Result<_, GetError<Infallible>> =
        client.get(&Path::new("c").unwrap(), 0, 1, &mut |_| Ok(()), &mut |_| {});
    assert!(matches!(result, Err(GetError::Wire(Error::Cancelled))), "{result:?}");
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(matches!(client.renew(), Err(Error::Cancelled)));
    stopper.join().unwrap();
    drop(far);
}

#[test]
fn a_sink_that_refuses_ends_the_connection() {
    let (near, mut far) = UnixStream::pair().unwrap();
    let server = thread::spawn(move || {
        read_frame(&mut far, &mut Vec::new()).unwrap();
        say(&mut far, &[head(None)]);
        data(&mut far, b"abcd");
        silent(&mut far);
    });
    let mut client = Client::new(near, QUICK);
    let result = client.get(&Path::new("c").unwrap(), 0, 4, &mut |_| Err("full"), &mut |_| {});
    assert!(matches!(result, Err(GetError::Sink("full"))));
    server.join().unwrap();
}

#[test]
fn a_request_that_cannot_be_made_costs_nothing() {
    let (near, far) = UnixStream::pair().unwrap();
    let mut client = Client::new(near, QUICK);
    let result: Result<_, GetError<Infallible>> =
        client.get(&Path::new("c").unwrap(), 0, 0, &mut |_| Ok(()), &mut |_| {});
    assert!(matches!(result, Err(GetError::Wire(Error::BadRequest(_)))));
    far.set_nonblocking(true).unwrap();
    assert_eq!((&far).read(&mut [0; 1]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}
