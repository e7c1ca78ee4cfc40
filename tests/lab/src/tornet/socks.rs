//! Just enough SOCKS 5 (RFC 1928) to learn whether a client of the network can reach a name.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A client that does not know the network yet may hold the request for long.
const PATIENCE: Duration = Duration::from_secs(20);

/// Connects to `host` through the proxy, and hangs up.
pub(super) fn reach(proxy: SocketAddr, host: &str, port: u16) -> io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&proxy, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let length = u8::try_from(host.len()).map_err(io::Error::other)?;
    // Version 5, one method: none needed. Then: connect to a name.
    stream.write_all(&[5, 1, 0])?;
    let mut method = [0; 2];
    stream.read_exact(&mut method)?;
    let mut request = vec![5, 1, 0, 3, length];
    request.extend_from_slice(host.as_bytes());
    request.extend_from_slice(&port.to_be_bytes());
    stream.write_all(&request)?;
    let mut reply = [0; 2];
    stream.read_exact(&mut reply)?;
    match (method, reply) {
        ([5, 0], [5, 0]) => Ok(()),
        ([5, 0], [5, code]) => Err(io::Error::other(format!("proxy answers with code {code}"))),
        _ => Err(io::Error::other("proxy speaks something else")),
    }
}
