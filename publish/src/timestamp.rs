//! The online roles, signed anew: the timestamp every time, the snapshot in the second half of its life.

use std::path::PathBuf;

use sameday_trust::Time;

use crate::error::Error;
use crate::keys::{KeyFolder, Passphrase};
use crate::repository::{Repository, days};

/// A renewal of the online roles.
#[derive(Debug, Clone)]
pub struct Renewal {
    /// The repository.
    pub repository: PathBuf,
    /// Its keys; those of the online roles are enough.
    pub keys: PathBuf,
    /// The time that it is signed at.
    pub now: Time,
}

/// What was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renewed {
    /// Version of the timestamp.
    pub timestamp: u64,
    /// Version of the snapshot, if it was renewed too.
    pub snapshot: Option<u64>,
}

/// Signs the online roles anew.
///
/// # Errors
/// When the repository does not verify, a key is missing, or a file cannot be written.
pub fn renew(renewal: &Renewal, passphrase: &Passphrase) -> Result<Renewed, Error> {
    let keys = KeyFolder::new(&renewal.keys, &renewal.repository)?;
    let mut repository = Repository::open_to_change(&renewal.repository, &keys)?;
    let now = renewal.now;
    let header = &mut repository.snapshot.header;
    let half = i64::from(days::SNAPSHOT).saturating_mul(86_400) / 2;
    let mut snapshot = None;
    if header.expires.seconds_since(now) < half {
        header.version = header.version.saturating_add(1);
        header.issued = Some(now);
        header.expires = now.plus_days(days::SNAPSHOT);
        snapshot = Some(header.version);
        repository.publish_snapshot(&keys, passphrase)?;
    }
    let header = &mut repository.timestamp.header;
    header.version = header.version.saturating_add(1);
    header.issued = Some(now);
    header.expires = now.plus_days(days::TIMESTAMP);
    let timestamp = header.version;
    repository.publish_timestamp(&keys, passphrase)?;
    Ok(Renewed { timestamp, snapshot })
}
