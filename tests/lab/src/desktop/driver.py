"""The eyes of a person at the screen, and what a session offers to its programs.

Reads a request a line from standard input and answers each by a line, both JSON. What is on the screen is read over AT-SPI, as a screen
reader would, always anew. Ends with its standard input.
"""

import json
import os
import queue
import re
import sys
import threading

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, Gio, GLib  # noqa: E402

ACCESSIBLE = "org.a11y.atspi.Accessible"
PROPERTIES = "org.freedesktop.DBus.Properties"
ROOT = "/org/a11y/atspi/accessible/root"
PATIENCE_MS = 30_000
# Window coordinates, of AtspiCoordType.
WINDOW = 1
# No page is as large as this; what is larger is a loop.
MOST_NODES = 5_000

STATES = {
    int(getattr(Atspi.StateType, name)): name.lower().replace("_", "-")
    for name in dir(Atspi.StateType)
    if name.isupper() and not name.startswith("LAST")
}


def plain(name):
    """GTK 4.8 tells the name of a button with a mnemonic as `_Cancel Cancel`, or as `_Cancel`."""
    words = name.strip()
    half, rest = words[: len(words) // 2 + 1].strip(), words[len(words) // 2 + 1 :].strip()
    if "_" in half and half.replace("_", "", 1) == rest:
        return rest
    return re.sub(r"_(?=\w)", "", words, count=1) if words.count("_") == 1 else words


class Screen:
    """What the programs of this session show."""

    def __init__(self):
        self.kinds = {}
        flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
        self.bus = Gio.DBusConnection.new_for_address_sync(os.environ["AT_SPI_BUS_ADDRESS"], flags, None, None)

    def call(self, owner, path, interface, method, arguments=None):
        return self.bus.call_sync(owner, path, interface, method, arguments, None, 0, PATIENCE_MS, None).unpack()

    def programs(self):
        """The bus names of the programs that show something, by their process ids."""
        found = {}
        for owner, _ in self.call("org.a11y.atspi.Registry", ROOT, ACCESSIBLE, "GetChildren")[0]:
            try:
                arguments = GLib.Variant("(s)", (owner,))
                answer = self.call("org.freedesktop.DBus", "/", "org.freedesktop.DBus", "GetConnectionUnixProcessID", arguments)
                found[answer[0]] = owner
            except GLib.Error:
                continue  # It has ended meanwhile.
        return found

    def tree(self, pid):
        """All that the program shows, from its windows down."""
        owner = self.programs().get(pid)
        if owner is None:
            return None
        self.left = MOST_NODES
        top = []
        for window_owner, path in self.call(owner, ROOT, ACCESSIBLE, "GetChildren")[0]:
            node = self.node(window_owner, path)
            if node is not None:
                top.append(node)
        return top

    def focused(self, pid):
        """What has the keyboard in the window that has it; looked for by states alone, which is quick."""
        owner = self.programs().get(pid)
        windows = self.call(owner, ROOT, ACCESSIBLE, "GetChildren")[0] if owner else []
        # GTK 4.8 tells of dialogs no more than that they are visible; the last one opened has the keyboard.
        active = [window for window in windows if "active" in self.states(*window)]
        for window_owner, window in active or windows[-1:]:
            found = self.seek(window_owner, window)
            if found is not None:
                self.left = MOST_NODES
                return self.node(window_owner, found)
        return None

    def seek(self, owner, path):
        try:
            if "focused" in self.states(owner, path):
                return path
            children = self.call(owner, path, ACCESSIBLE, "GetChildren")[0]
        except GLib.Error as error:
            if gone(error):
                return None
            raise
        found = (self.seek(child_owner, child) for child_owner, child in children if child != path)
        return next((path for path in found if path is not None), None)

    def node(self, owner, path):
        self.left -= 1
        if self.left < 0:
            raise ValueError("the tree has no end")
        try:
            states = self.states(owner, path)
            told = self.call(owner, path, PROPERTIES, "GetAll", GLib.Variant("(s)", (ACCESSIBLE,)))[0]
            role, interfaces = self.kind(owner, path)
            node = {
                "path": path,
                "role": role,
                "name": plain(told.get("Name", "")),
                "description": told.get("Description", ""),
                "states": states,
                "bounds": self.bounds(owner, path, interfaces),
                # The name of a label is its text.
                "text": self.text(owner, path, interfaces) if role != "label" else None,
            }
            children = self.call(owner, path, ACCESSIBLE, "GetChildren")[0]
        except GLib.Error as error:
            # What has gone between two questions is not on the screen.
            if gone(error):
                return None
            raise
        found = (self.node(child_owner, child) for child_owner, child in children if child != path)
        node["children"] = [child for child in found if child is not None]
        # GTK 4.8 tells only of windows that they are showing. What has no room is not on the screen.
        if node["bounds"] is not None and 0 in node["bounds"][2:] and not node["children"]:
            return None
        return node

    def kind(self, owner, path):
        """What an object is never changes."""
        if (owner, path) not in self.kinds:
            role = self.call(owner, path, ACCESSIBLE, "GetRoleName")[0]
            self.kinds[(owner, path)] = role, self.call(owner, path, ACCESSIBLE, "GetInterfaces")[0]
        return self.kinds[(owner, path)]

    def states(self, owner, path):
        words = self.call(owner, path, ACCESSIBLE, "GetState")[0]
        bits = sum(word << (32 * at) for at, word in enumerate(words))
        return [name for bit, name in STATES.items() if bits >> bit & 1]

    def bounds(self, owner, path, interfaces):
        if "org.a11y.atspi.Component" not in interfaces:
            return None
        arguments = GLib.Variant("(u)", (WINDOW,))
        return list(self.call(owner, path, "org.a11y.atspi.Component", "GetExtents", arguments)[0])

    def text(self, owner, path, interfaces):
        if "org.a11y.atspi.Text" not in interfaces:
            return None
        asked = GLib.Variant("(ss)", ("org.a11y.atspi.Text", "CharacterCount"))
        length = self.call(owner, path, PROPERTIES, "Get", asked)[0]
        return self.call(owner, path, "org.a11y.atspi.Text", "GetText", GLib.Variant("(ii)", (0, length)))[0]

    def act(self, pid, path):
        """What a screen reader's user does to press a control."""
        owner = self.programs()[pid]
        return self.call(owner, path, "org.a11y.atspi.Action", "DoAction", GLib.Variant("(i)", (0,)))[0]


def gone(error):
    known = (Gio.DBusError.UNKNOWN_OBJECT, Gio.DBusError.UNKNOWN_METHOD, Gio.DBusError.SERVICE_UNKNOWN, Gio.DBusError.NO_REPLY)
    return any(error.matches(Gio.dbus_error_quark(), code) for code in known)


class Session:
    """What a desktop offers: who shows notifications, and who is asked not to end the session. All is written down, nothing is shown."""

    NOTIFICATIONS = """<node><interface name="org.freedesktop.Notifications">
      <method name="GetCapabilities"><arg type="as" direction="out"/></method>
      <method name="GetServerInformation"><arg type="s" direction="out"/><arg type="s" direction="out"/><arg type="s" direction="out"/><arg type="s" direction="out"/></method>
      <method name="Notify"><arg type="s" direction="in"/><arg type="u" direction="in"/><arg type="s" direction="in"/><arg type="s" direction="in"/>
        <arg type="s" direction="in"/><arg type="as" direction="in"/><arg type="a{sv}" direction="in"/><arg type="i" direction="in"/><arg type="u" direction="out"/></method>
      <method name="CloseNotification"><arg type="u" direction="in"/></method>
      <signal name="ActionInvoked"><arg type="u"/><arg type="s"/></signal>
      <signal name="NotificationClosed"><arg type="u"/><arg type="u"/></signal>
    </interface></node>"""
    MANAGER = """<node><interface name="org.gnome.SessionManager">
      <method name="RegisterClient"><arg type="s" direction="in"/><arg type="s" direction="in"/><arg type="o" direction="out"/></method>
      <method name="UnregisterClient"><arg type="o" direction="in"/></method>
      <method name="Inhibit"><arg type="s" direction="in"/><arg type="u" direction="in"/><arg type="s" direction="in"/><arg type="u" direction="in"/><arg type="u" direction="out"/></method>
      <method name="Uninhibit"><arg type="u" direction="in"/></method>
      <property name="SessionIsActive" type="b" access="read"/>
      <property name="InhibitedActions" type="u" access="read"/>
    </interface></node>"""

    def __init__(self, bus):
        self.bus = bus
        self.notices = []
        self.inhibited = {}
        self.last = 0
        places = (
            ("org.freedesktop.Notifications", "/org/freedesktop/Notifications", self.NOTIFICATIONS),
            ("org.gnome.SessionManager", "/org/gnome/SessionManager", self.MANAGER),
        )
        for name, path, xml in places:
            interface = Gio.DBusNodeInfo.new_for_xml(xml).interfaces[0]
            bus.register_object(path, interface, self.called, self.read, None)
            answer = bus.call_sync(
                "org.freedesktop.DBus", "/", "org.freedesktop.DBus", "RequestName", GLib.Variant("(su)", (name, 4)), None, 0, PATIENCE_MS, None
            )
            if answer.unpack()[0] != 1:
                raise RuntimeError(f"somebody else is {name}")

    def called(self, _bus, _sender, _path, _interface, method, arguments, invocation):
        values = arguments.unpack()
        answer = None
        if method == "Notify":
            self.last = values[1] or self.last + 1
            self.notices.append({"id": self.last, "title": values[3], "text": values[4], "actions": values[5]})
            answer = GLib.Variant("(u)", (self.last,))
        elif method == "CloseNotification":
            self.notices = [notice for notice in self.notices if notice["id"] != values[0]]
        elif method == "GetCapabilities":
            answer = GLib.Variant("(as)", (["actions", "body", "persistence"],))
        elif method == "GetServerInformation":
            answer = GLib.Variant("(ssss)", ("lab", "lab", "1", "1.2"))
        elif method == "RegisterClient":
            answer = GLib.Variant("(o)", ("/org/gnome/SessionManager/Client1",))
        elif method == "Inhibit":
            self.last += 1
            self.inhibited[self.last] = {"reason": values[2], "flags": values[3]}
            answer = GLib.Variant("(u)", (self.last,))
        elif method == "Uninhibit":
            self.inhibited.pop(values[0], None)
        invocation.return_value(answer)

    def read(self, _bus, _sender, _path, _interface, name):
        if name == "SessionIsActive":
            return GLib.Variant("b", True)
        return GLib.Variant("u", sum({entry["flags"] for entry in self.inhibited.values()}))

    def choose(self, notice, action):
        """Somebody clicks on a notification."""
        signal = GLib.Variant("(us)", (notice, action))
        self.bus.emit_signal(None, "/org/freedesktop/Notifications", "org.freedesktop.Notifications", "ActionInvoked", signal)


def serve_session(ready):
    """Answers in a thread of its own: a program that asks may be the one that is just being read."""
    context = GLib.MainContext.new()
    context.push_thread_default()
    ready.put(Session(Gio.bus_get_sync(Gio.BusType.SESSION, None)))
    GLib.MainLoop.new(context, False).run()


def main():
    ready = queue.Queue()
    threading.Thread(target=serve_session, args=(ready,), daemon=True).start()
    session = ready.get(timeout=PATIENCE_MS / 1000)
    screen = Screen()
    deeds = {
        "tree": lambda r: screen.tree(r["pid"]),
        "focused": lambda r: screen.focused(r["pid"]),
        "act": lambda r: screen.act(r["pid"], r["path"]),
        "notices": lambda _: session.notices,
        "inhibited": lambda _: [entry["reason"] for entry in session.inhibited.values()],
        "choose": lambda r: session.choose(r["notice"], r["action"]),
    }
    print(json.dumps({"ok": "ready"}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"ok": deeds[request["do"]](request)}
        except (GLib.Error, KeyError, ValueError) as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


main()
