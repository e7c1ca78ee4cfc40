//! Something that has to be seen before anything else.

use gtk::glib;
use gtk::prelude::*;
use gtk::subclass::prelude::*;

mod imp {
    use super::*;

    #[derive(Debug, Default, gtk::CompositeTemplate)]
    #[template(resource = "/org/sameday/Upgrader/notice.ui")]
    pub struct Notice {
        #[template_child]
        pub text: TemplateChild<gtk::Label>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Notice {
        const NAME: &'static str = "SamedayNotice";
        type Type = super::Notice;
        type ParentType = gtk::Box;

        fn class_init(class: &mut Self::Class) {
            class.bind_template();
        }

        fn instance_init(object: &glib::subclass::InitializingObject<Self>) {
            object.init_template();
        }
    }

    impl ObjectImpl for Notice {}
    impl WidgetImpl for Notice {}
    impl BoxImpl for Notice {}
}

glib::wrapper! {
    /// The notice.
    pub struct Notice(ObjectSubclass<imp::Notice>)
        @extends gtk::Box, gtk::Widget,
        @implements gtk::Buildable, gtk::ConstraintTarget, gtk::Orientable;
}

impl Notice {
    /// A notice.
    pub fn new(text: &str) -> Self {
        let notice: Self = glib::Object::new();
        notice.imp().text.set_text(text);
        notice
    }

    /// The same, for whoever asks for any widget.
    pub fn widget(text: &str) -> gtk::Widget {
        Self::new(text).upcast()
    }
}
