//! Memory and time of a system that forgets: what image and stick keep is evidence and never trust, a theft of online keys heals by a root, and
//! no clock but the release's is ever written down. All through the real daemon on a real stick.

#![allow(clippy::unwrap_used, reason = "in a test, what fails fails the test")]

#[path = "hostile/given.rs"]
mod given;

mod amnesia {
    pub mod evidence;
    pub mod theft;
    pub mod time;
}
