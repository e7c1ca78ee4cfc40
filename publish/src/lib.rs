//! The release side: layers, signing, channels, kits, and what an image must hold.

pub mod args;
pub mod ceremony;
pub mod error;
pub mod init;
pub mod keys;
pub mod kit;
pub mod layer;
mod payload;
pub mod prepare_root;
pub mod release;
pub mod repository;
pub mod timestamp;
