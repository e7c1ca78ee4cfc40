//! Catalogues and translated files as they are installed.

use std::path::Path;

use crate::{Outcome, files, run};

/// What a desktop reads in the user's language by itself, and its place below `share`.
const DESKTOP: &[(&str, &str, &str)] = &[
    ("--desktop", "gui/data/org.sameday.Upgrader.desktop", "applications/org.sameday.Upgrader.desktop"),
    ("--xml", "gui/data/org.sameday.Upgrader.metainfo.xml", "metainfo/org.sameday.Upgrader.metainfo.xml"),
    ("--xml", "gui/data/org.sameday.Upgrader.mime.xml", "mime/packages/org.sameday.Upgrader.xml"),
];

/// Compiles the catalogue of every language that there is one of.
pub fn catalogues(folder: &Path) -> Outcome {
    for language in files::languages()? {
        let catalogue = files::catalogue(&language);
        if !catalogue.exists() {
            println!("skipped: {language}: no {}", catalogue.display());
            continue;
        }
        let place = folder.join(&language).join("LC_MESSAGES");
        make(&place)?;
        let out = place.join("sameday.mo");
        run("msgfmt", &["--output-file", &out.to_string_lossy(), &catalogue.to_string_lossy()])?;
    }
    Ok(())
}

/// Puts the translations into the files that a desktop reads.
pub fn desktop(share: &Path) -> Outcome {
    // msgfmt wants every language of po/LINGUAS to have a catalogue.
    let all = files::languages()?.iter().all(|language| files::catalogue(language).exists());
    for (kind, from, to) in DESKTOP {
        let to = share.join(to);
        make(to.parent().unwrap_or(share))?;
        if all {
            let out = to.to_string_lossy();
            run("msgfmt", &[kind, "-d", "po", "--template", from, "--output-file", &out])?;
        } else {
            println!("skipped: translations of {from}: not every language has a catalogue");
            std::fs::copy(from, &to).map_err(|error| format!("{}: {error}", to.display()))?;
        }
    }
    Ok(())
}

fn make(folder: &Path) -> Outcome {
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))
}
