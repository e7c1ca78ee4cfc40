//! The command line.

mod help;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// The command line. Its texts are made when it is parsed: by then the language is known.
#[derive(Debug, Parser)]
#[command(name = "sameday", version, about = help::program(), long_about = None)]
#[command(after_help = help::exit_codes())]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    #[command(about = help::status())]
    Status(Format),
    #[command(about = help::check())]
    Check(Format),
    #[command(about = help::upgrade())]
    Upgrade(Consent),
    #[command(about = help::install())]
    Install(Install),
    #[command(about = help::cancel())]
    Cancel,
}

#[derive(Debug, clap::Args)]
pub struct Format {
    #[arg(long, help = help::json())]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
pub struct Consent {
    #[arg(long, short, help = help::yes())]
    pub yes: bool,
    #[arg(long, help = help::restart())]
    pub restart: bool,
}

#[derive(Debug, clap::Args)]
pub struct Install {
    #[arg(value_name = "FILE", help = help::file())]
    pub file: PathBuf,
    #[arg(long, value_name = "DATE", help = help::signed_on())]
    pub signed_on: Option<String>,
    #[command(flatten)]
    pub consent: Consent,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Args, clap::Error> {
        Args::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_command_line_is_sound() {
        <Args as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn no_consent_unless_it_is_spelled_out() {
        let Ok(Args { command: Command::Upgrade(consent) }) = parse("sameday upgrade") else { panic!() };
        assert!(!consent.yes && !consent.restart);
        let Ok(Args { command: Command::Install(install) }) = parse("sameday install a.kit --yes") else { panic!() };
        assert!(install.consent.yes && install.signed_on.is_none());
    }

    #[test]
    fn wrong_use_is_told_from_help() {
        for wrong in ["sameday", "sameday up", "sameday install", "sameday status --yes", "sameday cancel now"] {
            assert!(parse(wrong).unwrap_err().use_stderr(), "{wrong}");
        }
        assert!(!parse("sameday --help").unwrap_err().use_stderr());
        assert!(!parse("sameday --version").unwrap_err().use_stderr());
    }
}
