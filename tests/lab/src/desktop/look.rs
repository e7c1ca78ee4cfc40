//! How a desktop looks, by the settings that GTK and libadwaita read on any desktop, and in which language it speaks.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use crate::process::run;

/// The look of a desktop.
#[derive(Debug, Clone, Default)]
pub struct Look {
    /// Light letters on a dark ground.
    pub dark: bool,
    /// High contrast.
    pub contrast: bool,
    /// Letters of twice the size.
    pub large_text: bool,
    /// The locale, such as `ar_SA`; English if none.
    pub locale: Option<String>,
    /// A language that is no locale's, for the programs' own words.
    pub language: Option<String>,
}

/// Dots per inch of letters of the usual size.
const DPI: u32 = 96;

impl Look {
    /// Writes the settings into a home, which is the user's of this id, and to the display.
    pub(super) fn write(&self, home: &Path, user: u32, display: &str) -> io::Result<()> {
        let scheme = if self.dark { "prefer-dark" } else { "default" };
        let contrast = self.contrast;
        let gtk = "[Settings]\ngtk-enable-animations=false\n".to_owned();
        let settings = format!(
            "[org/gnome/desktop/interface]\ncolor-scheme='{scheme}'\n\n[org/gnome/desktop/a11y/interface]\nhigh-contrast={contrast}\n"
        );
        for (place, text) in [("gtk-4.0/settings.ini", gtk), ("glib-2.0/settings/keyfile", settings)] {
            let file = home.join(".config").join(place);
            fs::create_dir_all(file.parent().unwrap_or(home))?;
            fs::write(file, text)?;
        }
        // Where nobody else tells settings, GTK takes this one from the display.
        let dpi = format!("Xft.dpi: {}", if self.large_text { 2 * DPI } else { DPI });
        let mut property = Command::new("xprop");
        property.args(["-display", display, "-root", "-f", "RESOURCE_MANAGER", "8s", "-set", "RESOURCE_MANAGER", &dpi]);
        run(&mut property)?;
        run(Command::new("chown").args(["-R", &format!("{user}:{user}")]).arg(home)).map(drop)
    }

    /// Says in which language, with locales made in `dir`.
    pub(super) fn speak(&self, command: &mut Command, dir: &Path) -> io::Result<()> {
        if let Some(locale) = &self.locale {
            let made = dir.join(format!("{locale}.UTF-8"));
            if !made.exists() {
                fs::create_dir_all(dir)?;
                let arguments = ["--no-archive", "-f", "UTF-8", "-i", locale.as_str()];
                run(Command::new("localedef").args(arguments).arg(&made))?;
            }
            command.env("LOCPATH", dir).env("LANG", format!("{locale}.UTF-8"));
        }
        if let Some(language) = &self.language {
            command.env("LANGUAGE", language);
        }
        Ok(())
    }
}
