//! The pages of `docs/help`: one for each kind of failure, and some on what else frightens people. Plain text for a terminal.
//!
//! A page is a little Markdown: one `# Title`, three `## Headings`, paragraphs and `- ` items, set apart by empty lines, nothing else. Each
//! such block, its lines joined, is one text for translators.

use gettextrs::gettext;

/// A line longer than this is hard to read.
const WIDEST: usize = 80;

macro_rules! pages {
    ($($topic:literal),+ $(,)?) => {
        &[$(($topic, include_str!(concat!("../../docs/help/", $topic, ".md")))),+]
    };
}

const PAGES: &[(&str, &str)] = pages![
    "bad-request",
    "busy",
    "cancelled",
    "channels",
    "clock-in-doubt",
    "expired",
    "internal",
    "kit-unreadable",
    "kit-wrong",
    "kits",
    "left-overs",
    "manual-upgrade",
    "no-room",
    "not-allowed",
    "not-configured",
    "not-confirmed-newest",
    "not-offered",
    "not-verified",
    "rollback",
    "server",
    "stick-changed",
    "stick-failed",
    "tor-blocked",
    "undone",
    "withdrawn",
];

/// What there is a page about.
pub fn topics() -> impl Iterator<Item = &'static str> {
    PAGES.iter().map(|(topic, _)| *topic)
}

/// The page about this.
#[must_use]
pub fn page(topic: &str) -> Option<&'static str> {
    PAGES.iter().find(|(known, _)| *known == topic).map(|(_, page)| *page)
}

/// A part of a page.
#[derive(Debug, PartialEq, Eq)]
enum Block {
    Title(String),
    Heading(String),
    Paragraph(String),
    Item(String),
}

/// The blocks of a page.
fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    for line in page.lines() {
        let start = |mark| line.strip_prefix(mark).map(str::to_owned);
        let new = match blocks.last_mut() {
            _ if line.is_empty() => Some(Block::Paragraph(String::new())),
            _ if line.starts_with("# ") => start("# ").map(Block::Title),
            _ if line.starts_with("## ") => start("## ").map(Block::Heading),
            _ if line.starts_with("- ") => start("- ").map(Block::Item),
            Some(Block::Paragraph(text) | Block::Item(text)) => {
                if !text.is_empty() {
                    text.push(' ');
                }
                text.push_str(line.trim());
                None
            }
            _ => Some(Block::Paragraph(line.to_owned())),
        };
        blocks.extend(new);
    }
    blocks.retain(|block| *block != Block::Paragraph(String::new()));
    blocks
}

/// The page in the user's language, as wide as the terminal or narrower.
#[must_use]
pub fn render(page: &str) -> String {
    render_in(page, width())
}

fn render_in(page: &str, width: usize) -> String {
    let mut out = String::new();
    let mut after_heading = false;
    for block in blocks(page) {
        let (text, options) = match &block {
            Block::Title(text) | Block::Heading(text) | Block::Paragraph(text) => (text, options(width)),
            Block::Item(text) => (text, options(width).initial_indent("  - ").subsequent_indent("    ")),
        };
        if !out.is_empty() && (after_heading || !matches!(block, Block::Item(_))) {
            out.push('\n');
        }
        after_heading = matches!(block, Block::Heading(_));
        let text = gettext(text.as_str());
        let text = if matches!(block, Block::Title(_)) { text.to_uppercase() } else { text };
        out.push_str(&textwrap::fill(&bound(&text), options).replace(BOUND, " "));
        out.push('\n');
    }
    out
}

/// Stands for a space at which no line may end.
const BOUND: char = '\u{e000}';

/// The text with its commands bound, so that each stands on one line and can be copied.
fn bound(text: &str) -> String {
    let mut parts = text.split("“sameday ");
    let mut bound = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (arguments, rest) = part.split_once('”').unwrap_or(("", part));
        bound.push_str("“sameday");
        bound.push(BOUND);
        bound.extend(arguments.chars().map(|c| if c == ' ' { BOUND } else { c }));
        bound.push_str(if arguments.is_empty() { "" } else { "”" });
        bound.push_str(rest);
    }
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
