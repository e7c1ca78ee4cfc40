//! Names of roles and targets as parts of URLs and as names of files: never a way out of a folder, never two names for one file.

use sha2::{Digest as _, Sha256};

/// The longest name of a file that Linux takes, less what `tempfile` and `.json` add.
const LONGEST_FILE_NAME: usize = 240;

/// A role's name as a part of a URL or of a file's name: all but RFC 3986's unreserved characters is encoded, `/` too.
pub(crate) fn encode(name: &str) -> String {
    encode_but(name, b"-._~")
}

/// What [`encode`] made of a name. None, if it never makes such a text.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            let mut decoded = [0];
            hex::decode_to_slice(digits, &mut decoded).ok()?;
            bytes.extend_from_slice(&decoded);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok().filter(|name| encode(name) == text)
}

/// A target's path as a part of a URL: separators stay, and so does every other character that a path may have.
pub(crate) fn encode_path(path: &str) -> String {
    encode_but(path, b"-._~!$&'()*+,;=:@/")
}

/// The one file of its folder in which a target is kept.
pub(crate) fn target_file(path: &str) -> String {
    let name = encode(path);
    if name.len() > LONGEST_FILE_NAME {
        return hex::encode(Sha256::digest(path));
    }
    // The two names that are folders; an encoded dot is made by no other path.
    match name.as_str() {
        "." | ".." => name.replace('.', "%2E"),
        _ => name,
    }
}

fn encode_but(text: &str, kept: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || kept.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&hex::encode_upper([byte]));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_names_lead_back_to_one_name_each() {
        for name in ["role", "../role", "a/b", "?#%", "ä ö", ".", "..", "a%2Fb", "\n", "1.root"] {
            assert_eq!(decode(&encode(name)).as_deref(), Some(name));
            assert!(!encode(name).contains('/'));
        }
        for never_made in ["%", "%2", "%2f", "a b", "%41", "%FF", "ä"] {
            assert_eq!(decode(never_made), None, "{never_made}");
        }
    }

    #[test]
    fn paths_keep_their_separators_in_urls() {
        for (path, expected) in [
            ("a/b/c.x", "a/b/c.x"),
            ("a b?c#d%20", "a%20b%3Fc%23d%2520"),
            ("ä/@v+1:2", "%C3%A4/@v+1:2"),
            ("[x]\\", "%5Bx%5D%5C"),
        ] {
            assert_eq!(encode_path(path), expected);
        }
    }

    #[test]
    fn a_target_never_leaves_its_folder() {
        let long = "x".repeat(300);
        let names: Vec<_> = ["a/b", "..", ".", "../../etc/passwd", "/abs", "%2E", &long].map(target_file).into();
        assert_eq!(names[..4], ["a%2Fb", "%2E%2E", "%2E", "..%2F..%2Fetc%2Fpasswd"]);
        assert!(names.iter().all(|name| name.len() <= LONGEST_FILE_NAME && !name.contains('/')));
        assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), names.len());
    }
}
