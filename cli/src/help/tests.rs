//! The pages are complete, and of the form that can be shown.

use super::*;
use sameday_dbus::ErrorKind;
use std::collections::BTreeSet;

/// Pages that are about no kind.
const OTHERS: &[&str] = &["channels", "kits", "left-overs", "rollback", "undone"];
const PARTS: [&str; 3] = ["What happened", "What it means", "What to do"];

#[test]
fn every_kind_has_a_page_and_every_page_a_topic() {
    let wanted: BTreeSet<&str> = ErrorKind::ALL.iter().map(|kind| kind.code()).chain(OTHERS.iter().copied()).collect();
    assert_eq!(topics().collect::<BTreeSet<_>>(), wanted);
    assert_eq!(topics().count(), wanted.len());
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/help");
    let files: BTreeSet<String> =
        std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    let mut expected: BTreeSet<String> = wanted.iter().map(|topic| format!("{topic}.md")).collect();
    expected.insert("README.md".into());
    assert_eq!(files, expected);
}

#[test]
fn every_page_has_a_title_and_its_three_parts() {
    for (topic, page) in PAGES {
        let blocks = blocks(page);
        assert!(matches!(blocks.first(), Some(Block::Title(_))), "{topic}");
        assert_eq!(blocks.iter().filter(|block| matches!(block, Block::Title(_))).count(), 1, "{topic}");
        let at: Vec<usize> =
            (0..blocks.len()).filter(|at| matches!(blocks.get(*at), Some(Block::Heading(_)))).collect();
        let headings: Vec<&Block> = at.iter().filter_map(|at| blocks.get(*at)).collect();
        let expected: Vec<Block> = PARTS.iter().map(|part| Block::Heading((*part).into())).collect();
        assert_eq!(headings, expected.iter().collect::<Vec<_>>(), "{topic}");
        for at in at {
            let next = blocks.get(at + 1);
            assert!(matches!(next, Some(Block::Paragraph(_) | Block::Item(_))), "{topic}: an empty part");
        }
        for marked in ["`", "](", "**", "http", "\t"] {
            assert!(!page.contains(marked), "{topic}: {marked} is shown as it stands");
        }
    }
}

/// Every command that a page names is one.
#[test]
fn pages_name_commands_that_there_are() {
    let program = <crate::args::Args as clap::CommandFactory>::command();
    for (topic, page) in PAGES {
        let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
        for (_, after) in page.match_indices("“sameday ").map(|(at, found)| page.split_at(at + found.len())) {
            let command = after.split(['”', ' ']).next().unwrap();
            assert!(program.find_subcommand(command).is_some(), "{topic}: sameday {command}");
        }
    }
}

#[test]
fn blocks_are_joined_and_wrapped() {
    let page = "# A title\n\n## What to do\n\nOne\ntwo.\n\n- first item\n  goes on\n- second\n";
    let expected = [
        Block::Title("A title".into()),
        Block::Heading("What to do".into()),
        Block::Paragraph("One two.".into()),
        Block::Item("first item goes on".into()),
        Block::Item("second".into()),
    ];
    assert_eq!(blocks(page), expected);
    let shown = "A TITLE\n\nWhat to do\n\nOne two.\n  - first item\n    goes on\n  - second\n";
    assert_eq!(render_in(page, 16), shown);
    assert_eq!(render_in("## Part\n\n- item\n", 16), "Part\n\n  - item\n");
    let command = "## Part\n\nNow type “sameday help undone” please.\n";
    assert_eq!(render_in(command, 24), "Part\n\nNow type\n“sameday help undone”\nplease.\n");
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for (topic, page) in PAGES {
        for width in [40, WIDEST] {
            for line in render_in(page, width).lines() {
                assert!(textwrap::core::display_width(line) <= width, "{topic}: {line}");
            }
        }
    }
}
