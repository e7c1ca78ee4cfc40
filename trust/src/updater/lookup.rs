//! The search for a target (5.6.7): pre-order, depth first; the product looks into one role only.

use std::collections::BTreeSet;

use super::refresh::{is_version, not_older};
use super::{Step, Updater};
use crate::document::{Verified, open};
use crate::error::Error;
use crate::glob::path_matches;
use crate::policy::{Depth, Kind, StoredRoles};
use crate::schema::{Header, Targets};
use crate::signature::Delegation;
use crate::target::{Target, check_listed};

const TOP: &str = "targets";

/// A delegated role, and on whose word.
#[derive(Debug)]
pub(super) struct Loaded {
    delegator: String,
    role: Verified<Targets>,
}

impl Loaded {
    pub(super) fn header(&self) -> &Header {
        &self.role.signed.header
    }

    pub(super) fn role(&self) -> &Verified<Targets> {
        &self.role
    }
}

/// A search under way.
#[derive(Debug)]
pub(super) struct Lookup {
    path: String,
    /// The one role that is asked, in the product.
    only: Option<String>,
    /// Roles still to visit, the next one last, each with its delegator.
    ahead: Vec<(String, String)>,
    visited: BTreeSet<String>,
}

impl Lookup {
    /// The role to visit next.
    pub(super) fn current(&self) -> Option<&str> {
        self.ahead.last().map(|(role, _)| role.as_str())
    }
}

/// Whether a role can be visited.
enum Ready {
    Yes,
    Fetch,
}

impl Updater {
    /// Begins the search for a target, after the refresh is done. Delegated roles that it needs are asked for by
    /// [`Updater::next`]; then [`Updater::found`] has the answer.
    ///
    /// With `only_role` the target is looked for in that role, delegated by the top-level targets role, and nowhere else; that
    /// another role speaks for the path is an error of its own.
    ///
    /// # Errors
    /// When the refresh is not done or has failed, or the search ends here without the target.
    pub fn target(&mut self, path: &str, only_role: Option<&str>) -> Result<(), Error> {
        match &self.step {
            Step::Idle => {}
            Step::Failed(error) => return Err(error.clone()),
            _ => return Err(Error::OutOfTurn),
        }
        self.found = None;
        let start = match only_role {
            Some(role) => {
                self.check_sole_role(path, role)?;
                (role.to_owned(), TOP.to_owned())
            }
            None => (TOP.to_owned(), "root".to_owned()),
        };
        let result = self.walk(Lookup {
            path: path.to_owned(),
            only: only_role.map(str::to_owned),
            ahead: vec![start],
            visited: BTreeSet::new(),
        });
        if result.is_err() {
            self.step = Step::Idle;
        }
        result
    }

    /// The target of the last search, once [`Updater::next`] says that it is done.
    #[must_use]
    pub fn found(&self) -> Option<&Target> {
        self.found.as_ref()
    }

    /// The path must lead to the asked role, by the order of delegations, before it leads to any other.
    fn check_sole_role(&self, path: &str, asked: &str) -> Result<(), Error> {
        let other =
            |role: &str| Error::OtherChannel { path: path.to_owned(), asked: asked.to_owned(), role: role.to_owned() };
        let targets = self.targets.as_ref().ok_or(Error::OutOfTurn)?;
        let delegated = targets.signed.delegated();
        if !delegated.iter().any(|role| role.name == asked) {
            return Err(Error::DelegationMissing { role: asked.to_owned() });
        }
        if targets.signed.targets.contains_key(path) {
            return Err(other(TOP));
        }
        match delegated.iter().find(|role| path_matches(role, path)) {
            Some(role) if role.name == asked => Ok(()),
            Some(role) => Err(other(&role.name)),
            None => Err(Error::PathNotDelegated { path: path.to_owned(), role: asked.to_owned() }),
        }
    }

