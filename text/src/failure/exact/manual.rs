//! Why a stick cannot take an upgrade by itself, and what its user can do.

use gettextrs::gettext;

use super::{Number, Text};
use crate::fill;
use crate::format::size;

/// Why this stick needs an upgrade by hand.
pub fn sentences(reason: &str, text: &Text<'_>, number: &Number<'_>) -> Option<String> {
    let why = match reason {
        "optical" => gettext("This system was started from a DVD or a DVD image, which cannot be written to."),
        "read-only" => gettext("The stick is write-protected. Move its switch, if it has one."),
        "toram" => gettext("This system runs from memory (“toram”). Start it without that, and upgrade then."),
        "findiso" => gettext("This system runs from an image file on a disk, which cannot be upgraded in place."),
        "medium-not-found" | "not-our-stick" => {
            gettext("This is not a USB stick that was made for automatic upgrades.")
        }
        "unsupported-file-system" => {
            let sentence = gettext("The stick has the file system {name}, to which upgrades cannot be written.");
            fill(&sentence, &[("name", text("file-system")?)])
        }
        "file-too-big" => {
            let sentence =
                gettext("The upgrade has a file of {length}; the stick's file system holds files of {limit} at most.");
            fill(&sentence, &[("length", &size(number("length")?)), ("limit", &size(number("limit")?))])
        }
        "no-upgrade-for-initial-version" => {
            let sentence =
                gettext("There is {version}, but no automatic way to it for a stick that began with {initial}.");
            fill(&sentence, &[("version", text("version")?), ("initial", text("initial")?)])
        }
        "by-hand" => {
            let sentence = gettext("There is {version}, but no automatic way to it.");
            fill(&sentence, &[("version", text("version")?)])
        }
        "kernel-changed" => {
            let sentence = gettext(
                "There is {version}, with another kernel than the one that this stick's boot loader starts with every version.",
            );
            fill(&sentence, &[("version", text("version")?)])
        }
        "unknown-format" | "unknown-kind" | "boot-env-newer-format" => {
            gettext("There is something newer, of a kind that this version does not understand.")
        }
        _ => return None,
    };
    let mut sentences = fill(&gettext("{why} Upgrade by hand."), &[("why", &why)]);
    if let Some(url) = text("details-url") {
        sentences.push(' ');
        sentences.push_str(&fill(&gettext("How to: {url}"), &[("url", url)]));
    }
    Some(sentences)
}
