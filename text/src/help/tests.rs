//! The pages are complete, and of the form that can be shown.

use super::*;
use sameday_dbus::ErrorKind;
use std::collections::BTreeSet;

/// Pages that are about no kind.
const OTHERS: &[&str] = &["channels", "kits", "left-overs", "no-undo", "rollback", "undone"];
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

#[test]
fn the_lines_of_a_block_are_joined() {
    let page = "# A title\n\n## What to do\n\nOne\ntwo.\n\n- first item\n  goes on\n- second\n";
    let expected = [
        Block::Title("A title".into()),
        Block::Heading("What to do".into()),
        Block::Paragraph("One two.".into()),
        Block::Item("first item goes on".into()),
        Block::Item("second".into()),
    ];
    assert_eq!(blocks(page), expected);
}
