//! A plain TUF client for conformance tests: the product's verifier under the specification's own policy, a folder of files for a
//! store, HTTP for a source. No product program links it.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

pub mod args;
pub mod client;
pub mod error;
pub mod folder;
mod http;
mod names;
mod rsa_pss;

pub use rsa_pss::RSA_PSS;
