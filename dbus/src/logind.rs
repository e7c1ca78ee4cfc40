//! The part of logind that daemon and clients need (org.freedesktop.login1(5)). It judges by itself who may.

/// Restarts the computer, or keeps it from sleeping.
#[zbus::proxy(
    interface = "org.freedesktop.login1.Manager",
    default_service = "org.freedesktop.login1",
    default_path = "/org/freedesktop/login1"
)]
pub trait Manager {
    /// Restarts the computer; `interactive` allows polkit to ask for a password.
    fn reboot(&self, interactive: bool) -> zbus::Result<()>;

    /// Keeps from happening what `what` names, until the descriptor that is answered is closed. `who` and `why` are for people.
    fn inhibit(&self, what: &str, who: &str, why: &str, mode: &str) -> zbus::Result<zbus::OwnedFd>;
}
