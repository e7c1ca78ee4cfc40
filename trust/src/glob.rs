//! Which delegation speaks for a target path: shell patterns in which no wildcard matches `/`, and prefixes of the path's digest.

use sha2::{Digest as _, Sha256};

use crate::schema::DelegatedRole;

/// A PATHPATTERN of the specification (4.5), as in glob(7): `*`, `?` and `[set]`, none of which matches `/`.
#[derive(Debug, Clone, Copy)]
pub struct PathPattern<'a>(&'a str);

impl<'a> PathPattern<'a> {
    /// Any text is a pattern.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        Self(text)
    }

    /// Whether it matches the whole of `path`. Takes time in proportion to pattern times path, however many stars it has.
    #[must_use]
    pub fn matches(self, path: &str) -> bool {
        let (mut patterns, mut parts) = (self.0.split('/'), path.split('/'));
        loop {
            match (patterns.next(), parts.next()) {
                (None, None) => return true,
                (Some(pattern), Some(part)) if component_matches(pattern, part) => {}
                _ => return false,
            }
        }
    }
}

/// Whether a delegation speaks for `path`.
#[must_use]
pub fn path_matches(role: &DelegatedRole, path: &str) -> bool {
    if let Some(patterns) = &role.paths {
        return patterns.iter().any(|pattern| PathPattern::new(pattern).matches(path));
    }
    if let Some(prefixes) = &role.path_hash_prefixes {
        let digest = hex::encode(Sha256::digest(path.as_bytes()));
        return prefixes.iter().any(|prefix| digest.starts_with(prefix.as_str()));
    }
    false
}

/// Greedy matching that goes back to the last star only: earlier ones need no second try.
fn component_matches(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    let mut retry = None;
    loop {
        let before = pattern.clone();
        match pattern.next() {
            Some('*') => {
                retry = Some((pattern.clone(), text.clone()));
                continue;
            }
            Some(token) => {
                let mut rest = text.clone();
                if let Some(c) = rest.next() {
                    let fits = match token {
                        '?' => true,
                        '[' => match set_matches(&mut pattern, c) {
                            Some(fits) => fits,
                            // An unclosed bracket is itself.
                            None => {
                                pattern = before;
                                pattern.next();
                                c == '['
                            }
                        },
                        literal => literal == c,
                    };
                    if fits {
                        text = rest;
                        continue;
                    }
                }
            }
            None if text.as_str().is_empty() => return true,
            None => {}
        }
        // Let the last star take one character more.
        let Some((after_star, mut from)) = retry.take() else { return false };
        if from.next().is_none() {
            return false;
        }
        pattern = after_star.clone();
        text = from.clone();
        retry = Some((after_star, from));
    }
}

/// Reads a set after its `[`. None, if it is never closed.
fn set_matches(pattern: &mut std::str::Chars<'_>, c: char) -> Option<bool> {
    let negated = pattern.as_str().starts_with('!');
    if negated {
        pattern.next();
    }
    let mut fits = false;
    let mut first = true;
    loop {
        let low = pattern.next()?;
        if low == ']' && !first {
            return Some(fits != negated);
        }
        first = false;
        let mut ahead = pattern.clone();
        if ahead.next() == Some('-') {
            match ahead.next() {
                Some(high) if high != ']' => {
                    *pattern = ahead;
                    fits |= (low..=high).contains(&c);
                    continue;
                }
                _ => {}
            }
        }
        fits |= low == c;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_a_shell() {
        for (pattern, path, expected) in [
            ("*.tgz", "foo.tgz", true),
            ("*.tgz", "targets/foo.tgz", false),
            ("targets/*.tgz", "targets/foo.tgz", true),
            ("targets/*.tgz", "targets/foo.txt", false),
            ("foo-version-?.tgz", "foo-version-2.tgz", true),
            ("foo-version-?.tgz", "foo-version-alpha.tgz", false),
            ("*", "foo/bar", false),
            ("*/bar", "foo/bar", true),
            ("foo/**", "foo/a/b", false),
            ("*/*/upgrade.json", "demo/amd64/upgrade.json", true),
            ("stable/*/*/upgrade.json", "stable/demo/amd64/upgrade.json", true),
            ("stable/*/*/upgrade.json", "alpha/demo/amd64/upgrade.json", false),
            ("stable/*/*/upgrade.json", "stable/demo/x/amd64/upgrade.json", false),
            ("stable/*/*/upgrade.json", "stable/demo/upgrade.json", false),
            ("?", "/", false),
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZd", false),
            ("[ab]c", "bc", true),
            ("[!ab]c", "bc", false),
            ("[!ab]c", "xc", true),
            ("[a-c]", "b", true),
            ("[a-c]", "d", false),
            ("[]]", "]", true),
            ("[", "[", true),
            ("[a", "[a", true),
            ("[a/]b", "[a/]b", true),
            ("[a-]", "-", true),
            ("ä?", "äö", true),
            ("*.JSON", "a.json", false),
        ] {
            assert_eq!(PathPattern::new(pattern).matches(path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn many_stars_do_not_hang() {
        let pattern = "*a".repeat(5_000);
        let text = "a".repeat(4_999);
        assert!(!PathPattern::new(&pattern).matches(&format!("{text}b")));
    }
}
