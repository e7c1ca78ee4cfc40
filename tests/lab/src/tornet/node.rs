//! One relay or authority: its keys, its identities, its configuration.

use std::fs;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{TOR, ask};

/// Seconds between two votes. C tor in a testing network makes the onion services' time period 24 times as long (8 minutes);
/// [`AUTHORITY`] tells Arti so by `hsdir_interval`. Unless both agree, Arti looks for descriptors where there are none.
const VOTING: &str = "\
V3AuthVotingInterval 20
V3AuthVoteDelay 4
V3AuthDistDelay 4
TestingV3AuthInitialVotingInterval 20
TestingV3AuthInitialVoteDelay 4
TestingV3AuthInitialDistDelay 4
";

const AUTHORITY: &str = "\
AuthoritativeDirectory 1
V3AuthoritativeDirectory 1
ContactInfo none
ConsensusParams hsdir_interval=8
TestingDirAuthVoteExit *
TestingDirAuthVoteGuard *
TestingDirAuthVoteHSDir *
TestingMinExitFlagThreshold 0
";

/// Every relay lets traffic out, to this machine only: there is no name server and no other route in use.
const RELAY: &str = "\
SocksPort 0
AssumeReachable 1
ExitRelay 1
ExitPolicy accept 127.0.0.0/8:*
ExitPolicy reject *:*
ExitPolicyRejectPrivate 0
ServerDNSAllowBrokenConfig 1
ServerDNSDetectHijacking 0
";

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Authority,
    Relay,
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) dir: PathBuf,
    kind: Kind,
    nickname: String,
    address: Ipv4Addr,
    or_port: u16,
    dir_port: u16,
    pub(super) v3ident: Option<String>,
    pub(super) rsa_identity: String,
    pub(super) ed_identity: String,
}

/// The lines of every node, the onion service's and the client's included.
pub(super) fn common(home: &Path, resolver: &Path) -> String {
    format!(
        "TestingTorNetwork 1\nDataDirectory {}\nServerDNSResolvConfFile {}\nPathsNeededToBuildCircuits 0.67\n\
         ShutdownWaitLength 0\nAvoidDiskWrites 1\nLog notice stdout\n",
        home.join("data").display(),
        resolver.display()
    )
}

/// Makes a node's directory, and its data directory with the mode that `tor` insists on.
pub(super) fn make_home(home: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(home.join("data/keys"))
}

impl Node {
    /// Makes a node's keys and learns its identities.
    pub(super) fn create(
        dir: &Path,
        kind: Kind,
        number: usize,
        address: Ipv4Addr,
        [or_port, dir_port]: [u16; 2],
    ) -> io::Result<Self> {
        let nickname = format!("{}{number}", if kind == Kind::Authority { "authority" } else { "relay" });
        let dir = dir.join(&nickname);
        make_home(&dir)?;
        let v3ident = match kind {
            Kind::Authority => Some(make_authority_keys(&dir.join("data/keys"), (address, dir_port).into())?),
            Kind::Relay => None,
        };
        let identity = |kind: &[&str]| {
            let mut command = Command::new(TOR);
            command.args([
                "--defaults-torrc",
                "/nonexistent",
                "--ignore-missing-torrc",
                "-f",
                "/nonexistent",
                "--quiet",
            ]);
            command.args(["--list-fingerprint"]).args(kind).arg("--DataDirectory").arg(dir.join("data"));
            command.args(["--Nickname", &nickname, "--ORPort", &or_port.to_string(), "--SocksPort", "0"]);
            // NICKNAME followed by the fingerprint, in groups of four or in base64.
            let text = ask(&mut command)?;
            let line = text.lines().rfind(|l| l.starts_with(&nickname)).ok_or_else(|| odd("tor", &text))?;
            Ok::<_, io::Error>(line.split_whitespace().skip(1).collect::<String>())
        };
        let (rsa_identity, ed_identity) = (identity(&[])?, identity(&["ed25519"])?);
        Ok(Self { dir, kind, nickname, address, or_port, dir_port, v3ident, rsa_identity, ed_identity })
    }

    pub(super) fn or_address(&self) -> SocketAddr {
        (self.address, self.or_port).into()
    }

    pub(super) fn torrc(&self) -> String {
        let Self { nickname, address, or_port, dir_port, .. } = self;
        let relay = format!("Nickname {nickname}\nAddress {address}\nORPort {address}:{or_port}\n{RELAY}");
        match self.kind {
            Kind::Authority => format!("{relay}DirPort {address}:{dir_port}\n{AUTHORITY}{VOTING}"),
            Kind::Relay => format!("{relay}{VOTING}"),
        }
    }

    /// How the others know this node, if it is an authority.
    pub(super) fn authority_line(&self) -> Option<String> {
        let Self { nickname, address, or_port, dir_port, rsa_identity, .. } = self;
        let ident = self.v3ident.as_deref()?;
        Some(format!(
            "DirAuthority {nickname} orport={or_port} no-v2 v3ident={ident} {address}:{dir_port} {rsa_identity}\n"
        ))
    }
}

/// Makes an authority's signing keys; answers the fingerprint of its certificate.
fn make_authority_keys(keys: &Path, directory: SocketAddr) -> io::Result<String> {
    let certificate = keys.join("authority_certificate");
    let mut child = Command::new("tor-gencert")
        .args(["--create-identity-key", "-m", "12", "-a", &directory.to_string(), "--passphrase-fd", "0", "-i"])
        .arg(keys.join("authority_identity_key"))
        .arg("-s")
        .arg(keys.join("authority_signing_key"))
        .arg("-c")
        .arg(&certificate)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let told = child.stdin.take().map(|mut stdin| stdin.write_all(b"laboratory\n"));
    let output = child.wait_with_output()?;
    told.transpose()?;
    if !output.status.success() {
        return Err(odd("tor-gencert", &String::from_utf8_lossy(&output.stderr)));
    }
    let text = fs::read_to_string(&certificate)?;
    let line = text.lines().find_map(|l| l.strip_prefix("fingerprint "));
    line.map(|l| l.trim().to_owned()).ok_or_else(|| odd("tor-gencert", &text))
}

fn odd(program: &str, text: &str) -> io::Error {
    io::Error::other(format!("{program} said something else than expected: {text}"))
}
