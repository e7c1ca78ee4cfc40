//! Scenarios as python-tuf made them, and a client that keeps its store in memory, as the daemon does.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use sameday_trust::{Answer, Limits, Next, Store, Time, Updater};
use sameday_tuf_client::client::policy;
use serde::Deserialize;

use super::python::script;
use super::world::{Fault, World};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    pub name: String,
    pub what: String,
    pub kind: String,
    pub anchor: String,
    pub steps: Vec<Step>,
}

/// A state of the repository, and what a client does with it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    files: BTreeMap<String, String>,
    statuses: BTreeMap<String, u16>,
    /// Put into, or removed from, the client's folder before.
    local: BTreeMap<String, Option<String>>,
    pub targets: Vec<String>,
    pub expect: String,
    /// Part of our client's message.
    pub because: String,
}

impl Scenario {
    pub fn make(python: &Path, folder: &Path) -> Vec<Self> {
        let output = script(python, "make_repositories.py").arg(folder).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths.iter().map(|path| serde_json::from_slice(&fs::read(path).unwrap()).unwrap()).collect()
    }
}

impl Step {
    pub fn publish(&self, world: &World) {
        let mut site = world.server.site();
        site.files = self.files.iter().map(|(name, text)| (name.clone(), hex::decode(text).unwrap())).collect();
        site.faults = self.statuses.iter().map(|(name, status)| (name.clone(), Fault::Status(*status))).collect();
        for (name, content) in &self.local {
            let path = world.metadata_dir().join(name);
            match content {
                Some(text) => fs::write(path, hex::decode(text).unwrap()).unwrap(),
                None => fs::remove_file(path).unwrap(),
            }
        }
    }

    fn file(&self, path: &str) -> Result<Option<Vec<u8>>, String> {
        match self.statuses.get(path) {
            None => Ok(self.files.get(path).map(|text| hex::decode(text).unwrap())),
            Some(403 | 404) => Ok(None),
            Some(status) => Err(format!("{path}: {status}")),
        }
    }
}

/// A client without files.
pub struct Memory(Store);

impl Memory {
    pub fn new(anchor: Vec<u8>) -> Self {
        Self(Store::from_root(anchor))
    }

    pub fn plant(&mut self, step: &Step) {
        for (name, content) in &step.local {
            let content = content.as_ref().map(|text| hex::decode(text).unwrap());
            match name.as_str() {
                "timestamp.json" => self.0.timestamp = content,
                "snapshot.json" => self.0.snapshot = content,
                "targets.json" => self.0.targets = content,
                delegated => {
                    let role = delegated.strip_suffix(".json").unwrap().to_owned();
                    drop(content.and_then(|content| self.0.delegated.insert(role, content)));
                }
            }
        }
    }

    pub fn run(&mut self, step: &Step) -> Result<(), String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let now = Time::from_unix(i64::try_from(now).unwrap());
        let tell = |e: sameday_trust::Error| e.to_string();
        let mut updater = Updater::new(self.0.clone(), now, Time::EARLIEST, policy(), Limits::wide()).map_err(tell)?;
        let mut result = drive(&mut updater, step);
        for target in &step.targets {
            result = result.and_then(|()| {
                updater.target(target, None).map_err(tell)?;
                drive(&mut updater, step)?;
                let found = updater.found().ok_or("not found")?;
                let bytes = step.file(&format!("targets/{}", found.location))?.ok_or("no such file")?;
                found.verify(&bytes).map_err(tell)
            });
        }
        self.0 = updater.into_store();
        result
    }

    pub fn store_without_chain(&self) -> Store {
        Store { chain: BTreeMap::new(), ..self.0.clone() }
    }
}

fn drive(updater: &mut Updater, step: &Step) -> Result<(), String> {
    while let Next::Fetch(request) = updater.next() {
        let path = percent_decoded(&format!("metadata/{}", request.path));
        let answer = step.file(&path)?.map_or(Answer::Absent, Answer::Bytes);
        updater.supply(answer).map_err(|e| e.to_string())?;
    }
    Ok(())
}

fn percent_decoded(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first == b'%' {
            let (digits, after) = rest.split_at(2);
            bytes.extend(hex::decode(digits).unwrap());
            rest = after;
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).unwrap()
}
