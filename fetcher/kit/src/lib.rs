//! The kit reader as a library, so that its parts can be tried alone. The program is `sameday-kit-reader`.

pub mod index;
mod order;
pub mod serve;
