//! Text from the other side of the bus becomes text that may be shown: short enough, and without anything that moves a cursor.

/// A code or name: kinds, reasons, versions, channels, severities, package names. The longest of ours has 64 characters (a digest).
pub const NAME: usize = 128;
/// One line of other text: a URL, a parameter. A path in a repository has at most 256 bytes.
pub const LINE: usize = 512;
/// Release notes in one language. The whole description has at most 1 MiB; nobody reads more than this in a dialog.
pub const NOTES: usize = 65_536;

/// One line: at most `limit` bytes of `text`, without control and direction characters.
#[must_use]
pub fn line(text: &str, limit: usize) -> String {
    clean(text, limit, |_| false)
}

/// Several lines: as [`line()`], but line breaks and tabs stay.
#[must_use]
pub fn paragraphs(text: &str, limit: usize) -> String {
    clean(text, limit, |c| c == '\n' || c == '\t')
}

fn clean(text: &str, limit: usize, kept: impl Fn(char) -> bool) -> String {
    let mut clean = String::new();
    for c in text.chars().filter(|&c| kept(c) || !dangerous(c)) {
        if clean.len() + c.len_utf8() > limit {
            break;
        }
        clean.push(c);
    }
    clean
}

/// Control characters, and those that reorder, hide or break a line: with them a text can look like another one (Unicode TR 36).
fn dangerous(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_moves_a_cursor_is_left() {
        let hostile = "a\u{1b}[2J\u{7}b\rc\u{9b}31m\u{202e}d\u{2066}e\u{0}\u{7f}\u{85}\u{2028}f\u{200b}\u{feff}";
        assert_eq!(line(hostile, NAME), "a[2Jbc31mdef");
        assert_eq!(paragraphs("one\r\n\ttwo\u{1b}", NAME), "one\n\ttwo");
        assert_eq!(line("one\n\ttwo", NAME), "onetwo");
    }

    #[test]
    fn every_language_stays_readable() {
        for text in ["Überprüfung — äöüß", "обновление", "ترقية", "שדרוג", "アップグレード", "👍"]
        {
            assert_eq!(line(text, NAME), text);
        }
    }

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(line("aaé", 3), "aa");
        assert_eq!(line("aaé", 4), "aaé");
        assert_eq!(line(&"x".repeat(1 << 20), LINE).len(), LINE);
    }
}
