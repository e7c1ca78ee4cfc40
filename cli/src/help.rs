//! The help pages as plain text for a terminal.

use sameday_text::help::{Block, blocks};

/// A line longer than this is hard to read.
const WIDEST: usize = 80;

/// The page in the user's language, as wide as the terminal or narrower.
#[must_use]
pub fn render(page: &str) -> String {
    render_in(page, width())
}

fn render_in(page: &str, width: usize) -> String {
    let mut out = String::new();
    let mut after_heading = false;
    for block in blocks(page).into_iter().map(Block::translated) {
        let options = match &block {
            Block::Item(_) => options(width).initial_indent("  - ").subsequent_indent("    "),
            _ => options(width),
        };
        if !out.is_empty() && (after_heading || !matches!(block, Block::Item(_))) {
            out.push('\n');
        }
        after_heading = matches!(block, Block::Heading(_));
        let text = if let Block::Title(text) = &block { text.to_uppercase() } else { block.text().to_owned() };
        out.push_str(&textwrap::fill(&bound(&text), options).replace(BOUND, " "));
        out.push('\n');
    }
    out
}

/// Stands for a space at which no line may end.
const BOUND: char = '\u{e000}';

/// Marks that begin or end a quotation, in one language or another.
const QUOTES: [char; 9] = ['“', '”', '„', '«', '»', '‹', '›', '「', '」'];

/// The text with its commands bound, so that each stands on one line and can be copied: “sameday …”, in the quotation marks of any language.
fn bound(text: &str) -> String {
    const COMMAND: &str = "sameday ";
    let mut bound = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(COMMAND) {
        bound.push_str(before);
        let quoted = before.trim_end_matches(['\u{a0}', '\u{202f}']).ends_with(QUOTES);
        let end = after.find(QUOTES).filter(|_| quoted).unwrap_or(0);
        let (arguments, behind) = after.split_at(end);
        let space = |c: char| if c == ' ' && quoted { BOUND } else { c };
        bound.extend(COMMAND.chars().chain(arguments.chars()).map(space));
        rest = behind;
    }
    bound.push_str(rest);
    bound
}

/// A paragraph as wide as a page.
#[must_use]
pub fn wrap(text: &str) -> String {
    textwrap::fill(text, options(width()))
}

/// Words stay whole, or nobody could copy a command.
fn options<'a>(width: usize) -> textwrap::Options<'a> {
    textwrap::Options::new(width).word_splitter(textwrap::WordSplitter::NoHyphenation)
}

fn width() -> usize {
    textwrap::termwidth().min(WIDEST)
}

#[cfg(test)]
#[path = "help/tests.rs"]
mod tests;
