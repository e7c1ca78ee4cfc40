//! The page that asks, drawn. What is consented to is what was on the screen when the button was pressed, and had been there long enough to
//! be seen.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use adw::prelude::*;
use adw::subclass::prelude::*;
use gtk::glib;

use crate::fact::Fact;
use crate::notice::Notice;
use crate::page::Consent as Told;
use crate::parts;
use crate::window::Window;

/// After an offer has come up or changed, a click that was meant for something else is not taken for consent.
const UNSEEN: Duration = Duration::from_secs(1);

mod imp {
    use super::*;

    #[derive(Debug, Default, gtk::CompositeTemplate)]
    #[template(resource = "/org/sameday/Upgrader/consent.ui")]
    pub struct Consent {
        #[template_child]
        pub scroll: TemplateChild<gtk::ScrolledWindow>,
        #[template_child]
        pub title: TemplateChild<gtk::Label>,
        #[template_child]
        pub warnings: TemplateChild<gtk::Box>,
        #[template_child]
        pub news: TemplateChild<gtk::ListBox>,
        #[template_child]
        pub fixed: TemplateChild<adw::ExpanderRow>,
        #[template_child]
        pub notes_row: TemplateChild<adw::ExpanderRow>,
        #[template_child]
        pub notes: TemplateChild<gtk::Label>,
        #[template_child]
        pub facts: TemplateChild<gtk::ListBox>,
        #[template_child]
        pub consequences: TemplateChild<gtk::Box>,
        #[template_child]
        pub changed: TemplateChild<gtk::Label>,
        #[template_child]
        pub later: TemplateChild<gtk::Button>,
        #[template_child]
        pub upgrade: TemplateChild<gtk::Button>,
        /// What is on the screen.
        pub told: RefCell<Option<Told>>,
        /// Rows of fixes, to be taken away again.
        pub fix_rows: RefCell<Vec<Fact>>,
        /// Counts what has come up, so that only the last one's time counts.
        pub shown: Cell<u64>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Consent {
        const NAME: &'static str = "SamedayConsent";
        type Type = super::Consent;
        type ParentType = adw::Bin;

        fn class_init(class: &mut Self::Class) {
            class.bind_template();
        }

        fn instance_init(object: &glib::subclass::InitializingObject<Self>) {
            object.init_template();
        }
    }

    impl ObjectImpl for Consent {
        fn constructed(&self) {
            self.parent_constructed();
            for button in [&self.later, &self.upgrade] {
                parts::wrap(button);
            }
            self.later.connect_clicked(|button| {
                if let Some(window) = Window::of(button) {
                    window.close();
                }
            });
            let consent = self.obj().downgrade();
            self.upgrade.connect_clicked(move |button| {
                let told = consent.upgrade().and_then(|consent| consent.imp().told.borrow().clone());
                if let (Some(told), Some(window)) = (told, Window::of(button)) {
                    window.consent(told);
                }
            });
        }
    }
    impl WidgetImpl for Consent {}
    impl BinImpl for Consent {}
}

glib::wrapper! {
    /// The page.
    pub struct Consent(ObjectSubclass<imp::Consent>)
        @extends adw::Bin, gtk::Widget,
        @implements gtk::Buildable, gtk::ConstraintTarget;
}

impl Consent {
    /// Shows this offer.
    pub fn show(&self, told: &Told) {
        let imp = self.imp();
        let before = imp.told.replace(Some(told.clone()));
        if before.as_ref() == Some(told) {
            return;
        }
        let same = before.as_ref().is_some_and(|before| before.is_the_same_as(told));
        if !same {
            self.arm(before.is_some());
        }
        parts::announce(&imp.title, &told.title);
        if before.as_ref().is_none_or(|before| before.warnings != told.warnings) {
            parts::fill(&imp.warnings, &told.warnings, Notice::widget);
        }
        self.show_news(told);
        while let Some(row) = imp.facts.first_child() {
            imp.facts.remove(&row);
        }
        for (name, value) in &told.facts {
            imp.facts.append(&Fact::new(name, value));
        }
        parts::fill(&imp.consequences, &told.consequences, |text| parts::paragraph(text).upcast());
        if !same {
            imp.scroll.vadjustment().set_value(0.0);
        }
    }

    fn show_news(&self, told: &Told) {
        let imp = self.imp();
        for row in imp.fix_rows.take() {
            imp.fixed.remove(&row);
        }
        imp.fixed.set_title(told.fixed.as_deref().unwrap_or_default());
        imp.fixed.set_visible(told.fixed.is_some());
        let rows: Vec<Fact> = told.fixes.iter().map(|fixed| Fact::new(&fixed.severity, &fixed.names)).collect();
        for row in &rows {
            imp.fixed.add_row(row);
        }
        imp.fix_rows.replace(rows);
        imp.notes.set_text(told.notes.as_deref().unwrap_or_default());
        imp.notes_row.set_visible(told.notes.is_some());
        imp.news.set_visible(told.fixed.is_some() || told.notes.is_some());
    }

    /// Lets the button be pressed only after a while.
    fn arm(&self, changed: bool) {
        let imp = self.imp();
        imp.changed.set_visible(changed);
        imp.upgrade.set_sensitive(false);
        let count = imp.shown.get().wrapping_add(1);
        imp.shown.set(count);
        let consent = self.downgrade();
        glib::timeout_add_local_once(UNSEEN, move || {
            if let Some(consent) = consent.upgrade().filter(|consent| consent.imp().shown.get() == count) {
                consent.imp().upgrade.set_sensitive(true);
            }
        });
    }

    /// The offer is off the screen: the next one is a new one.
    pub fn leave(&self) {
        let imp = self.imp();
        imp.told.take();
        imp.changed.set_visible(false);
        imp.upgrade.set_sensitive(false);
        imp.shown.set(imp.shown.get().wrapping_add(1));
    }

    /// Where the focus belongs: where Enter does nothing.
    pub fn focus(&self) {
        self.imp().later.grab_focus();
    }

    /// The button that Enter presses wherever the focus is.
    pub fn default_widget(&self) -> gtk::Button {
        self.imp().later.get()
    }
}
