//! Signing keys: ed25519, one PKCS#8 file each, encrypted with a passphrase and readable by their owner only.

use std::fmt;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

use ed25519_dalek::Signer as _;
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, KeypairBytes};
use pkcs8::LineEnding;
use sameday_trust::schema::{Key, key_id};
use zeroize::{Zeroize, Zeroizing};

use crate::error::Error;

/// A passphrase is words, not a file given by mistake.
const LONGEST_PASSPHRASE: u64 = 1024;

/// A key file is three lines of text.
const LARGEST_KEY_FILE: u64 = 16 << 10;

/// The copy of the first root beside the keys: what the release side itself trusts, whatever became of the web server.
const ANCHOR: &str = "root.json";

/// What the keys are encrypted with.
pub struct Passphrase(Zeroizing<Vec<u8>>);

impl Passphrase {
    /// A passphrase from memory, which is wiped.
    ///
    /// # Errors
    /// When it is empty.
    pub fn new(mut text: String) -> Result<Self, Error> {
        let bytes = Zeroizing::new(text.as_bytes().to_vec());
        text.zeroize();
        Self::check(bytes)
    }

    /// The first line of a file, pipe or descriptor (`/dev/fd/N`).
    ///
    /// # Errors
    /// When it cannot be read, is empty or absurdly long.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let failed = |e| Error::io("read the passphrase from", path)(e);
        let file = fs::File::open(path).map_err(failed)?;
        let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(LONGEST_PASSPHRASE).unwrap_or(0) + 1));
        file.take(LONGEST_PASSPHRASE + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > LONGEST_PASSPHRASE {
            return Err(Error::Passphrase("is longer than 1024 bytes"));
        }
        let end = bytes.iter().position(|b| *b == b'\n').unwrap_or(bytes.len());
        bytes.truncate(end);
        Self::check(bytes)
    }

    fn check(bytes: Zeroizing<Vec<u8>>) -> Result<Self, Error> {
        if bytes.is_empty() {
            return Err(Error::Passphrase("is empty"));
        }
        Ok(Self(bytes))
    }

    /// Whether two were typed alike.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(…)")
    }
}

/// A key that can sign. Its secret is wiped when it is dropped.
pub struct SigningKey {
    key: ed25519_dalek::SigningKey,
    public: Key,
    id: String,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.id)
    }
}

impl SigningKey {
    /// A new key from the system's random numbers.
    ///
    /// # Errors
    /// When there are none.
    pub fn generate() -> Result<Self, Error> {
        let mut secret = Zeroizing::new([0; 32]);
        getrandom::fill(secret.as_mut_slice()).map_err(|e| Error::MakeKey(e.to_string()))?;
        Self::new(ed25519_dalek::SigningKey::from_bytes(&secret))
    }

    fn new(key: ed25519_dalek::SigningKey) -> Result<Self, Error> {
        let public = Key::ed25519(key.verifying_key().as_bytes());
        let id = key_id(&public).map_err(|e| Error::MakeKey(e.to_string()))?;
        Ok(Self { key, public, id })
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &Key {
        &self.public
    }

    /// Its id in metadata.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// A signature, in hexadecimal.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> String {
        hex::encode(self.key.sign(message).to_bytes())
    }

    /// Saves it in a new file, encrypted with scrypt and AES-256 (PBES2), at the cost that OpenSSL's limits allow, so that other tools
    /// can read it.
    ///
    /// # Errors
    /// When there is a file already, or it cannot be written.
    pub fn save(&self, path: &Path, passphrase: &Passphrase) -> Result<(), Error> {
        let pair = KeypairBytes { secret_key: self.key.to_bytes(), public_key: None };
        let text = pair
            .to_pkcs8_encrypted_pem(passphrase.0.as_slice(), LineEnding::LF)
            .map_err(|e| Error::MakeKey(e.to_string()))?;
        write_private(path, text.as_bytes())
    }

