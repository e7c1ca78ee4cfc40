//! `sameday-gtk`: the app that asks for consent.

mod app;
mod consent;
mod daemon;
mod dialogs;
mod fact;
mod help;
mod kit;
mod notice;
mod page;
mod parts;
mod report;
mod story;
mod window;
mod work;

use gtk::prelude::*;
use gtk::{gio, glib};
use tracing_subscriber::Layer as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::app::App;

/// The app's name on the session bus, of its desktop file and of its icon.
const APP_ID: &str = "org.sameday.Upgrader";

fn main() -> glib::ExitCode {
    let complaints = sameday_text::locale::begin();
    let log = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).without_time();
    tracing_subscriber::registry().with(log.with_filter(tracing_subscriber::filter::LevelFilter::WARN)).init();
    for complaint in complaints {
        tracing::warn!("{complaint}");
    }
    if let Err(error) = gio::resources_register_include!("resources.gresource") {
        tracing::error!("the program was built without its interface: {error}");
        return glib::ExitCode::FAILURE;
    }
    App::new().run()
}
