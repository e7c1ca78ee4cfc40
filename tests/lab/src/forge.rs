//! A release side gone bad: changes what a repository says in ways that `sameday-publish` would refuse, and signs it with the stolen keys.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use ed25519_dalek::Signer as _;
use ed25519_dalek::pkcs8::DecodePrivateKey as _;
use sameday_trust::json::canonical;
use sameday_upgrade::digest::Digest;
use serde_json::{Value, json};

use crate::process::run;
use crate::world::{ARCHITECTURE, CHANNEL, PASSPHRASE, PRODUCT, World};

/// A copy of a world's repository, and its keys.
#[derive(Debug)]
pub struct Forge {
    repository: PathBuf,
    keys: PathBuf,
}

fn other(error: impl std::fmt::Display) -> io::Error {
    io::Error::other(error.to_string())
}

impl Forge {
    /// Copies the world's repository to `dir`.
    ///
    /// # Errors
    /// When it cannot be copied.
    pub fn new(world: &World, dir: &Path) -> io::Result<Self> {
        run(Command::new("cp").arg("-a").arg(world.repository()).arg(dir))?;
        Ok(Self { repository: dir.to_owned(), keys: world.keys() })
    }

    /// The copy.
    #[must_use]
    pub fn repository(&self) -> &Path {
        &self.repository
    }

    /// The newest file of a role: its version, path and content.
    ///
    /// # Errors
    /// When there is none.
    pub fn newest(&self, role: &str) -> io::Result<(u64, PathBuf, Value)> {
        let folder = self.repository.join("metadata");
        let mut found = None;
        for entry in fs::read_dir(&folder)? {
            let file = entry?.file_name().into_string().unwrap_or_default();
            let version = match file.strip_suffix(&format!("{role}.json")) {
                Some("") if role == "timestamp" => Some(0),
                Some(version) => version.strip_suffix('.').and_then(|v| v.parse::<u64>().ok()),
                None => None,
            };
            found = found.max(version.map(|version| (version, file)));
        }
        let (_, file) = found.ok_or_else(|| other(format!("no {role} in {}", folder.display())))?;
        let path = folder.join(file);
        let content: Value = serde_json::from_slice(&fs::read(&path)?).map_err(other)?;
        let version = content["signed"]["version"].as_u64().ok_or_else(|| other("no version"))?;
        Ok((version, path, content))
    }

    /// Signs a role anew after a change, with the first `keys` of its keys, as its next version.
    ///
    /// # Errors
    /// When a key cannot be read.
    pub fn sign(&self, role: &str, keys: usize, change: &dyn Fn(&mut Value)) -> io::Result<()> {
        let (version, _, mut content) = self.newest(role)?;
        let next = version + 1;
        let signed = &mut content["signed"];
        signed["version"] = json!(next);
        change(signed);
        let message = canonical(signed).map_err(other)?;
        let mut signatures = Vec::new();
        for n in 1..=keys {
            let text = fs::read_to_string(self.keys.join(format!("{role}-{n}.pem")))?;
            let key = ed25519_dalek::SigningKey::from_pkcs8_encrypted_pem(&text, PASSPHRASE).map_err(other)?;
            let public = sameday_trust::schema::Key::ed25519(key.verifying_key().as_bytes());
            let id = sameday_trust::schema::key_id(&public).map_err(other)?;
            signatures.push(json!({ "keyid": id, "sig": hex::encode(key.sign(&message).to_bytes()) }));
        }
        content["signatures"] = Value::Array(signatures);
        let bytes = serde_json::to_vec(&content).map_err(other)?;
        let folder = self.repository.join("metadata");
        if role == "timestamp" {
            return fs::write(folder.join("timestamp.json"), &bytes);
        }
        fs::write(folder.join(format!("{next}.{role}.json")), &bytes)?;
        let info =
            json!({ "version": next, "length": bytes.len(), "hashes": { "sha256": Digest::of(&bytes).to_string() } });
        let file = format!("{role}.json");
        match role {
            "root" => Ok(()),
            "snapshot" => self.sign("timestamp", 1, &|signed| signed["meta"][&file] = info.clone()),
            _ => self.sign("snapshot", 1, &|signed| signed["meta"][&file] = info.clone()),
        }
    }

    /// Changes the channel's description, and signs all that follows from it.
    ///
    /// # Errors
    /// When there is none, or a key cannot be read.
    pub fn description(&self, change: &dyn Fn(&mut Value)) -> io::Result<()> {
        let target = format!("{CHANNEL}/{PRODUCT}/{ARCHITECTURE}/upgrade.json");
        let folder = self.repository.join("targets").join(format!("{CHANNEL}/{PRODUCT}/{ARCHITECTURE}"));
        let (_, _, role) = self.newest(CHANNEL)?;
        let old = role["signed"]["targets"][&target]["hashes"]["sha256"].as_str().unwrap_or_default().to_owned();
        let mut content: Value =
            serde_json::from_slice(&fs::read(folder.join(format!("{old}.upgrade.json")))?).map_err(other)?;
        change(&mut content);
        let bytes = serde_json::to_vec(&content).map_err(other)?;
        let digest = Digest::of(&bytes).to_string();
        fs::write(folder.join(format!("{digest}.upgrade.json")), &bytes)?;
        let info = json!({ "length": bytes.len(), "hashes": { "sha256": digest } });
        self.sign(CHANNEL, 1, &|signed| signed["targets"][&target] = info.clone())
    }
}
