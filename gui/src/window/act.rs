//! What buttons and menu do: they ask the daemon, and tell it if it says no. What comes of it is shown by the next page.

use adw::prelude::*;
use adw::subclass::prelude::*;
use gettextrs::gettext;
use gtk::{gio, glib};
use sameday_dbus::State;
use sameday_text::kit as file;

use super::Window;
use crate::daemon::Call;
use crate::page::{Action, Consent, Kit as Needed};
use crate::{APP_ID, dialogs, help, kit, report};

impl Window {
    /// Does what a button says.
    pub fn act(&self, action: &Action) {
        match action {
            Action::Check | Action::CheckAgain => self.ask(Call::Check),
            Action::Resume => self.ask(Call::Resume),
            Action::Discard => self.ask(Call::Discard),
            Action::TryAgain(version) => self.ask(Call::TryAgain(version.clone())),
            Action::Restart => self.ask(Call::Restart),
            Action::Later => self.close(),
            Action::OpenKit => self.choose_kit(),
            Action::WhichKit => self.show_kit(),
            Action::Reconnect => self.app().daemon().reconnect(),
            Action::Report => self.show_report(),
        }
    }

    /// Consents to what was shown; an old kit takes one more question.
    pub fn consent(&self, told: Consent) {
        let window = self.clone();
        glib::spawn_future_local(async move {
            let signed_on = match &told.old {
                Some(old) => {
                    if !dialogs::old_kit(&window, old).await {
                        return;
                    }
                    Some(old.signed_on.clone())
                }
                None => None,
            };
            window.ask(Call::Install { version: told.version, digest: told.digest, signed_on });
        });
    }

    /// Stops a download, and keeps what there is.
    pub fn pause(&self) {
        self.ask(Call::Pause);
    }

    /// Stops what is under way. What was downloaded is not given away by a slip.
    pub fn cancel(&self) {
        let state = self.app().snapshot().map(|snapshot| snapshot.state);
        let window = self.clone();
        glib::spawn_future_local(async move {
            let asks = matches!(state, Some(State::Downloading | State::Pausing | State::Applying));
            if !asks || dialogs::cancel(&window).await {
                window.ask(Call::Cancel);
            }
        });
    }

    /// Asks, unless a call is on its way already, which may wait for a password. Stopping waits for nothing.
    fn ask(&self, call: Call) {
        let stops = matches!(call, Call::Cancel | Call::Pause);
        if !stops && self.imp().asking.replace(true) {
            return;
        }
        let window = self.clone();
        let daemon = self.app().daemon().clone();
        glib::spawn_future_local(async move {
            let answer = daemon.ask(call).await;
            if !stops {
                window.imp().asking.set(false);
            }
            if let Err(refused) = answer {
                dialogs::refused(&window, &refused);
            }
        });
    }

    /// Hands an open kit to the daemon.
    pub fn open_kit(&self, kit: &gio::File) {
        let opened = match kit.path() {
            Some(path) => file::open(&path),
            None => Err(gettext("Only files on this computer or on a disk in it can be opened.")),
        };
        match opened {
            Ok(open) => self.ask(Call::OpenKit(open.into())),
            Err(why) => dialogs::tell(self, &gettext("The file cannot be opened"), &why),
        }
    }

    fn choose_kit(&self) {
        let chooser = gtk::FileChooserNative::new(
            Some(&gettext("Open Upgrade File")),
            Some(self),
            gtk::FileChooserAction::Open,
            None,
            None,
        );
        chooser.set_modal(true);
        let kits = gtk::FileFilter::new();
        kits.set_name(Some(&gettext("Upgrade files")));
        kits.add_pattern("*.kit");
        chooser.add_filter(&kits);
        let all = gtk::FileFilter::new();
        all.set_name(Some(&gettext("All files")));
        all.add_pattern("*");
        chooser.add_filter(&all);
        let window = self.downgrade();
        chooser.connect_response(move |chooser, response| {
            let Some(window) = window.upgrade() else { return };
            window.imp().chooser.take();
            if let (gtk::ResponseType::Accept, Some(file)) = (response, chooser.file()) {
                window.open_kit(&file);
            }
        });
        chooser.show();
        self.imp().chooser.replace(Some(chooser));
    }

    /// Shows which kit this stick needs.
    pub fn show_kit(&self) {
        let needed = Needed::of(self.app().snapshot().as_ref());
        kit::Kit::new(self, &needed).present();
    }

    /// Shows a help page, or what there is help about.
    pub fn show_help(&self, topic: Option<&str>) {
        help::Help::new(self, topic).present();
    }

    fn show_report(&self) {
        let window = self.clone();
        let daemon = self.app().daemon().clone();
        glib::spawn_future_local(async move {
            match daemon.ask(Call::Report).await {
                Ok(lines) => report::Report::new(&window, &lines.join("\n")).present(),
                Err(refused) => dialogs::refused(&window, &refused),
            }
        });
    }

    fn go_back(&self) {
        let Some(snapshot) = self.app().snapshot().filter(|snapshot| !snapshot.previous_version.is_empty()) else {
            return;
        };
        let window = self.clone();
        glib::spawn_future_local(async move {
            if dialogs::go_back(&window, &snapshot).await {
                window.ask(Call::Rollback(snapshot.previous_version));
            }
        });
    }

    fn show_about(&self) {
        let about = adw::AboutWindow::builder()
            .transient_for(self)
            .modal(true)
            .application_icon(APP_ID)
            .application_name(gettext("Upgrader"))
            .version(env!("CARGO_PKG_VERSION"))
            .license_type(gtk::License::Gpl30)
            .comments(gettext("Upgrades the live system on this USB stick"))
            .build();
        about.present();
    }

    /// The actions of menu and keys.
    pub(super) fn add_the_actions(&self) {
        let entry = |name: &str, act: fn(&Self)| {
            gio::ActionEntry::builder(name).activate(move |window: &Self, _, _| act(window)).build()
        };
        self.add_action_entries([
            entry("check", |window| window.act(&Action::Check)),
            entry("open-kit", Self::choose_kit),
            entry("which-kit", Self::show_kit),
            entry("go-back", Self::go_back),
            entry("report", Self::show_report),
            entry("help", |window| window.show_help(None)),
            entry("about", Self::show_about),
        ]);
    }

    /// Offers only what makes sense now.
    pub(super) fn enable_actions(&self) {
        let snapshot = self.app().snapshot();
        let idle =
            snapshot.as_ref().is_some_and(|snapshot| !snapshot.state.is_busy() && snapshot.state != State::Paused);
        let back = snapshot.as_ref().is_some_and(|snapshot| !snapshot.previous_version.is_empty());
        for (name, enabled) in
            [("check", idle), ("open-kit", idle), ("go-back", idle && back), ("report", snapshot.is_some())]
        {
            if let Some(action) = self.lookup_action(name).and_downcast::<gio::SimpleAction>() {
                action.set_enabled(enabled);
            }
        }
    }
}
