"""A window of a file manager, as far as somebody drags from it: one file, which is the argument."""

import sys

import gi

gi.require_version("Gtk", "4.0")
from gi.repository import Gdk, Gio, Gtk  # noqa: E402


def show(app):
    label = Gtk.Label(label="A file")
    source = Gtk.DragSource.new()
    files = Gdk.FileList.new_from_list([Gio.File.new_for_path(sys.argv[1])])
    source.set_content(Gdk.ContentProvider.new_for_value(files))
    label.add_controller(source)
    Gtk.ApplicationWindow(application=app, default_width=240, default_height=120, child=label).present()


app = Gtk.Application(flags=Gio.ApplicationFlags.NON_UNIQUE)
app.connect("activate", show)
app.run([])
