//! The window about the kit that this stick needs.

use adw::prelude::*;
use adw::subclass::prelude::*;
use gettextrs::gettext;
use gtk::glib;
use sameday_text::fill;

use crate::page::Kit as Needed;
use crate::parts;
use crate::window::Window;

mod imp {
    use super::*;

    #[derive(Debug, Default, gtk::CompositeTemplate)]
    #[template(resource = "/org/sameday/Upgrader/kit.ui")]
    pub struct Kit {
        #[template_child]
        pub named: TemplateChild<gtk::Box>,
        #[template_child]
        pub name: TemplateChild<gtk::Label>,
        #[template_child]
        pub copy: TemplateChild<gtk::Button>,
        #[template_child]
        pub unknown: TemplateChild<gtk::Label>,
        #[template_child]
        pub steps: TemplateChild<gtk::Box>,
        #[template_child]
        pub open: TemplateChild<gtk::Button>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Kit {
        const NAME: &'static str = "SamedayKit";
        type Type = super::Kit;
        type ParentType = adw::Window;

        fn class_init(class: &mut Self::Class) {
            class.bind_template();
        }

        fn instance_init(object: &glib::subclass::InitializingObject<Self>) {
            object.init_template();
        }
    }

    impl ObjectImpl for Kit {}
    impl WidgetImpl for Kit {}
    impl WindowImpl for Kit {}
    impl AdwWindowImpl for Kit {}
}

glib::wrapper! {
    /// The window.
    pub struct Kit(ObjectSubclass<imp::Kit>)
        @extends adw::Window, gtk::Window, gtk::Widget,
        @implements gtk::Buildable, gtk::ConstraintTarget, gtk::Native, gtk::Root, gtk::ShortcutManager;
}

impl Kit {
    /// The window, above another one.
    pub fn new(above: &Window, needed: &Needed) -> Self {
        let kit: Self = glib::Object::builder().property("transient-for", above).build();
        parts::close_by_escape(&kit);
        let imp = kit.imp();
        parts::wrap(&imp.open);
        match &needed.name {
            Ok(name) => imp.name.set_text(name),
            Err(why) => imp.unknown.set_text(why),
        }
        imp.named.set_visible(needed.name.is_ok());
        imp.unknown.set_visible(needed.name.is_err());
        for (number, step) in needed.steps.iter().enumerate() {
            // Translators: a step of several, such as “1. Download the file”.
            let numbered = gettext("{number}. {step}");
            let number = (number + 1).to_string();
            imp.steps.append(&parts::paragraph(&fill(&numbered, &[("number", &number), ("step", step)])));
        }
        // A file's name is Latin in every language.
        imp.name.set_direction(gtk::TextDirection::Ltr);
        let name = imp.name.get();
        imp.copy.connect_clicked(move |button| button.clipboard().set_text(&name.text()));
        let (this, above) = (kit.downgrade(), above.downgrade());
        imp.open.connect_clicked(move |_| {
            if let (Some(this), Some(above)) = (this.upgrade(), above.upgrade()) {
                this.close();
                above.act(&crate::page::Action::OpenKit);
            }
        });
        kit
    }
}
