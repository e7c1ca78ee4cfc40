//! The window: one page at a time, and above it what is not as this system would have it by itself.

mod act;

use std::cell::{Cell, RefCell};

use adw::prelude::*;
use adw::subclass::prelude::*;
use gtk::{gdk, gio, glib};

use crate::app::App;
use crate::consent::Consent;
use crate::notice::Notice;
use crate::page::Page;
use crate::parts;
use crate::story::Story;
use crate::work::Work;

mod imp {
    use super::*;

    #[derive(Debug, Default, gtk::CompositeTemplate)]
    #[template(resource = "/org/sameday/Upgrader/window.ui")]
    pub struct Window {
        #[template_child]
        pub warnings: TemplateChild<gtk::Box>,
        #[template_child]
        pub pages: TemplateChild<gtk::Stack>,
        #[template_child]
        pub story: TemplateChild<Story>,
        #[template_child]
        pub consent: TemplateChild<Consent>,
        #[template_child]
        pub work: TemplateChild<Work>,
        pub warned: RefCell<Vec<String>>,
        /// The title of the page that is shown.
        pub title: RefCell<String>,
        /// A call is on its way; another one has to wait for its answer.
        pub asking: Cell<bool>,
        /// The file chooser, which nothing else keeps alive.
        pub chooser: RefCell<Option<gtk::FileChooserNative>>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Window {
        const NAME: &'static str = "SamedayWindow";
        type Type = super::Window;
        type ParentType = adw::ApplicationWindow;

        fn class_init(class: &mut Self::Class) {
            Story::ensure_type();
            Consent::ensure_type();
            Work::ensure_type();
            class.bind_template();
        }

        fn instance_init(object: &glib::subclass::InitializingObject<Self>) {
            object.init_template();
        }
    }

    impl ObjectImpl for Window {
        fn constructed(&self) {
            self.parent_constructed();
            self.obj().add_the_actions();
            self.obj().take_files();
            self.obj().take_escape();
        }
    }
    impl WidgetImpl for Window {}
    impl WindowImpl for Window {}
    impl ApplicationWindowImpl for Window {}
    impl AdwApplicationWindowImpl for Window {}
}

glib::wrapper! {
    /// The window.
    pub struct Window(ObjectSubclass<imp::Window>)
        @extends adw::ApplicationWindow, gtk::ApplicationWindow, gtk::Window, gtk::Widget,
        @implements gio::ActionGroup, gio::ActionMap, gtk::Buildable, gtk::ConstraintTarget,
            gtk::Native, gtk::Root, gtk::ShortcutManager;
}

impl Window {
    /// The window of this application.
    pub fn new(app: &App) -> Self {
        glib::Object::builder().property("application", app).build()
    }

    /// The window that a widget is in.
    pub fn of(widget: &impl IsA<gtk::Widget>) -> Option<Self> {
        widget.root().and_downcast()
    }

    fn app(&self) -> App {
        self.application().and_downcast().expect("made with its application")
    }

    /// Shows a page.
    pub fn show_page(&self, page: &Page) {
        let imp = self.imp();
        self.warn(page);
        let name = match page {
            Page::Story(story) => {
                imp.story.show(story);
                "story"
            }
            Page::Consent(consent) => {
                imp.consent.show(consent);
                "consent"
            }
            Page::Work(work) => {
                imp.work.show(work);
                "work"
            }
        };
        if name != "work" {
            imp.work.rest();
        }
        if name != "consent" {
            imp.consent.leave();
        }
        let another = imp.pages.visible_child_name().as_deref() != Some(name) || *imp.title.borrow() != page.title();
        parts::show_only(&imp.pages, name);
        imp.title.replace(page.title().to_owned());
        if another {
            self.put_focus(name);
        }
        self.enable_actions();
    }

    /// The focus goes where pressing a key by chance does no harm.
    fn put_focus(&self, name: &str) {
        let imp = self.imp();
        self.set_default_widget(gtk::Widget::NONE);
        match name {
            "consent" => {
                self.set_default_widget(Some(&imp.consent.default_widget()));
                imp.consent.focus();
            }
            "story" => imp.story.focus(),
            // Cancel and pause are reached by Tab.
            _ => gtk::prelude::GtkWindowExt::set_focus(self, gtk::Widget::NONE),
        }
    }

    /// Tells other channels and servers, whatever the page. An offer says by itself where it comes from.
    fn warn(&self, page: &Page) {
        let imp = self.imp();
        let mut all = Vec::new();
        if let Some(snapshot) = self.app().snapshot() {
            let warnings = sameday_text::warnings(&snapshot);
            if !matches!(page, Page::Consent(_)) {
                all.extend(warnings.looking);
                all.extend(warnings.chosen_by);
            }
            all.extend(warnings.running);
        }
        if *imp.warned.borrow() != all {
            parts::fill(&imp.warnings, &all, Notice::widget);
            imp.warned.replace(all);
        }
    }

    /// Kits may be dropped on the window.
    fn take_files(&self) {
        let drop = gtk::DropTarget::new(gdk::FileList::static_type(), gdk::DragAction::COPY);
        let window = self.downgrade();
        drop.connect_drop(move |_, value, _, _| {
            let files = value.get::<gdk::FileList>().map(|list| list.files()).unwrap_or_default();
            match (window.upgrade(), files.first()) {
                (Some(window), Some(file)) => {
                    window.open_kit(file);
                    true
                }
                _ => false,
            }
        });
        self.add_controller(drop);
    }

    /// Escape is “later” where something is asked, and nothing elsewhere.
    fn take_escape(&self) {
        let keys = gtk::EventControllerKey::new();
        let window = self.downgrade();
        keys.connect_key_pressed(move |_, key, _, _| match window.upgrade() {
            Some(window)
                if key == gdk::Key::Escape && window.imp().pages.visible_child_name().as_deref() == Some("consent") =>
            {
                window.close();
                glib::Propagation::Stop
            }
            _ => glib::Propagation::Proceed,
        });
        self.add_controller(keys);
    }
}
