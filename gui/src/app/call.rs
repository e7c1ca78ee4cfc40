//! Calling for the user: a notification, the window, or nothing; once for each thing.

use gtk::gio;
use gtk::prelude::*;
use gtk::subclass::prelude::*;
use sameday_dbus::State;

use super::App;
use crate::page::{Attention, Page, Seen, attention};

/// The one notification that there is at a time.
const NOTIFICATION: &str = "attention";

impl App {
    /// Calls, if this is something that nobody was called for yet.
    pub(super) fn call_the_user(&self) {
        if self.open_window().is_some() {
            self.mark_as_seen();
            return;
        }
        let wanted = attention(&self.seen());
        let what = self.what();
        if wanted == Attention::None {
            // What was told before is over.
            if !matches!(self.seen(), Seen::Waiting) && self.imp().called.take() != what {
                self.withdraw();
            }
            self.imp().called.replace(what);
            return;
        }
        if self.imp().called.replace(what.clone()) == what {
            return;
        }
        self.notify_of(&self.page(), gio::NotificationPriority::Normal);
        if wanted == Attention::Window && self.imp().background.get() {
            self.window().present();
        }
    }

    /// A restart waits: a notification stays, and does not press.
    pub(super) fn remind(&self) {
        if self.snapshot().is_some_and(|snapshot| snapshot.state == State::RestartPending) {
            self.notify_of(&self.page(), gio::NotificationPriority::Low);
        }
    }

    /// Nobody needs to be called for what is on the screen.
    pub(super) fn mark_as_seen(&self) {
        let what = self.what();
        self.imp().called.replace(what);
    }

    /// What it is about, as far as a change would matter.
    fn what(&self) -> String {
        let Some(snapshot) = self.snapshot() else { return String::new() };
        let offer = snapshot.offer.map(|offer| offer.digest).unwrap_or_default();
        let failure =
            snapshot.failure.map(|failure| format!("{} {}", failure.kind, failure.reason)).unwrap_or_default();
        format!("{} {offer} {failure} {}", snapshot.state, snapshot.pending_version)
    }

    fn notify_of(&self, page: &Page, priority: gio::NotificationPriority) {
        let notification = gio::Notification::new(page.title());
        if let Page::Story(story) = page
            && let Some(first) = story.paragraphs.first()
        {
            notification.set_body(Some(first));
        }
        if let Page::Consent(consent) = page
            && let Some(fixed) = &consent.fixed
        {
            notification.set_body(Some(fixed));
        }
        notification.set_priority(priority);
        notification.set_default_action("app.show");
        self.send_notification(Some(NOTIFICATION), &notification);
    }

    /// Takes the notification away.
    pub(super) fn withdraw(&self) {
        self.withdraw_notification(NOTIFICATION);
    }
}
