//! os-release(5) with an image's fields: lines that are there are replaced, all others kept as they are.

use sameday_upgrade::os_release::{LARGEST, OsRelease};

use super::rooted::{Found, Rooted};
use super::{Image, PrepareError};

const USR: &str = "usr/lib/os-release";
const ETC: &str = "etc/os-release";

/// The files to write, with their new contents.
pub fn edited(root: &Rooted, image: &Image) -> Result<Vec<(&'static str, String)>, PrepareError> {
    let usr = root.find(USR)?;
    let etc = root.find(ETC)?;
    let own = match (&etc, &usr) {
        (Found::Nothing, _) => false,
        (Found::File(_), _) => true,
        (Found::Link(Some(target)), Found::File(file)) if target == file => false,
        _ => return Err(PrepareError::OsReleaseElsewhere),
    };
    // Without one in /usr/lib, that in /etc says what the system is.
    let source = match usr {
        Found::Nothing if own => ETC,
        _ => USR,
    };
    let mut files = vec![(USR, edit(&text(root, source)?, image)?)];
    if own {
        files.push((ETC, edit(&text(root, ETC)?, image)?));
    }
    Ok(files)
}

fn text(root: &Rooted, path: &'static str) -> Result<String, PrepareError> {
    let bytes = root.read(path, LARGEST)?.ok_or(PrepareError::OsRelease(path))?;
    String::from_utf8(bytes).map_err(|_| PrepareError::OsRelease(path))
}

fn edit(text: &str, image: &Image) -> Result<String, PrepareError> {
    let fields = [
        ("IMAGE_ID", image.product.as_str()),
        ("IMAGE_VERSION", image.version.as_str()),
        ("SAMEDAY_CHANNEL", image.channel.as_str()),
        ("SAMEDAY_ARCHITECTURE", image.architecture.as_str()),
        ("SAMEDAY_BUILT", &image.built),
    ];
    let mut written = [false; 5];
    let mut out = String::with_capacity(text.len());
    // None of the values has a character that needs more than quotes.
    let line = |name: &str, value: &str| format!("{name}=\"{value}\"\n");
    for old in text.lines() {
        let name = old.trim().split_once('=').map(|(name, _)| name);
        match fields.iter().zip(&mut written).find(|((field, _), _)| Some(*field) == name) {
            Some(((field, value), written)) => {
                // Of a field that stands there twice, readers take the last.
                if !*written {
                    out.push_str(&line(field, value));
                }
                *written = true;
            }
            None => {
                out.push_str(old);
                out.push('\n');
            }
        }
    }
    for ((field, value), _) in fields.iter().zip(written).filter(|(_, written)| !written) {
        out.push_str(&line(field, value));
    }
    OsRelease::parse(&out)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_replaced_in_place_and_all_others_kept() {
        let image = Image {
            product: "demo".parse().unwrap(),
            version: "2.0~rc1".parse().unwrap(),
            channel: "stable".parse().unwrap(),
            architecture: "amd64".parse().unwrap(),
            built: "2026-11-22T00:00:00Z".to_owned(),
            base_urls: Vec::new(),
            tor: None,
            arti: None,
            repository: "".into(),
        };
        let old =
            "NAME=\"Demo\"\n# IMAGE_ID=x\nIMAGE_VERSION=1\nIMAGE_VERSION='1.1'\n\nSAMEDAY_BUILT=never\nX_IMAGE_ID=y";
        let new = edit(old, &image).unwrap();
        assert_eq!(
            new,
            "NAME=\"Demo\"\n# IMAGE_ID=x\nIMAGE_VERSION=\"2.0~rc1\"\n\nSAMEDAY_BUILT=\"2026-11-22T00:00:00Z\"\nX_IMAGE_ID=y\n\
             IMAGE_ID=\"demo\"\nSAMEDAY_CHANNEL=\"stable\"\nSAMEDAY_ARCHITECTURE=\"amd64\"\n"
        );
        assert_eq!(edit(&new, &image).unwrap(), new);
    }
}
