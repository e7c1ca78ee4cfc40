//! The engine of the upgrader as a library, so that each of its parts can be tried alone. The program is `samedayd`.

pub mod authorizer;
pub mod cancel;
pub mod clock;
pub mod download;
pub mod engine;
pub mod evidence;
mod failure;
mod files;
pub mod medium;
pub mod report;
pub mod service;
pub mod source;
pub mod startup;
pub mod state;
pub mod system;
pub mod work;
