//! The D-Bus contract between `samedayd` and its clients: names, types, errors and the proxy, the same for both sides.
//!
//! The daemon sends kinds, codes and values, never sentences; clients make sentences of them. Whatever comes over the bus is capped and
//! stripped of control characters while it is read, so that a client may print it.

pub use crate::dictionary::Dictionary;
pub use crate::error::{ErrorKind, UnknownKind};
pub use crate::failure::{Failure, Param};
pub use crate::method_error::MethodError;
pub use crate::offer::{Fix, Offer, Origin, Severity};
pub use crate::progress::{Progress, blockage, phase};
pub use crate::proxy::UpgraderProxy;
pub use crate::snapshot::Snapshot;
pub use crate::state::{State, UnknownState};
pub use crate::stick::{ChosenBy, LeftOver, Looking, Standing};

mod dictionary;
mod error;
mod failure;
#[cfg(feature = "introspection")]
pub mod introspection;
pub mod logind;
mod method_error;
mod offer;
mod progress;
mod proxy;
mod snapshot;
mod state;
mod stick;
pub mod text;

/// The daemon's name on the system bus.
pub const BUS_NAME: &str = "org.sameday.Upgrader1";
/// Its one object.
pub const PATH: &str = "/org/sameday/Upgrader1";
/// Its one interface.
pub const INTERFACE: &str = "org.sameday.Upgrader1";
/// The contract in D-Bus's introspection format.
pub const INTROSPECTION: &str = include_str!("../org.sameday.Upgrader1.xml");

/// The option of `Install` that carries the signing date that the user confirmed for an old kit.
pub const OPTION_SIGNED_ON: &str = "signed-on";
/// The option of `LookAt` that carries base URLs in place of the image's, for a candidate's server.
pub const OPTION_BASE_URLS: &str = "base-urls";
