//! The two sources of bytes, as processes, asked over their sockets: the fetcher through a real private Tor network, and in a
//! network of its own where every packet is counted; the reader of kits with kits that are sound and kits that are made to hurt.

#![expect(clippy::unwrap_used, reason = "what a test's helper cannot do ends the test")]

#[path = "fetcher/ask.rs"]
mod ask;
#[path = "fetcher/kit.rs"]
mod kit;
#[path = "fetcher/silence.rs"]
mod silence;
#[path = "fetcher/tor.rs"]
mod tor;
