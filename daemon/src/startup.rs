//! What the daemon knows when it starts: who this system is, and whether the stick starts another version next.

use std::path::Path;

use sameday_upgrade::boot_env::Choice;

use crate::engine::Identity;
use crate::failure::Chain;
use crate::medium::Medium;
use crate::state::State;
use crate::system::System;

/// Looks at the image and the stick. What cannot be read is unknown until a check names the reason.
#[must_use]
pub fn look() -> (State, Identity) {
    let Ok(system) = System::load(Path::new("/")) else {
        return (State::Idle, Identity::default());
    };
    let running = &system.running;
    let mut identity = Identity {
        product: running.product.to_string(),
        architecture: running.architecture.to_string(),
        channel: running.channel.to_string(),
        running: running.version.to_string(),
        initial: String::new(),
    };
    let medium = match Medium::find() {
        Ok(medium) => medium,
        Err(refusal) => {
            tracing::info!("{refusal}");
            return (State::Idle, identity);
        }
    };
    // What a killed daemon left open: from the start on, the stick is writable from consent to commit only.
    match medium.mend_read_write() {
        Ok(true) => tracing::warn!("the stick was still mounted for writing"),
        Ok(false) => {}
        Err(error) => tracing::warn!("{}", Chain(&error)),
    }
    match medium.initial_os_release() {
        Ok(initial) => identity.initial = initial.version.to_string(),
        Err(refusal) => tracing::warn!("{refusal}"),
    }
    let state = match medium.boot_env().pending(&medium.running().choice) {
        Some(Choice::Version(version)) => State::RestartPending(version.clone()),
        _ => State::Idle,
    };
    (state, identity)
}
