//! The laboratory: what the demo, the tests and the benchmarks are built from. Everything here ends, by its id, what it started.

pub mod bus;
pub mod caller;
pub mod case;
pub mod desktop;
pub mod fault;
pub mod fetcher;
pub mod forge;
pub mod fuse;
pub mod given;
pub mod grub;
pub mod keys;
pub mod kit;
pub mod live;
pub mod machine;
pub mod parallel;
pub mod peer;
pub mod process;
pub mod program;
pub mod programs;
pub mod random;
pub mod replay;
pub mod repo;
pub mod roots;
pub mod scratch;
pub mod stick;
#[cfg(test)]
mod threats;
pub mod tornet;
pub mod uml;
pub mod vm;
pub mod world;
