//! A release side gone bad: changes what a repository says in ways that `sameday-publish` would refuse, and signs it with the stolen keys,
//! or with keys of its own. It can also do what the honest one does after a theft: rotate keys.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use ed25519_dalek::{Signer as _, SigningKey};
use sameday_trust::Time;
use sameday_trust::json::canonical;
use sameday_trust::schema::{Key, key_id};
use sameday_upgrade::digest::Digest;
use serde_json::{Map, Value, json};

use crate::keys::StolenKeys;
use crate::process::run;
use crate::world::{ARCHITECTURE, CHANNEL, PRODUCT, World};

/// The roles that the root names.
const TOP_LEVEL: [&str; 4] = ["root", "targets", "snapshot", "timestamp"];

/// A copy of a world's repository, and its keys.
#[derive(Debug)]
pub struct Forge {
    repository: PathBuf,
    keys: Arc<StolenKeys>,
    /// Keys that took the place of the world's.
    rotated: BTreeMap<String, Vec<SigningKey>>,
    /// Seeds of new keys: the same in every run.
    seed: u8,
}

fn other(error: impl std::fmt::Display) -> io::Error {
    io::Error::other(error.to_string())
}

fn public(key: &SigningKey) -> io::Result<(String, Value)> {
    let public = Key::ed25519(key.verifying_key().as_bytes());
    Ok((key_id(&public).map_err(other)?, serde_json::to_value(&public).map_err(other)?))
}

/// Moves a role's dates so that it is issued `at`, for as long a life as before.
fn redate(signed: &mut Value, at: Time) {
    let time = |value: &Value| value.as_str().and_then(|text| text.parse::<Time>().ok());
    let (Some(issued), Some(expires)) = (time(&signed["issued"]), time(&signed["expires"])) else { return };
    signed["issued"] = json!(at.to_string());
    signed["expires"] = json!(at.plus_seconds(expires.seconds_since(issued)).to_string());
}

impl Forge {
    /// Copies the world's repository to `dir`.
    ///
    /// # Errors
    /// When it cannot be copied.
    pub fn new(world: &World, dir: &Path) -> io::Result<Self> {
        Self::over(world, &world.repository(), dir)
    }

    /// Copies a repository that the world's keys signed to `dir`.
    ///
    /// # Errors
    /// When it cannot be copied.
    pub fn over(world: &World, repository: &Path, dir: &Path) -> io::Result<Self> {
        run(Command::new("cp").arg("-a").arg(repository).arg(dir))?;
        Ok(Self { repository: dir.to_owned(), keys: world.stolen_keys(), rotated: BTreeMap::new(), seed: 100 })
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
        newest(&self.repository, role)
    }

    /// The keys of a role as they are now.
    fn keys_of(&self, role: &str) -> io::Result<Vec<SigningKey>> {
        match self.rotated.get(role) {
            Some(keys) => Ok(keys.clone()),
            None => self.keys.all(role),
        }
    }

    fn new_keys(&mut self, count: usize) -> Vec<SigningKey> {
        let keys = |seed: &mut u8| {
            *seed = seed.wrapping_add(1);
            SigningKey::from_bytes(&[*seed; 32])
        };
        (0..count).map(|_| keys(&mut self.seed)).collect()
    }

    /// Signs a role anew after a change, with the first `keys` of its keys, as its next version, and has snapshot and timestamp vouch for it.
    ///
    /// # Errors
    /// When a key cannot be read.
    pub fn sign(&self, role: &str, keys: usize, change: &dyn Fn(&mut Value)) -> io::Result<()> {
        let signers: Vec<SigningKey> = match self.rotated.get(role) {
            Some(rotated) => rotated.iter().take(keys).cloned().collect(),
            None => self.keys.first(role, keys)?,
        };
        self.write(role, &signers, change)?;
        self.vouch(role)
    }

    /// As [`Forge::sign`], by somebody who has the keys of `thief`, or with `None` only keys of his own. Nobody vouches for it.
    ///
    /// # Errors
    /// When a key cannot be read.
    pub fn sign_as(&self, thief: Option<&str>, role: &str, change: &dyn Fn(&mut Value)) -> io::Result<()> {
        let signers = match thief {
            Some(thief) => self.keys_of(thief)?,
            None => vec![SigningKey::from_bytes(&[66; 32])],
        };
        self.write(role, &signers, change)
    }

