//! The pages of `docs/help`: one for each kind of failure, and some on what else frightens people.
//!
//! A page is a little Markdown: one `# Title`, three `## Headings`, paragraphs and `- ` items, set apart by empty lines, nothing else. Each
//! such block, its lines joined, is one text for translators.

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
    "no-undo",
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

/// The title of the page about this, in the user's language.
#[must_use]
pub fn title(topic: &str) -> Option<String> {
    match blocks(page(topic)?).into_iter().next()?.translated() {
        Block::Title(title) => Some(title),
        _ => None,
    }
}

/// A part of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// What the page is about.
    Title(String),
    /// Of a part.
    Heading(String),
    /// Sentences.
    Paragraph(String),
    /// One of several things.
    Item(String),
}

impl Block {
    /// Its words, in English.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Title(text) | Self::Heading(text) | Self::Paragraph(text) | Self::Item(text) => text,
        }
    }

    /// The same in the user's language.
    #[must_use]
    pub fn translated(self) -> Self {
        match self {
            Self::Title(text) => Self::Title(gettextrs::gettext(text)),
            Self::Heading(text) => Self::Heading(gettextrs::gettext(text)),
            Self::Paragraph(text) => Self::Paragraph(gettextrs::gettext(text)),
            Self::Item(text) => Self::Item(gettextrs::gettext(text)),
        }
    }
}

/// The blocks of a page.
#[must_use]
pub fn blocks(page: &str) -> Vec<Block> {
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

#[cfg(test)]
#[path = "help/tests.rs"]
mod tests;
