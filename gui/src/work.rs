//! The page of what is under way, drawn.

use std::cell::RefCell;

use adw::prelude::*;
use adw::subclass::prelude::*;
use gtk::glib;

use crate::notice::Notice;
use crate::page::Work as Told;
use crate::parts;
use crate::window::Window;

mod imp {
    use super::*;

    #[derive(Debug, Default, gtk::CompositeTemplate)]
    #[template(resource = "/org/sameday/Upgrader/work.ui")]
    pub struct Work {
        #[template_child]
        pub spinner: TemplateChild<gtk::Spinner>,
        #[template_child]
        pub title: TemplateChild<gtk::Label>,
        #[template_child]
        pub bar: TemplateChild<gtk::ProgressBar>,
        #[template_child]
        pub amounts: TemplateChild<gtk::Label>,
        #[template_child]
        pub notices: TemplateChild<gtk::Box>,
        #[template_child]
        pub note: TemplateChild<gtk::Label>,
        #[template_child]
        pub pause: TemplateChild<gtk::Button>,
        #[template_child]
        pub cancel: TemplateChild<gtk::Button>,
        #[template_child]
        pub help: TemplateChild<gtk::Button>,
        pub told: RefCell<Told>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Work {
        const NAME: &'static str = "SamedayWork";
        type Type = super::Work;
        type ParentType = adw::Bin;

        fn class_init(class: &mut Self::Class) {
            class.bind_template();
        }

        fn instance_init(object: &glib::subclass::InitializingObject<Self>) {
            object.init_template();
        }
    }

    impl ObjectImpl for Work {
        fn constructed(&self) {
            self.parent_constructed();
            for button in [&self.pause, &self.cancel, &self.help] {
                parts::wrap(button);
            }
            let work = self.obj().downgrade();
            self.help.connect_clicked(move |button| {
                let topic = work.upgrade().and_then(|work| work.imp().told.borrow().help);
                if let Some(window) = Window::of(button) {
                    window.show_help(topic);
                }
            });
            self.pause.connect_clicked(|button| {
                if let Some(window) = Window::of(button) {
                    window.pause();
                }
            });
            self.cancel.connect_clicked(|button| {
                if let Some(window) = Window::of(button) {
                    window.cancel();
                }
            });
        }
    }
    impl WidgetImpl for Work {}
    impl BinImpl for Work {}
}

glib::wrapper! {
    /// The page.
    pub struct Work(ObjectSubclass<imp::Work>)
        @extends adw::Bin, gtk::Widget,
        @implements gtk::Buildable, gtk::ConstraintTarget;
}

impl Work {
    /// Shows this.
    pub fn show(&self, told: &Told) {
        let imp = self.imp();
        parts::announce(&imp.title, &told.title);
        imp.spinner.set_visible(told.fraction.is_none());
        imp.spinner.set_spinning(told.fraction.is_none());
        imp.bar.set_visible(told.fraction.is_some());
        imp.bar.set_fraction(told.fraction.unwrap_or(0.0));
        imp.amounts.set_text(&told.amounts);
        imp.amounts.set_visible(!told.amounts.is_empty());
        if imp.told.borrow().notices != told.notices {
            parts::fill(&imp.notices, &told.notices, Notice::widget);
        }
        parts::announce(&imp.note, &told.note);
        imp.note.set_visible(!told.note.is_empty());
        imp.pause.set_visible(told.pause);
        imp.cancel.set_visible(told.cancel);
        imp.help.set_visible(told.help.is_some());
        imp.told.replace(told.clone());
    }

    /// Nothing turns where nobody looks.
    pub fn rest(&self) {
        self.imp().spinner.set_spinning(false);
    }
}
