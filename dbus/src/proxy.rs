//! The daemon as a client sees it.

use crate::{Dictionary, MethodError};

/// The daemon. Its properties are best read as one [`Snapshot`](crate::Snapshot).
#[zbus::proxy(
    interface = "org.sameday.Upgrader1",
    default_service = "org.sameday.Upgrader1",
    default_path = "/org/sameday/Upgrader1"
)]
pub trait Upgrader {
    /// Looks for an upgrade.
    #[zbus(allow_interactive_auth)]
    fn check(&self) -> Result<(), MethodError>;

    /// Consents to the offer of this version and digest.
    #[zbus(allow_interactive_auth)]
    fn install(&self, version: &str, digest: &str, options: &Dictionary) -> Result<(), MethodError>;

    /// Reads the offer of a kit.
    #[zbus(allow_interactive_auth)]
    fn open_kit(&self, kit: zbus::Fd<'_>) -> Result<(), MethodError>;

    /// Stops what is under way.
    #[zbus(allow_interactive_auth)]
    fn cancel(&self) -> Result<(), MethodError>;

    /// Stops a download and keeps what is verified.
    #[zbus(allow_interactive_auth)]
    fn pause(&self) -> Result<(), MethodError>;

    /// Goes on with a download that was stopped, or looks for the upgrade that an abandoned one belongs to.
    #[zbus(allow_interactive_auth)]
    fn resume(&self) -> Result<(), MethodError>;

    /// Removes what a stopped or abandoned download left.
    #[zbus(allow_interactive_auth)]
    fn discard(&self) -> Result<(), MethodError>;

    /// Makes the kept previous version the one that starts next.
    #[zbus(allow_interactive_auth)]
    fn rollback(&self, version: &str) -> Result<(), MethodError>;

    /// Gives a version that was undone, or gone back from, its tries again.
    #[zbus(allow_interactive_auth)]
    fn try_again(&self, version: &str) -> Result<(), MethodError>;

    /// Looks at another channel until the next start; at the image's own again if it is empty.
    #[zbus(allow_interactive_auth)]
    fn look_at(&self, channel: &str, options: &Dictionary) -> Result<(), MethodError>;

    /// Tells what this start showed of a version; for root only.
    fn judge_start(&self, version: &str, shown: &str) -> Result<(), MethodError>;

    /// What a report of a fault needs, line by line.
    #[zbus(allow_interactive_auth)]
    fn report(&self) -> Result<Vec<String>, MethodError>;

    /// A code of [`State`](crate::State).
    #[zbus(property)]
    fn state(&self) -> zbus::Result<String>;

    /// For [`Offer::read`](crate::Offer::read).
    #[zbus(property)]
    fn offer(&self) -> zbus::Result<Dictionary>;

    /// For [`Progress::read`](crate::Progress::read).
    #[zbus(property)]
    fn progress(&self) -> zbus::Result<Dictionary>;

    /// For [`Failure::read`](crate::Failure::read).
    #[zbus(property)]
    fn last_failure(&self) -> zbus::Result<(String, String, Dictionary)>;

    /// What this stick is.
    #[zbus(property)]
    fn product(&self) -> zbus::Result<String>;

    /// What it runs on.
    #[zbus(property)]
    fn architecture(&self) -> zbus::Result<String>;

    /// The channel of the image.
    #[zbus(property)]
    fn channel(&self) -> zbus::Result<String>;

    /// What runs.
    #[zbus(property)]
    fn running_version(&self) -> zbus::Result<String>;

    /// What was installed first.
    #[zbus(property)]
    fn initial_version(&self) -> zbus::Result<String>;

    /// What starts next, or empty if that is what runs.
    #[zbus(property)]
    fn pending_version(&self) -> zbus::Result<String>;

    /// The channel from which what runs came.
    #[zbus(property)]
    fn running_channel(&self) -> zbus::Result<String>;

    /// For [`Looking::read`](crate::Looking::read).
    #[zbus(property)]
    fn looking(&self) -> zbus::Result<Dictionary>;

    /// The kept version that `Rollback` goes back to, or empty.
    #[zbus(property)]
    fn previous_version(&self) -> zbus::Result<String>;

    /// The version that `TryAgain` gives its tries, or empty.
    #[zbus(property)]
    fn again_version(&self) -> zbus::Result<String>;

    /// A code of [`Standing`](crate::Standing), and the other version that it is about.
    #[zbus(property)]
    fn standing(&self) -> zbus::Result<(String, String)>;

    /// Whether a version that does not come up is undone by the stick itself.
    #[zbus(property)]
    fn undoes_itself(&self) -> zbus::Result<bool>;

    /// For [`LeftOver::read`](crate::LeftOver::read).
    #[zbus(property)]
    fn left_over(&self) -> zbus::Result<Dictionary>;
}
