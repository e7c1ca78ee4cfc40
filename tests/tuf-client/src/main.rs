//! `tuf-client`: exit code 0, or 1 for everything else, panics and mistakes in the command line included.

use std::io::Write as _;
use std::panic::catch_unwind;
use std::process::ExitCode;

use clap::Parser as _;
use sameday_tuf_client::args::Args;

fn main() -> ExitCode {
    match catch_unwind(run) {
        Ok(code) => code,
        // The panic has told its story on standard error.
        Err(_) => ExitCode::FAILURE,
    }
}

fn run() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let printed = error.print();
            // Help and version were asked for; clap's own code for a mistake is 2.
            return if error.use_stderr() || printed.is_err() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    match args.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // With standard error closed there is nobody to tell, and the code says it all.
            match writeln!(std::io::stderr(), "tuf-client: {error}") {
                Ok(()) | Err(_) => ExitCode::FAILURE,
            }
        }
    }
}
