//! Closes descriptors that came from outside. A close waits for the file system below (FUSE's FLUSH), which may belong to whoever sent the
//! descriptor and never answer: so it is done on threads of their own, of which there are never more than a few. If all of them wait for ever,
//! what is left over is descriptors, and not threads.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

/// The unit has a limit of tasks, which a caller could otherwise use up.
const MOST_THREADS: usize = 4;

struct Closing {
    waiting: VecDeque<Box<dyn Send>>,
    threads: usize,
}

static CLOSING: Mutex<Closing> = Mutex::new(Closing { waiting: VecDeque::new(), threads: 0 });

fn lock() -> MutexGuard<'static, Closing> {
    CLOSING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Closes it, or what it holds, some time.
pub fn close(descriptor: impl Send + 'static) {
    let mut closing = lock();
    closing.waiting.push_back(Box::new(descriptor));
    if closing.threads >= MOST_THREADS {
        return;
    }
    match thread::Builder::new().name("closing".into()).spawn(work) {
        Ok(_) => closing.threads = closing.threads.saturating_add(1),
        // It waits for the next one.
        Err(error) => tracing::error!("start a thread: {error}"),
    }
}

fn work() {
    while let Some(descriptor) = next() {
        drop(descriptor);
    }
}

/// The next one; without one, the thread is counted as ended.
fn next() -> Option<Box<dyn Send>> {
    let mut closing = lock();
    let next = closing.waiting.pop_front();
    if next.is_none() {
        closing.threads = closing.threads.saturating_sub(1);
    }
    next
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn everything_is_closed_by_a_few_threads() {
        let mut ends = Vec::new();
        for _ in 0..100 {
            let (reader, writer) = std::io::pipe().unwrap();
            ends.push(reader);
            close(writer);
            assert!(lock().threads <= MOST_THREADS);
        }
        for mut end in ends {
            // Ends when the other end is closed.
            assert_eq!(end.read(&mut [0]).unwrap(), 0);
        }
    }
}
