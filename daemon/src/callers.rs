//! How much one user may have under way. Each call waits for polkit, perhaps for a password: without a limit a flood of calls would fill
//! the daemon's memory and hold up everybody else's. What stops something has places of its own, so that no flood of other calls is in its way.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sameday_dbus::{ErrorKind, Failure};

/// Calls of one user at once, over all of the user's connections: a client has one or two.
const MOST_OF_ONE: u32 = 8;
/// Calls of all users at once.
const MOST: u32 = 64;

/// The calls under way, by user.
#[derive(Debug, Clone, Default)]
pub struct Callers(Arc<Mutex<HashMap<Caller, u32>>>);

/// A user's id, and whether it is about stopping something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Caller {
    /// The user.
    pub user: u32,
    /// Cancel, pause, discard.
    pub stops: bool,
}

/// A call under way; it ends with the value.
#[derive(Debug)]
pub struct Call {
    callers: Callers,
    caller: Caller,
}

impl Callers {
    /// Counts a call.
    ///
    /// # Errors
    /// `busy`, when too many are under way.
    pub fn enter(&self, caller: Caller) -> Result<Call, Failure> {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: u32 = calls.iter().filter(|(other, _)| other.stops == caller.stops).map(|(_, count)| count).sum();
        let own = calls.entry(caller).or_insert(0);
        if *own >= MOST_OF_ONE || all >= MOST {
            return Err(Failure::new(ErrorKind::Busy, "too-many-calls"));
        }
        *own = own.saturating_add(1);
        Ok(Call { callers: self.clone(), caller })
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let mut calls = self.callers.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = calls.get_mut(&self.caller) {
            *count = count.saturating_sub(1);
        }
        calls.retain(|_, count| *count > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_cannot_take_everybodys_place() {
        let callers = Callers::default();
        let caller = |user, stops| Caller { user, stops };
        let flood: Vec<_> = (0..100).filter_map(|_| callers.enter(caller(1, false)).ok()).collect();
        assert_eq!(flood.len(), MOST_OF_ONE as usize);
        let other = callers.enter(caller(2, false)).unwrap();
        let stop = callers.enter(caller(1, true)).unwrap();
        drop((flood, other, stop));
        assert!(callers.0.lock().unwrap().is_empty());
        let many: Vec<_> = (0..100).filter_map(|user| callers.enter(caller(user, false)).ok()).collect();
        assert_eq!(many.len(), MOST as usize);
    }
}
