//! Base URLs: an onion service by plain HTTP, anything else by HTTPS through an exit. Plain HTTP through an exit is refused.

use sameday_wire::{Path, Reason};

use crate::failure::Failure;

/// Most bytes of a host name (RFC 1035).
const MAX_HOST: usize = 253;

/// Where a repository can be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// Whether the connection is encrypted by TLS, beyond Tor itself.
    pub tls: bool,
    pub host: String,
    pub port: u16,
    /// What stands before each path, from the first `/` to the last.
    prefix: String,
}

impl Base {
    /// Takes a base URL.
    pub fn parse(url: &str) -> Result<Self, Failure> {
        Self::try_parse(url).map_err(|why| Failure::new(Reason::BaseRefused, format!("base url: {why}")))
    }

    fn try_parse(url: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = url.split_once("://").ok_or("is none")?;
        let (authority, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        };
        let port = match port {
            Some(port) if port.bytes().all(|b| b.is_ascii_digit()) => {
                Some(port.parse().map_err(|_| "has a strange port")?)
            }
            Some(_) => return Err("has a strange port"),
            None => None,
        };
        if port == Some(0) {
            return Err("has a strange port");
        }
        let onion = is_onion(host);
        if !onion && !is_host_name(host) {
            return Err("has no host name");
        }
        let tls = match scheme {
            "https" => true,
            "http" if onion => false,
            "http" => return Err("is neither an onion service nor https"),
            _ => return Err("is neither http nor https"),
        };
        let prefix = match prefix.strip_suffix('/').unwrap_or(prefix) {
            "" if !prefix.is_empty() => return Err("has a strange path"),
            "" => "/".to_owned(),
            path => format!("/{}/", Path::new(path).map_err(|_| "has a strange path")?),
        };
        let port = port.unwrap_or(if tls { 443 } else { 80 });
        Ok(Self { tls, host: host.to_owned(), port, prefix })
    }

    /// What is asked for, in the request line.
    pub fn target(&self, path: &Path) -> String {
        format!("{}{path}", self.prefix)
    }

    /// The value of the `Host` header: without the port where it is the scheme's own.
    pub fn authority(&self) -> String {
        match (self.tls, self.port) {
            (true, 443) | (false, 80) => self.host.clone(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }
}

/// A version 3 onion address: 56 characters of base32. Arti checks its checksum.
fn is_onion(host: &str) -> bool {
    host.strip_suffix(".onion")
        .is_some_and(|h| h.len() == 56 && h.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7')))
}

/// A name for an exit to look up, never an address: labels of letters, digits and hyphens, the last not a number.
fn is_host_name(host: &str) -> bool {
    let label = |l: &str| {
        (1..=63).contains(&l.len())
            && l.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !l.starts_with('-')
            && !l.ends_with('-')
    };
    let last = host.rsplit('.').next().unwrap_or_default();
    host.len() <= MAX_HOST
        && host.contains('.')
        && host.split('.').all(label)
        && !last.bytes().all(|b| b.is_ascii_digit())
        && last != "onion"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn onion_services_and_https_are_taken() {
        let onion = format!("http://{}.onion", "a".repeat(56));
        let path = Path::new("metadata/timestamp.json").unwrap();
        for (url, tls, port, target) in [
            (format!("{onion}/"), false, 80, "/metadata/timestamp.json"),
            (onion.clone(), false, 80, "/metadata/timestamp.json"),
            (format!("{onion}:8080/a/b/"), false, 8080, "/a/b/metadata/timestamp.json"),
            ("https://mirror.example.org/x".to_owned(), true, 443, "/x/metadata/timestamp.json"),
        ] {
            let base = Base::parse(&url).unwrap();
            assert_eq!((base.tls, base.port, base.target(&path).as_str()), (tls, port, target), "{url}");
        }
        assert_eq!(Base::parse("https://a.example:8443/").unwrap().authority(), "a.example:8443");
        assert_eq!(Base::parse("https://a.example:443/").unwrap().authority(), "a.example");
    }

    #[test]
    fn nothing_else_is() {
        for url in [
            "",
            "http://example.org/",
            "http://127.0.0.1/",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://localhost/",
            "https://user@example.org/",
            "https://example.org:0/",
            "https://example.org:99999/",
            "https://example.org:/",
            "https://example.org/../x",
            "https://example.org/a%2fb",
            "https://example.org/?q",
            "https://example.org//",
            "https://Example.org/",
            "https://a b.org/",
            "https://a.org\r\n/",
            "ftp://example.org/",
            "file:///etc/passwd",
            "http://short.onion/",
            "https://short.onion/",
            "http://example.org#.onion/",
        ] {
            assert_eq!(Base::parse(url).unwrap_err().reason, Reason::BaseRefused, "{url:?}");
        }
    }
}
