//! Which files hold texts, and which languages there are.

use std::path::{Path, PathBuf};

use crate::read;

/// The languages, one a line.
const LINGUAS: &str = "po/LINGUAS";
/// The files with texts, one a line.
const POTFILES: &str = "po/POTFILES";
/// Folders in which nothing is shown to users.
const WITHOUT_TEXTS: &[&str] = &["packaging", "target", "tests", "po", ".git"];

/// The lines of a list, without comments.
fn list(path: &str) -> Result<Vec<String>, String> {
    let lines = read(Path::new(path))?;
    Ok(lines
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect())
}

/// The languages.
pub fn languages() -> Result<Vec<String>, String> {
    list(LINGUAS)
}

/// The catalogue of a language.
pub fn catalogue(language: &str) -> PathBuf {
    Path::new("po").join(format!("{language}.po"))
}

/// The files with texts.
pub fn with_texts() -> Result<Vec<String>, String> {
    list(POTFILES)
}

/// All files that look as if they had texts, whether listed or not.
pub fn found() -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    walk(Path::new("."), &mut found)?;
    found.sort();
    Ok(found)
}

fn walk(folder: &Path, found: &mut Vec<String>) -> Result<(), String> {
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for entry in entries {
        let path = entry.map_err(|error| format!("{}: {error}", folder.display()))?.path();
        let name = path.strip_prefix(".").unwrap_or(&path).to_string_lossy().into_owned();
        if path.is_dir() {
            if !WITHOUT_TEXTS.contains(&name.as_str()) {
                walk(&path, found)?;
            }
        } else if has_texts(&name, &path)? {
            found.push(name);
        }
    }
    Ok(())
}

fn has_texts(name: &str, path: &Path) -> Result<bool, String> {
    let marks: &[&str] = match name.rsplit('.').next() {
        Some("rs") => &["gettext("],
        Some("ui") => &["translatable=\"yes\""],
        Some("policy") => &["gettext-domain="],
        Some("desktop") => &["[Desktop Entry]"],
        Some("xml") => &["<mime-info", "<component "],
        _ => return Ok(false),
    };
    let text = read(path)?;
    Ok(marks.iter().any(|mark| text.contains(mark)))
}
