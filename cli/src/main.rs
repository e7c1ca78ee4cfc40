//! The program; what it does is in the library, so that its man pages and completions are made from the same definition.

use std::process::ExitCode;

fn main() -> ExitCode {
    sameday::main()
}