    /// Signs with all of a role's keys and has snapshot and timestamp vouch.
    fn sign_all(&self, role: &str, change: &dyn Fn(&mut Value)) -> io::Result<()> {
        self.sign(role, self.keys_of(role)?.len(), change)
    }

    /// Signs a role anew with all its keys, as issued `at`.
    ///
    /// # Errors
    /// When a key cannot be read.
    pub fn renew(&self, role: &str, at: Time) -> io::Result<()> {
        self.sign_all(role, &|signed| redate(signed, at))
    }

    /// Lists the newest file of a role in the snapshot, or the newest snapshot in the timestamp.
    ///
    /// # Errors
    /// When a key cannot be read.
    pub fn vouch(&self, role: &str) -> io::Result<()> {
        if matches!(role, "timestamp" | "root") {
            return Ok(());
        }
        let (version, path, _) = self.newest(role)?;
        let bytes = fs::read(path)?;
        let digest = Digest::of(&bytes).to_string();
        let info = json!({ "version": version, "length": bytes.len(), "hashes": { "sha256": digest } });
        let by = if role == "snapshot" { "timestamp" } else { "snapshot" };
        self.sign(by, 1, &|signed| signed["meta"][format!("{role}.json")] = info.clone())
    }

    fn write(&self, role: &str, signers: &[SigningKey], change: &dyn Fn(&mut Value)) -> io::Result<()> {
        let (version, _, mut content) = self.newest(role)?;
        let signed = &mut content["signed"];
        signed["version"] = json!(version + 1);
        change(signed);
        let version = signed["version"].clone();
        let message = canonical(signed).map_err(other)?;
        let mut signatures = Vec::new();
        for key in signers {
            signatures.push(json!({ "keyid": public(key)?.0, "sig": hex::encode(key.sign(&message).to_bytes()) }));
        }
        content["signatures"] = Value::Array(signatures);
        let name = if role == "timestamp" { "timestamp.json".to_owned() } else { format!("{version}.{role}.json") };
        fs::write(self.repository.join("metadata").join(name), serde_json::to_vec(&content).map_err(other)?)
    }

    /// Gives roles new keys. The root that says so is issued `at`; what the new keys sign is signed anew as it is.
    ///
    /// # Errors
    /// When a key cannot be read.
    pub fn rotate(&mut self, roles: &[&str], at: Time) -> io::Result<()> {
        let old_root = self.keys_of("root")?;
        let by_root: Vec<&str> = roles.iter().copied().filter(|role| TOP_LEVEL.contains(role)).collect();
        if !by_root.is_empty() {
            let fresh = self.fresh(&by_root)?;
            let mut signers = old_root;
            signers.extend(fresh.get("root").cloned().unwrap_or_default());
            self.next_root(&signers, &fresh, Some(at))?;
        }
        for role in roles.iter().copied().filter(|role| !TOP_LEVEL.contains(role)) {
            let fresh = self.fresh(&[role])?;
            let (keys, ids) = described(fresh.get(role).map(Vec::as_slice).unwrap_or_default())?;
            self.sign_all("targets", &|signed| {
                let delegations = &mut signed["delegations"];
                extend(&mut delegations["keys"], &keys);
                for entry in delegations["roles"].as_array_mut().into_iter().flatten() {
                    if entry["name"] == role {
                        entry["keyids"] = json!(ids);
                    }
                }
            })?;
        }
        for role in roles.iter().copied().filter(|role| *role != "root") {
            self.sign_all(role, &|_| {})?;
        }
        Ok(())
    }

    /// Makes the repository somebody else's: a next root that names his keys for everything, and that only they sign.
    ///
    /// # Errors
    /// When a key cannot be read.
    pub fn usurp(&mut self) -> io::Result<()> {
        let fresh = self.fresh(&TOP_LEVEL)?;
        let signers = fresh.get("root").cloned().unwrap_or_default();
        self.next_root(&signers, &fresh, None)?;
        self.sign_all("targets", &|_| {})?;
        self.rotate(&[CHANNEL], Time::EARLIEST)
    }

    /// New keys for roles, as many as they had.
    fn fresh(&mut self, roles: &[&str]) -> io::Result<BTreeMap<String, Vec<SigningKey>>> {
        let mut fresh = BTreeMap::new();
        for role in roles {
            let count = self.keys_of(role)?.len();
            fresh.insert((*role).to_owned(), self.new_keys(count));
        }
        self.rotated.extend(fresh.clone());
        Ok(fresh)
    }

