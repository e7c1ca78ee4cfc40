//! The texts of `--help`. They stand here, and not in attributes, since xgettext (as C) takes a line that begins with `#` for none of its
//! business.

use gettextrs::gettext;

pub fn program() -> String {
    gettext("Upgrades the live system on this USB stick")
}

pub fn status() -> String {
    gettext("Shows what runs, what is offered and what is under way")
}

pub fn check() -> String {
    gettext("Looks for an upgrade; nothing is written")
}

pub fn upgrade() -> String {
    gettext("Looks for an upgrade, asks, and installs it")
}

pub fn install() -> String {
    gettext("Asks, and installs the upgrade in a file, without any network")
}

pub fn cancel() -> String {
    gettext("Stops what is under way and gives its room back")
}

pub fn json() -> String {
    gettext("Answer one line of JSON")
}

pub fn yes() -> String {
    gettext("Install what is offered without asking")
}

pub fn restart() -> String {
    gettext("Restart the computer when the upgrade is installed")
}

pub fn file() -> String {
    gettext("The file with the upgrade (its name ends in .kit)")
}

pub fn signed_on() -> String {
    gettext("Confirm the date on which an old file was signed (--yes does not)")
}

pub fn exit_codes() -> String {
    gettext("Exit status: 0 done, 1 failed, 2 nothing to do, 3 newer, but not for this stick, 64 wrong use.")
}
