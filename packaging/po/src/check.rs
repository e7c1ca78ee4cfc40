//! What keeps translations right: the template is of these texts, no file is forgotten, and no translation loses what it must keep.

use std::collections::BTreeSet;
use std::path::Path;

use crate::catalogue::{Entry, parse};
use crate::template::{self, TEMPLATE};
use crate::{Outcome, files, read, run};

/// All checks; all that is found is told.
pub fn all() -> Outcome {
    let mut found = unlisted()?;
    if read(Path::new(TEMPLATE))? != template::text()? {
        found.push(format!("{TEMPLATE} is stale: make po"));
    }
    let template = parse(&read(Path::new(TEMPLATE))?)?;
    for language in files::languages()? {
        let path = files::catalogue(&language);
        let name = path.display().to_string();
        let catalogue = read(&path).and_then(|text| parse(&text));
        let catalogue = match catalogue {
            Ok(catalogue) => catalogue,
            Err(error) => {
                found.push(error);
                continue;
            }
        };
        if let Err(error) = run("msgfmt", &["--check", "--check-accelerators=_", "--output-file=/dev/null", &name]) {
            found.push(error);
        }
        found.extend(catalogue.iter().flat_map(faults).map(|fault| format!("{name}: {fault}")));
        found.extend(missing(&template, &catalogue).into_iter().map(|id| format!("{name}: not translated: {id}")));
    }
    if found.is_empty() { Ok(()) } else { Err(found.join("\n")) }
}

/// Strings, and how many of them each language has.
pub fn figures() -> Outcome {
    let template = parse(&read(Path::new(TEMPLATE))?)?;
    let strings = template.iter().filter(|entry| !entry.id.is_empty()).count();
    let mut line = format!("strings {strings};");
    for language in files::languages()? {
        let missing = match read(&files::catalogue(&language)) {
            Ok(text) => missing(&template, &parse(&text)?).len(),
            Err(_) => strings,
        };
        line.push_str(&format!(" {language} {}", strings - missing));
    }
    println!("{line}");
    Ok(())
}

fn unlisted() -> Result<Vec<String>, String> {
    let listed: BTreeSet<String> = files::with_texts()?.into_iter().collect();
    let found: BTreeSet<String> = files::found()?.into_iter().collect();
    let unlisted = found.difference(&listed).map(|name| format!("po/POTFILES does not list {name}"));
    let gone = listed.difference(&found).map(|name| format!("po/POTFILES lists {name}, which has no texts"));
    Ok(unlisted.chain(gone).collect())
}

/// The texts without a translation that may be used.
fn missing(template: &[Entry], catalogue: &[Entry]) -> Vec<String> {
    let key = |entry: &Entry| (entry.context.clone(), entry.id.clone());
    let done: BTreeSet<_> = catalogue
        .iter()
        .filter(|entry| !entry.fuzzy() && entry.translations.iter().all(|translation| !translation.is_empty()))
        .map(key)
        .collect();
    template
        .iter()
        .filter(|entry| !entry.id.is_empty() && !done.contains(&key(entry)))
        .map(|entry| entry.id.clone())
        .collect()
}

/// What a translation lost or invented: places (`{name}`), mnemonics (`_`), commands (`sameday status`), lines.
fn faults(entry: &Entry) -> Vec<String> {
    if entry.id.is_empty() {
        return Vec::new();
    }
    let mut faults = Vec::new();
    for translation in entry.translations.iter().filter(|translation| !translation.is_empty()) {
        let mut fault = |what: &str| faults.push(format!("{what}: “{}” as “{translation}”", entry.id));
        let wanted = places(entry.plural.as_deref().unwrap_or(&entry.id));
        if places(translation) != wanted {
            fault("places differ");
        }
        if mnemonics(&entry.id) != mnemonics(translation) {
            fault("the letter after _ is lost or invented");
        }
        if commands(&entry.id) != commands(translation) {
            fault("commands differ");
        }
        if entry.id.matches('\n').count() != translation.matches('\n').count() {
            fault("lines differ");
        }
    }
    faults
}

/// The places of a template, each name once.
fn places(text: &str) -> BTreeSet<&str> {
    let name = |part: &'_ str| part.split_once('}').map(|(name, _)| name.len());
    text.match_indices('{')
        .filter_map(|(at, _)| text.get(at + 1..))
        .filter_map(|rest| rest.get(..name(rest)?))
        .collect()
}

fn mnemonics(text: &str) -> usize {
    text.matches('_').count()
}

/// The commands that a text names, in any order: a word after `sameday`, and options.
fn commands(text: &str) -> Vec<String> {
    let mut commands: Vec<String> = text
        .match_indices("sameday ")
        // The end of a path is no command.
        .filter(|(at, _)| !text.get(..*at).is_some_and(|before| before.ends_with('/')))
        .filter_map(|(at, found)| text.get(at + found.len()..))
        .map(|rest| rest.chars().take_while(|c| c.is_ascii_alphabetic() || *c == '-').collect::<String>())
        .filter(|command| command.starts_with(|c: char| c.is_ascii_lowercase()))
        .chain(
            text.match_indices("--")
                .filter_map(|(at, _)| text.get(at..))
                .map(|rest| rest.chars().take_while(|c| c.is_ascii_alphabetic() || *c == '-').collect()),
        )
        .collect();
    commands.sort();
    commands
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str, translations: &[&str]) -> Entry {
        let translations = translations.iter().map(|translation| (*translation).to_owned()).collect();
        Entry { id: id.into(), translations, ..Entry::default() }
    }

    #[test]
    fn what_a_translation_must_keep_is_missed() {
        for (id, translation, faulty) in [
            ("{a} of {b}", "{b}: {a}", false),
            ("{a} of {b}", "{a}", true),
            ("{a} of {b}", "{a} von {c}", true),
            ("_Later", "_Später", false),
            ("_Later", "Später", true),
            ("type “sameday try-again” now", "«sameday try-again» tippen", false),
            ("type “sameday try-again” now", "«sameday nochmal» tippen", true),
            ("in /etc/sameday, or", "in /etc/sameday oder", false),
            ("add --yes", "--yes hinzufügen", false),
            ("add --yes", "--ja hinzufügen", true),
            ("one", "", false),
        ] {
            assert_eq!(!faults(&entry(id, &[translation])).is_empty(), faulty, "{id} {translation}");
        }
        let plural = Entry { plural: Some("{n} things".into()), ..entry("{n} thing", &["{n} Ding", "Dinge"]) };
        assert_eq!(faults(&plural).len(), 1);
    }

    #[test]
    fn what_is_not_translated_is_named() {
        let template = [entry("a", &[""]), entry("b", &[""])];
        assert_eq!(missing(&template, &[entry("a", &["A"]), entry("b", &[""])]), ["b"]);
        let fuzzy = Entry { comments: vec!["#, fuzzy".into()], ..entry("a", &["A"]) };
        assert_eq!(missing(&template, &[fuzzy, entry("b", &["B"])]), ["a"]);
    }
}
