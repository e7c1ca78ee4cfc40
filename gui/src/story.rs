//! The page that tells how things stand, drawn.

use std::cell::RefCell;

use adw::prelude::*;
use adw::subclass::prelude::*;
use gtk::glib;

use crate::page::{Action, Story as Told};
use crate::parts;
use crate::window::Window;

mod imp {
    use super::*;

    #[derive(Debug, Default, gtk::CompositeTemplate)]
    #[template(resource = "/org/sameday/Upgrader/story.ui")]
    pub struct Story {
        #[template_child]
        pub scroll: TemplateChild<gtk::ScrolledWindow>,
        #[template_child]
        pub icon: TemplateChild<gtk::Image>,
        #[template_child]
        pub title: TemplateChild<gtk::Label>,
        #[template_child]
        pub paragraphs: TemplateChild<gtk::Box>,
        #[template_child]
        pub buttons: TemplateChild<gtk::Box>,
        #[template_child]
        pub help: TemplateChild<gtk::Button>,
        #[template_child]
        pub details: TemplateChild<gtk::Expander>,
        #[template_child]
        pub codes: TemplateChild<gtk::Label>,
        #[template_child]
        pub copy: TemplateChild<gtk::Button>,
        pub told: RefCell<Told>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Story {
        const NAME: &'static str = "SamedayStory";
        type Type = super::Story;
        type ParentType = adw::Bin;

        fn class_init(class: &mut Self::Class) {
            class.bind_template();
        }

        fn instance_init(object: &glib::subclass::InitializingObject<Self>) {
            object.init_template();
        }
    }

    impl ObjectImpl for Story {
        fn constructed(&self) {
            self.parent_constructed();
            parts::wrap(&self.help);
            let story = self.obj().downgrade();
            self.help.connect_clicked(move |button| {
                let topic = story.upgrade().and_then(|story| story.imp().told.borrow().help);
                if let Some(window) = Window::of(button) {
                    window.show_help(topic);
                }
            });
            // Codes are Latin in every language.
            self.codes.set_direction(gtk::TextDirection::Ltr);
            let codes = self.codes.downgrade();
            self.copy.connect_clicked(move |button| {
                if let Some(codes) = codes.upgrade() {
                    button.clipboard().set_text(&codes.text());
                }
            });
        }
    }
    impl WidgetImpl for Story {}
    impl BinImpl for Story {}
}

glib::wrapper! {
    /// The page.
    pub struct Story(ObjectSubclass<imp::Story>)
        @extends adw::Bin, gtk::Widget,
        @implements gtk::Buildable, gtk::ConstraintTarget;
}

impl Story {
    /// Shows this. The focus goes to the first button, which is never one that cannot be taken back.
    pub fn show(&self, told: &Told) {
        let imp = self.imp();
        if *imp.told.borrow() == *told {
            return;
        }
        imp.icon.set_icon_name(Some(told.icon));
        parts::announce(&imp.title, &told.title);
        parts::fill(&imp.paragraphs, &told.paragraphs, |text| parts::centred(text).upcast());
        if imp.told.borrow().actions != told.actions {
            self.put_buttons(&told.actions);
        }
        imp.help.set_visible(told.help.is_some());
        imp.details.set_visible(told.details.is_some());
        imp.details.set_expanded(false);
        imp.codes.set_text(told.details.as_deref().unwrap_or_default());
        imp.scroll.vadjustment().set_value(0.0);
        imp.told.replace(told.clone());
    }

    fn put_buttons(&self, actions: &[Action]) {
        let holder = &self.imp().buttons;
        parts::empty(holder);
        let suggested = actions.iter().position(|action| *action != Action::Later);
        for (position, action) in actions.iter().enumerate() {
            let button = button(action);
            if Some(position) == suggested {
                button.add_css_class("suggested-action");
            }
            holder.append(&button);
        }
    }

    /// Where the focus belongs when the page comes up.
    pub fn focus(&self) {
        if let Some(first) = self.imp().buttons.first_child() {
            first.grab_focus();
        }
    }
}

fn button(action: &Action) -> gtk::Button {
    let button = gtk::Button::with_mnemonic(&action.label());
    parts::wrap(&button);
    button.add_css_class("pill");
    let action = action.clone();
    button.connect_clicked(move |button| {
        if let Some(window) = Window::of(button) {
            window.act(&action);
        }
    });
    button
}
