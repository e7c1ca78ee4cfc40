//! The window with the help pages.

use adw::prelude::*;
use adw::subclass::prelude::*;
use gettextrs::gettext;
use gtk::glib;
use sameday_text::help::{self as pages, Block};

use crate::parts;
use crate::window::Window;

mod imp {
    use super::*;

    #[derive(Debug, Default, gtk::CompositeTemplate)]
    #[template(resource = "/org/sameday/Upgrader/help.ui")]
    pub struct Help {
        #[template_child]
        pub back: TemplateChild<gtk::Button>,
        #[template_child]
        pub pages: TemplateChild<gtk::Stack>,
        #[template_child]
        pub topics: TemplateChild<gtk::ListBox>,
        #[template_child]
        pub scroll: TemplateChild<gtk::ScrolledWindow>,
        #[template_child]
        pub blocks: TemplateChild<gtk::Box>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Help {
        const NAME: &'static str = "SamedayHelp";
        type Type = super::Help;
        type ParentType = adw::Window;

        fn class_init(class: &mut Self::Class) {
            class.bind_template();
        }

        fn instance_init(object: &glib::subclass::InitializingObject<Self>) {
            object.init_template();
        }
    }

    impl ObjectImpl for Help {
        fn constructed(&self) {
            self.parent_constructed();
            self.obj().list_topics();
            let help = self.obj().downgrade();
            self.back.connect_clicked(move |_| {
                if let Some(help) = help.upgrade() {
                    help.show_index();
                }
            });
        }
    }
    impl WidgetImpl for Help {}
    impl WindowImpl for Help {}
    impl AdwWindowImpl for Help {}
}

glib::wrapper! {
    /// The window.
    pub struct Help(ObjectSubclass<imp::Help>)
        @extends adw::Window, gtk::Window, gtk::Widget,
        @implements gtk::Buildable, gtk::ConstraintTarget, gtk::Native, gtk::Root, gtk::ShortcutManager;
}

impl Help {
    /// The window at this topic, or at the list of all.
    pub fn new(above: &Window, topic: Option<&str>) -> Self {
        let help: Self = glib::Object::builder().property("transient-for", above).build();
        parts::close_by_escape(&help);
        match topic {
            Some(topic) => help.show_topic(topic),
            None => help.show_index(),
        }
        help
    }

    fn list_topics(&self) {
        let mut topics: Vec<(String, &str)> =
            pages::topics().filter_map(|topic| Some((pages::title(topic)?, topic))).collect();
        topics.sort();
        for (title, topic) in topics {
            let row = adw::ActionRow::builder().title(title).use_markup(false).activatable(true).build();
            row.add_suffix(
                &gtk::Image::builder()
                    .icon_name("go-next-symbolic")
                    .accessible_role(gtk::AccessibleRole::Presentation)
                    .build(),
            );
            let help = self.downgrade();
            row.connect_activated(move |_| {
                if let Some(help) = help.upgrade() {
                    help.show_topic(topic);
                }
            });
            self.imp().topics.append(&row);
        }
    }

    fn show_index(&self) {
        self.imp().back.set_visible(false);
        parts::show_only(&self.imp().pages, "index");
    }

    fn show_topic(&self, topic: &str) {
        let imp = self.imp();
        parts::empty(&imp.blocks);
        let page = pages::page(topic).unwrap_or_default();
        for block in pages::blocks(page) {
            let label = parts::paragraph(block.clone().translated().text());
            match block {
                Block::Title(_) => label.add_css_class("title-2"),
                Block::Heading(_) => label.add_css_class("heading"),
                Block::Paragraph(_) => {}
                Block::Item(_) => {
                    imp.blocks.append(&item(&label));
                    continue;
                }
            }
            imp.blocks.append(&label);
        }
        if page.contains("“sameday ") {
            let commands = gettext(
                "What begins with “sameday” and stands in quotation marks is a command for a terminal. This app has a button or menu item for the same.",
            );
            let label = parts::paragraph(&commands);
            label.add_css_class("caption");
            imp.blocks.append(&label);
        }
        imp.scroll.vadjustment().set_value(0.0);
        imp.back.set_visible(true);
        parts::show_only(&imp.pages, "topic");
    }
}

/// One of several things, with a dot before it that is on the right side in every language.
fn item(label: &gtk::Label) -> gtk::Box {
    let item = gtk::Box::builder().spacing(9).margin_start(6).build();
    item.append(&gtk::Label::builder().label("•").valign(gtk::Align::Start).build());
    label.set_hexpand(true);
    item.append(label);
    item
}
