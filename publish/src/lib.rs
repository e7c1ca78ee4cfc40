//! The release side: layers, signing, channels, kits, what an image must hold, and images of sticks.

pub mod args;
pub mod ceremony;
pub mod error;
pub mod image;
pub mod init;
pub mod keys;
pub mod kit;
pub mod layer;
mod payload;
pub mod prepare_root;
pub mod release;
pub mod repository;
pub mod timestamp;