    /// Reads and decrypts a key.
    ///
    /// # Errors
    /// When the file cannot be read or decrypted.
    pub fn load(path: &Path, passphrase: &Passphrase) -> Result<Self, Error> {
        let text = Zeroizing::new(read_private(path)?);
        let key = std::str::from_utf8(&text)
            .ok()
            .and_then(|text| ed25519_dalek::SigningKey::from_pkcs8_encrypted_pem(text, passphrase.0.as_slice()).ok())
            .ok_or_else(|| Error::Decrypt(path.to_owned()))?;
        Self::new(key)
    }
}

/// The folder that holds the keys: `ROLE-N.pem` each, `ROLE-N.pub` beside it, and the trust anchor.
#[derive(Debug, Clone)]
pub struct KeyFolder(PathBuf);

impl KeyFolder {
    /// The folder for the keys of a repository; neither need exist.
    ///
    /// # Errors
    /// When it lies inside the repository.
    pub fn new(keys: &Path, repository: &Path) -> Result<Self, Error> {
        let (keys, repository) = (resolve(keys)?, resolve(repository)?);
        if keys.starts_with(&repository) {
            return Err(Error::KeysInRepository { keys, repository });
        }
        Ok(Self(keys))
    }

    /// Makes the folder, for its owner only.
    pub(crate) fn create(&self) -> Result<(), Error> {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700).create(&self.0).map_err(Error::io("make the folder", &self.0))
    }

    /// Makes and saves keys for a role.
    pub(crate) fn generate(&self, role: &str, count: u32, passphrase: &Passphrase) -> Result<Vec<SigningKey>, Error> {
        let make = |n| {
            let key = SigningKey::generate()?;
            key.save(&self.0.join(format!("{role}-{n}.pem")), passphrase)?;
            // The public half lies beside it, so that a key that is lost one day can still be named.
            let public = serde_json::to_vec(key.public());
            let public = public.map_err(|source| Error::Json { what: "a public key", source })?;
            write_private(&self.0.join(format!("{role}-{n}.pub")), &[&public[..], b"\n"].concat())?;
            Ok(key)
        };
        (1..=count).map(make).collect()
    }

    /// Those of a role's keys that are here and that `wanted` names, at least `threshold` of them; no more are decrypted.
    pub(crate) fn load(
        &self,
        role: &str,
        wanted: &[String],
        threshold: u64,
        passphrase: &Passphrase,
    ) -> Result<Vec<SigningKey>, Error> {
        let mut paths = Vec::new();
        for entry in fs::read_dir(&self.0).map_err(Error::io("list", &self.0))? {
            let path = entry.map_err(Error::io("list", &self.0))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".pem"));
            let parts = name.and_then(|name| name.rsplit_once('-'));
            if let Some((_, number)) = parts.filter(|(found, _)| *found == role)
                && let Ok(number) = number.parse::<u32>()
            {
                paths.push((number, path));
            }
        }
        paths.sort();
        let mut keys: Vec<SigningKey> = Vec::new();
        for (_, path) in paths {
            if keys.len() as u64 >= threshold {
                break;
            }
            let key = SigningKey::load(&path, passphrase)?;
            if wanted.contains(&key.id) && !keys.iter().any(|known| known.id == key.id) {
                keys.push(key);
            }
        }
        if (keys.len() as u64) < threshold {
            return Err(Error::KeysMissing { role: role.to_owned(), found: keys.len(), threshold });
        }
        Ok(keys)
    }

    pub(crate) fn save_anchor(&self, root: &[u8]) -> Result<(), Error> {
        write_private(&self.0.join(ANCHOR), root)
    }

    pub(crate) fn anchor(&self) -> Result<Vec<u8>, Error> {
        let path = self.0.join(ANCHOR);
        fs::read(&path).map_err(Error::io("read", &path))
    }
}

/// New files only: a key that is overwritten is lost.
fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut file = match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => return Err(Error::Exists(path.to_owned())),
        other => other.map_err(Error::io("make", path))?,
    };
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(Error::io("write", path))
}

fn read_private(path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |e| Error::io("read", path)(e);
    let mut bytes = Vec::with_capacity(1024);
    fs::File::open(path).and_then(|file| file.take(LARGEST_KEY_FILE).read_to_end(&mut bytes)).map_err(failed)?;
    Ok(bytes)
}

