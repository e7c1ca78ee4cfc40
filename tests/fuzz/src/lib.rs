//! Fuzz targets: each takes bytes as they would come from outside, and panics where a promise is broken.

// Parsers that live in programs are taken from where they live.
#[allow(dead_code, reason = "a target uses the parser, not all that is around it")]
#[path = "../../../fetcher/tor/src/configuration/text.rs"]
mod fetcher_configuration;
#[allow(dead_code, reason = "a target uses the parser, not all that is around it")]
#[path = "../../../daemon/src/medium/gpt.rs"]
mod gpt;
#[allow(dead_code, reason = "a target uses the parser, not all that is around it")]
#[path = "../../../daemon/src/medium/mounts.rs"]
mod mounts;
#[path = "../../../trust/tests/support/repo.rs"]
mod repo;
#[path = "../../../daemon/src/system/repository.rs"]
mod repository_configuration;

pub mod edit;
pub mod random;
pub mod seeds;
pub mod targets;

pub use targets::{TARGETS, Target};
