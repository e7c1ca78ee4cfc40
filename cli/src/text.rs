//! Sentences that only a terminal needs: which commands help, and the codes of a failure.

use gettextrs::gettext;
use sameday_dbus::{ErrorKind, Failure, LeftOver, MethodError, Snapshot, Standing};
use sameday_text::{bus, failure, fill};

use crate::client::Trouble;

/// Why a command could not be carried out.
#[must_use]
pub fn trouble(trouble: &Trouble) -> String {
    match trouble {
        Trouble::Call(MethodError::Failure(refused)) => told(refused),
        Trouble::Call(MethodError::Bus(error)) => {
            let line = sameday_dbus::text::line(&error.to_string(), sameday_dbus::text::LINE);
            format!("{}\n{}", bus(error), details(&line))
        }
        Trouble::DaemonGone => gettext(
            "The upgrader stopped unexpectedly. The stick still starts; look at “sameday status” and try again.",
        ),
    }
}

/// A failure's whole story: the sentences, the command that helps, the codes, and where more is to be read.
#[must_use]
pub fn told(told: &Failure) -> String {
    let more = fill(&gettext("More: sameday help {kind}"), &[("kind", told.kind.code())]);
    let lines = [Some(failure(told)), command(told), Some(details(&told.to_string())), Some(more)];
    lines.into_iter().flatten().collect::<Vec<_>>().join("\n")
}

/// The command that helps at once, where there is one.
fn command(failure: &Failure) -> Option<String> {
    match (failure.kind, failure.reason.as_str()) {
        (ErrorKind::Busy, "paused") => Some(go_on_or_discard()),
        (ErrorKind::Busy, "too-soon" | "too-many-calls" | "restart-pending" | "applying") => None,
        (ErrorKind::Busy, _) => Some(gettext("To cancel what is under way: sameday cancel")),
        (ErrorKind::Internal, _) => Some(gettext("To see what to send along: sameday report")),
        _ => None,
    }
}

fn go_on_or_discard() -> String {
    gettext("To go on with it: sameday resume. To give its room back: sameday discard")
}

/// The codes, for who helps.
fn details(codes: &str) -> String {
    fill(&gettext("({details})"), &[("details", codes)])
}

/// What everybody must see who looks at the state or at an offer, as loud as an error.
#[must_use]
pub fn warnings(snapshot: &Snapshot) -> Vec<String> {
    let warnings = sameday_text::warnings(snapshot);
    let mut lines: Vec<String> = warnings.looking.iter().map(|warning| loud(warning)).collect();
    if let Some(who) = &warnings.chosen_by {
        lines.push(format!("    {who}"));
    }
    if warnings.reset {
        lines.push(gettext("    To look where this system looks by itself: sameday channel --reset"));
    }
    lines.extend(warnings.running.iter().map(|warning| loud(warning)));
    lines
}

/// A warning that cannot be overlooked.
#[must_use]
pub fn loud(warning: &str) -> String {
    fill(&gettext("*** WARNING: {warning} ***"), &[("warning", warning)])
}

/// How the version that runs relates to the one that the stick chooses, and the commands that change it.
#[must_use]
pub fn standing(snapshot: &Snapshot) -> Vec<String> {
    let Some(sentence) = sameday_text::standing(snapshot) else { return Vec::new() };
    let commands = match snapshot.standing {
        Standing::Undone if snapshot.again_version.is_empty() => {
            vec![gettext("To look for a newer version: sameday check"), gettext("More: sameday help undone")]
        }
        Standing::Undone => vec![
            gettext("To give {other} another try, without a download: sameday try-again"),
            gettext("More: sameday help undone"),
        ],
        Standing::RolledBack => vec![
            gettext("To use {other} again, without a download: sameday try-again"),
            gettext("More: sameday help rollback"),
        ],
        Standing::OnTrial if !snapshot.undoes_itself => vec![gettext("More: sameday help no-undo")],
        _ => Vec::new(),
    };
    let other = [("other", snapshot.standing_version.as_str())];
    std::iter::once(sentence).chain(commands.iter().map(|line| fill(line, &other))).collect()
}

/// What a stopped or abandoned download left, and the commands that do something about it.
#[must_use]
pub fn left_over(left: &LeftOver) -> Vec<String> {
    vec![sameday_text::left_over(left), go_on_or_discard(), gettext("More: sameday help left-overs")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_details_hold_the_codes() {
        let told = told(&Failure::new(ErrorKind::Server, "too-short").number("promised", 7));
        assert!(told.ends_with("Try again later.\n(server too-short promised=7)\nMore: sameday help server"));
    }

    #[test]
    fn a_command_is_named_where_one_helps() {
        for (failure, command) in [
            (Failure::new(ErrorKind::Busy, "paused"), "sameday discard"),
            (Failure::new(ErrorKind::Busy, "busy"), "sameday cancel"),
            (Failure::new(ErrorKind::Internal, "panic"), "sameday report"),
        ] {
            assert!(told(&failure).contains(command), "{failure}");
        }
    }
}
