//! The protocol between the daemon and where bytes come from: the fetcher that speaks Tor, and the reader of a kit.
//!
//! The page *Formats* has it in words. Neither side trusts the other: everything that is read is capped while it is read, and the
//! client counts what it was promised. Nothing here opens a connection by itself, and nothing is asynchronous; a server that has a
//! runtime uses [`Header`], [`Request::parse`] and [`Answer::encode_into`], which do no I/O.

#![warn(missing_docs)]

mod client;
mod descriptor;
mod error;
mod frame;
mod message;
mod path;
mod reason;
mod server;

pub use client::{Canceller, Client, Outcome, Patience};
pub use descriptor::{receive_with_descriptor, send_with_descriptor};
pub use error::{Error, GetError};
pub use frame::{FrameError, HEADER_LENGTH, Header, Kind, MAX_PAYLOAD, read_frame, write_frame};
pub use message::{
    Answer, Blockage, Consensus, Failed, Get, Head, MAX_BASE, MAX_BASES, MAX_DETAIL, MAX_LENGTH, MAX_RANGE, Open,
    Opened, Phase, Request, RequestError, Status, VERSION,
};
pub use path::{MAX_PATH, Path, PathError};
pub use reason::Reason;
pub use server::{ServeError, Server};
