//! The private keys of a world, read as a thief would read them: once, for each costs a second of scrypt.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::DecodePrivateKey as _;

/// The keys in a folder.
#[derive(Debug)]
pub struct StolenKeys {
    folder: PathBuf,
    passphrase: &'static str,
    read: Mutex<BTreeMap<String, SigningKey>>,
}

impl StolenKeys {
    /// The keys in `folder`, which a passphrase opens.
    #[must_use]
    pub fn new(folder: PathBuf, passphrase: &'static str) -> Self {
        Self { folder, passphrase, read: Mutex::default() }
    }

    /// The first `count` keys of a role.
    ///
    /// # Errors
    /// When it has fewer, or one cannot be read.
    pub fn first(&self, role: &str, count: usize) -> io::Result<Vec<SigningKey>> {
        (1..=count).map(|n| self.one(&format!("{role}-{n}.pem"))).collect()
    }

    /// All keys of a role.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn all(&self, role: &str) -> io::Result<Vec<SigningKey>> {
        let count = (1..).take_while(|n| self.folder.join(format!("{role}-{n}.pem")).exists()).count();
        self.first(role, count)
    }

    fn one(&self, file: &str) -> io::Result<SigningKey> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = read.get(file) {
            return Ok(key.clone());
        }
        let text = fs::read_to_string(self.folder.join(file))?;
        let key = SigningKey::from_pkcs8_encrypted_pem(&text, self.passphrase).map_err(io::Error::other)?;
        read.insert(file.to_owned(), key.clone());
        Ok(key)
    }
}