    fn next_root(
        &self,
        signers: &[SigningKey],
        fresh: &BTreeMap<String, Vec<SigningKey>>,
        at: Option<Time>,
    ) -> io::Result<()> {
        let named = fresh.iter().map(|(role, keys)| Ok((role, described(keys)?))).collect::<io::Result<Vec<_>>>()?;
        self.write("root", signers, &|signed| {
            for (role, (keys, ids)) in &named {
                extend(&mut signed["keys"], keys);
                signed["roles"][role]["keyids"] = json!(ids);
            }
            if let Some(at) = at {
                redate(signed, at);
            }
        })
    }

    /// Changes the channel's description, and signs all that follows from it.
    ///
    /// # Errors
    /// When there is none, or a key cannot be read.
    pub fn description(&self, change: &dyn Fn(&mut Value)) -> io::Result<()> {
        let info = self.write_description(change)?;
        let target = target();
        self.sign(CHANNEL, self.keys_of(CHANNEL)?.len(), &|signed| signed["targets"][&target] = info.clone())
    }

    /// Puts a changed description beside the one that is signed; answers what a role would say of it.
    ///
    /// # Errors
    /// When there is none.
    pub fn write_description(&self, change: &dyn Fn(&mut Value)) -> io::Result<Value> {
        let path = self.repository.join(place_of(&self.repository, "description")?);
        let mut content: Value = serde_json::from_slice(&fs::read(&path)?).map_err(other)?;
        change(&mut content);
        let bytes = serde_json::to_vec(&content).map_err(other)?;
        let digest = Digest::of(&bytes).to_string();
        fs::write(path.with_file_name(format!("{digest}.upgrade.json")), &bytes)?;
        Ok(json!({ "length": bytes.len(), "hashes": { "sha256": digest } }))
    }
}

/// Key objects by id, and the ids in order.
fn described(keys: &[SigningKey]) -> io::Result<(Map<String, Value>, Vec<String>)> {
    let pairs = keys.iter().map(public).collect::<io::Result<Vec<_>>>()?;
    let ids = pairs.iter().map(|(id, _)| id.clone()).collect();
    Ok((pairs.into_iter().collect(), ids))
}

fn extend(object: &mut Value, more: &Map<String, Value>) {
    if let Some(object) = object.as_object_mut() {
        object.extend(more.clone());
    }
}

/// The one target of the lab's channel.
#[must_use]
pub fn target() -> String {
    format!("{CHANNEL}/{PRODUCT}/{ARCHITECTURE}/upgrade.json")
}

/// The newest file of a role in a repository: its version, path and content.
///
/// # Errors
/// When there is none.
pub fn newest(repository: &Path, role: &str) -> io::Result<(u64, PathBuf, Value)> {
    let folder = repository.join("metadata");
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

/// Where something lies in a repository now: a role by its name, `next-root`, `description`, or a file of its first upgrade: `layer`,
/// `kernel`, `initrd`, and `layer-chunks`, its chunk list.
///
/// # Errors
/// When there is no such thing.
pub fn place_of(repository: &Path, what: &str) -> io::Result<String> {
    let of_role = |role: &str| {
        let (_, path, _) = newest(repository, role)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(format!("metadata/{name}"))
    };
    match what {
        "next-root" => Ok(format!("metadata/{}.root.json", newest(repository, "root")?.0 + 1)),
        "description" => {
            let (_, _, role) = newest(repository, CHANNEL)?;
            let target = target();
            let digest = role["signed"]["targets"][&target]["hashes"]["sha256"].as_str();
            let digest = digest.ok_or_else(|| other("nothing is described"))?;
            Ok(format!("targets/{}", target.replace("upgrade.json", &format!("{digest}.upgrade.json"))))
        }
        "layer" | "kernel" | "initrd" | "layer-chunks" => {
            let (role, field) = if what == "layer-chunks" { ("layer", "chunks") } else { (what, "sha256") };
            let bytes = fs::read(repository.join(place_of(repository, "description")?))?;
            let description: Value = serde_json::from_slice(&bytes).map_err(other)?;
            let files = description["upgrades"][0]["files"].as_array();
            let file = files.into_iter().flatten().find(|file| file["role"] == role);
            let digest = file.and_then(|file| file[field].as_str()).ok_or_else(|| other(format!("no {what}")))?;
            Ok(format!("files/{digest}"))
        }
        role => of_role(role),
    }
}
