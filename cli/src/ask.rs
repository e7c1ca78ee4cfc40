//! Questions. The answer is no unless it is yes.

use std::io::{self, BufRead, Read, Write};

use gettextrs::pgettext;
use sameday_text::fill;

/// No answer is longer.
const LONGEST_ANSWER: u64 = 256;

/// Asks once. Anything but a yes, in English or in the user's language, is a no; so are an empty line and the end of the input.
///
/// # Errors
/// When the question cannot be asked or the answer not read.
pub fn confirm(question: &str, input: &mut dyn BufRead, output: &mut dyn Write) -> io::Result<bool> {
    // Translators: the letters for yes and no, the capital one is the default.
    let choice = pgettext("question", "{question} [y/N] ");
    output.write_all(fill(&choice, &[("question", question)]).as_bytes())?;
    output.flush()?;
    let mut answer = Vec::new();
    input.take(LONGEST_ANSWER).read_until(b'\n', &mut answer)?;
    if answer.last() != Some(&b'\n') {
        output.write_all(b"\n")?;
        return Ok(false);
    }
    let answer = String::from_utf8_lossy(&answer).trim().to_lowercase();
    // Translators: what a user types to say yes: the letter, and the word.
    let (letter, word) = (pgettext("answer", "y"), pgettext("answer", "yes"));
    Ok([letter.as_str(), word.as_str(), "y", "yes"].contains(&answer.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(input: &[u8]) -> bool {
        confirm("Really?", &mut &*input, &mut io::sink()).unwrap()
    }

    #[test]
    fn only_a_yes_is_a_yes() {
        for yes in ["y\n", "Y\n", "yes\n", " YES \r\n"] {
            assert!(answer(yes.as_bytes()), "{yes:?}");
        }
        for no in ["", "\n", "y", "n\n", "no\n", "yess\n", "\0\n", "\u{1b}y\n"] {
            assert!(!answer(no.as_bytes()), "{no:?}");
        }
        assert!(!answer(&[0xff, b'\n']));
        assert!(!answer(&vec![b'y'; 1 << 20]));
    }

    #[test]
    fn the_question_shows_its_default() {
        let mut shown = Vec::new();
        confirm("Install 1.2?", &mut &b""[..], &mut shown).unwrap();
        assert_eq!(String::from_utf8(shown).unwrap(), "Install 1.2? [y/N] \n");
    }
}
