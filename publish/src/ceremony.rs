//! Keys in practice: what is to be signed is prepared in one place, signed in others, assembled and published in the first.
//!
//! [`prepare`] writes a [`Request`], which holds the exact bytes to sign and the published metadata that they follow. Whoever holds
//! a key judges the request on a machine that has no repository ([`Request::judge`]), reads in words what changes
//! ([`Change::words`]) and adds a signature ([`sign`]). [`gather`] checks every signature over the exact bytes and counts distinct
//! keys; [`Assembly::publish`] makes all of it current, or nothing.

mod agent;
mod assemble;
mod change;
mod error;
mod prepare;
mod public;
mod quorum;
mod rehearse;
mod request;
mod signatures;
mod signer;
mod spoken;
mod ssh;
mod words;

pub use agent::{Agent, Identity};
pub use assemble::{Assemble, Assembly, Published, gather};
pub use change::{Change, Offline};
pub use error::{Error, Missing};
pub use prepare::{KeyChange, Prepare, prepare, prepare_release};
pub use public::PublicKey;
pub use rehearse::{Rehearsal, rehearse};
pub use request::Request;
pub use signatures::{RoleSignature, SignatureFile, sign};
pub use signer::Signer;
pub use words::list_keys;

/// A request holds the root chain, which clients accept up to 8 MiB of, and three roles twice; JSON in JSON takes a third more.
const LARGEST_REQUEST: u64 = 32 << 20;

/// One key's signatures: some hundred bytes for each role.
const LARGEST_SIGNATURE_FILE: u64 = 256 << 10;

/// Names of roles and ids of keys go into messages, where nothing else shall come along.
fn is_plain(word: &str) -> bool {
    (1..=128).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
}

fn read_capped(path: &std::path::Path, limit: u64) -> Result<Vec<u8>, Error> {
    let missing = || std::io::Error::from(std::io::ErrorKind::NotFound);
    let bytes = crate::repository::read_at_most(path, limit)?;
    let bytes = bytes.ok_or_else(|| crate::error::Error::io("read", path)(missing()))?;
    if bytes.len() as u64 > limit {
        return Err(Error::TooLong { path: path.to_owned(), limit });
    }
    Ok(bytes)
}

/// New files only: what somebody has signed, or is about to, is not replaced behind their back.
///
/// # Errors
/// When there is a file already, or it cannot be written.
pub fn write_new(path: &std::path::Path, bytes: &[u8]) -> Result<(), Error> {
    use std::io::Write as _;
    let mut file = match std::fs::File::create_new(path) {
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(crate::error::Error::Exists(path.to_owned()).into());
        }
        other => other.map_err(crate::error::Error::io("make", path))?,
    };
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    Ok(written.map_err(crate::error::Error::io("write", path))?)
}
