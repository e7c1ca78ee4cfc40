//! `sameday-kit-reader`: serves the bytes of one kit to one client, over the fetcher's protocol. It has no rights, opens nothing,
//! and decides nothing: the kit arrives as a descriptor, and what it holds is judged by the client.
//!
//! The service manager starts one process for each connection and hands it over as its only socket. It ends with the connection.

use std::error::Error;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use listenfd::ListenFd;
use nix::libc::{AF_UNIX, SOCK_STREAM};
use sameday_kit_reader::serve;
use sameday_wire::Server;

fn main() -> ExitCode {
    let mut sockets = ListenFd::from_env();
    let stream: UnixStream = match sockets.take_custom(0, AF_UNIX, SOCK_STREAM, "connected unix socket") {
        Ok(Some(stream)) if sockets.len() == 1 => stream,
        Ok(_) => {
            eprintln!("sameday-kit-reader: expects one connected socket from the service manager");
            return ExitCode::FAILURE;
        }
        Err(error) => {
            eprintln!("sameday-kit-reader: take the connection: {error}");
            return ExitCode::FAILURE;
        }
    };
    match serve::serve(&mut Server::new(stream)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let chain = std::iter::successors(Some(&error as &dyn Error), |error| (*error).source());
            let text = chain.map(ToString::to_string).collect::<Vec<_>>().join(": ");
            eprintln!("sameday-kit-reader: {text}");
            ExitCode::FAILURE
        }
    }
}
