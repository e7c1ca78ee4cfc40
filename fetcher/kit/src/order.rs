//! The order of a kit's members, as the formats lay it down: a name out of place makes the file no kit.

use sameday_wire::Path;

/// Why a name may not stand where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// A name that no kit has.
    #[error("does not belong in a kit")]
    Foreign,
    /// A name that belongs elsewhere, or a second time.
    #[error("is not where the order of a kit has it")]
    OutOfOrder,
}

/// What was read last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Nothing yet.
    Start,
    /// `kit.json`.
    Note,
    /// `metadata/N.root.json`, with its N.
    Root(u64),
    /// `metadata/timestamp.json`.
    Timestamp,
    /// `metadata/N.snapshot.json`.
    Snapshot,
    /// `metadata/N.targets.json`.
    Targets,
    /// `metadata/N.CHANNEL.json`.
    Channel,
    /// `targets/CHANNEL/PRODUCT/ARCH/SHA256.upgrade.json`.
    Description,
    /// Anything under `files/`.
    Files,
}

impl Place {
    /// The place after a member of this name.
    ///
    /// # Errors
    /// When it does not belong there.
    pub fn after(self, name: &Path) -> Result<Self, OrderError> {
        let next = Self::of(name.as_str()).ok_or(OrderError::Foreign)?;
        let fits = match (self, next) {
            (Self::Start, Self::Note)
            | (Self::Note, Self::Root(1))
            | (Self::Root(_), Self::Timestamp)
            | (Self::Timestamp, Self::Snapshot)
            | (Self::Snapshot, Self::Targets)
            | (Self::Targets, Self::Channel)
            | (Self::Channel, Self::Description)
            | (Self::Description | Self::Files, Self::Files) => true,
            (Self::Root(n), Self::Root(m)) => n.checked_add(1) == Some(m),
            _ => false,
        };
        if fits { Ok(next) } else { Err(OrderError::OutOfOrder) }
    }

    /// Whether a kit may end here.
    pub const fn may_end(self) -> bool {
        matches!(self, Self::Description | Self::Files)
    }

    /// Where a name belongs, if anywhere.
    fn of(name: &str) -> Option<Self> {
        let parts = name.split('/').collect::<Vec<_>>();
        match parts.as_slice() {
            ["kit.json"] => Some(Self::Note),
            ["metadata", file] => Self::of_metadata(file.strip_suffix(".json")?),
            ["targets", channel, product, arch, file] => {
                let digest = file.strip_suffix(".upgrade.json")?;
                ([channel, product, arch].into_iter().all(|n| is_name(n)) && is_digest(digest))
                    .then_some(Self::Description)
            }
            ["files", digest] => is_digest(digest).then_some(Self::Files),
            _ => None,
        }
    }

    fn of_metadata(stem: &str) -> Option<Self> {
        if stem == "timestamp" {
            return Some(Self::Timestamp);
        }
        let (version, role) = stem.split_once('.')?;
        let version = Some(version).filter(|v| !v.starts_with('0') && v.bytes().all(|b| b.is_ascii_digit()));
        let version = version?.parse().ok()?;
        match role {
            "root" => Some(Self::Root(version)),
            "snapshot" => Some(Self::Snapshot),
            "targets" => Some(Self::Targets),
            "timestamp" => None,
            channel => is_name(channel).then_some(Self::Channel),
        }
    }
}

/// The alphabet of products, channels and architectures.
fn is_name(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    (1..=32).contains(&text.len())
        && text.bytes().all(|b| allowed(b) || b == b'-')
        && text.bytes().next().is_some_and(allowed)
}

/// SHA-256 in lower-case hexadecimal digits.
fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(names: &[String]) -> Result<Place, (usize, OrderError)> {
        names.iter().enumerate().try_fold(Place::Start, |place, (i, name)| {
            place.after(&Path::new(name.as_str()).unwrap()).map_err(|e| (i, e))
        })
    }

    fn kit() -> Vec<String> {
        let digest = "0a".repeat(32);
        let names = ["kit.json", "metadata/1.root.json", "metadata/2.root.json", "metadata/timestamp.json"];
        let more = ["metadata/7.snapshot.json", "metadata/3.targets.json", "metadata/9.stable.json"];
        let last = [format!("targets/stable/sameday/amd64/{digest}.upgrade.json"), format!("files/{digest}")];
        names.into_iter().chain(more).map(str::to_owned).chain(last).collect()
    }

    #[test]
    fn a_kit_in_order_is_taken() {
        assert!(walk(&kit()).unwrap().may_end());
        assert!(!walk(&kit()[..7]).unwrap().may_end());
    }

    #[test]
    fn any_two_members_swapped_are_out_of_order() {
        for i in 0..kit().len() - 1 {
            let mut names = kit();
            names.swap(i, i + 1);
            assert_eq!(walk(&names).unwrap_err().1, OrderError::OutOfOrder, "{names:?}");
        }
    }

    #[test]
    fn a_gap_in_the_root_chain_is_out_of_order() {
        let mut names = kit();
        names[2] = "metadata/3.root.json".to_owned();
        assert_eq!(walk(&names).unwrap_err(), (2, OrderError::OutOfOrder));
    }

    #[test]
    fn foreign_names_are_refused() {
        for name in [
            "README",
            "metadata/root.json",
            "metadata/01.root.json",
            "metadata/+1.root.json",
            "metadata/18446744073709551616.root.json",
            "metadata/1.timestamp.json",
            "metadata/1.Stable.json",
            "metadata/x/1.root.json",
            "targets/upgrade.json",
            "files/x",
            "files/0A",
            "live/filesystem.squashfs",
        ] {
            assert_eq!(Place::Start.after(&Path::new(name).unwrap()), Err(OrderError::Foreign), "{name}");
        }
    }
}
