//! Upgrades and what stands against them, through the real daemon on a real stick: each refusal by its kind and reason, and the stick as it was.

mod upgrade {
    pub mod cases;
    pub mod common;
    pub mod hostile;
    pub mod kit;
}
