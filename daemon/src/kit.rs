//! A kit's descriptor: opened by a client, handed to the kit reader, never read here.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::closing;

/// A kit's descriptor. Its last close may wait for a file system that never answers, so it is left to [`closing`].
#[derive(Debug)]
pub struct Kit(Option<OwnedFd>);

impl Kit {
    /// Takes the descriptor.
    #[must_use]
    pub fn new(descriptor: OwnedFd) -> Self {
        Self(Some(descriptor))
    }

    /// The descriptor, to be handed on.
    #[must_use]
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.0.as_ref().map(AsFd::as_fd)
    }
}

impl Drop for Kit {
    fn drop(&mut self) {
        if let Some(descriptor) = self.0.take() {
            closing::close(descriptor);
        }
    }
}
