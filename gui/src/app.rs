//! The application: one instance, the daemon watched whether a window is open or not, and the user called when something matters.

mod call;

use std::cell::{Cell, OnceCell, RefCell};
use std::time::Instant;

use adw::prelude::*;
use adw::subclass::prelude::*;
use gettextrs::gettext;
use gtk::{gio, glib};
use sameday_dbus::{Snapshot, State, phase};
use sameday_text::locale;
use sameday_text::progress::Speed;

use crate::APP_ID;
use crate::daemon::{Daemon, News, Watching};
use crate::page::{Around, Page, Seen};
use crate::window::Window;

mod imp {
    use super::*;

    #[derive(Debug, Default)]
    pub struct App {
        pub daemon: OnceCell<Daemon>,
        pub news: RefCell<News>,
        pub speed: RefCell<Speed>,
        /// Of what is under way.
        pub current: Cell<Option<u64>>,
        /// Of the last download.
        pub last: Cell<Option<u64>>,
        /// Started with the session: nothing is shown until there is something, and nothing ends with the window.
        pub background: Cell<bool>,
        /// The next activation is the start in the background, and shows nothing.
        pub quiet: Cell<bool>,
        pub hold: RefCell<Option<gio::ApplicationHoldGuard>>,
        pub inhibited: Cell<Option<u32>>,
        /// What the user was called for last.
        pub called: RefCell<String>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for App {
        const NAME: &'static str = "SamedayApp";
        type Type = super::App;
        type ParentType = adw::Application;
    }

    impl ObjectImpl for App {
        fn constructed(&self) {
            self.parent_constructed();
            self.obj().add_main_option(
                "background",
                glib::Char::from(b'b'),
                glib::OptionFlags::NONE,
                glib::OptionArg::None,
                &gettext("Show nothing until there is something to be told"),
                None,
            );
        }
    }

    impl ApplicationImpl for App {
        fn handle_local_options(&self, options: &glib::VariantDict) -> std::ops::ControlFlow<glib::ExitCode> {
            if options.contains("background") {
                if let Err(error) = self.obj().register(gio::Cancellable::NONE) {
                    tracing::error!("{error}");
                    return std::ops::ControlFlow::Break(glib::ExitCode::FAILURE);
                }
                if self.obj().is_remote() {
                    return std::ops::ControlFlow::Break(glib::ExitCode::SUCCESS);
                }
                self.background.set(true);
                self.quiet.set(true);
            }
            self.parent_handle_local_options(options)
        }

        fn startup(&self) {
            self.parent_startup();
            self.obj().begin();
        }

        fn activate(&self) {
            self.parent_activate();
            if self.quiet.take() {
                self.obj().reside();
            } else {
                self.obj().window().present();
            }
        }

        fn open(&self, files: &[gio::File], hint: &str) {
            self.parent_open(files, hint);
            let window = self.obj().window();
            window.present();
            if let Some(file) = files.first() {
                window.open_kit(file);
            }
        }
    }

    impl GtkApplicationImpl for App {}
    impl AdwApplicationImpl for App {}
}

glib::wrapper! {
    /// The application.
    pub struct App(ObjectSubclass<imp::App>)
        @extends adw::Application, gtk::Application, gio::Application,
        @implements gio::ActionGroup, gio::ActionMap;
}

impl App {
    /// The application, not yet run.
    pub fn new() -> Self {
        glib::Object::builder()
            .property("application-id", APP_ID)
            .property("flags", gio::ApplicationFlags::HANDLES_OPEN)
            .property("resource-base-path", "/org/sameday/Upgrader")
            .build()
    }

    /// The daemon.
    pub fn daemon(&self) -> &Daemon {
        self.imp().daemon.get().expect("begun before any window is")
    }

    /// What is known.
    pub fn seen(&self) -> Seen {
        self.imp().news.borrow().seen.clone()
    }

    /// The daemon's properties, if it is there.
    pub fn snapshot(&self) -> Option<Snapshot> {
        match self.seen() {
            Seen::Here(snapshot) => Some(*snapshot),
            _ => None,
        }
    }

    /// The page for what is known now.
    pub fn page(&self) -> Page {
        let imp = self.imp();
        let news = imp.news.borrow();
        let busy = matches!(&news.seen, Seen::Here(snapshot) if snapshot.state.is_busy());
        let around = Around {
            languages: locale::preferred(|name| std::env::var(name).ok()),
            now: jiff::Timestamp::now(),
            battery: news.battery,
            speed: if busy { imp.current.get() } else { imp.last.get() },
        };
        Page::of(&news.seen, &around)
    }

