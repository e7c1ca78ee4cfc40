//! Sizes, times and dates as people read them.

use gettextrs::{gettext, ngettext};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::{count, fill};

/// A size in decimal units, as file managers and shops count.
#[must_use]
pub fn size(bytes: u64) -> String {
    let unit = |factor: u64, unit: &str| {
        let tenths = u128::from(bytes) * 10 / u128::from(factor);
        let number = if tenths < 100 { format!("{}.{}", tenths / 10, tenths % 10) } else { (tenths / 10).to_string() };
        fill(unit, &[("number", &number)])
    };
    match bytes {
        0..1000 => fill(&ngettext("{number} byte", "{number} bytes", count(bytes)), &[("number", &bytes.to_string())]),
        1000..1_000_000 => unit(1000, &gettext("{number} kB")),
        1_000_000..1_000_000_000 => unit(1_000_000, &gettext("{number} MB")),
        1_000_000_000..1_000_000_000_000 => unit(1_000_000_000, &gettext("{number} GB")),
        _ => unit(1_000_000_000_000, &gettext("{number} TB")),
    }
}

/// A time that is left: as exact as an estimate can be.
#[must_use]
pub fn time_left(seconds: u64) -> String {
    let (number, text) = match seconds {
        0..10 => return gettext("a few seconds left"),
        10..90 => (seconds.next_multiple_of(10), "seconds"),
        90..5400 => (seconds.saturating_add(30) / 60, "minutes"),
        5400..172_800 => (seconds.saturating_add(1800) / 3600, "hours"),
        _ => return gettext("more than two days left"),
    };
    let n = count(number);
    let text = match text {
        "seconds" => ngettext("about {number} second left", "about {number} seconds left", n),
        "minutes" => ngettext("about {number} minute left", "about {number} minutes left", n),
        _ => ngettext("about {number} hour left", "about {number} hours left", n),
    };
    fill(&text, &[("number", &number.to_string())])
}

/// The date of a time of ours (`YYYY-MM-DDTHH:MM:SSZ`) or of a date, as `YYYY-MM-DD`. What is neither is shown as it came.
#[must_use]
pub fn date(time: &str) -> String {
    parsed(time).map_or_else(|| time.to_owned(), |date| date.to_string())
}

/// How many whole days have passed since then, by this computer's clock; none if it lies ahead or is no time.
#[must_use]
pub fn days_since(time: &str, now: Timestamp) -> Option<u64> {
    let today = now.to_zoned(TimeZone::UTC).date();
    let days = (today - parsed(time)?).get_days();
    u64::try_from(days).ok()
}

fn parsed(time: &str) -> Option<Date> {
    match time.parse::<Timestamp>() {
        Ok(time) => Some(time.to_zoned(TimeZone::UTC).date()),
        Err(_) => time.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short_and_never_rounded_up() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (999, "999 bytes"),
            (1000, "1.0 kB"),
            (9_999, "9.9 kB"),
            (10_000, "10 kB"),
            (273_600_000, "273 MB"),
            ((1 << 31) - 1, "2.1 GB"),
            ((1 << 32) - 1, "4.2 GB"),
            (1 << 32, "4.2 GB"),
            (u64::MAX, "18446744 TB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn the_time_left_is_as_exact_as_an_estimate_can_be() {
        for (seconds, text) in [
            (0, "a few seconds left"),
            (11, "about 20 seconds left"),
            (89, "about 90 seconds left"),
            (90, "about 2 minutes left"),
            (3600, "about 60 minutes left"),
            (7200, "about 2 hours left"),
            (u64::MAX, "more than two days left"),
        ] {
            assert_eq!(time_left(seconds), text);
        }
    }

    #[test]
    fn dates_are_those_of_utc_and_nonsense_is_left_alone() {
        assert_eq!(date("2026-11-22T23:59:59Z"), "2026-11-22");
        assert_eq!(date("2026-11-22"), "2026-11-22");
        assert_eq!(date("yesterday"), "yesterday");
        let now = "2026-11-22T01:00:00Z".parse().unwrap();
        assert_eq!(days_since("2026-11-21T23:59:59Z", now), Some(1));
        assert_eq!(days_since("2025-11-22", now), Some(365));
        assert_eq!(days_since("2026-11-22T02:00:00Z", now), Some(0));
        assert_eq!(days_since("2026-11-23", now), None);
        assert_eq!(days_since("soon", now), None);
    }
}
