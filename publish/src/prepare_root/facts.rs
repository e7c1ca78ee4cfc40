//! What goes into an image, checked as its readers check it.

use sameday_trust::Time;
use sameday_upgrade::names::description_path;
use serde::Serialize;

use super::{Image, PrepareError};
use crate::error::Error;
use crate::release::{hashed, read_description};
use crate::repository::{Repository, read_at_most};

/// As many base URLs as `samedayd` tries.
pub const MOST_BASES: usize = 8;
/// The largest file of metadata that any client reads; the repository has been verified within the same limits before.
const LARGEST_METADATA: u64 = 4 * 1024 * 1024;

/// The contents of the files.
#[derive(Debug)]
pub struct Facts {
    pub anchor: Vec<u8>,
    pub repository: String,
    pub fetcher: Option<String>,
    pub metadata: NamedFiles,
}

/// Names below `metadata/`, and their contents.
type NamedFiles = Vec<(String, Vec<u8>)>;

#[derive(Serialize)]
struct RepositoryToml<'a> {
    format: u64,
    base_urls: &'a [String],
}

#[derive(Serialize)]
struct FetcherToml<'a> {
    format: u64,
    tor: &'a str,
    arti: Option<toml::Table>,
}

impl Facts {
    pub fn gather(image: &Image) -> Result<Self, PrepareError> {
        if !image.channel.may_be_channel() || image.channel.as_str() == "upgrade" {
            return Err(PrepareError::ChannelName(image.channel.clone()));
        }
        let built = image.built.parse::<Time>();
        built.map_err(|source| PrepareError::Built(image.built.clone(), source))?;
        let (anchor, metadata) = metadata(image)?;
        Ok(Self { anchor, metadata, repository: repository_toml(&image.base_urls)?, fetcher: fetcher_toml(image)? })
    }
}

fn repository_toml(base_urls: &[String]) -> Result<String, PrepareError> {
    if base_urls.is_empty() || base_urls.len() > MOST_BASES {
        return Err(PrepareError::BaseUrls(base_urls.len()));
    }
    if let Some(bad) = base_urls.iter().find(|url| !is_base_url(url)) {
        return Err(PrepareError::BaseUrl(bad.clone()));
    }
    toml::to_string(&RepositoryToml { format: 1, base_urls })
        .map_err(|source| PrepareError::Toml("repository.toml", Box::new(source)))
}

/// Plain HTTP only to an onion service, TLS to anything else; nothing that a URL has beside host, port and path.
fn is_base_url(url: &str) -> bool {
    let parts = url.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.split_once('/')?)));
    let Some((scheme, (authority, path))) = parts else { return false };
    let host = authority.split_once(':').map_or(authority, |(host, _)| host);
    let scheme_fits = match scheme {
        "http" => host.ends_with(".onion"),
        "https" => true,
        _ => false,
    };
    let authority_fits = authority.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-:".contains(&b));
    let path_fits = path.is_empty()
        || path.strip_suffix('/').is_some_and(|path| {
            path.split('/').all(|part| {
                !["", ".", ".."].contains(&part)
                    && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+~-".contains(&b))
            })
        });
    scheme_fits && !host.is_empty() && authority_fits && path_fits
}

fn fetcher_toml(image: &Image) -> Result<Option<String>, PrepareError> {
    let Some(tor) = &image.tor else {
        return if image.arti.is_some() { Err(PrepareError::ArtiAlone) } else { Ok(None) };
    };
    if !["direct", "bridges", "system"].contains(&tor.as_str()) {
        return Err(PrepareError::Tor(tor.clone()));
    }
    let arti = image.arti.as_ref().map(|text| text.parse::<toml::Table>()).transpose();
    let arti = arti.map_err(|source| PrepareError::Arti(Box::new(source)))?;
    toml::to_string(&FetcherToml { format: 1, tor, arti })
        .map(Some)
        .map_err(|source| PrepareError::Toml("fetcher.toml", Box::new(source)))
}

/// A trust anchor and the metadata as they are now.
fn metadata(image: &Image) -> Result<(Vec<u8>, NamedFiles), PrepareError> {
    let repository = Repository::open(&image.repository)?;
    let role =
        repository.channels.get(image.channel.as_str()).ok_or_else(|| Error::NoChannel(image.channel.clone()))?;
    let mut files = Vec::new();
    let mut anchor = Vec::new();
    for name in repository.current_files(&image.channel) {
        let source = image.repository.join("metadata").join(&name);
        let bytes = read_at_most(&source, LARGEST_METADATA)?.ok_or(Error::Damaged(source))?;
        // Only roots keep their number: a chain is more than one of them.
        let kept = match name.split_once('.') {
            Some((_, "root.json")) => {
                // The chain comes oldest first. The newest is the anchor: keys that it retired count no more.
                anchor.clone_from(&bytes);
                name
            }
            Some((number, rest)) if number.bytes().all(|b| b.is_ascii_digit()) => rest.to_owned(),
            _ => name,
        };
        files.push((kept, bytes));
    }
    let target = description_path(&image.channel, &image.product, &image.architecture);
    if let Some(info) = role.targets.get(&target) {
        read_description(&image.repository, &target, info)?;
        let digest = info.hashes.get("sha256").map_or("", String::as_str);
        let (folder, name) = hashed(&image.repository, &target, digest);
        let source = folder.join(name);
        let bytes = read_at_most(&source, info.length)?.ok_or(Error::Damaged(source))?;
        files.push(("upgrade.json".to_owned(), bytes));
    }
    Ok((anchor, files))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_an_onion_service_or_https() {
        for good in
            ["http://abc.onion/", "http://abc.onion:81/x/", "https://a.example/", "https://a-b.example:444/c/d~1/"]
        {
            assert!(is_base_url(good), "{good}");
        }
        let bad = [
            "",
            "https://",
            "https:///",
            "https://a.example",
            "http://a.example/",
            "http://onion/",
            "ftp://a.example/",
            "https://u@a.example/",
            "https://a.example/b",
            "https://a.example/b//",
            "https://a.example/../",
            "https://a.example/%2e/",
            "https://a.example/?q/",
            "https://a.example/#f/",
            "https://a.example/\"/",
            "https://a.example/ /",
            "https://a.example/\n/",
            "https://A.example/",
            "https://ä.example/",
        ];
        for bad in bad {
            assert!(!is_base_url(bad), "{bad}");
        }
    }
}
