//! What the engine has done on threads of its own: checks, installations, and the care of what lies on the stick, with the borders to the
//! world in one place.

pub mod check;
pub mod install;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use sameday_dbus::{ErrorKind, Failure};
use sameday_upgrade::names::Version;

use crate::cancel::Cancel;
use crate::clock::Clock;
use crate::evidence::Memory;
use crate::failure::Chain;
use crate::looking;
use crate::medium::{Disk, Medium, Refusal, Session, StickError};
use crate::report::Report;
use crate::source::Origins;
use crate::state::{Installed, Offered, Origin, Switch, Verdict};
use crate::stick::{Other, Stick};
use crate::system::System;

/// The borders: where bytes come from, and the time. The medium is always found anew.
#[derive(Debug)]
pub struct Work {
    origins: Box<dyn Origins>,
    clock: Box<dyn Clock>,
    /// Metadata that was accepted since the daemon started. Only the one operation under way uses it.
    memory: Mutex<Memory>,
    /// The disk that this system was found on when the daemon started: no other is taken for it.
    disk: Option<Disk>,
}

impl Work {
    /// Work with these borders, on this disk if one was found.
    #[must_use]
    pub fn new(origins: Box<dyn Origins>, clock: Box<dyn Clock>, disk: Option<Disk>) -> Self {
        Self { origins, clock, memory: Mutex::new(Memory::default()), disk }
    }

    fn medium(&self) -> Result<Medium, Refusal> {
        Medium::find_on(self.disk.as_ref())
    }

    /// The stick of an operation under way: what is wrong with it now was not when it began.
    fn same_medium(&self) -> Result<Medium, Failure> {
        self.medium().map_err(|refusal| Failure { kind: ErrorKind::StickChanged, ..refusal.into() })
    }

    /// Looks for an upgrade.
    pub fn check(&self, origin: &Origin, cancel: &Cancel, mut report: Report) -> Verdict {
        let result = System::load(Path::new("/")).and_then(|system| {
            let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
            let from = (origin, &*self.origins);
            check::run(&system, self.medium(), self.clock.now(), from, &mut memory, cancel, &mut report)
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
            Ok((system, mut source)) => match self.same_medium() {
                Ok(medium) => install::install(&system, &medium, offered, &mut *source, cancel, &mut report),
                Err(failure) => Installed::Not(failure),
            },
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
        self.care(|session| session.discard(version))
    }

    /// Makes another version of those on the stick start next, or another place the one that is looked at, or writes what a start showed.
    ///
    /// # Errors
    /// What kept it from being so.
    pub fn switch(&self, to: &Switch) -> Result<(), Failure> {
        let (version, other): (_, fn(Stick) -> Option<Other>) = match to {
            Switch::Back(version) => (version, |stick| stick.back),
            Switch::Again(version) => (version, |stick| stick.again),
            Switch::LookAt(choice) => return look_at(choice),
            Switch::Judged(version, shown) => {
                return self.care(|session| {
                    if session.medium().boot_env().current.to_string() != *version {
                        return Err(StickError::Changed { what: "versions" });
                    }
                    session.judge_start(*shown)
                });
            }
        };
        self.care(|session| {
            // Judged anew: the stick may be another one than when it was asked.
            let other = other(Stick::of(session.medium())).filter(|other| other.version == *version);
            session.switch(&other.ok_or(StickError::Changed { what: "versions" })?.env)
        })
    }

    /// One change of what lies on the stick, with nothing new.
    fn care(&self, change: impl FnOnce(&mut Session) -> Result<(), StickError>) -> Result<(), Failure> {
        let mut session = self.same_medium()?.open_as_it_is()?;
        let changed = change(&mut session);
        if let Err(error) = session.close() {
            tracing::warn!("{}", Chain(&error));
        }
        Ok(changed?)
    }
}

fn look_at(choice: &looking::Choice) -> Result<(), Failure> {
    choice.keep(Path::new("/")).map_err(|error| {
        tracing::error!("keep what is looked at: {error}");
        Failure::new(ErrorKind::Internal, "choice-not-kept").text("error", &error.to_string())
    })
}
