//! Catalogues (PO files, as in gettext's manual), read as far as checks need them.

/// One text and its translations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// Comments and flags, as they stand.
    pub comments: Vec<String>,
    /// Tells apart what is the same in English.
    pub context: Option<String>,
    /// In English, of one.
    pub id: String,
    /// In English, of several.
    pub plural: Option<String>,
    /// Translations, one for each plural form; one alone where there is no plural.
    pub translations: Vec<String>,
}

impl Entry {
    /// Whether it must not be used.
    pub fn fuzzy(&self) -> bool {
        self.comments.iter().any(|comment| comment.starts_with("#,") && comment.contains("fuzzy"))
    }
}

/// What the next quoted line belongs to.
#[derive(Clone, Copy)]
enum Part {
    Context,
    Id,
    Plural,
    Translation,
}

/// The entries of a catalogue, the header first. Obsolete ones are left out.
pub fn parse(text: &str) -> Result<Vec<Entry>, String> {
    let mut entries = Vec::new();
    let mut entry = Entry::default();
    let mut part = None;
    for (number, line) in text.lines().map(str::trim).enumerate() {
        let wrong = || format!("line {}: {line}", number + 1);
        if line.starts_with("#~") {
            continue;
        }
        if line.is_empty() || line.starts_with('#') {
            if part.take().is_some() {
                entries.push(std::mem::take(&mut entry));
            }
            if !line.is_empty() {
                entry.comments.push(line.to_owned());
            }
            continue;
        }
        let quoted = line.find('"').ok_or_else(wrong)?;
        let (keyword, quoted) = line.split_at(quoted);
        let value = unquote(quoted).ok_or_else(wrong)?;
        match keyword.trim() {
            "" => {}
            "msgctxt" => {
                part = Some(Part::Context);
                entry.context = Some(String::new());
            }
            "msgid" => part = Some(Part::Id),
            "msgid_plural" => {
                part = Some(Part::Plural);
                entry.plural = Some(String::new());
            }
            keyword if keyword.starts_with("msgstr") => {
                part = Some(Part::Translation);
                entry.translations.push(String::new());
            }
            _ => return Err(wrong()),
        }
        let into = match part.ok_or_else(wrong)? {
            Part::Context => entry.context.as_mut(),
            Part::Id => Some(&mut entry.id),
            Part::Plural => entry.plural.as_mut(),
            Part::Translation => entry.translations.last_mut(),
        };
        into.ok_or_else(wrong)?.push_str(&value);
    }
    if part.is_some() {
        entries.push(entry);
    }
    Ok(entries)
}

fn unquote(quoted: &str) -> Option<String> {
    let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
    let mut plain = String::new();
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        plain.push(match character {
            '\\' => match characters.next()? {
                'n' => '\n',
                't' => '\t',
                other => other,
            },
            other => other,
        });
    }
    Some(plain)
}

/// A text as it stands in a catalogue.
pub fn quote(plain: &str) -> String {
    let escaped = plain.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\t', "\\t");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_catalogue_is_read_as_gettext_reads_it() {
        let text = "msgid \"\"\nmsgstr \"\"\n\"Language: de\\n\"\n\n#. hint\n#, fuzzy\nmsgctxt \"c\"\nmsgid \"one \\\"{n}\\\"\"\n\
                    msgid_plural \"\"\n\"many \"\n\"{n}\"\nmsgstr[0] \"eins\"\nmsgstr[1] \"viele\"\n\n#~ msgid \"old\"\n#~ msgstr \"alt\"\n";
        let entries = parse(text).unwrap();
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0].translations, ["Language: de\n"]);
        let entry = &entries[1];
        assert_eq!((entry.id.as_str(), entry.plural.as_deref()), ("one \"{n}\"", Some("many {n}")));
        assert_eq!((entry.context.as_deref(), entry.translations.len(), entry.fuzzy()), (Some("c"), 2, true));
        assert_eq!(quote(&entry.id), "\"one \\\"{n}\\\"\"");
        assert!(parse("msgid no quotes\n").is_err());
    }
}