    /// Visits roles until the target is found, a file is needed, or nothing is left.
    fn walk(&mut self, mut lookup: Lookup) -> Result<(), Error> {
        loop {
            let Some((role, delegator)) = lookup.ahead.last().cloned() else {
                return Err(Error::TargetMissing { path: lookup.path });
            };
            if lookup.visited.contains(&role) {
                lookup.ahead.pop();
                continue;
            }
            if lookup.visited.len() > self.limits.delegations {
                let limit = u64::try_from(self.limits.delegations).unwrap_or(u64::MAX);
                return Err(Error::TooManyDelegations { limit });
            }
            if role != TOP {
                match self.load_delegated(&role, &delegator)? {
                    Ready::Yes => {}
                    Ready::Fetch => {
                        self.lookup = Some(lookup);
                        self.step = Step::Delegated;
                        return Ok(());
                    }
                }
            }
            lookup.ahead.pop();
            let signed = self.targets_role(&role)?;
            if let Some(info) = signed.targets.get(&lookup.path) {
                let found = Target::new(&lookup.path, info, &role, self.root.signed.consistent_snapshot)?;
                self.judge_all()?;
                self.found = Some(found);
                self.step = Step::Idle;
                return Ok(());
            }
            if lookup.only.is_none() {
                let mut children = Vec::new();
                for child in signed.delegated().iter().filter(|child| path_matches(child, &lookup.path)) {
                    children.push((child.name.clone(), role.clone()));
                    if child.terminating {
                        lookup.ahead.clear();
                        break;
                    }
                }
                lookup.ahead.extend(children.into_iter().rev());
            }
            lookup.visited.insert(role);
        }
    }

    fn targets_role(&self, role: &str) -> Result<&Targets, Error> {
        let found = match role {
            TOP => self.targets.as_ref(),
            _ => self.delegated.get(role).map(Loaded::role),
        };
        found.map(|role| &role.signed).ok_or_else(|| Error::Absent { role: role.to_owned() })
    }

    fn delegation(&self, role: &str, delegator: &str) -> Result<Delegation<'_>, Error> {
        let missing = || Error::DelegationMissing { role: role.to_owned() };
        self.targets_role(delegator)?.delegation(role).ok_or_else(missing)
    }

    /// Takes the role from the store, if it is current and verifies under the one who delegates to it in this search.
    fn load_delegated(&mut self, role: &str, delegator: &str) -> Result<Ready, Error> {
        if self.delegated.get(role).is_some_and(|loaded| loaded.delegator == delegator) {
            return Ok(Ready::Yes);
        }
        let Some(bytes) = self.store.delegated.get(role) else {
            return self.listed_info(role).map(|_| Ready::Fetch);
        };
        let stored = self.open_delegated(role, delegator, bytes).ok();
        let info = self.listed_info(role)?;
        let Some(stored) = stored else { return Ok(Ready::Fetch) };
        if self.policy.stored == StoredRoles::Floor {
            not_older(role, stored.signed.header.version, info.version)?;
        }
        // Its date counts even if a newer version replaces it; only then can the role itself be judged.
        let current = self.is_current(role, Some(info), Some((&stored.signed.header, bytes)));
        self.raise_floor(stored.signed.header.issued);
        if !current {
            return Ok(Ready::Fetch);
        }
        self.insert(role, delegator, stored)?;
        Ok(Ready::Yes)
    }

    /// 5.6.2 to 5.6.6 for a delegated role.
    pub(super) fn accept_delegated(&mut self, bytes: Vec<u8>) -> Result<(), Error> {
        let lookup = self.lookup.take().ok_or(Error::OutOfTurn)?;
        let (role, delegator) = lookup.ahead.last().cloned().ok_or(Error::OutOfTurn)?;
        let info = self.listed_info(&role)?;
        check_listed(&role, info, &bytes)?;
        let new = self.open_delegated(&role, &delegator, &bytes)?;
        is_version(&role, info.version, new.signed.header.version)?;
        self.judge(&role, &new.signed.header)?;
        self.raise_floor(new.signed.header.issued);
        self.insert(&role, &delegator, new)?;
        self.store.delegated.insert(role, bytes);
        self.walk(lookup)
    }

    fn open_delegated(&self, role: &str, delegator: &str, bytes: &[u8]) -> Result<Verified<Targets>, Error> {
        let delegation = self.delegation(role, delegator)?;
        let until = Some(self.root.signed.header.expires);
        open(Kind::Delegated, role, bytes, Some(delegation), until, self.rules())
    }

    fn listed_info(&self, role: &str) -> Result<&crate::schema::MetaInfo, Error> {
        let info = self.snapshot.as_ref().and_then(|snapshot| snapshot.signed.role(role));
        info.ok_or_else(|| Error::NotInSnapshot { role: role.to_owned() })
    }

    fn insert(&mut self, name: &str, delegator: &str, role: Verified<Targets>) -> Result<(), Error> {
        if self.policy.depth == Depth::OneLevel && !role.signed.delegated().is_empty() {
            return Err(Error::DelegationTooDeep { role: name.to_owned() });
        }
        self.delegated.insert(name.to_owned(), Loaded { delegator: delegator.to_owned(), role });
        Ok(())
    }
}
