//! How a running operation is asked to stop: a flag that is looked at between chunks, and a way to end a read that waits for bytes.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use sameday_dbus::{ErrorKind, Failure};

type Interrupt = Box<dyn Fn() + Send>;

/// Shared between the operation and whoever may stop it.
#[derive(Clone, Default)]
pub struct Cancel(Arc<Inner>);

#[derive(Default)]
struct Inner {
    asked: AtomicBool,
    interrupt: Mutex<Option<Interrupt>>,
    woken: Condvar,
}

impl Cancel {
    /// Asks to stop. What waits for bytes returns at once.
    pub fn ask(&self) {
        let guard = self.0.interrupt.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.asked.store(true, Ordering::SeqCst);
        if let Some(interrupt) = &*guard {
            interrupt();
        }
        drop(guard);
        self.0.woken.notify_all();
    }

    /// Sleeps, but not beyond a cancel.
    pub fn sleep(&self, time: Duration) {
        let guard = self.0.interrupt.lock().unwrap_or_else(PoisonError::into_inner);
        // Whether it woke up by time or by the cancel, whoever sleeps looks at the flag next.
        drop(self.0.woken.wait_timeout_while(guard, time, |_| !self.asked()));
    }

    /// Whether it was asked.
    #[must_use]
    pub fn asked(&self) -> bool {
        self.0.asked.load(Ordering::SeqCst)
    }

    /// # Errors
    /// `cancelled`, if it was asked.
    pub fn check(&self) -> Result<(), Failure> {
        if self.asked() { Err(Failure::new(ErrorKind::Cancelled, "cancelled")) } else { Ok(()) }
    }

    /// Names what ends a read under way.
    pub fn interrupt_with(&self, interrupt: impl Fn() + Send + 'static) {
        *self.0.interrupt.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(interrupt));
        // It may have been asked before there was anything to interrupt.
        if self.asked() {
            self.ask();
        }
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cancel").field("asked", &self.asked()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancel_before_the_read_interrupts_it_too() {
        let cancel = Cancel::default();
        assert!(cancel.check().is_ok());
        cancel.ask();
        let hit = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&hit);
        cancel.interrupt_with(move || seen.store(true, Ordering::SeqCst));
        assert!(hit.load(Ordering::SeqCst));
        assert_eq!(cancel.check().unwrap_err().kind, ErrorKind::Cancelled);
    }
}
