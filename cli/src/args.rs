//! The command line.

mod help;
mod values;

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Parser, Subcommand, ValueHint};
use sameday_text::help as pages;

/// The command line. Its texts are made when it is parsed: by then the language is known.
#[derive(Debug, Parser)]
#[command(name = "sameday", version, about = help::program(), long_about = None)]
#[command(after_help = help::exit_codes(), disable_help_subcommand = true)]
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
    #[command(about = help::pause())]
    Pause,
    #[command(about = help::resume())]
    Resume(Consent),
    #[command(about = help::discard())]
    Discard,
    #[command(about = help::rollback())]
    Rollback(Rollback),
    #[command(about = help::try_again())]
    TryAgain,
    #[command(about = help::channel())]
    Channel(Channel),
    #[command(about = help::report())]
    Report,
    #[command(about = help::help())]
    Help(Help),
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
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath, help = help::file())]
    pub file: PathBuf,
    #[arg(long, value_name = "DATE", help = help::signed_on())]
    pub signed_on: Option<String>,
    #[command(flatten)]
    pub consent: Consent,
}

#[derive(Debug, clap::Args)]
pub struct Rollback {
    #[arg(long, short, help = help::yes_go_back())]
    pub yes: bool,
}

#[derive(Debug, clap::Args)]
pub struct Channel {
    #[arg(value_name = "NAME", value_parser = values::channel, help = help::channel_name())]
    pub name: Option<String>,
    #[arg(long = "base-url", value_name = "URL", value_parser = values::base_url, value_hint = ValueHint::Url, help = help::base_url())]
    pub base_urls: Vec<String>,
    #[arg(long, conflicts_with_all = ["name", "base_urls"], help = help::reset())]
    pub reset: bool,
}

#[derive(Debug, clap::Args)]
pub struct Help {
    #[arg(value_name = "KIND|COMMAND", value_parser = PossibleValuesParser::new(topics()), help = help::topic())]
    pub topic: Option<String>,
}

/// What there is help about: the pages, and the commands that have none.
fn topics() -> Vec<&'static str> {
    let mut topics: Vec<&str> = pages::topics().chain(COMMANDS.iter().copied()).collect();
    topics.sort_unstable();
    topics.dedup();
    topics
}

/// The commands by name: clap knows them only when all of this is made.
const COMMANDS: &[&str] = &[
    "cancel",
    "channel",
    "check",
    "discard",
    "help",
    "install",
    "pause",
    "report",
    "resume",
    "rollback",
    "status",
    "try-again",
    "upgrade",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Args, clap::Error> {
        Args::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_command_line_is_sound() {
        let command = <Args as clap::CommandFactory>::command();
        command.clone().debug_assert();
        let mut names: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
        names.sort_unstable();
        assert_eq!(names, COMMANDS);
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
        for wrong in [
            "sameday",
            "sameday up",
            "sameday install",
            "sameday status --yes",
            "sameday cancel now",
            "sameday rollback 1.0",
            "sameday pause --yes",
            "sameday channel --reset alpha",
            "sameday channel --reset --base-url http://x/",
            "sameday channel Alpha",
            "sameday channel root",
            "sameday channel alpha --base-url x",
            "sameday help something",
        ] {
            assert!(parse(wrong).unwrap_err().use_stderr(), "{wrong}");
        }
        assert!(!parse("sameday --help").unwrap_err().use_stderr());
        assert!(!parse("sameday --version").unwrap_err().use_stderr());
    }
}
