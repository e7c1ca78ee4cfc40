//! Upgrades and what stands against them, through the real daemon on a real stick: each refusal by its kind and reason, and the stick as it was.

#![allow(clippy::unwrap_used, reason = "in a test, what fails fails the test")]

mod upgrade {
    pub mod cases;
    pub mod channels;
    pub mod hostile;
    pub mod kit;
    pub mod newer;
    pub mod other_loader;
    pub mod pausing;
    pub mod refusals;
    pub mod standing;
}
