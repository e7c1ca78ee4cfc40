//! What the engine has done on threads of its own: checks and installations, with the borders to the world in one place.

pub mod check;
pub mod install;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use sameday_dbus::Failure;

use crate::cancel::Cancel;
use crate::clock::Clock;
use crate::evidence::Memory;
use crate::report::Report;
use crate::source::Origins;
use crate::state::{Offered, Origin, Verdict};
use crate::system::System;

/// The borders: where bytes come from, and the time. The medium is always found anew.
#[derive(Debug)]
pub struct Work {
    origins: Box<dyn Origins>,
    clock: Box<dyn Clock>,
    /// Metadata that was accepted since the daemon started. Only the one operation under way uses it.
    memory: Mutex<Memory>,
}

impl Work {
    /// Work with these borders.
    #[must_use]
    pub fn new(origins: Box<dyn Origins>, clock: Box<dyn Clock>) -> Self {
        Self { origins, clock, memory: Mutex::new(Memory::default()) }
    }

    /// Looks for an upgrade.
    pub fn check(&self, origin: &Origin, cancel: &Cancel, mut report: Report) -> Verdict {
        let result = System::load(Path::new("/")).and_then(|system| {
            let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
            let mut check = check::Check { system: &system, clock: &*self.clock, cancel, report: &mut report };
            check.run(origin, &*self.origins, &mut memory)
        });
        match result {
            Ok(Some(offered)) => Verdict::Offer(Arc::new(offered)),
            Ok(None) => Verdict::UpToDate,
            Err(failure) => Verdict::Not(failure),
        }
    }

    /// Installs what was consented to.
    ///
    /// # Errors
    /// Whatever kept it from being committed; the stick is then as it was, but for a previous version that the consent gave up.
    pub fn install(
        &self,
        offered: &Offered,
        cancel: &Cancel,
        mut report: Report,
    ) -> Result<sameday_upgrade::names::Version, Failure> {
        let system = System::load(Path::new("/"))?;
        let mut source = self.origins.open(&offered.origin, &system.bases, cancel, &report)?;
        install::install(&system, offered, &mut *source, cancel, &mut report)
    }
}
