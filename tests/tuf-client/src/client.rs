//! The runs: a refresh, and downloads after it. The folder is saved after every step, whatever comes of the step, so that what was
//! accepted before a failure stays.

use std::fs::{self, File};
use std::io::{Read, Write as _};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use sameday_trust::{Answer, Limits, Next, Policy, Target, Time, Updater};

use crate::error::Error;
use crate::folder::Folder;
use crate::http::Http;
use crate::names::{encode_path, target_file};
use crate::rsa_pss::RSA_PSS;

/// Bytes taken at once.
const PIECE: usize = 64 << 10;

/// The rules of this client: the specification's, and all three of its signature schemes.
#[must_use]
pub fn policy() -> Policy {
    Policy { extra_scheme: Some(&RSA_PSS), ..Policy::specification() }
}

/// One run over one folder.
#[derive(Debug)]
pub struct Client<'a> {
    folder: Folder,
    metadata_url: &'a str,
    http: Http,
    updater: Updater,
}

impl<'a> Client<'a> {
    /// Begins a run: from here on it is the same time until its end (5.1).
    ///
    /// # Errors
    /// When the folder cannot be read or its root is none.
    pub fn new(metadata_dir: &Path, metadata_url: &'a str) -> Result<Self, Error> {
        let now = now();
        let limits = Limits::wide();
        let folder = Folder::load(metadata_dir, &limits)?;
        let updater = Updater::new(folder.store().clone(), now, Time::EARLIEST, policy(), limits)?;
        Ok(Self { folder, metadata_url, http: Http::new(), updater })
    }

    /// The whole top-level workflow, or the search for a target that was begun.
    ///
    /// # Errors
    /// When something cannot be fetched, is refused, or cannot be stored.
    pub fn run(&mut self) -> Result<(), Error> {
        while let Next::Fetch(request) = self.updater.next() {
            let answer = match self.http.get(self.metadata_url, &request.path)? {
                Some(incoming) => Answer::Bytes(incoming.at_most(request.limit)?),
                None => Answer::Absent,
            };
            let verdict = self.updater.supply(answer);
            self.folder.save(self.updater.store())?;
            verdict?;
        }
        Ok(())
    }

    /// Finds a target and puts it into a folder, unless it is there already.
    ///
    /// # Errors
    /// When it is not found, cannot be fetched, is not what was described, or cannot be stored. Then the folder is as before.
    pub fn download(&mut self, path: &str, folder: &Path, base: &str) -> Result<(), Error> {
        self.updater.target(path, None)?;
        self.run()?;
        let missing = || sameday_trust::Error::TargetMissing { path: path.to_owned() };
        let target = self.updater.found().ok_or_else(missing)?;
        fs::create_dir_all(folder).map_err(Error::file("make the folder", folder))?;
        let place = folder.join(target_file(path));
        if is_there(&place, target) {
            return Ok(());
        }
        let location = encode_path(&target.location);
        let incoming = self.http.get(base, &location)?;
        let mut incoming = incoming.ok_or_else(|| Error::Absent { url: crate::http::join(base, &location) })?;
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(Error::file("make a file in", folder))?;
        let mut verifier = target.verifier();
        let mut buffer = vec![0; PIECE];
        loop {
            let piece = incoming.piece(&mut buffer)?;
            if piece.is_empty() {
                break;
            }
            verifier.update(piece)?;
            file.write_all(piece).map_err(Error::file("write", &place))?;
        }
        verifier.finish()?;
        file.as_file().sync_all().map_err(Error::file("write", &place))?;
        file.persist(&place).map_err(|e| Error::file("write", &place)(e.error))?;
        Ok(())
    }
}

/// Whether a file is the target. One that cannot be read is as good as another file: it is replaced, or that fails.
fn is_there(place: &Path, target: &Target) -> bool {
    let Ok(mut file) = File::open(place) else { return false };
    let mut verifier = target.verifier();
    let mut buffer = vec![0; PIECE];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return verifier.finish().is_ok(),
            Ok(n) if verifier.update(buffer.get(..n).unwrap_or_default()).is_ok() => {}
            _ => return false,
        }
    }
}

fn now() -> Time {
    let seconds = match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_secs()).map_or(i64::MIN, |seconds| -seconds),
    };
    Time::from_unix(seconds)
}
