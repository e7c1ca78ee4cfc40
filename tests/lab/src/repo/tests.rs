//! The server itself, asked by hand.

use std::io::{Read, Write};

use super::*;

fn repo() -> (tempfile::TempDir, Repo) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("files")).unwrap();
    std::fs::write(dir.path().join("files/a"), b"0123456789").unwrap();
    let repo = Repo::serve(dir.path()).unwrap();
    (dir, repo)
}

fn ask(repo: &Repo, path: &str, range: Option<&str>) -> String {
    let mut stream = TcpStream::connect(repo.address()).unwrap();
    let range = range.map(|r| format!("Range: bytes={r}\r\n")).unwrap_or_default();
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: x\r\n{range}\r\n").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn files_and_parts_are_served_and_accounted_for() {
    let (_dir, repo) = repo();
    assert!(ask(&repo, "files/a", None).ends_with("Content-Length: 10\r\n\r\n0123456789"));
    let part = ask(&repo, "files/a", Some("8-100"));
    assert!(part.starts_with("HTTP/1.1 206") && part.ends_with("Content-Range: bytes 8-9/10\r\n\r\n89"), "{part}");
    assert!(ask(&repo, "files/a", Some("10-11")).starts_with("HTTP/1.1 416"));
    assert!(ask(&repo, "files/b", None).starts_with("HTTP/1.1 404"));
    assert!(ask(&repo, "../../etc/passwd", None).starts_with("HTTP/1.1 404"));
    let log = repo.requests();
    let facts = log.iter().map(|r| (r.status, r.sent_body, r.range.as_deref())).collect::<Vec<_>>();
    let expected =
        [(200, 10, None), (206, 2, Some("bytes=8-100")), (416, 0, Some("bytes=10-11")), (404, 0, None), (404, 0, None)];
    assert_eq!(facts, expected);
    assert_eq!(log[1].sent_head + log[1].sent_body, u64::try_from(part.len()).unwrap());
    assert_eq!(repo.peers().len(), 5);
}

#[test]
fn faults_are_served_until_mended() {
    let (_dir, repo) = repo();
    for (fault, start, end) in [
        (Fault::Flip(9), "HTTP/1.1 206", "8-9/10\r\n\r\n88"),
        (Fault::Missing, "HTTP/1.1 404", "\r\n\r\n"),
        (Fault::Status(503), "HTTP/1.1 503", "\r\n\r\n"),
        (Fault::Redirect("http://other/".into()), "HTTP/1.1 302", "Location: http://other/\r\n\r\n"),
        (Fault::Truncated(1), "HTTP/1.1 206", "8-9/10\r\n\r\n8"),
        (Fault::Whole, "HTTP/1.1 200", "\r\n\r\n0123456789"),
        (Fault::Shifted(1), "HTTP/1.1 206", "9-9/10\r\n\r\n9"),
    ] {
        repo.break_file("files/a", fault.clone());
        let text = ask(&repo, "files/a", Some("8-9"));
        assert!(text.starts_with(start) && text.ends_with(end), "{fault:?}: {text}");
    }
    repo.mend();
    assert!(ask(&repo, "files/a", Some("8-9")).ends_with("\r\n\r\n89"));
}
