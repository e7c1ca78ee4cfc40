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

pub fn pause() -> String {
    gettext("Stops a download and keeps what is verified of it on the stick")
}

pub fn resume() -> String {
    gettext("Goes on with a download that was paused or abandoned")
}

pub fn discard() -> String {
    gettext("Removes what a paused or abandoned download left on the stick")
}

pub fn rollback() -> String {
    gettext("Goes back to the previous version, which has known security holes")
}

pub fn try_again() -> String {
    gettext("Gives a version that was undone, or gone back from, another try, without a download")
}

pub fn channel() -> String {
    gettext("Shows where upgrades are looked for; with a name, looks there until the next start (for testers)")
}

pub fn report() -> String {
    gettext("Shows what the developers need to find a fault, without anything that tells who you are")
}

pub fn help() -> String {
    gettext("Explains a failure or a command")
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

pub fn yes_go_back() -> String {
    gettext("Go back without asking")
}

pub fn channel_name() -> String {
    gettext("The channel to look at until the next start of the computer")
}

pub fn base_url() -> String {
    gettext(
        "A server to ask instead of this system's own, for a version that is not published yet; may be given several times",
    )
}

pub fn reset() -> String {
    gettext("Look again where this system looks by itself")
}

pub fn topic() -> String {
    gettext("What to explain")
}

pub fn exit_codes() -> String {
    gettext("Exit status: 0 done, 1 failed, 2 nothing to do, 3 newer, but not for this stick, 64 wrong use.")
}
