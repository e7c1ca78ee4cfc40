//! How often something that costs others is begun: a handful at once, then one each so often (a token bucket). A program in the session
//! that asks for checks without end gets no more of Tor and the servers than a person would.

use std::time::{Duration, Instant};

/// A bucket of permissions.
#[derive(Debug)]
pub struct Pace {
    most: u32,
    every: Duration,
    left: u32,
    since: Instant,
}

impl Pace {
    /// At most `most` at once, and one more after `every`.
    #[must_use]
    pub fn new(most: u32, every: Duration) -> Self {
        Self { most, every, left: most, since: Instant::now() }
    }

    /// Takes a permission.
    ///
    /// # Errors
    /// How long it is until there is one.
    pub fn take(&mut self, now: Instant) -> Result<(), Duration> {
        while self.left < self.most && now.saturating_duration_since(self.since) >= self.every {
            self.left = self.left.saturating_add(1);
            self.since = self.since.checked_add(self.every).unwrap_or(now);
        }
        if self.left == self.most {
            self.since = now;
        }
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(self.every.saturating_sub(now.saturating_duration_since(self.since))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_gets_what_a_person_would() {
        let every = Duration::from_secs(30);
        let mut pace = Pace::new(3, every);
        let begin = Instant::now();
        let granted = |pace: &mut Pace, at: u64| pace.take(begin + Duration::from_secs(at)).is_ok();
        assert_eq!((0..100).filter(|_| granted(&mut pace, 1)).count(), 3);
        let wait = pace.take(begin + Duration::from_secs(11)).unwrap_err();
        assert!(wait > Duration::ZERO && wait <= every - Duration::from_secs(10), "{wait:?}");
        let more = (2..=301).filter(|at| granted(&mut pace, *at)).count();
        assert_eq!(more, 10);
        // After a long rest no more than at first.
        assert_eq!((0..100).filter(|_| granted(&mut pace, 100_000)).count(), 3);
    }
}
