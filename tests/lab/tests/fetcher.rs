//! The two sources of bytes, as processes, asked over their sockets: the fetcher through a real private Tor network, and in a
//! network of its own where every packet is counted; the reader of kits with kits that are sound and kits that are made to hurt.

#[path = "fetcher/ask.rs"]
mod ask;
#[path = "fetcher/kit.rs"]
mod kit;
#[path = "fetcher/silence.rs"]
mod silence;
#[path = "fetcher/tor.rs"]
mod tor;
