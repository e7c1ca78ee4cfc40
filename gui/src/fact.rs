//! A row with the name of a fact, and the fact.

use gtk::glib;
use gtk::subclass::prelude::*;

mod imp {
    use super::*;

    #[derive(Debug, Default, gtk::CompositeTemplate)]
    #[template(resource = "/org/sameday/Upgrader/fact.ui")]
    pub struct Fact {
        #[template_child]
        pub name: TemplateChild<gtk::Label>,
        #[template_child]
        pub value: TemplateChild<gtk::Label>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Fact {
        const NAME: &'static str = "SamedayFact";
        type Type = super::Fact;
        type ParentType = gtk::ListBoxRow;

        fn class_init(class: &mut Self::Class) {
            class.bind_template();
        }

        fn instance_init(object: &glib::subclass::InitializingObject<Self>) {
            object.init_template();
        }
    }

    impl ObjectImpl for Fact {}
    impl WidgetImpl for Fact {}
    impl ListBoxRowImpl for Fact {}
}

glib::wrapper! {
    /// The row.
    pub struct Fact(ObjectSubclass<imp::Fact>)
        @extends gtk::ListBoxRow, gtk::Widget,
        @implements gtk::Actionable, gtk::Buildable, gtk::ConstraintTarget;
}

impl Fact {
    /// A row.
    pub fn new(name: &str, value: &str) -> Self {
        let fact: Self = glib::Object::new();
        fact.imp().name.set_text(name);
        fact.imp().value.set_text(value);
        fact
    }
}
