//! Why something did not work, in the two forms that a client gets: a reason to switch on, and a sentence for a log.

use std::fmt;

use arti_client::{ErrorKind, HasKind};
use sameday_wire::{Answer, Failed, Reason};

/// What goes into a FAILED frame.
#[derive(Debug)]
pub struct Failure {
    pub reason: Reason,
    pub detail: String,
}

impl Failure {
    pub fn new(reason: Reason, detail: impl fmt::Display) -> Self {
        Self { reason, detail: detail.to_string() }
    }

    pub fn answer(&self) -> Answer {
        Answer::Failed(Failed::new(self.reason, &self.detail))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.detail)
    }
}

impl From<arti_client::Error> for Failure {
    fn from(error: arti_client::Error) -> Self {
        use ErrorKind as K;
        let reason = match error.kind() {
            K::RemoteNetworkTimeout | K::TorNetworkTimeout | K::ExitTimeout => Reason::TimedOut,
            K::OnionServiceNotFound
            | K::OnionServiceNotRunning
            | K::OnionServiceProtocolViolation
            | K::OnionServiceConnectionFailed
            | K::OnionServiceMissingClientAuth
            | K::OnionServiceWrongClientAuth
            | K::RemoteConnectionRefused
            | K::RemoteHostNotFound
            | K::RemoteHostResolutionFailed
            | K::RemoteNetworkFailed
            | K::RemoteStreamClosed
            | K::RemoteStreamReset
            | K::RemoteStreamError
            | K::ExitPolicyRejected => Reason::ServerUnreachable,
            K::OnionServiceAddressInvalid | K::InvalidStreamTarget | K::ForbiddenStreamTarget => Reason::BaseRefused,
            K::FsPermissions | K::PersistentStateAccessFailed | K::CacheAccessFailed => Reason::StorageRefused,
            K::InvalidConfig => Reason::ConfigurationUnreadable,
            _ => Reason::TorFailed,
        };
        // Arti redacts addresses in its errors by itself.
        Self::new(reason, error.kind())
    }
}
