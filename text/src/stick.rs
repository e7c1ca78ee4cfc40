//! Sentences about the stick: how its versions stand, what lies on it, and where upgrades are looked for.

use gettextrs::gettext;
use sameday_dbus::{ChosenBy, LeftOver, Snapshot, Standing, blockage as code};

use crate::fill;
use crate::format::size;

/// What everybody must see who looks at the state or at an offer: whatever is not as the image would have it. As loud as an error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Warnings {
    /// Where upgrades are looked for, if that is not where this system looks by itself.
    pub looking: Vec<String>,
    /// Who chose that.
    pub chosen_by: Option<String>,
    /// Whether an administrator can take it back.
    pub reset: bool,
    /// What runs came from another channel.
    pub running: Option<String>,
}

/// What is not as the image would have it.
#[must_use]
pub fn warnings(snapshot: &Snapshot) -> Warnings {
    let own = snapshot.channel.as_str();
    let looking = &snapshot.looking;
    let mut warnings = Warnings::default();
    if !looking.channel.is_empty() && looking.channel != own {
        let warning =
            gettext("Upgrades are looked for in the channel “{channel}”. This system's own channel is “{own}”.");
        warnings.looking.push(fill(&warning, &[("channel", &looking.channel), ("own", own)]));
    }
    if !looking.base_urls.is_empty() {
        let warning = gettext("Upgrades are looked for at {servers} and not at this system's own servers.");
        warnings.looking.push(fill(&warning, &[("servers", &looking.base_urls.join(", "))]));
    }
    if !warnings.looking.is_empty() {
        warnings.chosen_by = Some(fill(&gettext("Chosen by: {who}"), &[("who", &chosen_by(looking.chosen_by))]));
        warnings.reset = looking.chosen_by == ChosenBy::Administrator;
    }
    if !snapshot.running_channel.is_empty() && snapshot.running_channel != own {
        let warning = gettext("What runs came from the channel “{channel}”. This system's own channel is “{own}”.");
        warnings.running = Some(fill(&warning, &[("channel", &snapshot.running_channel), ("own", own)]));
    }
    warnings
}

/// Who chose where upgrades are looked for.
#[must_use]
pub fn chosen_by(chosen_by: ChosenBy) -> String {
    match chosen_by {
        ChosenBy::Image => gettext("this system"),
        ChosenBy::DropIn => gettext("a file in /etc/sameday"),
        ChosenBy::Kernel => gettext("the kernel's command line, at the boot menu"),
        ChosenBy::Administrator => gettext("an administrator, until the next start of the computer"),
    }
}

/// How the version that runs relates to the one that the stick chooses; nothing where all is as ever.
#[must_use]
pub fn standing(snapshot: &Snapshot) -> Option<String> {
    let sentence = match snapshot.standing {
        // State and pending version tell a pending restart.
        Standing::Unknown | Standing::Good | Standing::RestartPending => return None,
        Standing::OnTrial if !snapshot.undoes_itself => gettext(
            "{running} runs on trial. This stick has a boot loader of another kind: if it should not start well, it cannot go back by itself.",
        ),
        Standing::OnTrial => gettext(
            "{running} runs on trial: if it should not start well, the version before it starts again by itself.",
        ),
        Standing::Undone if snapshot.again_version.is_empty() => {
            gettext("{other} did not come up and was undone. {running} runs instead.")
        }
        Standing::Undone => gettext(
            "{other} did not come up and was undone. {running} runs instead, which has known security holes that {other} fixes.",
        ),
        Standing::RolledBack => {
            gettext("Somebody went back from {other} to {running}, which has known security holes that {other} fixes.")
        }
        Standing::ByHand => {
            gettext("{running} was chosen by hand in the boot menu. Without that, {other} starts at the next start.")
        }
    };
    Some(fill(&sentence, &[("running", &snapshot.running_version), ("other", &snapshot.standing_version)]))
}

/// What a stopped or abandoned download left.
#[must_use]
pub fn left_over(left: &LeftOver) -> String {
    let what = gettext("On the stick lie {size} of a download of {version} that was not finished.");
    fill(&what, &[("size", &size(left.bytes)), ("version", &left.version)])
}

/// What keeps Tor from connecting, as a half of a sentence. One that this program does not know is as `other`.
#[must_use]
pub fn blockage(blockage: &str) -> String {
    match blockage {
        code::OFFLINE => gettext("there is no network"),
        code::FILTERED => gettext("this network seems to filter connections to Tor"),
        code::CANNOT_REACH_TOR => gettext("no relay or bridge of Tor can be reached"),
        code::CLOCK_SKEWED => gettext("this computer's clock seems to be wrong"),
        code::CANNOT_BOOTSTRAP => gettext("the list of Tor's relays cannot be had"),
        _ => gettext("something is in the way"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sameday_dbus::Looking;

    fn snapshot() -> Snapshot {
        Snapshot { channel: "stable".into(), running_channel: "stable".into(), ..Snapshot::default() }
    }

    #[test]
    fn what_is_as_the_image_has_it_warns_nobody() {
        assert_eq!(warnings(&snapshot()), Warnings::default());
        let looking = Looking { channel: "stable".into(), chosen_by: ChosenBy::DropIn, ..Looking::default() };
        assert_eq!(warnings(&Snapshot { looking, ..snapshot() }), Warnings::default());
    }

    #[test]
    fn every_other_channel_and_server_is_told() {
        let base_urls = vec!["http://a.onion/".into(), "http://b.onion/".into()];
        let looking = Looking { channel: "alpha".into(), base_urls, chosen_by: ChosenBy::Kernel };
        let told = warnings(&Snapshot { looking, running_channel: "test".into(), ..snapshot() });
        assert_eq!(told.looking.len(), 2);
        assert!(told.looking[0].contains("“alpha”") && told.looking[1].contains("http://a.onion/, http://b.onion/"));
        assert!(told.chosen_by.unwrap().contains("boot menu") && !told.reset);
        assert!(told.running.unwrap().contains("came from the channel “test”"));
    }

    #[test]
    fn every_blockage_has_its_words() {
        for blocked in code::ALL {
            assert!(*blocked == code::OTHER || blockage(blocked) != blockage("of-next-year"), "{blocked}");
        }
    }
}
