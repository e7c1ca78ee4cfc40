//! Where bytes come from is hostile: a fetcher that lies in every word, a repository that changes under the download, kits made to hurt, and
//! descriptors that are no kits. Each ends with a name, the stick as it was, and a daemon that answered everybody else all the while.

#![allow(clippy::unwrap_used, reason = "in a test, what fails fails the test")]

mod sources {
    pub mod descriptors;
    pub mod kits;
    pub mod lies;
    pub mod repositories;
    pub mod silence;
    pub mod table;
    pub mod watched;
}
