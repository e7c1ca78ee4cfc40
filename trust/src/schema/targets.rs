//! Targets roles (4.5): what can be downloaded, and who else may say so.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Flaw, Header, Key, Other, Role, TOP_LEVEL_ROLES, at_most, check_delegation};
use crate::limits::Limits;
use crate::signature::Delegation;
use crate::time::Time;

/// Targets metadata, top-level or delegated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Targets {
    /// Type, version, dates.
    #[serde(flatten)]
    pub header: Header,
    /// Targets by path.
    pub targets: BTreeMap<String, TargetInfo>,
    /// Who else describes targets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegations: Option<Delegations>,
    /// The rest.
    #[serde(flatten)]
    pub other: Other,
}

/// A target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetInfo {
    /// Bytes.
    pub length: u64,
    /// Digests by algorithm.
    pub hashes: BTreeMap<String, String>,
    /// Whatever the repository adds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom: Option<Value>,
    /// The rest.
    #[serde(flatten)]
    pub other: Other,
}

/// Delegations of a targets role.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Delegations {
    /// Keys by id.
    pub keys: BTreeMap<String, Key>,
    /// In the order in which they are searched.
    pub roles: Vec<DelegatedRole>,
    /// The rest.
    #[serde(flatten)]
    pub other: Other,
}

/// One delegation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DelegatedRole {
    /// The role's name.
    pub name: String,
    /// Ids of its keys.
    pub keyids: Vec<String>,
    /// How many distinct keys must sign.
    pub threshold: u64,
    /// Whether a search that came this way ends here.
    pub terminating: bool,
    /// Patterns of the paths it speaks for. Of this and the next at most one is given; with neither, it speaks for none (4.5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paths: Option<Vec<String>>,
    /// Beginnings of the hexadecimal SHA-256 digests of the paths it speaks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_hash_prefixes: Option<Vec<String>>,
    /// The rest.
    #[serde(flatten)]
    pub other: Other,
}

impl Targets {
    /// A role without targets and delegations.
    #[must_use]
    pub fn new(version: u64, issued: Time, expires: Time) -> Self {
        Self {
            header: Header::new(Self::TYPE, version, issued, expires),
            targets: BTreeMap::new(),
            delegations: None,
            other: Other::new(),
        }
    }

    /// All delegations, in order.
    pub(crate) fn delegated(&self) -> &[DelegatedRole] {
        self.delegations.as_ref().map_or(&[], |delegations| delegations.roles.as_slice())
    }

    /// Who signs a delegated role.
    pub(crate) fn delegation(&self, role: &str) -> Option<Delegation<'_>> {
        let delegations = self.delegations.as_ref()?;
        let role = delegations.roles.iter().find(|delegated| delegated.name == role)?;
        Some(role.delegation(delegations))
    }
}

impl DelegatedRole {
    fn delegation<'a>(&'a self, delegations: &'a Delegations) -> Delegation<'a> {
        Delegation { keys: &delegations.keys, key_ids: &self.keyids, threshold: self.threshold }
    }
}

impl Role for Targets {
    const TYPE: &'static str = "targets";

    fn header(&self) -> &Header {
        &self.header
    }

    fn check(&self, limits: &Limits) -> Result<(), Flaw> {
        self.header.check()?;
        for (path, target) in &self.targets {
            if target.hashes.is_empty() {
                return Flaw::malformed(format!("no digest for {path:?}"));
            }
        }
        let Some(delegations) = &self.delegations else { return Ok(()) };
        at_most("keys", delegations.keys.len(), limits.keys)?;
        let mut names = BTreeSet::new();
        for role in &delegations.roles {
            let name = role.name.as_str();
            if name.is_empty() || TOP_LEVEL_ROLES.contains(&name) {
                return Flaw::malformed(format!("delegates to a role named {name:?}"));
            }
            if !names.insert(name) {
                return Flaw::malformed(format!("delegates to {name:?} twice"));
            }
            if role.paths.is_some() && role.path_hash_prefixes.is_some() {
                return Flaw::malformed(format!("{name:?} has both paths and path_hash_prefixes"));
            }
            check_delegation(name, role.delegation(delegations), limits)?;
        }
        Ok(())
    }
}