/// The path without links, also where its end does not exist yet.
fn resolve(path: &Path) -> Result<PathBuf, Error> {
    let absolute = std::path::absolute(path).map_err(Error::io("find", path))?;
    let mut existing = absolute.as_path();
    let mut missing = Vec::new();
    loop {
        match fs::canonicalize(existing) {
            Ok(found) => return Ok(missing.into_iter().rev().fold(found, |path: PathBuf, name| path.join(name))),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                // `..` after a name that does not exist means nothing that could be compared.
                match (existing.components().next_back(), existing.parent()) {
                    (Some(Component::Normal(name)), Some(parent)) => {
                        missing.push(name.to_owned());
                        existing = parent;
                    }
                    _ => return Err(Error::io("find", path)(e)),
                }
            }
            Err(e) => return Err(Error::io("find", path)(e)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::new(text.to_owned()).unwrap()
    }

    #[test]
    fn a_key_is_saved_encrypted_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let keys = KeyFolder::new(&folder.path().join("keys"), &folder.path().join("repo")).unwrap();
        keys.create().unwrap();
        let made = keys.generate("stable", 2, &passphrase("right")).unwrap();
        let path = folder.path().join("keys/stable-1.pem");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o7777, 0o700);
        assert!(fs::read_to_string(&path).unwrap().starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
        let ids: Vec<_> = made.iter().map(|key| key.id().to_owned()).collect();
        let loaded = keys.load("stable", &ids, 2, &passphrase("right")).unwrap();
        assert_eq!(loaded[0].sign(b"x"), made[0].sign(b"x"));
        assert!(matches!(keys.load("stable", &ids, 1, &passphrase("wrong")), Err(Error::Decrypt(_))));
        let missing = keys.load("stable", &ids[..1], 2, &passphrase("right"));
        assert!(matches!(missing, Err(Error::KeysMissing { found: 1, threshold: 2, .. })));
        assert!(matches!(keys.generate("stable", 1, &passphrase("right")), Err(Error::Exists(_))));
        assert!(!format!("{:?} {:?}", made[0], passphrase("right")).contains("right"));
    }

    #[test]
    fn other_tools_can_read_a_key() {
        let folder = tempfile::tempdir().unwrap();
        let keys = KeyFolder::new(folder.path(), &folder.path().join("repo")).unwrap();
        let made = keys.generate("root", 1, &passphrase("right")).unwrap();
        let out = std::process::Command::new("openssl")
            .args(["pkey", "-passin", "pass:right", "-pubout", "-outform", "DER", "-in"])
            .arg(folder.path().join("root-1.pem"))
            .output()
            .unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        assert!(hex::encode(out.stdout).ends_with(&made[0].public().keyval.public));
    }

    #[test]
    fn keys_never_lie_inside_the_repository() {
        let folder = tempfile::tempdir().unwrap();
        let repository = folder.path().join("repo");
        fs::create_dir(&repository).unwrap();
        symlink(&repository, folder.path().join("link")).unwrap();
        for inside in ["repo", "repo/keys", "repo/a/b", "link/keys", "repo/../repo/keys"] {
            let refused = KeyFolder::new(&folder.path().join(inside), &repository);
            assert!(matches!(refused, Err(Error::KeysInRepository { .. })), "{inside}");
        }
        assert!(KeyFolder::new(&folder.path().join("none/../repo/keys"), &repository).is_err());
        for outside in ["keys", "repo2", "repo/../keys"] {
            KeyFolder::new(&folder.path().join(outside), &repository).unwrap();
        }
    }

    #[test]
    fn a_passphrase_is_the_first_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p");
        fs::write(&path, "one two\nthree\n").unwrap();
        assert!(Passphrase::read(&path).unwrap().same_as(&passphrase("one two")));
        for bad in [String::new(), "\n".to_owned(), "x".repeat(1025)] {
            fs::write(&path, bad).unwrap();
            assert!(matches!(Passphrase::read(&path), Err(Error::Passphrase(_))));
        }
    }
}
