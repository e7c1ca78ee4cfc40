//! Small parts of pages and windows. Whatever labels show is plain text, never markup.

use gtk::prelude::*;

/// A paragraph that wraps, also within a word that is longer than the window.
pub fn paragraph(text: &str) -> gtk::Label {
    // A hyphen within an address would be taken for a part of it.
    let attributes = gtk::pango::AttrList::new();
    attributes.insert(gtk::pango::AttrInt::new_insert_hyphens(false));
    gtk::Label::builder()
        .attributes(&attributes)
        .label(text)
        .wrap(true)
        .wrap_mode(gtk::pango::WrapMode::WordChar)
        .natural_wrap_mode(gtk::NaturalWrapMode::None)
        .xalign(0.0)
        .use_markup(false)
        .build()
}

/// The same under a title that stands in the middle.
pub fn centred(text: &str) -> gtk::Label {
    let label = paragraph(text);
    label.set_xalign(0.5);
    label.set_justify(gtk::Justification::Center);
    label
}

/// Puts these paragraphs in place of what a box holds; the box is shown only if there are any.
pub fn fill(holder: &gtk::Box, paragraphs: &[String], make: impl Fn(&str) -> gtk::Widget) {
    empty(holder);
    for text in paragraphs {
        holder.append(&make(text));
    }
    holder.set_visible(!paragraphs.is_empty());
}

/// Removes all that a box holds.
pub fn empty(holder: &gtk::Box) {
    while let Some(child) = holder.first_child() {
        holder.remove(&child);
    }
}

/// Lets what stands on a button take several lines.
pub fn wrap(button: &gtk::Button) {
    if let Some(label) = button.child().and_downcast::<gtk::Label>() {
        label.set_wrap(true);
        label.set_wrap_mode(gtk::pango::WrapMode::WordChar);
        label.set_justify(gtk::Justification::Center);
    }
}

/// Shows one page of a stack. The others are hidden as well: a screen reader finds what is merely not on top.
pub fn show_only(stack: &gtk::Stack, name: &str) {
    let Some(wanted) = stack.child_by_name(name) else { return };
    wanted.set_visible(true);
    stack.set_visible_child(&wanted);
    let mut child = stack.first_child();
    while let Some(page) = child {
        page.set_visible(page == wanted);
        child = page.next_sibling();
    }
}

/// Shows a text that must not be missed when it changes: a screen reader tells what appears anew.
pub fn announce(label: &gtk::Label, text: &str) {
    if label.text() != text {
        label.set_visible(false);
        label.set_text(text);
        label.set_visible(true);
    }
}

/// A window that asks nothing goes by Escape.
pub fn close_by_escape(window: &impl IsA<gtk::Window>) {
    let keys = gtk::EventControllerKey::new();
    let this = window.upcast_ref::<gtk::Window>().downgrade();
    keys.connect_key_pressed(move |_, key, _, _| match this.upgrade() {
        Some(this) if key == gtk::gdk::Key::Escape => {
            this.close();
            gtk::glib::Propagation::Stop
        }
        _ => gtk::glib::Propagation::Proceed,
    });
    window.upcast_ref::<gtk::Window>().add_controller(keys);
}
