//! The user's language: for our own sentences (gettext), and for the release notes.
#![allow(unsafe_code, reason = "setlocale changes global state; called once, before any thread is started")]

use std::collections::BTreeMap;

use gettextrs::LocaleCategory;

/// The name of our translations.
const DOMAIN: &str = "sameday";
/// Languages that are written from right to left.
const RIGHT_TO_LEFT: &[&str] = &["ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"];
/// Where they are, from the folder of the program: as distributions install both (`bin`, `share/locale`).
const FOLDER: &str = "../share/locale";

/// Chooses the language by the environment. Without translations everything is in English, which is no failure; what is answered is worth a
/// line to the user all the same.
#[must_use]
pub fn begin() -> Vec<String> {
    let mut complaints = Vec::new();
    // SAFETY: nothing else runs yet: this is the first call in `main`.
    if unsafe { gettextrs::setlocale(LocaleCategory::LcAll, "") }.is_none() {
        complaints.push("the locale of the environment is not installed".to_owned());
    }
    let folder = std::env::current_exe().map(|program| program.parent().unwrap_or(&program).join(FOLDER));
    let bound = folder
        .and_then(|folder| gettextrs::bindtextdomain(DOMAIN, folder))
        .and_then(|_| gettextrs::bind_textdomain_codeset(DOMAIN, "UTF-8"))
        .and_then(|_| gettextrs::textdomain(DOMAIN));
    if let Err(error) = bound {
        complaints.push(format!("translations: {error}"));
    }
    complaints
}

/// Whether our sentences are in a language that is written from right to left.
#[must_use]
pub fn right_to_left() -> bool {
    // What stands for the empty text is the catalogue's header, and no text to be translated.
    let header = "";
    is_right_to_left(&gettextrs::gettext(header))
}

fn is_right_to_left(header: &str) -> bool {
    let language = header.lines().find_map(|line| line.strip_prefix("Language:")).unwrap_or_default().trim();
    RIGHT_TO_LEFT.contains(&language.split(['_', '@', '-']).next().unwrap_or_default())
}

/// The languages that the environment asks for, the best first, as in gettext(3).
#[must_use]
pub fn preferred(variable: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    let locale = set("LC_ALL").or_else(|| set("LC_MESSAGES")).or_else(|| set("LANG")).unwrap_or_default();
    if locale.is_empty() || locale == "C" || locale.starts_with("C.") || locale == "POSIX" {
        return Vec::new();
    }
    set("LANGUAGE")
        .unwrap_or_default()
        .split(':')
        .map(str::to_owned)
        .chain([locale])
        .filter(|l| !l.is_empty())
        .collect()
}

/// The notes in the best of these languages: exactly that one, then its language without the country; else in English; else in any.
#[must_use]
pub fn choose<'n>(notes: &'n BTreeMap<String, String>, preferred: &[String]) -> Option<&'n str> {
    let tag = |locale: &str| locale.split(['.', '@']).next().unwrap_or_default().replace('_', "-").to_lowercase();
    let find = |wanted: &str| notes.iter().find(|(language, _)| tag(language) == wanted).map(|(_, note)| note);
    preferred
        .iter()
        .map(|locale| tag(locale))
        .find_map(|wanted| find(&wanted).or_else(|| find(wanted.split('-').next().unwrap_or_default())))
        .or_else(|| find("en"))
        .or_else(|| notes.values().next())
        .map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(languages: &[&str], preferred: &[&str]) -> String {
        let notes = languages.iter().map(|language| ((*language).to_owned(), (*language).to_owned())).collect();
        let preferred: Vec<String> = preferred.iter().map(|locale| (*locale).to_owned()).collect();
        choose(&notes, &preferred).unwrap_or("none").to_owned()
    }

    #[test]
    fn the_direction_is_that_of_the_catalogue_in_use() {
        for (header, right_to_left) in [
            ("Project-Id-Version: sameday\nLanguage: fa\n", true),
            ("Language: ar_EG\n", true),
            ("Language: de\n", false),
            ("Language: \n", false),
            ("", false),
        ] {
            assert_eq!(is_right_to_left(header), right_to_left, "{header}");
        }
    }

    #[test]
    fn notes_are_in_the_users_language_or_in_english() {
        let languages = ["ar", "de", "en", "pt", "pt-BR", "zh_TW"];
        for (preferred, expected) in [
            (&["de_AT.UTF-8"][..], "de"),
            (&["pt_BR"], "pt-BR"),
            (&["pt_PT@euro"], "pt"),
            (&["xx", "ar"], "ar"),
            (&["zh_TW.UTF-8"], "zh_TW"),
            (&["xx_YY"], "en"),
            (&[], "en"),
        ] {
            assert_eq!(chosen(&languages, preferred), expected, "{preferred:?}");
        }
        assert_eq!(chosen(&["fr"], &["de"]), "fr");
        assert_eq!(chosen(&[], &["de"]), "none");
    }

    #[test]
    fn the_environment_is_read_as_gettext_reads_it() {
        let with = |pairs: &'static [(&str, &str)]| {
            preferred(move |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
        };
        assert_eq!(with(&[("LANGUAGE", "de:fr"), ("LANG", "en_US.UTF-8")]), ["de", "fr", "en_US.UTF-8"]);
        assert_eq!(with(&[("LC_ALL", ""), ("LC_MESSAGES", "es_ES"), ("LANG", "en")]), ["es_ES"]);
        assert!(with(&[("LANGUAGE", "de"), ("LANG", "C.UTF-8")]).is_empty());
        assert!(with(&[]).is_empty());
    }
}
