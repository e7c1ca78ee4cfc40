//! `sameday`: everything the daemon can do, from a terminal.
//!
//! The daemon decides and works; this program asks it, asks the user, shows how far it is, and makes sentences of its kinds and values.

pub mod args;
mod ask;
mod client;
mod commands;
mod consent;
mod console;
mod help;
mod json;
mod meter;
mod outcome;
mod status;
mod text;

use std::process::ExitCode;

use clap::Parser as _;
use sameday_text::locale;

use crate::args::{Args, Command};
use crate::client::Client;
use crate::console::Console;
use crate::outcome::Outcome;

/// All that the program does, from its arguments to its exit code.
#[must_use]
pub fn main() -> ExitCode {
    for complaint in locale::begin() {
        eprintln!("sameday: {complaint}");
    }
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let usage = error.use_stderr();
            if let Err(unwritable) = error.print() {
                eprintln!("sameday: {unwritable}");
            }
            return if usage { Outcome::Usage.into() } else { Outcome::Done.into() };
        }
    };
    let mut console = Console::new();
    if let Command::Help(wanted) = &args.command {
        // Who needs help may be on a system without a bus.
        let outcome = commands::help(&mut console, wanted);
        return console.end(outcome).into();
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            console.complain(&error.to_string());
            return Outcome::Failed.into();
        }
    };
    let outcome = runtime.block_on(async {
        match Client::connect().await {
            Ok(client) => commands::run(&client, &mut console, args).await,
            Err(error) => {
                console.complain(&text::trouble(&error));
                Outcome::Failed
            }
        }
    });
    console.end(outcome).into()
}
