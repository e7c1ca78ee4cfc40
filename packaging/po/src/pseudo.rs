//! A language that nobody speaks: accented, two fifths longer, in brackets. What is shown without brackets is not translated; what is cut off
//! will be cut off in some language.

use std::fmt::Write as _;
use std::path::Path;

use crate::catalogue::{Entry, parse, quote};
use crate::template::TEMPLATE;
use crate::{Outcome, read};

const HEADER: &str = "Language: en_XA\nMIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\n\
                      Content-Transfer-Encoding: 8bit\nPlural-Forms: nplurals=2; plural=(n != 1);\n";

/// Writes the catalogue.
pub fn write(out: &Path) -> Outcome {
    let mut catalogue = format!("msgid \"\"\nmsgstr {}\n", quote(HEADER));
    for entry in parse(&read(Path::new(TEMPLATE))?)?.iter().filter(|entry| !entry.id.is_empty()) {
        add(&mut catalogue, entry);
    }
    std::fs::write(out, catalogue).map_err(|error| format!("{}: {error}", out.display()))
}

fn add(catalogue: &mut String, entry: &Entry) {
    let mut line = |keyword: &str, text: &str| {
        writeln!(catalogue, "{keyword} {}", quote(text)).expect("a string can be written to");
    };
    line("\nmsgid", &entry.id);
    if let Some(plural) = &entry.plural {
        line("msgid_plural", plural);
        line("msgstr[0]", &pseudo(&entry.id));
        line("msgstr[1]", &pseudo(plural));
    } else {
        line("msgstr", &pseudo(&entry.id));
    }
}

/// The text in that language. Places, mnemonics and commands stay.
fn pseudo(text: &str) -> String {
    let mut out = "[".to_owned();
    let mut in_place = false;
    let mut in_command = false;
    for (at, character) in text.char_indices() {
        let rest = text.get(at..).unwrap_or_default();
        in_place = (in_place || character == '{') && character != '}';
        in_command = (in_command || rest.starts_with("sameday ") || rest.starts_with("--"))
            && !"”. ,)\n".contains(character)
            || (in_command && character == ' ' && text.get(..at).is_some_and(|before| before.ends_with("sameday")));
        out.push(if in_place || in_command { character } else { accented(character) });
    }
    // Words, so that it can be wrapped as any language can.
    let longer = text.chars().count() * 2 / 5;
    for position in 0..longer {
        out.push(if position % 7 == 0 { ' ' } else { '~' });
    }
    out.push(']');
    out
}

fn accented(character: char) -> char {
    match character {
        'a' => 'à',
        'c' => 'ç',
        'e' => 'ë',
        'i' => 'ï',
        'n' => 'ñ',
        'o' => 'ø',
        's' => 'š',
        'u' => 'ü',
        'y' => 'ý',
        'z' => 'ž',
        'A' => 'Â',
        'E' => 'É',
        'O' => 'Ö',
        'U' => 'Ü',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_mnemonics_and_commands_stay() {
        let text = pseudo("_Use {version}, or “sameday try-again” now");
        for part in ["_Ü", "{version}", "sameday try-again”"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(text.starts_with('[') && text.ends_with(']'));
        assert!(text.chars().count() * 10 >= "_Use {version}, or “sameday try-again” now".chars().count() * 14);
    }
}
