//! Where the program talks to its user: lines out, complaints beside them, answers in.

use std::io::{self, BufRead, IsTerminal, Write};

use crate::ask;
use crate::outcome::Outcome;

/// Standard output, error and input.
#[derive(Debug)]
pub struct Console {
    interactive: bool,
    quiet: bool,
    broken: Option<io::Error>,
}

impl Console {
    /// Those of this process.
    pub fn new() -> Self {
        Self { interactive: io::stdin().is_terminal() && io::stdout().is_terminal(), quiet: false, broken: None }
    }

    /// One that only complains: the answer is for a program, and there is one line of it.
    pub fn quiet() -> Self {
        Self { interactive: false, quiet: true, broken: None }
    }

    /// Whether somebody is there who can be asked.
    pub fn interactive(&self) -> bool {
        self.interactive
    }

    /// Prints a text and ends its line. When nobody takes it any more, what is under way goes on all the same.
    pub fn say(&mut self, text: &str) {
        if self.broken.is_none() && !self.quiet {
            let mut out = io::stdout().lock();
            let written = out.write_all(text.trim_end().as_bytes()).and_then(|()| out.write_all(b"\n"));
            self.broken = written.and_then(|()| out.flush()).err();
        }
    }

    /// Tells what went wrong.
    pub fn complain(&mut self, text: &str) {
        eprintln!("sameday: {}", text.trim_end());
    }

    /// Asks a question whose default answer is no. No terminal, no answer: no.
    pub fn confirm(&mut self, question: &str) -> bool {
        if !self.interactive || self.broken.is_some() {
            return false;
        }
        let mut input = io::stdin().lock();
        match ask::confirm(question, &mut input as &mut dyn BufRead, &mut io::stdout().lock()) {
            Ok(answer) => answer,
            Err(error) => {
                self.complain(&error.to_string());
                false
            }
        }
    }

    /// The outcome, unless what should have been printed could not be. A reader that has gone (as `head` does) is no failure.
    pub fn end(&mut self, outcome: Outcome) -> Outcome {
        match self.broken.take() {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                self.complain(&error.to_string());
                if outcome == Outcome::Done { Outcome::Failed } else { outcome }
            }
            _ => outcome,
        }
    }
}
