//! The engine of the upgrader as a library, so that each of its parts can be tried alone. The program is `samedayd`.

pub mod authorizer;
pub mod boot_good;
pub mod callers;
pub mod cancel;
pub mod clock;
pub mod closing;
pub mod download;
pub mod engine;
pub mod evidence;
pub mod facts;
mod failure;
mod files;
pub mod held;
pub mod inhibit;
pub mod journal;
pub mod kit;
pub mod looking;
pub mod medium;
pub mod pace;
pub mod report;
pub mod service;
pub mod source;
pub mod state;
pub mod stick;
pub mod system;
pub mod users;
pub mod work;
