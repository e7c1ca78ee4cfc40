//! A real Debian live system with Sameday in it: kernel, live-boot, systemd, D-Bus, polkit, AppArmor and logind are Debian's, Sameday is as
//! `make install` puts it. Beside that it has one user, and the lab's agent.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use crate::process::run;
use crate::roots::debian;

/// The cloud kernel: the smallest stock one. It knows virtio, and no USB.
pub const PACKAGES: &str = "linux-image-cloud-amd64,initramfs-tools,live-boot,live-boot-initramfs-tools,systemd-sysv,dbus,polkitd,\
                            apparmor,libpam-systemd,passwd,udev,kmod,zstd,iproute2";
/// The user's name; the first of Debian's ids for people.
pub const USER: &str = "user";
/// What a test's processors have no time for, and what would take the serial line away.
const MASKED: [&str; 8] = [
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "fstrim.timer",
    "man-db.timer",
    "serial-getty@ttyS0.service",
    "systemd-timesyncd.service",
];
const AGENT: &str = include_str!("agent");
const AGENT_UNIT: &str = "[Unit]
Description=The lab's agent
After=multi-user.target

[Service]
ExecStart=/usr/lib/sameday-lab/agent
StandardError=journal

[Install]
WantedBy=graphical.target
";
/// The user is logged in on the first console, as on a live system.
const LOGIN: &str = "[Service]
ExecStart=
ExecStart=-/sbin/agetty --autologin user --noclear %I linux
";

/// Makes the root, if the one at `root` was not made by the same recipe; without Sameday.
///
/// # Errors
/// When apt knows no mirror, or the root cannot be made.
pub fn debian_root(root: &Path, progress: &mut dyn FnMut(&str)) -> io::Result<()> {
    debian(root, PACKAGES, progress)
}

/// Puts into a root what `make install DESTDIR=installed` has made, a user, and the agent.
///
/// # Errors
/// When that fails.
pub fn furnish(root: &Path, installed: &Path) -> io::Result<()> {
    run(Command::new("cp").arg("-a").arg(installed.join(".")).arg(root))?;
    run(Command::new("chroot").arg(root).args(["useradd", "--create-home", "--shell", "/bin/bash", USER]))?;
    let agent = root.join("usr/lib/sameday-lab/agent");
    fs::create_dir_all(agent.parent().unwrap_or(root))?;
    fs::write(&agent, AGENT)?;
    fs::set_permissions(&agent, fs::Permissions::from_mode(0o755))?;
    let units = root.join("etc/systemd/system");
    fs::write(units.join("sameday-lab.service"), AGENT_UNIT)?;
    for unit in MASKED {
        symlink("/dev/null", units.join(unit))?;
    }
    fs::create_dir_all(units.join("getty@tty1.service.d"))?;
    fs::write(units.join("getty@tty1.service.d/login.conf"), LOGIN)?;
    fs::write(root.join("etc/hostname"), "stick\n")?;
    let enable =
        ["sameday-lab.service", "sameday-boot-good.service", "sameday-fetcher.socket", "sameday-kit-reader.socket"];
    run(Command::new("systemctl").arg("--root").arg(root).arg("enable").args(enable)).map(drop)
}