    fn begin(&self) {
        gtk::Window::set_default_icon_name(APP_ID);
        // GTK goes by its own translations, which a small system may not have.
        if locale::right_to_left() {
            gtk::Widget::set_default_direction(gtk::TextDirection::Rtl);
        }
        self.set_accels_for_action("window.close", &["<Control>w"]);
        self.set_accels_for_action("app.quit", &["<Control>q"]);
        self.set_accels_for_action("win.help", &["F1"]);
        self.set_accels_for_action("win.open-kit", &["<Control>o"]);
        self.add_action_entries([
            gio::ActionEntry::builder("show").activate(|app: &Self, _, _| app.window().present()).build(),
            gio::ActionEntry::builder("quit").activate(|app: &Self, _, _| app.leave()).build(),
        ]);
        let daemon = match Daemon::start() {
            Ok(daemon) => daemon,
            Err(error) => {
                tracing::error!("{error}");
                return self.quit();
            }
        };
        let mut news = daemon.news.clone();
        self.imp().daemon.set(daemon).expect("startup comes once");
        let app = self.downgrade();
        glib::spawn_future_local(async move {
            while news.changed().await.is_ok() {
                let Some(app) = app.upgrade() else { return };
                let now = news.borrow_and_update().clone();
                app.tell(now);
            }
        });
    }

    /// Closes what is open. What was started with the session stays.
    fn leave(&self) {
        for window in self.windows() {
            window.close();
        }
        if !self.imp().background.get() {
            self.quit();
        }
    }

    /// Takes what is new to wherever it matters.
    fn tell(&self, news: News) {
        self.measure(&news.seen);
        self.imp().news.replace(news);
        if let Some(window) = self.open_window() {
            window.show_page(&self.page());
        }
        self.inhibit_logout();
        self.call_the_user();
        self.reside();
    }

    fn measure(&self, seen: &Seen) {
        let imp = self.imp();
        let Seen::Here(snapshot) = seen else { return };
        let Some(progress) = &snapshot.progress else { return };
        let speed = imp.speed.borrow_mut().measure(progress, Instant::now());
        imp.current.set(speed);
        if progress.phase == phase::DOWNLOADING && speed.is_some_and(|speed| speed > 0) {
            imp.last.set(speed);
        }
    }

    /// The window, if it is open.
    pub fn open_window(&self) -> Option<Window> {
        self.windows().into_iter().find_map(|window| window.downcast().ok())
    }

    /// The window, opened if it is not.
    fn window(&self) -> Window {
        self.open_window().unwrap_or_else(|| {
            let window = Window::new(self);
            window.show_page(&self.page());
            self.daemon().watch(Watching::Closely);
            let app = self.downgrade();
            window.connect_close_request(move |_| {
                if let Some(app) = app.upgrade() {
                    app.daemon().watch(Watching::Idly);
                    // What was on the screen is known to the user.
                    app.mark_as_seen();
                    app.remind();
                    app.reside();
                }
                glib::Propagation::Proceed
            });
            self.withdraw();
            window
        })
    }

    /// Stays without a window as long as there is something to wait for.
    fn reside(&self) {
        let busy = matches!(&self.imp().news.borrow().seen, Seen::Here(snapshot) if snapshot.state.is_busy());
        let wanted = self.imp().background.get() || busy;
        let mut hold = self.imp().hold.borrow_mut();
        if wanted && hold.is_none() {
            *hold = Some(self.hold());
        } else if !wanted {
            hold.take();
        }
    }

    /// From the end of staging to the commit, a logout should wait.
    fn inhibit_logout(&self) {
        let applying =
            matches!(&self.imp().news.borrow().seen, Seen::Here(snapshot) if snapshot.state == State::Applying);
        match (applying, self.imp().inhibited.get()) {
            (true, None) => {
                let why = gettext("An upgrade is being finished");
                let cookie =
                    self.inhibit(self.open_window().as_ref(), gtk::ApplicationInhibitFlags::LOGOUT, Some(why.as_str()));
                self.imp().inhibited.set(Some(cookie));
            }
            (false, Some(cookie)) => {
                // 0: nobody could be asked for it.
                if cookie != 0 {
                    self.uninhibit(cookie);
                }
                self.imp().inhibited.set(None);
            }
            _ => {}
        }
    }
}
