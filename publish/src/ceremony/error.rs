//! What can go wrong between a request and its publication.

use std::fmt;
use std::io;
use std::path::PathBuf;

use sameday_trust::Time;

/// Why something was not prepared, signed or published.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The release side failed, as in other commands.
    #[error(transparent)]
    Publish(#[from] crate::error::Error),
    /// A file longer than any of its kind.
    #[error("{path} is longer than {limit} bytes")]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Most bytes.
        limit: u64,
    },
    /// A public key that no role can have.
    #[error("{path} is not a public key that a role can have: {why}")]
    PublicKey {
        /// The file.
        path: PathBuf,
        /// Why not.
        why: &'static str,
    },
    /// Not a signing request.
    #[error("not a signing request: {0}")]
    NotARequest(String),
    /// Not a file of signatures.
    #[error("{path} is not a file of signatures: {why}")]
    NotSignatures {
        /// The file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// What the request calls published is not signed by the keys that follow from the trust anchor.
    #[error("what the request calls published does not verify")]
    Untrusted(#[source] sameday_trust::Error),
    /// Metadata without a canonical form.
    #[error("{0} metadata cannot be written in canonical form")]
    NotCanonical(String),
    /// The published role has moved on, or was never there.
    #[error("the request is for {role} {offered}, published is {published}: prepare it anew")]
    Stale {
        /// The role.
        role: String,
        /// The version in the request.
        offered: u64,
        /// The published version.
        published: u64,
    },
    /// The request shows its signers something as published that is not.
    #[error("the request shows its signers another {0} than the published one: prepare it anew")]
    OtherPublished(String),
    /// A change that the words cannot say, and that nobody shall sign unknowingly.
    #[error("the request changes {role} in a way that no request may: {what}")]
    Unspoken {
        /// The role.
        role: String,
        /// What.
        what: String,
    },
    /// There is no role of that name.
    #[error("the repository has no role {0}")]
    NoRole(String),
    /// Nothing would change.
    #[error("nothing to sign: nothing would change")]
    NothingToSign,
    /// The online roles are signed where they are published, not by request.
    #[error("{0} is signed by its online key at every publication: there is nothing to prepare")]
    OnlineRole(String),
    /// The key is one of the role's already.
    #[error("{role} has the key {id} already")]
    KeyThere {
        /// The role.
        role: String,
        /// The key.
        id: String,
    },
    /// The key is none of the role's, or the beginning of an id fits several.
    #[error("{role} has {found} keys whose id begins with {id:?}")]
    KeyNotThere {
        /// The role.
        role: String,
        /// What was asked for.
        id: String,
        /// How many fit.
        found: usize,
    },
    /// The key has nothing to sign here.
    #[error("key {0} is asked to sign nothing in this request")]
    NotAsked(String),
    /// Signatures for another request, or for one that was changed since.
    #[error("the signatures in {0} are for another request")]
    OtherRequest(PathBuf),
    /// A signature for a role that the request does not change.
    #[error("{path} holds a signature for {role}, which this request does not change")]
    OtherRole {
        /// The file.
        path: PathBuf,
        /// The role.
        role: String,
    },
    /// A signature by a key that is none of the role's.
    #[error("{path} holds a signature by key {id}, which may not sign {role}")]
    ForeignKey {
        /// The file.
        path: PathBuf,
        /// The role.
        role: String,
        /// The key.
        id: String,
    },
    /// A signature over other bytes, or no signature.
    #[error("{path} holds a signature for {role} by key {id} that is not over these bytes")]
    BadSignature {
        /// The file.
        path: PathBuf,
        /// The role.
        role: String,
        /// The key.
        id: String,
    },
    /// Too few distinct keys have signed.
    #[error("not complete, and nothing was changed: {}", list(.0))]
    Incomplete(Vec<Missing>),
    /// Keys of the online roles are needed to publish.
    #[error("publishing this needs the online keys, and their passphrase")]
    PassphraseNeeded,
    /// The agent could not be asked.
    #[error("cannot {action} the agent")]
    Agent {
        /// What was tried.
        action: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// The agent said something that is not its protocol.
    #[error("the agent's answer is malformed: {0}")]
    AgentAnswer(&'static str),
    /// The agent will not sign.
    #[error("the agent refuses to sign")]
    AgentRefused,
    /// More than an agent takes.
    #[error("{0} bytes are more than an agent signs")]
    AgentLimit(usize),
    /// The agent holds none of the keys that are asked to sign, or several.
    #[error("the agent holds {0} of the keys that are asked to sign: name one")]
    AgentKeys(usize),
    /// The agent does not hold the named key.
    #[error("the agent does not hold key {0}")]
    AgentKeyMissing(String),
    /// The command that signs failed.
    #[error("the signing command {0}")]
    Command(String),
    /// Whoever signed did not sign what was asked, or with another key.
    #[error("what came back is not a signature by key {0}")]
    NotItsSignature(String),
    /// A rehearsal found that something goes through which must not.
    #[error("rehearsal: {0}")]
    Rehearsal(String),
    /// An expiry that no client accepts.
    #[error("{role} would live from {issued} to {expires}, which no client accepts")]
    Lifetime {
        /// The role.
        role: String,
        /// Signed as of.
        issued: Time,
        /// Until.
        expires: Time,
    },
}

/// Signatures that are still to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The role.
    pub role: String,
    /// Whose signatures are counted.
    pub whose: &'static str,
    /// Distinct keys that have signed.
    pub found: u64,
    /// How many must.
    pub threshold: u64,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { role, whose, found, threshold } = self;
        let missing = threshold.saturating_sub(*found);
        write!(f, "{role} lacks {missing} of {threshold} signatures by {whose}")
    }
}

fn list(missing: &[Missing]) -> String {
    missing.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
