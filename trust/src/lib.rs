//! Signed metadata: the whole client workflow of The Update Framework 1.0.34 (section 5), without I/O and without a clock.
//!
//! Bytes go in, requests and verdicts come out: [`Updater`] says which file it wants next and judges what it is given; whoever
//! owns it does the fetching and the storing, and passes the time of the check. Nothing here trusts its input: every size is
//! capped by [`Limits`], every refusal is an [`Error`] with a stable [`Error::reason`], and no input makes it panic.
//!
//! [`Policy::specification`] is plain TUF. [`Policy::product`] is stricter: signing dates that only move forward, longest lives,
//! one level of delegation.

#![deny(missing_docs)]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

mod document;
mod error;
mod evidence;
mod glob;
pub mod json;
mod limits;
mod policy;
pub mod schema;
mod signature;
mod store;
mod target;
mod time;
mod updater;

pub use error::{Error, Parameter};
pub use evidence::{Evidence, EvidenceSet};
pub use glob::{PathPattern, path_matches};
pub use limits::Limits;
pub use policy::{Dates, Depth, Lifetimes, Policy, Source, StoredRoles};
pub use signature::{Scheme, Signers};
pub use store::Store;
pub use target::{Digests, Target, TargetVerifier};
pub use time::{BadTime, Time};
pub use updater::{Answer, Next, Request, RoleFacts, Updater};
pub use updater::{ConsensusTime, TimeVerdict};
