//! The command line of ceremonies: what holders of keys type.

use std::path::PathBuf;

use clap::{ArgGroup, Args as ClapArgs, Subcommand};
use sameday_trust::Time;

use super::{PassphraseArgs, Signing};

#[derive(Debug, Subcommand)]
pub enum Ceremony {
    /// Make keys, import and show public ones
    #[command(subcommand)]
    Keys(Keys),
    /// Write what is to be signed for a change of keys, thresholds or dates
    Prepare(Box<PrepareArgs>),
    /// Judge a signing request and say in words what it changes
    Show(ShowArgs),
    /// Sign a request with one key, on any machine
    Sign(Box<SignArgs>),
    /// Check the signatures on a request, count them, and publish
    Assemble(AssembleArgs),
    /// Rotate all keys on a twin of a repository, with throw-away keys
    Rehearse(RehearseArgs),
}

#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Make a key: FILE.pem, encrypted, and FILE.pub beside it
    New(NewArgs),
    /// Write the public half of a key
    Export(ExportArgs),
    /// Read a public key of ssh-keygen or OpenSSL and write it in the form of this program
    Import(ImportArgs),
    /// Show the keys, thresholds and expiry of every role
    List(ListArgs),
}

#[derive(Debug, ClapArgs)]
pub struct NewArgs {
    /// The new key's file, ending in .pem
    #[arg(value_name = "FILE.pem")]
    pub file: PathBuf,
    #[command(flatten)]
    pub passphrase: PassphraseArgs,
}

#[derive(Debug, ClapArgs)]
pub struct ExportArgs {
    /// The key
    #[arg(value_name = "FILE.pem")]
    pub file: PathBuf,
    #[command(flatten)]
    pub passphrase: PassphraseArgs,
    /// The file to write
    #[arg(long, value_name = "FILE.pub")]
    pub out: PathBuf,
}

#[derive(Debug, ClapArgs)]
pub struct ImportArgs {
    /// The public key: a .pub file of ssh-keygen, or PEM; ed25519 or ECDSA P-256
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The file to write
    #[arg(long, value_name = "FILE.pub")]
    pub out: PathBuf,
}

#[derive(Debug, ClapArgs)]
pub struct ListArgs {
    /// The repository
    #[arg(long, value_name = "DIR")]
    pub repository: PathBuf,
}

#[derive(Debug, ClapArgs)]
#[command(group(ArgGroup::new("changes").args(["add", "remove", "threshold", "renew"]).multiple(true).required(true)))]
pub struct PrepareArgs {
    /// The repository
    #[arg(long, value_name = "DIR")]
    pub repository: PathBuf,
    /// The folder with the trust anchor, root.json; no key in it is used
    #[arg(long, value_name = "DIR")]
    pub keys: PathBuf,
    /// Give a role a key; may be given several times, as all of these
    #[arg(long, value_name = "ROLE=FILE.pub", value_parser = pair)]
    pub add: Vec<(String, String)>,
    /// Take a key away from a role: its public half, or its id, or the first 8 digits of that or more
    #[arg(long, value_name = "ROLE=FILE.pub|ID", value_parser = pair)]
    pub remove: Vec<(String, String)>,
    /// Set how many keys must sign a role
    #[arg(long, value_name = "ROLE=N", value_parser = pair)]
    pub threshold: Vec<(String, String)>,
    /// Sign a role anew before it expires
    #[arg(long, value_name = "ROLE")]
    pub renew: Vec<String>,
    /// The request to write
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Sign as of this time (YYYY-MM-DDTHH:MM:SSZ) instead of now
    #[arg(long, value_name = "TIME")]
    pub now: Option<Time>,
}

#[derive(Debug, ClapArgs)]
pub struct ShowArgs {
    /// The request
    pub request: PathBuf,
    /// The trust anchor that you have kept: a root.json
    #[arg(long, value_name = "FILE")]
    pub anchor: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
#[command(group(ArgGroup::new("with").args(["key", "agent", "command"]).required(true)))]
pub struct SignArgs {
    /// The request
    pub request: PathBuf,
    /// The trust anchor that you have kept: a root.json
    #[arg(long, value_name = "FILE")]
    pub anchor: Option<PathBuf>,
    /// Sign with this key file
    #[arg(long, value_name = "FILE.pem", conflicts_with = "public")]
    pub key: Option<PathBuf>,
    /// Sign with a key that the ssh-agent holds (at SSH_AUTH_SOCK)
    #[arg(long)]
    pub agent: bool,
    /// Sign with a shell command that reads the message and writes the signature (raw ed25519, or DER)
    #[arg(long, value_name = "COMMAND", requires = "public")]
    pub command: Option<String>,
    /// The public key that the agent or the command signs with
    #[arg(long, value_name = "FILE.pub")]
    pub public: Option<PathBuf>,
    #[command(flatten)]
    pub passphrase: PassphraseArgs,
    /// The file of signatures to write
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

#[derive(Debug, ClapArgs)]
pub struct AssembleArgs {
    #[command(flatten)]
    pub signing: Signing,
    /// The request
    pub request: PathBuf,
    /// The files of signatures
    pub signatures: Vec<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub struct RehearseArgs {
    /// The repository that the twin takes after; it is only read
    #[arg(long, value_name = "DIR")]
    pub repository: PathBuf,
    /// Keep the twin here, to practise by hand
    #[arg(long, value_name = "DIR")]
    pub into: Option<PathBuf>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (role, value) = text.split_once('=').ok_or("not of the form ROLE=…")?;
    Ok((role.to_owned(), value.to_owned()))
}
