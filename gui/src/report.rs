//! The window with what to send along with a report of a fault.

use adw::prelude::*;
use adw::subclass::prelude::*;
use gtk::glib;

use crate::parts;
use crate::window::Window;

mod imp {
    use super::*;

    #[derive(Debug, Default, gtk::CompositeTemplate)]
    #[template(resource = "/org/sameday/Upgrader/report.ui")]
    pub struct Report {
        #[template_child]
        pub lines: TemplateChild<gtk::TextView>,
        #[template_child]
        pub copy: TemplateChild<gtk::Button>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Report {
        const NAME: &'static str = "SamedayReport";
        type Type = super::Report;
        type ParentType = adw::Window;

        fn class_init(class: &mut Self::Class) {
            class.bind_template();
        }

        fn instance_init(object: &glib::subclass::InitializingObject<Self>) {
            object.init_template();
        }
    }

    impl ObjectImpl for Report {}
    impl WidgetImpl for Report {}
    impl WindowImpl for Report {}
    impl AdwWindowImpl for Report {}
}

glib::wrapper! {
    /// The window.
    pub struct Report(ObjectSubclass<imp::Report>)
        @extends adw::Window, gtk::Window, gtk::Widget,
        @implements gtk::Buildable, gtk::ConstraintTarget, gtk::Native, gtk::Root, gtk::ShortcutManager;
}

impl Report {
    /// The window, above another one.
    pub fn new(above: &Window, text: &str) -> Self {
        let report: Self = glib::Object::builder().property("transient-for", above).build();
        parts::close_by_escape(&report);
        report.imp().lines.set_direction(gtk::TextDirection::Ltr);
        report.imp().lines.buffer().set_text(text);
        let text = text.to_owned();
        report.imp().copy.connect_clicked(move |button| button.clipboard().set_text(&text));
        report
    }
}
