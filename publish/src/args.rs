//! The command line.

pub mod ceremony;
pub mod image;

use std::path::PathBuf;

use crate::init::KeyCount;
use crate::layer::Compressor;
use clap::{Args as ClapArgs, Parser, Subcommand};
use sameday_trust::Time;
use sameday_upgrade::digest::Digest;
use sameday_upgrade::names::{Name, Version};

/// Makes upgrades and the repositories that they come from.
#[derive(Debug, Parser)]
#[command(name = "sameday-publish", version, max_term_width = 100)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make keys and a new repository
    Init(Box<InitArgs>),
    /// Make a layer: what leads from one root file system to another
    Layer(LayerArgs),
    /// Publish upgrades to a version, or withdraw versions
    Release(Box<ReleaseArgs>),
    /// Sign the online roles anew
    Timestamp(TimestampArgs),
    /// Write a kit for one initial version
    Kit(KitArgs),
    /// Put into a root file system what an image must hold to upgrade itself
    PrepareRoot(Box<PrepareRootArgs>),
    /// Make the image of a stick that starts and can upgrade itself
    Image(Box<image::ImageArgs>),
    #[command(flatten)]
    Ceremony(ceremony::Ceremony),
}

/// Where the passphrase of the keys comes from; the terminal, if nothing is given.
#[derive(Debug, ClapArgs)]
pub struct PassphraseArgs {
    /// Read the passphrase from the first line of this file
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_fd")]
    pub passphrase_file: Option<PathBuf>,
    /// Read the passphrase from the first line of this descriptor
    #[arg(long, value_name = "N")]
    pub passphrase_fd: Option<u32>,
}

/// What every signing command needs.
#[derive(Debug, ClapArgs)]
pub struct Signing {
    /// The repository
    #[arg(long, value_name = "DIR")]
    pub repository: PathBuf,
    /// The folder with its keys
    #[arg(long, value_name = "DIR")]
    pub keys: PathBuf,
    #[command(flatten)]
    pub passphrase: PassphraseArgs,
    /// Sign as of this time (YYYY-MM-DDTHH:MM:SSZ) instead of now
    #[arg(long, value_name = "TIME")]
    pub now: Option<Time>,
}

#[derive(Debug, ClapArgs)]
pub struct InitArgs {
    /// The repository and its keys are made, the keys outside of it
    #[command(flatten)]
    pub signing: Signing,
    /// A channel; may be given several times [default: stable, alpha, test]
    #[arg(long = "channel", value_name = "NAME")]
    pub channels: Vec<Name>,
    /// How many root keys must sign, of how many
    #[arg(long = "root-keys", value_name = "M/N", default_value = "3/5", value_parser = key_count)]
    pub root: KeyCount,
    /// How many targets keys must sign, of how many
    #[arg(long = "targets-keys", value_name = "M/N", default_value = "2/3", value_parser = key_count)]
    pub targets: KeyCount,
    /// How many snapshot keys must sign, of how many
    #[arg(long = "snapshot-keys", value_name = "M/N", default_value = "1/1", value_parser = key_count)]
    pub snapshot: KeyCount,
    /// How many timestamp keys must sign, of how many
    #[arg(long = "timestamp-keys", value_name = "M/N", default_value = "1/1", value_parser = key_count)]
    pub timestamp: KeyCount,
    /// How many keys of a channel must sign, of how many
    #[arg(long = "channel-keys", value_name = "M/N", default_value = "1/1", value_parser = key_count)]
    pub channel: KeyCount,
}

#[derive(Debug, ClapArgs)]
pub struct LayerArgs {
    /// The root file system of the initial version
    pub old_root: PathBuf,
    /// The root file system of the new version
    pub new_root: PathBuf,
    /// The layer to write
    pub out: PathBuf,
    /// The time of everything in it (YYYY-MM-DDTHH:MM:SSZ)
    #[arg(long, value_name = "TIME")]
    pub time: Time,
    /// How it is compressed
    #[arg(long, value_enum, default_value_t)]
    pub compressor: Compressor,
    /// How many processors may work on it
    #[arg(long, value_name = "N")]
    pub processors: Option<u32>,
}

