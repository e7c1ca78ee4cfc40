//! Values that make no sense, found before anybody is asked. What they must be stands in `docs/formats.md`; the daemon judges for itself.

use gettextrs::gettext;

/// Longest name of a channel.
const LONGEST_NAME: usize = 32;
/// Names of roles and files of a repository, which no channel can have.
const RESERVED: &[&str] = &["root", "targets", "snapshot", "timestamp", "upgrade"];

/// The name of a channel.
///
/// # Errors
/// When it is no such name.
pub fn channel(name: &str) -> Result<String, String> {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let begins = name.bytes().next().is_some_and(letter);
    let sound = begins && name.len() <= LONGEST_NAME && name.bytes().all(|byte| letter(byte) || byte == b'-');
    if sound && !RESERVED.contains(&name) { Ok(name.to_owned()) } else { Err(gettext("this is no name of a channel")) }
}

/// Where a repository is.
///
/// # Errors
/// When it is no address that could be asked.
pub fn base_url(url: &str) -> Result<String, String> {
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let sound = host.is_some_and(|host| !host.is_empty() && !host.starts_with('/'))
        && url.ends_with('/')
        && url.len() <= sameday_dbus::text::LINE
        && url.bytes().all(|byte| byte.is_ascii_graphic());
    if sound { Ok(url.to_owned()) } else { Err(gettext("an address begins with https:// or http:// and ends with /")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_names_and_nothing_else() {
        for good in ["stable", "alpha-2", "0"] {
            channel(good).unwrap();
        }
        for bad in ["", "-a", "Alpha", "a b", "a/b", "..", "root", "targets", "é", &"x".repeat(33)] {
            channel(bad).unwrap_err();
        }
    }

    #[test]
    fn addresses_are_those_of_web_servers() {
        for good in ["http://abc.onion/", "https://x.org/repo/"] {
            base_url(good).unwrap();
        }
        for bad in
            ["", "x.org/", "https://x.org", "ftp://x/", "https://", "http:///x", "http://a b/", "file:///etc/passwd"]
        {
            base_url(bad).unwrap_err();
        }
    }
}
