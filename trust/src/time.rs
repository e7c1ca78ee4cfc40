//! Points in time as TUF writes them: whole seconds, UTC, `YYYY-MM-DDTHH:MM:SSZ`.

use std::fmt;
use std::str::FromStr;

use jiff::SignedDuration;
use jiff::civil::{DateTime, date};
use serde::{Deserialize, Serialize};

/// Second 0. Civil times, and not jiff's timestamps, which end a day before the year 9999 does.
const EPOCH: DateTime = date(1970, 1, 1).at(0, 0, 0, 0);

/// First second of the year 1: the text has four digits for the year, and no year 0 or before.
const FIRST: i64 = -62_135_596_800;
/// Last second of the year 9999.
const LAST: i64 = 253_402_300_799;

/// A point in time, from the year 1 to 9999, in whole seconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Time(i64);

/// A text that is not a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a time of the form YYYY-MM-DDTHH:MM:SSZ")]
pub struct BadTime;

impl Time {
    /// The earliest time there is; as a floor it holds nothing back.
    pub const EARLIEST: Self = Self(FIRST);

    /// Seconds since 1970-01-01T00:00:00Z; what lies outside the years 1 to 9999 becomes their nearest end.
    #[must_use]
    pub const fn from_unix(seconds: i64) -> Self {
        if seconds < FIRST {
            Self(FIRST)
        } else if seconds > LAST {
            Self(LAST)
        } else {
            Self(seconds)
        }
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn unix(self) -> i64 {
        self.0
    }

    /// The time `seconds` later (earlier, if negative).
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self::from_unix(self.0.saturating_add(seconds))
    }

    /// The time `days` days of 24 hours later.
    #[must_use]
    pub const fn plus_days(self, days: u32) -> Self {
        self.plus_seconds(days as i64 * 86_400)
    }

    /// Seconds from `earlier` to this; negative if it comes before.
    #[must_use]
    pub const fn seconds_since(self, earlier: Self) -> i64 {
        // Both lie within years 1 to 9999, so this cannot overflow.
        self.0.saturating_sub(earlier.0)
    }
}

impl FromStr for Time {
    type Err = BadTime;

    fn from_str(text: &str) -> Result<Self, BadTime> {
        const SHAPE: &[u8] = b"dddd-dd-ddTdd:dd:ddZ";
        let fits = |(byte, shape): (u8, &u8)| if *shape == b'd' { byte.is_ascii_digit() } else { byte == *shape };
        if text.len() != SHAPE.len() || !text.bytes().zip(SHAPE).all(fits) {
            return Err(BadTime);
        }
        let number = |from: usize, to: usize| -> Result<i16, BadTime> {
            text.get(from..to).and_then(|digits| digits.parse().ok()).ok_or(BadTime)
        };
        let small = |from: usize| -> Result<i8, BadTime> { i8::try_from(number(from, from + 2)?).map_err(|_| BadTime) };
        let civil = DateTime::new(number(0, 4)?, small(5)?, small(8)?, small(11)?, small(14)?, small(17)?, 0)
            .map_err(|_| BadTime)?;
        let seconds = civil.duration_since(EPOCH).as_secs();
        if (FIRST..=LAST).contains(&seconds) { Ok(Self(seconds)) } else { Err(BadTime) }
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let civil = EPOCH.checked_add(SignedDuration::from_secs(self.0)).map_err(|_| fmt::Error)?;
        let (date, clock) = (civil.date(), civil.time());
        write!(f, "{:04}-{:02}-{:02}", date.year(), date.month(), date.day())?;
        write!(f, "T{:02}:{:02}:{:02}Z", clock.hour(), clock.minute(), clock.second())
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for Time {
    type Error = BadTime;

    fn try_from(text: String) -> Result<Self, BadTime> {
        text.parse()
    }
}

impl From<Time> for String {
    fn from(time: Time) -> Self {
        time.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_seconds_agree() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-11-22T12:34:56Z", 1_795_350_896),
            ("2024-02-29T23:59:59Z", 1_709_251_199),
            ("0001-01-01T00:00:00Z", FIRST),
            ("9999-12-31T23:59:59Z", LAST),
        ] {
            assert_eq!(text.parse::<Time>().map(Time::unix), Ok(seconds), "{text}");
            assert_eq!(Time::from_unix(seconds).to_string(), text);
        }
        assert_eq!(Time::from_unix(i64::MAX).to_string(), "9999-12-31T23:59:59Z");
        assert_eq!(Time::from_unix(i64::MIN), Time::EARLIEST);
        assert_eq!(Time::from_unix(0).plus_seconds(i64::MAX), Time::from_unix(LAST));
    }

    #[test]
    fn other_forms_are_refused() {
        for bad in [
            "",
            "2026-11-22",
            "2026-11-22T12:34:56",
            "2026-11-22T12:34:56+00:00",
            "2026-11-22t12:34:56Z",
            "2026-11-22T12:34:60Z",
            "2026-11-22T24:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "+026-11-22T12:34:56Z",
            "2026-11-22T12:34:56.0Z",
            "２２６-11-22T12:34Z",
        ] {
            assert_eq!(bad.parse::<Time>(), Err(BadTime), "{bad}");
        }
    }
}
