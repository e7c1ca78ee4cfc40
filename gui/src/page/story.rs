//! A page that tells how things stand, and offers what can be done about it.

use gettextrs::gettext;
use sameday_dbus::{Failure, Snapshot};
use sameday_text::fill;

/// The page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Story {
    /// Name of a symbolic icon. It says nothing that the words do not say.
    pub icon: &'static str,
    /// What it is about.
    pub title: String,
    /// What is to be known.
    pub paragraphs: Vec<String>,
    /// What can be done; the first is what most people want.
    pub actions: Vec<Action>,
    /// For who helps.
    pub details: Option<String>,
    /// The help page about this.
    pub help: Option<&'static str>,
}

impl Story {
    /// Says how the version that runs relates to the one that the stick chooses, and offers to use the newer one.
    #[must_use]
    pub fn standing(mut self, snapshot: &Snapshot) -> Self {
        if let Some(sentence) = sameday_text::standing(snapshot) {
            self.paragraphs.push(sentence);
        }
        if !snapshot.again_version.is_empty() {
            self.actions.push(Action::TryAgain(snapshot.again_version.clone()));
        }
        self
    }

    /// Tells a failure: what happened, the codes, and where more is to be read.
    #[must_use]
    pub fn failure(mut self, failure: &Failure) -> Self {
        self.paragraphs.push(sameday_text::failure(failure));
        self.details = Some(failure.to_string());
        self.help = Some(failure.kind.code());
        self
    }
}

/// What a button does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Looks for an upgrade.
    Check,
    /// The same after it did not work.
    CheckAgain,
    /// Goes on with a download.
    Resume,
    /// Removes what a download left.
    Discard,
    /// Gives this version another try.
    TryAgain(String),
    /// Restarts the computer.
    Restart,
    /// Closes the window; nothing else.
    Later,
    /// Asks for a kit.
    OpenKit,
    /// Tells which kit is needed.
    WhichKit,
    /// Asks the daemon anew.
    Reconnect,
    /// Shows what to send along with a report.
    Report,
}

impl Action {
    /// What stands on the button, with a mnemonic.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            // Translators: an underscore stands before the letter that, with Alt, presses a button. Keep them different in one language.
            Self::Check => gettext("_Check for Upgrades"),
            Self::CheckAgain | Self::Reconnect => gettext("_Try Again"),
            Self::Resume => gettext("_Continue"),
            // Translators: button; removes from the stick what an unfinished download left there.
            Self::Discard => gettext("_Discard It"),
            // Translators: button; {version} did not start well before and gets another try.
            Self::TryAgain(version) => fill(&gettext("_Give {version} Another Try"), &[("version", version)]),
            Self::Restart => gettext("_Restart Now"),
            // Translators: button; closes the window, nothing else happens.
            Self::Later => gettext("_Later"),
            Self::OpenKit => gettext("_Open Upgrade File…"),
            Self::WhichKit => gettext("_Which File Do I Need?"),
            Self::Report => gettext("Show _Report"),
        }
    }
}
