//! The kernel's own time zone. vfat keeps dates in it, unless it was mounted with another, so it would show in every date on the stick: systemd
//! tells the kernel the zone of the system at its start, and that is where its user is.
#![allow(
    unsafe_code,
    reason = "the C library answers UTC to everybody: gettimeofday(2) tells the zone as a system call only"
)]

use nix::libc;

const SECONDS: i64 = 60;

/// Seconds by which the kernel's local time is behind UTC; negative east of Greenwich.
pub(super) fn behind_utc() -> i64 {
    // `struct timezone`: minutes west of Greenwich, and a kind of daylight saving time that is not used.
    let mut zone: [libc::c_int; 2] = [0; 2];
    let nothing = std::ptr::null_mut::<libc::timeval>();
    // SAFETY: the kernel takes a null pointer for no question, and writes two `int`s to the other.
    let answer = unsafe { libc::syscall(libc::SYS_gettimeofday, nothing, zone.as_mut_ptr()) };
    if answer == 0 { i64::from(zone[0]) * SECONDS } else { 0 }
}
