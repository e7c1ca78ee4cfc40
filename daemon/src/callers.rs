//! How much one caller may have under way. Each call waits for polkit, perhaps for a password: without a limit a flood of calls would fill
//! the daemon's memory and hold up everybody else's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sameday_dbus::{ErrorKind, Failure};

/// Calls of one caller at once: a client has one or two.
const MOST_OF_ONE: u32 = 8;
/// Calls of all callers at once.
const MOST: u32 = 64;

/// The calls under way, by caller.
#[derive(Debug, Clone, Default)]
pub struct Callers(Arc<Mutex<HashMap<String, u32>>>);

/// A call under way; it ends with the value.
#[derive(Debug)]
pub struct Call {
    callers: Callers,
    caller: String,
}

impl Callers {
    /// Counts a call of `caller`, a unique bus name.
    ///
    /// # Errors
    /// `busy`, when too many are under way.
    pub fn enter(&self, caller: &str) -> Result<Call, Failure> {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: u32 = calls.values().sum();
        let own = calls.get(caller).copied().unwrap_or(0);
        if own >= MOST_OF_ONE || all >= MOST {
            return Err(Failure::new(ErrorKind::Busy, "too-many-calls"));
        }
        calls.insert(caller.to_owned(), own.saturating_add(1));
        Ok(Call { callers: self.clone(), caller: caller.to_owned() })
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let mut calls = self.callers.0.lock().unwrap_or_else(PoisonError::into_inner);
        match calls.get(&self.caller).copied() {
            Some(2..) => {
                calls.entry(std::mem::take(&mut self.caller)).and_modify(|count| *count = count.saturating_sub(1));
            }
            _ => drop(calls.remove(&self.caller)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_caller_cannot_take_everybodys_place() {
        let callers = Callers::default();
        let flood: Vec<_> = (0..100).filter_map(|_| callers.enter(":1.1").ok()).collect();
        assert_eq!(flood.len(), MOST_OF_ONE as usize);
        let other = callers.enter(":1.2").unwrap();
        drop(flood);
        drop(other);
        assert!(callers.0.lock().unwrap().is_empty());
        let many: Vec<_> = (0..100).filter_map(|n| callers.enter(&format!(":1.{n}")).ok()).collect();
        assert_eq!(many.len(), MOST as usize);
    }
}
