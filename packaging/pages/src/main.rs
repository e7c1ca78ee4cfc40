//! `sameday-pages FOLDER`: writes the man pages and completions of the programs that people type, in the tree below `/usr/share`.
//! They are made from the same definitions that the programs parse their arguments by, so they cannot differ from them.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Command, CommandFactory as _};
use clap_complete::Shell;

/// Where each shell looks, below `/usr/share`.
const SHELLS: &[(Shell, &str)] = &[
    (Shell::Bash, "bash-completion/completions"),
    (Shell::Zsh, "zsh/vendor-completions"),
    (Shell::Fish, "fish/vendor_completions.d"),
];

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(share), None) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: sameday-pages FOLDER");
        return ExitCode::from(64);
    };
    match write(&PathBuf::from(share)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sameday-pages: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(share: &Path) -> io::Result<()> {
    let manual = share.join("man/man1");
    std::fs::create_dir_all(&manual)?;
    for program in [sameday::args::Args::command(), sameday_publish::args::Args::command()] {
        clap_mangen::generate_to(program.clone(), &manual)?;
        for (shell, folder) in SHELLS {
            let folder = share.join(folder);
            std::fs::create_dir_all(&folder)?;
            complete(*shell, program.clone(), &folder)?;
        }
    }
    Ok(())
}

/// bash-completion looks for a file of the program's name alone (its README, "Where should I install my own local completions?").
fn complete(shell: Shell, mut program: Command, folder: &Path) -> io::Result<()> {
    let name = program.get_name().to_owned();
    let file = clap_complete::generate_to(shell, &mut program, &name, folder)?;
    if file.extension() == Some(OsStr::new("bash")) {
        std::fs::rename(&file, file.with_extension(""))?;
    }
    Ok(())
}
