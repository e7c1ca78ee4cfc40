//! Restarting the computer is logind's work, and it asks whoever must be asked.

/// The part of logind that is needed here (org.freedesktop.login1(5)).
#[zbus::proxy(
    interface = "org.freedesktop.login1.Manager",
    default_service = "org.freedesktop.login1",
    default_path = "/org/freedesktop/login1"
)]
pub trait Manager {
    /// Restarts the computer; `interactive` allows polkit to ask for a password.
    fn reboot(&self, interactive: bool) -> zbus::Result<()>;
}
