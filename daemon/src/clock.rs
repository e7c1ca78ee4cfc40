//! The time: asked once at the start of an operation, never stored.

use std::fmt;

use sameday_trust::Time;

/// Tells the time.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The time now, which may be wrong.
    fn now(&self) -> Time;
}

/// The system's clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Time {
        // A clock before 1970 or beyond the calendar is as wrong as can be: the epoch, which no metadata accepts as now.
        let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_secs());
        Time::from_unix(i64::try_from(seconds).unwrap_or(0))
    }
}
