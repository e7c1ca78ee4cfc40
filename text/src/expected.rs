//! How long an upgrade may take, told before it is consented to.

use gettextrs::ngettext;
use sameday_dbus::{Offer, Origin};

use crate::{count, fill};

/// Bytes a second that come through Tor: one circuit is rarely slower than the first or faster than the second.
const TOR: (u64, u64) = (150_000, 1_500_000);
/// Bytes a second that USB sticks take: old ones, and good ones. What is written is read back as well.
const STICK: (u64, u64) = (4_000_000, 30_000_000);

/// About how long; exactly where the speed was measured, otherwise from and to.
#[must_use]
pub fn expected(offer: &Offer, measured: Option<u64>) -> String {
    let left = offer.download_size.saturating_sub(offer.staged);
    let minutes = |download: u64, stick: u64| {
        let seconds = (left / download.max(1)).saturating_add(offer.download_size / stick.max(1));
        seconds.div_ceil(60).max(1)
    };
    if let Some(speed) = measured.filter(|speed| *speed > 0) {
        return about(minutes(speed, STICK.0));
    }
    let (slow, fast) = match offer.source {
        Origin::Repository => (minutes(TOR.0, STICK.0), minutes(TOR.1, STICK.1)),
        Origin::Kit => (minutes(STICK.0, STICK.0), minutes(STICK.1, STICK.1)),
    };
    if slow == fast {
        return about(slow);
    }
    // Translators: a span of time, such as “5 to 30 minutes”. {to} is always more than one.
    let text = ngettext("{from} to {to} minute", "{from} to {to} minutes", count(slow));
    fill(&text, &[("from", &fast.to_string()), ("to", &slow.to_string())])
}

fn about(minutes: u64) -> String {
    if minutes >= 120 {
        let hours = minutes.saturating_add(30) / 60;
        return fill(
            &ngettext("about {number} hour", "about {number} hours", count(hours)),
            &[("number", &hours.to_string())],
        );
    }
    fill(
        &ngettext("about {number} minute", "about {number} minutes", count(minutes)),
        &[("number", &minutes.to_string())],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(source: Origin, download_size: u64, staged: u64) -> Offer {
        Offer { source, download_size, staged, ..Offer::default() }
    }

    #[test]
    fn what_was_measured_counts_more_than_what_is_usual() {
        let tor = offer(Origin::Repository, 273_000_000, 0);
        assert_eq!(expected(&tor, None), "4 to 32 minutes");
        assert_eq!(expected(&tor, Some(500_000)), "about 11 minutes");
        assert_eq!(expected(&tor, Some(10)), "about 7583 hours");
        assert_eq!(expected(&offer(Origin::Kit, 273_000_000, 0), None), "1 to 3 minutes");
        assert_eq!(expected(&offer(Origin::Kit, 1, 0), None), "about 1 minute");
        assert_eq!(expected(&offer(Origin::Repository, 273_000_000, 270_000_000), None), "1 to 2 minutes");
    }

    #[test]
    fn no_number_is_too_large() {
        for speed in [None, Some(0), Some(1), Some(u64::MAX)] {
            assert!(!expected(&offer(Origin::Repository, u64::MAX, 0), speed).is_empty());
        }
    }
}
