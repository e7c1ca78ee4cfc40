//! The template: all texts of all files, and the blocks of the help pages.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use sameday_text::help::{self, Block};

use crate::catalogue::quote;
use crate::{Outcome, files, read, run};

/// The template.
pub const TEMPLATE: &str = "po/sameday.pot";
/// In place of the time: a template that is made of the same texts is the same.
const NO_DATE: &str = "\"POT-Creation-Date: 2026-01-01 00:00+0000\\n\"";
/// What all kinds of files have in common.
const COMMON: &[&str] = &[
    "--from-code=UTF-8",
    "--add-comments=Translators",
    "--add-location=file",
    "--package-name=sameday",
    "--copyright-holder=The Sameday developers",
    "--width=110",
];

/// Writes the template anew.
pub fn write() -> Outcome {
    std::fs::write(TEMPLATE, text()?).map_err(|error| format!("{TEMPLATE}: {error}"))
}

/// Brings the catalogue of every language up to the template.
pub fn merge() -> Outcome {
    for language in files::languages()? {
        let catalogue = files::catalogue(&language);
        let path = catalogue.to_string_lossy();
        if catalogue.exists() {
            run(
                "msgmerge",
                &["--update", "--quiet", "--backup=none", "--no-fuzzy-matching", "--width=110", &path, TEMPLATE],
            )?;
        } else {
            let locale = format!("--locale={language}.UTF-8");
            run("msginit", &["--no-translator", "--width=110", &locale, "--input", TEMPLATE, "--output-file", &path])?;
        }
    }
    Ok(())
}

/// The template's text.
pub fn text() -> Result<String, String> {
    let work = Folder::new()?;
    let listed = files::with_texts()?;
    let of = |endings: &'static [&str]| -> Vec<&str> {
        listed.iter().map(String::as_str).filter(|name| endings.iter().any(|ending| name.ends_with(ending))).collect()
    };
    let rust = ["--language=C", "--keyword=gettext", "--keyword=ngettext:1,2", "--keyword=pgettext:1c,2"];
    let desktop = ["--language=Desktop", "-k", "-kName", "-kGenericName", "-kComment", "-kKeywords"];
    let mut parts = Vec::new();
    for (name, options, names) in [
        ("rust.pot", &rust[..], of(&[".rs"])),
        ("desktop.pot", &desktop[..], of(&[".desktop"])),
        // These tell by themselves what is to be translated (gettext's ITS rules).
        ("xml.pot", &[], of(&[".ui", ".xml", ".policy"])),
    ] {
        let out = work.file(name);
        run("xgettext", &[COMMON, options, &["--output", &out], &names].concat())?;
        parts.push(out);
    }
    let out = work.file("help.pot");
    std::fs::write(&out, help_pages()).map_err(|error| format!("{out}: {error}"))?;
    parts.push(out);
    let all = work.file("all.pot");
    let mut arguments = vec!["--use-first", "--add-location=file", "--width=110", "--output-file", &all];
    arguments.extend(parts.iter().map(String::as_str));
    run("msgcat", &arguments)?;
    Ok(normal(&read(Path::new(&all))?))
}

/// The same for the same texts. None of ours are C's formats, whatever they look like.
fn normal(template: &str) -> String {
    let mut normal = String::new();
    for line in template.lines() {
        let line = match line {
            line if line.starts_with("\"POT-Creation-Date") => NO_DATE,
            "#, c-format" | "#, no-c-format" => continue,
            line => line,
        };
        normal.push_str(line);
        normal.push('\n');
    }
    normal
}

/// The blocks of the help pages, as a template. Which page, and what of it, stands beside each.
fn help_pages() -> String {
    let mut template = "msgid \"\"\nmsgstr \"\"\n\"Content-Type: text/plain; charset=UTF-8\\n\"\n".to_owned();
    let mut seen = std::collections::BTreeSet::new();
    for topic in help::topics() {
        for block in help::blocks(help::page(topic).unwrap_or_default()) {
            let what = match block {
                Block::Title(_) => "title",
                Block::Heading(_) => "heading",
                Block::Paragraph(_) => "paragraph",
                Block::Item(_) => "item of a list",
            };
            if seen.insert(block.text().to_owned()) {
                let text = quote(block.text());
                write!(template, "\n#. Translators: {what} of the help page “{topic}”\n#: docs/help/{topic}.md\nmsgid {text}\nmsgstr \"\"\n")
                    .expect("a string can be written to");
            }
        }
    }
    template
}

/// A folder for what lies between, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, String> {
        let folder = std::env::temp_dir().join(format!("sameday-po-{}", std::process::id()));
        std::fs::create_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(Self(folder))
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).to_string_lossy().into_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("{}: {error}", self.0.display());
        }
    }
}