#[derive(Debug, ClapArgs)]
pub struct PrepareRootArgs {
    /// The root file system
    pub root: PathBuf,
    /// The repository, whose newest root the image will trust
    #[arg(long, value_name = "DIR")]
    pub repository: PathBuf,
    /// The product
    #[arg(long, value_name = "NAME")]
    pub product: Name,
    /// The image's version
    #[arg(long, value_name = "VERSION")]
    pub version: Version,
    /// The channel that it follows
    #[arg(long, value_name = "NAME")]
    pub channel: Name,
    /// Debian's name of the architecture
    #[arg(long, value_name = "NAME")]
    pub architecture: Name,
    /// When it is built (YYYY-MM-DDTHH:MM:SSZ) instead of now
    #[arg(long, value_name = "TIME")]
    pub built: Option<Time>,
    /// Where its upgrades are; may be given several times, in the order to try
    #[arg(long = "base-url", value_name = "URL", required = true)]
    pub base_urls: Vec<String>,
    /// How it connects to Tor (direct, bridges, system); without it, not at all until somebody configures it
    #[arg(long, value_name = "MODE")]
    pub tor: Option<String>,
    /// Settings of Arti for private Tor networks: an arti.toml
    #[arg(long, value_name = "FILE", requires = "tor")]
    pub arti: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub struct ReleaseArgs {
    #[command(flatten)]
    pub signing: Signing,
    /// The channel
    #[arg(long, value_name = "NAME")]
    pub channel: Name,
    /// The product
    #[arg(long, value_name = "NAME")]
    pub product: Name,
    /// Debian's name of the architecture
    #[arg(long, value_name = "NAME")]
    pub architecture: Name,
    /// The new version
    #[arg(long = "to", value_name = "VERSION")]
    pub version: Option<Version>,
    /// The layer that leads from an initial version to the new one; may be given several times
    #[arg(long = "layer", value_name = "INITIAL=FILE", value_parser = layer_pair, requires = "version")]
    pub layers: Vec<LayerPair>,
    /// An initial version that can be upgraded by hand only; may be given several times
    #[arg(long, value_name = "INITIAL", requires = "version")]
    pub manual: Vec<Version>,
    /// The kernel, unless that of the base stays
    #[arg(long, value_name = "FILE", requires = "version")]
    pub kernel: Option<PathBuf>,
    /// The initramfs of the kernel
    #[arg(long, value_name = "FILE", requires = "version")]
    pub initrd: Option<PathBuf>,
    /// Release notes in one language; may be given several times
    #[arg(long, value_name = "LANGUAGE=FILE", value_parser = notes_pair, requires = "version")]
    pub notes: Vec<(String, PathBuf)>,
    /// The fixes, as in the description: a JSON list of {"name", "severity", "cves"}
    #[arg(long, value_name = "FILE", requires = "version")]
    pub fixes: Option<PathBuf>,
    /// Where to read more
    #[arg(long, value_name = "URL", requires = "version")]
    pub details_url: Option<String>,
    /// Digest of the record of the release's tests
    #[arg(long, value_name = "SHA256", requires = "version")]
    pub test_record: Option<Digest>,
    /// A version that nobody should be offered, or stay on, from now on; may be given several times
    #[arg(long, value_name = "VERSION")]
    pub withdraw: Vec<Version>,
    /// Write what the channel's keys have to sign into this file, instead of signing and publishing
    #[arg(long, value_name = "FILE")]
    pub request: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub struct TimestampArgs {
    #[command(flatten)]
    pub signing: Signing,
}

#[derive(Debug, ClapArgs)]
pub struct KitArgs {
    /// The repository
    #[arg(long, value_name = "DIR")]
    pub repository: PathBuf,
    /// The channel
    #[arg(long, value_name = "NAME")]
    pub channel: Name,
    /// The product
    #[arg(long, value_name = "NAME")]
    pub product: Name,
    /// Debian's name of the architecture
    #[arg(long, value_name = "NAME")]
    pub architecture: Name,
    /// The version first installed
    #[arg(long = "from", value_name = "INITIAL")]
    pub initial_version: Version,
    /// The folder that the kit is written into
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub out: PathBuf,
}

/// An initial version and its layer.
#[derive(Debug, Clone)]
pub struct LayerPair {
    pub initial: Version,
    pub path: PathBuf,
}

fn layer_pair(text: &str) -> Result<LayerPair, String> {
    let (initial, path) = text.split_once('=').ok_or("not of the form INITIAL=FILE")?;
    let initial = initial.parse().map_err(|e: sameday_upgrade::names::BadName| e.to_string())?;
    Ok(LayerPair { initial, path: path.into() })
}

fn notes_pair(text: &str) -> Result<(String, PathBuf), String> {
    let (language, path) = text.split_once('=').ok_or("not of the form LANGUAGE=FILE")?;
    Ok((language.to_owned(), path.into()))
}

fn key_count(text: &str) -> Result<KeyCount, String> {
    let form = || "not of the form M/N, as in 3/5".to_owned();
    let (threshold, keys) = text.split_once('/').ok_or_else(form)?;
    let number = |text: &str| text.parse().map_err(|_| form());
    Ok(KeyCount { keys: number(keys)?, threshold: number(threshold)? })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Args::command().debug_assert();
    }
}
