//! What a server's answer means: whether its bytes are those that were asked for, judged from its first lines alone.

use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, HeaderMap, HeaderName};
use hyper::http::StatusCode;
use sameday_wire::{Get, MAX_LENGTH, Reason};

use crate::failure::Failure;

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Bytes of the file.
    Bytes {
        /// The length of the whole file, as the server claims.
        total: Option<u64>,
        /// Bytes to pass on; more may come and are not read.
        length: u64,
        /// Whether fewer are a failure: the server said how many there are.
        exact: bool,
    },
    /// No such file.
    Absent,
}

/// Judges the status and headers of the answer to `get`.
pub fn judge(status: StatusCode, headers: &HeaderMap, get: &Get) -> Result<Verdict, Failure> {
    let code = status.as_u16();
    match code {
        200 | 206 if is_coded(headers) => Err(Failure::new(Reason::ServerError, "answer has a content coding")),
        200 if get.start == 0 => whole(headers, get),
        200 => Err(Failure::new(Reason::RangeRefused, "server sends whole files only")),
        206 => part(headers, get),
        416 => beyond(headers, get),
        404 | 410 => Ok(Verdict::Absent),
        300..=399 => Err(Failure::new(Reason::Redirected, format!("status {code}"))),
        _ => Err(Failure::new(Reason::ServerError, format!("status {code}"))),
    }
}

fn is_coded(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_ENCODING).iter().any(|v| v != "identity")
}

/// The whole file: no more of it is read than was asked for.
fn whole(headers: &HeaderMap, get: &Get) -> Result<Verdict, Failure> {
    let total = match text(headers, &CONTENT_LENGTH)? {
        Some(text) => Some(number(text).ok_or_else(|| refused("content-length is no length"))?),
        None => None,
    };
    let length = total.unwrap_or(get.length).min(get.length);
    Ok(Verdict::Bytes { total, length, exact: total.is_some() })
}

/// A part of it: exactly the one that was asked for, or all of that which there is.
fn part(headers: &HeaderMap, get: &Get) -> Result<Verdict, Failure> {
    let range = text(headers, &CONTENT_RANGE)?.ok_or_else(|| refused("part without content-range"))?;
    let parsed = range.strip_prefix("bytes ").and_then(|r| r.split_once('/')).and_then(|(range, total)| {
        let (first, last) = range.split_once('-')?;
        let total = if total == "*" { None } else { Some(number(total)?) };
        Some((number(first)?, number(last)?, total))
    });
    let (first, last, total) = parsed.ok_or_else(|| refused("content-range cannot be understood"))?;
    let asked_last = get.start.saturating_add(get.length).saturating_sub(1);
    if first != get.start || last < first || last > asked_last || total.is_some_and(|t| last >= t) {
        return Err(refused("server sends another part"));
    }
    let end = last.saturating_add(1);
    if last < asked_last && total != Some(end) {
        return Err(refused("server sends less than there is"));
    }
    let length = end.saturating_sub(first);
    if text(headers, &CONTENT_LENGTH)?.is_some_and(|text| number(text) != Some(length)) {
        return Err(refused("content-length and content-range differ"));
    }
    Ok(Verdict::Bytes { total, length, exact: true })
}

/// A start at or behind the end: no bytes, which is an answer if the server names the length.
fn beyond(headers: &HeaderMap, get: &Get) -> Result<Verdict, Failure> {
    let total = text(headers, &CONTENT_RANGE)?.and_then(|r| r.strip_prefix("bytes */")).and_then(number);
    match total {
        Some(total) if total <= get.start => Ok(Verdict::Bytes { total: Some(total), length: 0, exact: true }),
        _ => Err(refused("server refuses the range")),
    }
}

/// A header that may stand there once.
fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Failure> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(refused("header is there twice"));
    }
    first.map(|v| v.to_str().map_err(|_| refused("header is no text"))).transpose()
}

/// Digits only, within the largest length.
fn number(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|n| *n <= MAX_LENGTH)
}

