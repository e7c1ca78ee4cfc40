//! What a process sends and receives over TCP, as the kernel counts it (`bytes_sent` and `bytes_received` of ss(8)): with Tor's framing and
//! TLS, without the headers of TCP and IP.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::process::Command;

use sameday_lab::process::run;

/// The account of one process. What a socket carries after the last look before it is closed is missed, so it is looked at often.
#[derive(Debug)]
pub struct Traffic {
    process: u32,
    /// Bytes by the socket's two ends.
    sockets: RefCell<BTreeMap<String, u64>>,
}

impl Traffic {
    /// Opens the account.
    pub fn of(process: u32) -> Self {
        Self { process, sockets: RefCell::default() }
    }

    /// Looks at the process's sockets.
    pub fn look(&self) -> io::Result<()> {
        let output =
            run(Command::new("ss").args(["--tcp", "--info", "--numeric", "--processes", "--no-header", "-O"]))?;
        let mut sockets = self.sockets.borrow_mut();
        for (ends, bytes) in sums(&String::from_utf8_lossy(&output.stdout), self.process) {
            let known = sockets.entry(ends).or_default();
            *known = bytes.max(*known);
        }
        Ok(())
    }

    /// Bytes in both directions, over all sockets seen so far.
    pub fn total(&self) -> u64 {
        self.sockets.borrow().values().sum()
    }
}

/// The process's sockets and what each carried.
fn sums(text: &str, process: u32) -> Vec<(String, u64)> {
    let owner = format!("pid={process},");
    let of_process = text.lines().filter(|line| line.contains(&owner));
    of_process
        .map(|line| {
            let fields = line.split_whitespace().collect::<Vec<_>>();
            let count = |name: &str| -> u64 {
                // A socket that carried nothing in a direction has no such field.
                fields.iter().find_map(|field| field.strip_prefix(name)?.parse().ok()).unwrap_or(0)
            };
            let ends = fields.iter().skip(3).take(2).copied().collect::<Vec<_>>().join(" ");
            (ends, count("bytes_sent:") + count("bytes_received:"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_processes_own_sockets_count_in_both_directions() {
        let text = "ESTAB 0 0 127.0.0.1:1 127.0.0.1:2 users:((\"a\",pid=7,fd=3)) cubic bytes_sent:10 bytes_acked:9 bytes_received:5\n\
                    ESTAB 0 0 127.0.0.1:3 127.0.0.1:2 users:((\"b\",pid=77,fd=3)) cubic bytes_sent:100\n\
                    ESTAB 0 0 127.0.0.1:4 127.0.0.1:2 users:((\"a\",pid=7,fd=4)) cubic bytes_received:1\n";
        assert_eq!(
            sums(text, 7),
            [("127.0.0.1:1 127.0.0.1:2".to_owned(), 15), ("127.0.0.1:4 127.0.0.1:2".to_owned(), 1)]
        );
    }
}
