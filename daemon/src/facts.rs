//! What the daemon knows without asking anybody: who this system is, what it looks at, and what its stick says of itself.

use std::path::Path;

use sameday_dbus::Looking;
use sameday_upgrade::boot_env::Choice;
use sameday_upgrade::description::Description;
use sameday_upgrade::names::{Name, Version};

use crate::failure::Chain;
use crate::looking;
use crate::medium::Medium;
use crate::stick::Stick;
use crate::system::System;

/// Who this system is, as texts for the bus; empty where unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The product.
    pub product: String,
    /// Debian's name of the architecture.
    pub architecture: String,
    /// The image's own channel.
    pub channel: String,
    /// The channel from which what runs came.
    pub running_channel: String,
    /// What is looked at.
    pub looking: Looking,
    /// The version that runs.
    pub running: String,
    /// The version first installed.
    pub initial: String,
}

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The system.
    pub identity: Identity,
    /// The stick.
    pub stick: Stick,
}

impl Facts {
    /// Looks at the image and the stick. What cannot be read is unknown until a check names the reason.
    #[must_use]
    pub fn read() -> Self {
        let medium = Medium::look().map_err(|refusal| tracing::info!("{refusal}")).ok();
        let stick = medium.as_ref().map(Stick::of).unwrap_or_default();
        let identity = identity(medium.as_ref()).unwrap_or_default();
        Self { identity, stick }
    }
}

fn identity(medium: Option<&Medium>) -> Option<Identity> {
    let system = System::load(Path::new("/")).ok()?;
    let running = &system.running;
    let initial = medium.and_then(|medium| medium.initial_os_release().ok());
    let own = initial.as_ref().map_or(&running.channel, |initial| &initial.channel);
    let looking = match looking::Looking::find(Path::new("/"), own, &command_line()) {
        Ok(looking) => (&looking).into(),
        // A check names the reason.
        Err(_) => Looking::default(),
    };
    Some(Identity {
        product: running.product.to_string(),
        architecture: running.architecture.to_string(),
        channel: own.to_string(),
        running_channel: medium.map(|medium| came_from(medium, own)).unwrap_or_default(),
        looking,
        running: running.version.to_string(),
        initial: initial.map(|initial| initial.version.to_string()).unwrap_or_default(),
    })
}

/// The channel from which what runs came, as the stick says; empty where it does not say.
fn came_from(medium: &Medium, own: &Name) -> String {
    match &medium.running().choice {
        Choice::Base => own.to_string(),
        Choice::Version(version) => channel_of(medium, version).map(|channel| channel.to_string()).unwrap_or_default(),
    }
}

/// The channel of the description that a version was installed from, as the stick says.
#[must_use]
pub fn channel_of(medium: &Medium, version: &Version) -> Option<Name> {
    let bytes = medium.description(version).map_err(|refusal| tracing::warn!("{}", Chain(&refusal))).ok()?;
    Description::parse(&bytes?).ok().map(|description| description.channel)
}

/// The kernel's command line.
#[must_use]
pub fn command_line() -> String {
    std::fs::read_to_string("/proc/cmdline").unwrap_or_else(|error| {
        tracing::warn!("the kernel's command line: {error}");
        String::new()
    })
}

/// What a daemon that was killed left open: from the start on, the stick is writable from consent to commit only.
pub fn mend() {
    let Ok(medium) = Medium::find() else { return };
    match medium.mend_read_write() {
        Ok(true) => tracing::warn!("the stick was still mounted for writing"),
        Ok(false) => {}
        Err(error) => tracing::warn!("{}", Chain(&error)),
    }
}
