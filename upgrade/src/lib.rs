//! What an upgrade is: descriptions, layers, chunk lists, the files on a stick; the plan for one stick, and what is refused and why.
//!
//! Nothing here reads or writes anything: parsers take bytes that somebody else verified or will not trust.

#![deny(missing_docs)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

pub mod boot_env;
pub mod chunks;
pub mod description;
pub mod digest;
#[cfg(test)]
mod fixtures;
pub mod kit;
pub mod module_list;
pub mod names;
pub mod os_release;
pub mod plan;
pub mod standing;
pub mod start;
