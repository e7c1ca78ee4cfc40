//! The app on the demo's stick, for whoever sits at this desktop.

use std::io;
use std::process::Command;

use sameday_lab::machine::Machine;

use crate::show::say;

/// Who may, here: whoever is at this desktop. On a real system that is the active user, but for going back and other channels.
pub const RULE: &str = "if (action.id.indexOf('org.sameday.') == 0) { return polkit.Result.YES; }";

/// Whether there is a desktop.
///
/// # Errors
/// When there is none.
pub fn desktop() -> io::Result<()> {
    if ["WAYLAND_DISPLAY", "DISPLAY"].iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty())) {
        return Ok(());
    }
    Err(io::Error::other(
        "there is no desktop here to show the app on (neither WAYLAND_DISPLAY nor DISPLAY is set; sudo keeps them with -E)",
    ))
}

/// Runs the app until its window is closed.
///
/// # Errors
/// When it cannot be started, or ends badly.
pub fn run(machine: &Machine) -> io::Result<()> {
    let program = std::env::current_exe()?.with_file_name("sameday-gtk");
    say("Close the window to end the demo.");
    let ended = Command::new(program).env("DBUS_SYSTEM_BUS_ADDRESS", machine.bus().address()).status()?;
    if ended.success() { Ok(()) } else { Err(io::Error::other(format!("the app ended with {ended}"))) }
}