fn refused(detail: &str) -> Failure {
    Failure::new(Reason::RangeRefused, detail)
}

#[cfg(test)]
mod tests {
    use sameday_wire::Path;

    use super::*;

    fn ask(start: u64, length: u64, status: u16, headers: &[(&'static str, &str)]) -> Result<Verdict, Reason> {
        let map = headers.iter().map(|(n, v)| (HeaderName::from_static(n), v.parse().unwrap())).collect();
        let get = Get::new(Path::new("a").unwrap(), start, length).unwrap();
        judge(StatusCode::from_u16(status).unwrap(), &map, &get).map_err(|f| f.reason)
    }

    fn bytes(total: impl Into<Option<u64>>, length: u64, exact: bool) -> Result<Verdict, Reason> {
        Ok(Verdict::Bytes { total: total.into(), length, exact })
    }

    #[test]
    fn right_answers_are_taken() {
        let range = "content-range";
        assert_eq!(ask(5, 10, 206, &[(range, "bytes 5-14/100")]), bytes(100, 10, true));
        assert_eq!(ask(5, 10, 206, &[(range, "bytes 5-14/*"), ("content-length", "10")]), bytes(None, 10, true));
        assert_eq!(ask(5, 10, 206, &[(range, "bytes 5-8/9")]), bytes(9, 4, true));
        assert_eq!(ask(0, 10, 200, &[("content-length", "100")]), bytes(100, 10, true));
        assert_eq!(ask(0, 10, 200, &[("content-length", "3")]), bytes(3, 3, true));
        assert_eq!(ask(0, 10, 200, &[]), bytes(None, 10, false));
        assert_eq!(ask(9, 10, 416, &[(range, "bytes */9")]), bytes(9, 0, true));
        assert_eq!(ask(0, 10, 404, &[]), Ok(Verdict::Absent));
        assert_eq!(ask(0, 10, 410, &[]), Ok(Verdict::Absent));
    }

    #[test]
    fn other_bytes_than_those_asked_for_are_refused() {
        for value in [
            "bytes 4-14/100",
            "bytes 6-14/100",
            "bytes 5-15/100",
            "bytes 5-4/100",
            "bytes 5-9/100",
            "bytes 5-9/*",
            "bytes 5-14/14",
            "bytes 5-14/9007199254740992",
            "bytes 5-18446744073709551616/*",
            "bytes +5-14/100",
            "bytes 5-14",
            "bytes */100",
            "items 5-14/100",
            "",
        ] {
            assert_eq!(ask(5, 10, 206, &[("content-range", value)]), Err(Reason::RangeRefused), "{value:?}");
        }
        assert_eq!(ask(5, 10, 206, &[]), Err(Reason::RangeRefused));
        assert_eq!(ask(5, 10, 200, &[("content-length", "100")]), Err(Reason::RangeRefused));
        assert_eq!(ask(0, 10, 200, &[("content-length", "-1")]), Err(Reason::RangeRefused));
        assert_eq!(ask(5, 10, 416, &[("content-range", "bytes */100")]), Err(Reason::RangeRefused));
        assert_eq!(ask(5, 10, 416, &[]), Err(Reason::RangeRefused));
        let differ = [("content-range", "bytes 5-14/100"), ("content-length", "11")];
        assert_eq!(ask(5, 10, 206, &differ), Err(Reason::RangeRefused));
    }

    #[test]
    fn redirects_and_errors_have_their_names() {
        for status in [300, 301, 302, 303, 304, 307, 308] {
            assert_eq!(ask(0, 10, status, &[("location", "https://example.org/")]), Err(Reason::Redirected));
        }
        for status in [204, 400, 401, 403, 429, 500, 503] {
            assert_eq!(ask(0, 10, status, &[]), Err(Reason::ServerError), "{status}");
        }
        assert_eq!(ask(0, 10, 200, &[("content-encoding", "gzip")]), Err(Reason::ServerError));
    }
}
