//! What the engine has done on threads of its own: checks, installations, and the care of what lies on the stick, with the borders to the
//! world in one place.

pub mod check;
pub mod install;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use sameday_dbus::{ErrorKind, Failure};
use sameday_upgrade::boot_env::BootEnv;
use sameday_upgrade::names::Version;

use crate::cancel::Cancel;
use crate::clock::Clock;
use crate::evidence::Memory;
use crate::failure::Chain;
use crate::medium::{Medium, Session, StickError};
use crate::report::Report;
use crate::source::Origins;
use crate::state::{Installed, Offered, Origin, Verdict};
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
            check::run(&system, &*self.clock, origin, &*self.origins, &mut memory, cancel, &mut report)
        });
        match result {
            Ok(Some(offered)) => Verdict::Offer(Arc::new(offered)),
            Ok(None) => Verdict::UpToDate,
            Err(failure) => Verdict::Not(failure),
        }
    }

    /// Installs what was consented to.
    pub fn install(&self, offered: &Offered, cancel: &Cancel, mut report: Report) -> Installed {
        let opened = System::load(Path::new("/")).and_then(|system| {
            let source = self.origins.open(&offered.origin, &offered.bases, cancel, &report)?;
            Ok((system, source))
        });
        match opened {
            Ok((system, mut source)) => install::install(&system, offered, &mut *source, cancel, &mut report),
            // Nothing was begun: an earlier download is as it was.
            Err(failure) if crate::download::may_pass(&failure) => Installed::Kept(Some(failure)),
            Err(failure) => match cancel.check() {
                Err(wish) if crate::cancel::is_pause(&wish) => Installed::Kept(None),
                _ => Installed::Not(failure),
            },
        }
    }

    /// Removes what a download of `version` left.
    ///
    /// # Errors
    /// What kept it from being removed.
    pub fn discard(&self, version: &Version) -> Result<(), Failure> {
        care(|session| session.discard(version))
    }

    /// Makes the stick start what `env` chooses, of what lies on it.
    ///
    /// # Errors
    /// What kept it from being chosen.
    pub fn switch(&self, env: &BootEnv) -> Result<(), Failure> {
        let chosen = env.current.clone();
        care(|session| {
            if !session.medium().is_complete(&chosen) {
                return Err(StickError::Changed { what: "version" });
            }
            session.switch(env)
        })
    }
}

/// One change of what lies on the stick, with nothing new.
fn care(change: impl FnOnce(&mut Session) -> Result<(), StickError>) -> Result<(), Failure> {
    let medium = Medium::find().map_err(|refusal| Failure { kind: ErrorKind::StickChanged, ..refusal.into() })?;
    let mut session = medium.open_as_it_is()?;
    match (change(&mut session), session.close()) {
        (Ok(()), closed) => {
            if let Err(error) = closed {
                tracing::warn!("{}", Chain(&error));
            }
            Ok(())
        }
        (Err(error), closed) => {
            if let Err(error) = closed {
                tracing::warn!("{}", Chain(&error));
            }
            Err(error.into())
        }
    }
}
