//! The root role (4.3): the keys of all top-level roles.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Flaw, Header, Key, Other, Role, TOP_LEVEL_ROLES, at_most, check_delegation};
use crate::limits::Limits;
use crate::signature::Delegation;
use crate::time::Time;

/// Root metadata.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Root {
    /// Type, version, dates.
    #[serde(flatten)]
    pub header: Header,
    /// Whether files are named after their version and digest.
    #[serde(default)]
    pub consistent_snapshot: bool,
    /// Keys by id.
    pub keys: BTreeMap<String, Key>,
    /// Who signs each top-level role.
    pub roles: BTreeMap<String, RoleKeys>,
    /// The rest.
    #[serde(flatten)]
    pub other: Other,
}

/// Who signs a top-level role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoleKeys {
    /// Ids of its keys.
    pub keyids: Vec<String>,
    /// How many distinct keys must sign.
    pub threshold: u64,
    /// The rest.
    #[serde(flatten)]
    pub other: Other,
}

impl Root {
    /// A root with consistent snapshots, still without keys.
    #[must_use]
    pub fn new(version: u64, issued: Time, expires: Time) -> Self {
        Self {
            header: Header::new(Self::TYPE, version, issued, expires),
            consistent_snapshot: true,
            keys: BTreeMap::new(),
            roles: BTreeMap::new(),
            other: Other::new(),
        }
    }

    /// Who signs a top-level role. None only before the root was checked.
    pub(crate) fn delegation(&self, role: &str) -> Option<Delegation<'_>> {
        let role = self.roles.get(role)?;
        Some(Delegation { keys: &self.keys, key_ids: &role.keyids, threshold: role.threshold })
    }
}

impl Role for Root {
    const TYPE: &'static str = "root";

    fn header(&self) -> &Header {
        &self.header
    }

    fn check(&self, limits: &Limits) -> Result<(), Flaw> {
        self.header.check()?;
        at_most("keys", self.keys.len(), limits.keys)?;
        for role in TOP_LEVEL_ROLES {
            match self.delegation(role) {
                Some(delegation) => check_delegation(role, delegation, limits)?,
                None => return Flaw::malformed(format!("no keys for {role}")),
            }
        }
        Ok(())
    }
}
