//! The command line: options before the command, as conformance suites give them.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use sameday_trust::Limits;

use crate::client::Client;
use crate::error::Error;
use crate::folder::Folder;

/// A TUF client for conformance tests.
#[derive(Debug, Parser)]
#[command(name = "tuf-client", version, max_term_width = 100)]
pub struct Args {
    /// The folder of trusted metadata
    #[arg(long, value_name = "DIR")]
    pub metadata_dir: Option<PathBuf>,
    /// Where the repository's metadata is
    #[arg(long, value_name = "URL")]
    pub metadata_url: Option<String>,
    /// A target to download; may be given several times
    #[arg(long = "target-name", value_name = "PATH", allow_hyphen_values = true)]
    pub target_names: Vec<String>,
    /// The folder for downloaded targets
    #[arg(long, value_name = "DIR")]
    pub target_dir: Option<PathBuf>,
    /// Where the repository's targets are
    #[arg(long, value_name = "URL")]
    pub target_base_url: Option<String>,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Store the trusted root
    Init {
        /// The root
        #[arg(value_name = "FILE")]
        root: PathBuf,
    },
    /// Update the top-level metadata
    Refresh,
    /// Update the metadata and download targets
    Download,
}

impl Args {
    /// Does what was asked for.
    ///
    /// # Errors
    /// The first thing that fails; nothing is done after it.
    pub fn run(&self) -> Result<(), Error> {
        let command = match self.command {
            Command::Init { .. } => "init",
            Command::Refresh => "refresh",
            Command::Download => "download",
        };
        let missing = |option: &'static str| Error::Option { command, option };
        let metadata_dir = self.metadata_dir.as_deref().ok_or_else(|| missing("metadata-dir"))?;
        if let Command::Init { root } = &self.command {
            return Folder::init(metadata_dir, root, &Limits::wide());
        }
        let metadata_url = self.metadata_url.as_deref().ok_or_else(|| missing("metadata-url"))?;
        let downloads = match self.command {
            Command::Download => {
                let folder = self.target_dir.as_deref().ok_or_else(|| missing("target-dir"))?;
                let base = self.target_base_url.as_deref().ok_or_else(|| missing("target-base-url"))?;
                if self.target_names.is_empty() {
                    return Err(missing("target-name"));
                }
                Some((folder, base))
            }
            _ => None,
        };
        let mut client = Client::new(metadata_dir, metadata_url)?;
        client.run()?;
        if let Some((folder, base)) = downloads {
            self.target_names.iter().try_for_each(|name| client.download(name, folder, base))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Args::command().debug_assert();
    }
}
