//! Who may: the question that every method asks before anything else, answered by polkit.

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;

use sameday_dbus::{ErrorKind, Failure};
use zbus::message::{Flags, Header};
use zbus_polkit::policykit1::{AuthorityProxy, CheckAuthorizationFlags, Subject};

/// What a caller wants to do: an action of `polkit/org.sameday.upgrader1.policy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Look for an upgrade.
    Check,
    /// Install from the image's own channel, and go on with that.
    Install,
    /// Install from another channel.
    InstallOtherChannel,
    /// Hand in a kit.
    OpenKit,
    /// Stop what is under way, for good or for a while, and give up what is left over.
    Cancel,
    /// Go back to an older version.
    Rollback,
    /// Give a version that was undone its tries again.
    TryAgain,
    /// Look at another channel.
    LookAt,
    /// Read the report of a fault.
    Report,
}

impl Action {
    /// The polkit action id.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Check => "org.sameday.upgrader1.check",
            Self::Install => "org.sameday.upgrader1.install",
            Self::InstallOtherChannel => "org.sameday.upgrader1.install-other-channel",
            Self::OpenKit => "org.sameday.upgrader1.open-kit",
            Self::Cancel => "org.sameday.upgrader1.cancel",
            Self::Rollback => "org.sameday.upgrader1.rollback",
            Self::TryAgain => "org.sameday.upgrader1.try-again",
            Self::LookAt => "org.sameday.upgrader1.look-at",
            Self::Report => "org.sameday.upgrader1.report",
        }
    }
}

/// Who asks: the sender of a message, by its unique bus name, which nobody can take over while it lives.
#[derive(Debug)]
pub struct Caller<'m>(pub Header<'m>);

type Answer<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>>;

/// Decides whether a caller may.
pub trait Authorizer: fmt::Debug + Send + Sync {
    /// # Errors
    /// `not-allowed`.
    fn may<'a>(&'a self, caller: &'a Caller<'a>, action: Action) -> Answer<'a>;
}

/// The real one.
#[derive(Debug)]
pub struct Polkit {
    connection: zbus::Connection,
}

impl Polkit {
    /// Asks the polkit that is on this bus.
    #[must_use]
    pub fn new(connection: zbus::Connection) -> Self {
        Self { connection }
    }

    async fn ask(&self, caller: &Caller<'_>, action: Action) -> Result<(), Failure> {
        let refused = |reason| Failure::new(ErrorKind::NotAllowed, reason).text("action", action.id());
        let subject = Subject::new_for_message_header(&caller.0).map_err(|error| {
            tracing::warn!("a caller without a name: {error}");
            refused("no-sender")
        })?;
        let unreachable = |error: zbus::Error| {
            tracing::error!("polkit does not answer: {error}");
            refused("polkit-unreachable")
        };
        let authority = AuthorityProxy::new(&self.connection).await.map_err(unreachable)?;
        // Only a caller that says so is waited for while somebody types a password (D-Bus specification, ALLOW_INTERACTIVE_AUTHORIZATION).
        let flags = if caller.0.primary().flags().contains(Flags::ALLOW_INTERACTIVE_AUTH) {
            CheckAuthorizationFlags::ALLOW_USER_INTERACTION
        } else {
            CheckAuthorizationFlags::empty()
        };
        let result = authority
            .check_authorization(&subject, action.id(), &HashMap::new(), flags, "")
            .await
            .map_err(unreachable)?;
        if result.is_authorized { Ok(()) } else { Err(refused("polkit-refused")) }
    }
}

impl Authorizer for Polkit {
    fn may<'a>(&'a self, caller: &'a Caller<'a>, action: Action) -> Answer<'a> {
        Box::pin(self.ask(caller, action))
    }
}
