//! What a process costs and whom it talks to, as the kernel counts it (proc(5)).

use std::fs;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

fn odd(what: &str) -> io::Error {
    io::Error::other(format!("{what} is not as proc(5) says"))
}

/// VmHWM of a process, in bytes.
///
/// # Errors
/// When it has ended.
pub fn peak_memory(pid: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).and_then(|l| l.trim().strip_suffix(" kB"));
    let kib: u64 = line.and_then(|l| l.trim().parse().ok()).ok_or_else(|| odd("status"))?;
    Ok(kib * 1024)
}

/// The processes that it started and that have not ended.
pub(super) fn children(pid: u32) -> io::Result<Vec<u32>> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    list.split_whitespace().map(|id| id.parse().map_err(io::Error::other)).collect()
}

/// Packets received and sent, over all interfaces of the process's network.
pub(super) fn packets(pid: u32) -> io::Result<u64> {
    let table = fs::read_to_string(format!("/proc/{pid}/net/dev"))?;
    let mut sum = 0;
    for line in table.lines().skip(2) {
        let fields = line.split_once(':').ok_or_else(|| odd("net/dev"))?.1.split_whitespace().collect::<Vec<_>>();
        for position in [1, 9] {
            let count: u64 = fields.get(position).and_then(|f| f.parse().ok()).ok_or_else(|| odd("net/dev"))?;
            sum += count;
        }
    }
    Ok(sum)
}

/// The other ends of its TCP connections.
pub(super) fn peers(pid: u32) -> io::Result<Vec<SocketAddr>> {
    let mut inodes = Vec::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
        // A descriptor may be closed while we look.
        let Ok(target) = fs::read_link(entry?.path()) else { continue };
        let target = target.to_string_lossy().into_owned();
        inodes.extend(target.strip_prefix("socket:[").and_then(|t| t.strip_suffix(']')).map(str::to_owned));
    }
    let mut peers = Vec::new();
    for table in ["tcp", "tcp6"] {
        for line in fs::read_to_string(format!("/proc/{pid}/net/{table}"))?.lines().skip(1) {
            let fields = line.split_whitespace().collect::<Vec<_>>();
            let (Some(remote), Some(inode)) = (fields.get(2), fields.get(9)) else { return Err(odd(table)) };
            if inodes.iter().any(|i| i == inode) {
                peers.push(address(remote).ok_or_else(|| odd(table))?);
            }
        }
    }
    Ok(peers)
}

/// `ADDRESS:PORT` in hexadecimal digits, the address in words of the machine's byte order.
fn address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let words = address.as_bytes().chunks(8).map(|w| u32::from_str_radix(std::str::from_utf8(w).ok()?, 16).ok());
    let bytes = words.collect::<Option<Vec<_>>>()?.into_iter().flat_map(u32::to_ne_bytes).collect::<Vec<_>>();
    match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(four) => Some((Ipv4Addr::from(four), port).into()),
        Err(_) => Some((Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?), port).into()),
    }
}

/// The sum of the lengths of all files below a directory.
pub(super) fn size_of_tree(dir: &Path) -> io::Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        sum += if metadata.is_dir() { size_of_tree(&entry.path())? } else { metadata.len() };
    }
    Ok(sum)
}
