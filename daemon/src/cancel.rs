//! How a running operation is asked to stop: a wish that is looked at between chunks, and a way to end a read that waits for bytes.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use sameday_dbus::{ErrorKind, Failure};

/// What is wished of the operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
enum Wish {
    GoOn,
    /// Stop, and keep what is verified.
    Pause,
    /// Stop, and give the room back. Stronger than a pause.
    Cancel,
}

/// The reason of a `cancelled` that is only a pause.
const PAUSED: &str = "paused";

/// Whether work ended by this because it was asked to pause.
#[must_use]
pub fn is_pause(failure: &Failure) -> bool {
    failure.kind == ErrorKind::Cancelled && failure.reason == PAUSED
}

type Interrupt = Box<dyn Fn() + Send>;

/// Shared between the operation and whoever may stop it.
#[derive(Clone, Default)]
pub struct Cancel(Arc<Inner>);

#[derive(Default)]
struct Inner {
    wish: AtomicU8,
    interrupt: Mutex<Option<Interrupt>>,
    woken: Condvar,
}

impl Cancel {
    /// Asks to stop and to give the room back. What waits for bytes returns at once.
    pub fn ask(&self) {
        self.wish(Wish::Cancel);
    }

    /// Asks to stop and to keep what is verified. After [`Cancel::ask`] it changes nothing.
    pub fn pause(&self) {
        self.wish(Wish::Pause);
    }

    fn wish(&self, wish: Wish) {
        let guard = self.0.interrupt.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.wish.fetch_max(wish as u8, Ordering::SeqCst);
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

    /// Whether it was asked to stop, one way or the other.
    #[must_use]
    pub fn asked(&self) -> bool {
        self.0.wish.load(Ordering::SeqCst) > Wish::GoOn as u8
    }

    /// # Errors
    /// `cancelled`, if it was asked to stop; [`is_pause`] tells which way.
    pub fn check(&self) -> Result<(), Failure> {
        match self.0.wish.load(Ordering::SeqCst) {
            wish if wish == Wish::GoOn as u8 => Ok(()),
            wish if wish == Wish::Pause as u8 => Err(Failure::new(ErrorKind::Cancelled, PAUSED)),
            _ => Err(Failure::new(ErrorKind::Cancelled, "cancelled")),
        }
    }

    /// Names what ends a read under way.
    pub fn interrupt_with(&self, interrupt: impl Fn() + Send + 'static) {
        *self.0.interrupt.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(interrupt));
        // It may have been asked before there was anything to interrupt.
        if self.asked() {
            self.pause();
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
    use std::sync::atomic::AtomicBool;

    use super::*;

    #[test]
    fn a_cancel_is_stronger_than_a_pause() {
        let cancel = Cancel::default();
        cancel.pause();
        assert!(is_pause(&cancel.check().unwrap_err()));
        cancel.ask();
        cancel.pause();
        assert!(!is_pause(&cancel.check().unwrap_err()));
    }

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
