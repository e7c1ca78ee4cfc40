//! Why metadata is refused: one flat list, each case with a stable reason code and its numbers.

use crate::time::Time;

/// A refusal. `role` is the role whose file was judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "every variant says what it is; its fields are named after what they hold")]
pub enum Error {
    /// Not metadata: no JSON, a missing or impossible field, a name or key id that stands twice.
    #[error("{role} metadata is malformed: {detail}")]
    Malformed { role: String, detail: String },
    /// Longer than its ceiling or than promised. Endless data.
    #[error("{role} metadata is longer than {limit} bytes")]
    TooLong { role: String, limit: u64 },
    /// Shorter than promised.
    #[error("{role} has {length} bytes where {promised} were promised")]
    TooShort { role: String, length: u64, promised: u64 },
    /// More of something than a file may hold.
    #[error("{role} metadata holds {count} {what}, more than {limit}")]
    TooMany { role: String, what: &'static str, count: u64, limit: u64 },
    /// A file that must exist does not.
    #[error("there is no {role} metadata")]
    Absent { role: String },
    /// The file of another role.
    #[error("{role} metadata says that it is {found}")]
    WrongRole { role: String, found: String },
    /// Written for another specification.
    #[error("{role} metadata follows specification {found}, not 1")]
    SpecVersion { role: String, found: String },
    /// Too few valid signatures of distinct keys. Arbitrary software.
    #[error("{role} metadata has {valid} valid signatures, {threshold} are needed")]
    SignatureThreshold { role: String, valid: u64, threshold: u64 },
    /// Not the version that was asked for or announced. Mix-and-match.
    #[error("{role} metadata has version {found} where {expected} was announced")]
    VersionMismatch { role: String, expected: u64, found: u64 },
    /// Older than what was accepted before. Rollback.
    #[error("{role} metadata of version {offered} is older than the trusted {trusted}")]
    Rollback { role: String, trusted: u64, offered: u64 },
    /// A role that an earlier snapshot listed has vanished from the new one. Rollback.
    #[error("{role} is no longer listed in the snapshot")]
    RoleRemoved { role: String },
    /// Expired at the time of the check. Freeze.
    #[error("{role} metadata expired on {expires}; the time of this check is {at}")]
    Expired { role: String, expires: Time, at: Time },
    /// Has no signing date where one is needed.
    #[error("{role} metadata has no signing date")]
    IssuedMissing { role: String },
    /// Signed after its own expiry.
    #[error("{role} metadata was issued on {issued}, after its own expiry on {expires}")]
    IssuedAfterExpiry { role: String, issued: Time, expires: Time },
    /// Signed after the root's expiry: accepting its date would make the root expired for good.
    #[error("{role} metadata was issued on {issued}, after the root expires on {root_expires}")]
    IssuedAfterRoot { role: String, issued: Time, root_expires: Time },
    /// Claims to live longer than its role may.
    #[error("{role} metadata claims a life from {issued} to {expires}, more than {longest_days} days")]
    Lifetime { role: String, issued: Time, expires: Time, longest_days: u64 },
    /// Not the bytes that were announced. Mix-and-match, or damage.
    #[error("{role} has not the announced {algorithm} digest")]
    DigestMismatch { role: String, algorithm: &'static str },
    /// Announced by digests of which none is known.
    #[error("{role} is announced without a digest that is known")]
    UnknownDigest { role: String },
    /// The snapshot does not list a role that is needed.
    #[error("{role} is not listed in the snapshot")]
    NotInSnapshot { role: String },
    /// The root chain is longer, in bytes, than one run accepts.
    #[error("the root chain has more than {limit} bytes")]
    RootChain { limit: u64 },
    /// The roots of stored evidence leave out a version.
    #[error("the root chain lacks version {version}")]
    RootGap { version: u64 },
    /// Nobody delegates to the role that was asked for.
    #[error("{role} is not delegated to")]
    DelegationMissing { role: String },
    /// The role delegates further, where only the top level may.
    #[error("{role} delegates further than one level")]
    DelegationTooDeep { role: String },
    /// The search would visit more roles than allowed.
    #[error("the search for a target visits more than {limit} delegated roles")]
    TooManyDelegations { limit: u64 },
    /// The target is not the asked role's to describe: another role speaks for it.
    #[error("{path} belongs to {role}, not to {asked}")]
    OtherChannel { path: String, asked: String, role: String },
    /// The target is not among the paths of the asked role, nor of any other.
    #[error("{path} is not delegated to {role}")]
    PathNotDelegated { path: String, role: String },
    /// No role that may describes the target.
    #[error("there is no target {path}")]
    TargetMissing { path: String },
    /// Misuse: something was asked or answered at a point where the workflow does not expect it.
    #[error("the workflow does not expect this now")]
    OutOfTurn,
}

/// One number or text of an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parameter {
    /// A text; times are `YYYY-MM-DDTHH:MM:SSZ`.
    Text(String),
    /// A number.
    Number(u64),
}

impl Error {
    /// Its stable code.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "malformed",
            Self::TooLong { .. } => "too-long",
            Self::TooShort { .. } => "too-short",
            Self::TooMany { .. } => "too-many",
            Self::Absent { .. } => "metadata-absent",
            Self::WrongRole { .. } => "wrong-role",
            Self::SpecVersion { .. } => "spec-version",
            Self::SignatureThreshold { .. } => "signature-threshold",
            Self::VersionMismatch { .. } => "version-mismatch",
            Self::Rollback { .. } => "rollback",
            Self::RoleRemoved { .. } => "role-removed",
            Self::Expired { .. } => "expired",
            Self::IssuedMissing { .. } => "issued-missing",
            Self::IssuedAfterExpiry { .. } => "issued-after-expiry",
            Self::IssuedAfterRoot { .. } => "issued-after-root",
            Self::Lifetime { .. } => "lifetime",
            Self::DigestMismatch { .. } => "digest-mismatch",
            Self::UnknownDigest { .. } => "unknown-digest",
            Self::NotInSnapshot { .. } => "not-in-snapshot",
            Self::RootChain { .. } => "root-chain-too-long",
            Self::RootGap { .. } => "root-gap",
            Self::DelegationMissing { .. } => "delegation-missing",
            Self::DelegationTooDeep { .. } => "delegation-too-deep",
            Self::TooManyDelegations { .. } => "too-many-delegations",
            Self::OtherChannel { .. } => "other-channel",
            Self::PathNotDelegated { .. } => "path-not-delegated",
            Self::TargetMissing { .. } => "target-missing",
            Self::OutOfTurn => "out-of-turn",
        }
    }

    /// Its texts and numbers by name, for clients that word it themselves.
    #[must_use]
    pub fn parameters(&self) -> Vec<(&'static str, Parameter)> {
        let text = |text: &str| Parameter::Text(text.to_owned());
        let time = |time: &Time| Parameter::Text(time.to_string());
        let number = |number: &u64| Parameter::Number(*number);
        match self {
            Self::Malformed { role, detail } => vec![("role", text(role)), ("detail", text(detail))],
            Self::TooLong { role, limit } => vec![("role", text(role)), ("limit", number(limit))],
            Self::TooShort { role, length, promised } => {
                vec![("role", text(role)), ("length", number(length)), ("promised", number(promised))]
            }
            Self::TooMany { role, what, count, limit } => {
                vec![("role", text(role)), ("what", text(what)), ("count", number(count)), ("limit", number(limit))]
            }
            Self::WrongRole { role, found } | Self::SpecVersion { role, found } => {
                vec![("role", text(role)), ("found", text(found))]
            }
            Self::SignatureThreshold { role, valid, threshold } => {
                vec![("role", text(role)), ("valid", number(valid)), ("threshold", number(threshold))]
            }
            Self::VersionMismatch { role, expected, found } => {
                vec![("role", text(role)), ("expected", number(expected)), ("found", number(found))]
            }
            Self::Rollback { role, trusted, offered } => {
                vec![("role", text(role)), ("trusted", number(trusted)), ("offered", number(offered))]
            }
            Self::Expired { role, expires, at } => {
                vec![("role", text(role)), ("expires", time(expires)), ("at", time(at))]
            }
            Self::IssuedAfterExpiry { role, issued, expires } => {
                vec![("role", text(role)), ("issued", time(issued)), ("expires", time(expires))]
            }
            Self::IssuedAfterRoot { role, issued, root_expires } => {
                vec![("role", text(role)), ("issued", time(issued)), ("root-expires", time(root_expires))]
            }
            Self::Lifetime { role, issued, expires, longest_days } => vec![
                ("role", text(role)),
                ("issued", time(issued)),
                ("expires", time(expires)),
                ("longest-days", number(longest_days)),
            ],
            Self::DigestMismatch { role, algorithm } => vec![("role", text(role)), ("algorithm", text(algorithm))],
            Self::RootChain { limit } | Self::TooManyDelegations { limit } => vec![("limit", number(limit))],
            Self::RootGap { version } => vec![("version", number(version))],
            Self::OtherChannel { path, asked, role } => {
                vec![("path", text(path)), ("asked", text(asked)), ("role", text(role))]
            }
            Self::PathNotDelegated { path, role } => vec![("path", text(path)), ("role", text(role))],
            Self::TargetMissing { path } => vec![("path", text(path))],
            Self::Absent { role }
            | Self::RoleRemoved { role }
            | Self::IssuedMissing { role }
            | Self::UnknownDigest { role }
            | Self::NotInSnapshot { role }
            | Self::DelegationMissing { role }
            | Self::DelegationTooDeep { role } => vec![("role", text(role))],
            Self::OutOfTurn => vec![],
        }
    }
}
