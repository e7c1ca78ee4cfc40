//! The pages can be shown on a terminal, and name what can be typed there.

use sameday_text::help::{page, topics};

use super::*;

fn pages() -> impl Iterator<Item = (&'static str, &'static str)> {
    topics().map(|topic| (topic, page(topic).unwrap()))
}

/// Every command that a page names is one.
#[test]
fn pages_name_commands_that_there_are() {
    let program = <crate::args::Args as clap::CommandFactory>::command();
    for (topic, page) in pages() {
        let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
        for (_, after) in page.match_indices("“sameday ").map(|(at, found)| page.split_at(at + found.len())) {
            let command = after.split(['”', ' ']).next().unwrap();
            assert!(program.find_subcommand(command).is_some(), "{topic}: sameday {command}");
        }
    }
}

#[test]
fn pages_are_wrapped() {
    let page = "# A title\n\n## What to do\n\nOne\ntwo.\n\n- first item\n  goes on\n- second\n";
    let shown = "A TITLE\n\nWhat to do\n\nOne two.\n  - first item\n    goes on\n  - second\n";
    assert_eq!(render_in(page, 16), shown);
    assert_eq!(render_in("## Part\n\n- item\n", 16), "Part\n\n  - item\n");
    let command = "## Part\n\nNow type “sameday help undone” please.\n";
    assert_eq!(render_in(command, 24), "Part\n\nNow type\n“sameday help undone”\nplease.\n");
    for quoted in ["„sameday help undone“", "«sameday help undone»", "«\u{202f}sameday help undone\u{202f}»"] {
        let line = render_in(&format!("Now type {quoted} please.\n"), 24);
        assert_eq!(line, format!("Now type\n{quoted}\nplease.\n"));
    }
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for (topic, page) in pages() {
        for width in [40, WIDEST] {
            for line in render_in(page, width).lines() {
                assert!(textwrap::core::display_width(line) <= width, "{topic}: {line}");
            }
        }
    }
}
