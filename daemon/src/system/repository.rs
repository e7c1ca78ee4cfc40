//! `repository.toml`: where an image's upgrades are. A parser that takes text.

use serde::Deserialize;

/// The format that this version reads.
const FORMAT: u64 = 1;
/// As many base URLs as anybody needs; a check may have to wait for each.
pub const MOST_BASES: usize = 8;

#[derive(Deserialize)]
struct Repository {
    format: u64,
    base_urls: Vec<String>,
}

/// Why a text does not say where upgrades are.
#[derive(Debug, thiserror::Error)]
pub enum BadRepository {
    /// Not TOML, or not of this shape.
    #[error(transparent)]
    Syntax(#[from] toml::de::Error),
    /// A newer format.
    #[error("unknown format {0}")]
    Format(u64),
}

/// The base URLs, in the order to try.
///
/// # Errors
/// When the text is malformed or of a newer format.
pub fn bases(text: &str) -> Result<Vec<String>, BadRepository> {
    let repository: Repository = toml::from_str(text)?;
    if repository.format != FORMAT {
        return Err(BadRepository::Format(repository.format));
    }
    Ok(repository.base_urls.into_iter().take(MOST_BASES).collect())
}
