//! `help`: a page, a command's options, or what there is help about.

use clap::CommandFactory as _;
use gettextrs::gettext;
use sameday_text::help as pages;

use crate::args::{self, Args};
use crate::console::Console;
use crate::help;
use crate::outcome::Outcome;

/// Prints what is wanted. That there is such a topic was judged with the command line.
pub fn run(console: &mut Console, wanted: &args::Help) -> Outcome {
    let mut program = Args::command();
    program.build();
    let Some(topic) = wanted.topic.as_deref() else {
        console.say(&program.render_help().to_string());
        console.say("");
        console.say(&help::wrap(&gettext("There is also help about these, by “sameday help WORD”:")));
        console.say(&help::wrap(&pages::topics().collect::<Vec<_>>().join(", ")));
        return Outcome::Done;
    };
    let command = program.find_subcommand_mut(topic).map(|command| command.render_help().to_string());
    let page = pages::page(topic).map(help::render);
    console
        .say(&command.into_iter().chain(page).map(|text| text.trim_end().to_owned()).collect::<Vec<_>>().join("\n\n"));
    Outcome::Done
}
