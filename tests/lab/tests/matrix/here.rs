//! The cases on this machine's own kernel: what happens to Tor and to the fetcher, which no file system knows of.

use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use sameday_lab::stick::FileSystem;
use sameday_lab::tornet::TorNet;
use sameday_lab::world;

use crate::material::{Material, Served};
use crate::plan::{Case, Fault};
use crate::prepare::prepare;
use crate::real::{Real, Server};
use crate::run;
use crate::told::Told;

/// A network comes up in 45 seconds on an idle machine.
const NETWORK: Duration = Duration::from_secs(300);

/// Starts the cases; each tells how it ended in `dir`.
pub fn start(dir: &Path, cases: &[Case], seed: u64) -> JoinHandle<Result<(), String>> {
    let (dir, mut cases) = (dir.to_owned(), cases.to_vec());
    thread::spawn(move || {
        // While the network comes up, those that do not need it.
        cases.sort_by_key(|case| case.fault == Fault::KillFetcher);
        let failed = |error: std::io::Error| error.to_string();
        let mut network = None;
        let mut spec = world::Spec::default();
        if cases.iter().any(|case| case.fault == Fault::KillFetcher) {
            let server = Arc::new(Server::start(&dir.join("front")).map_err(failed)?);
            let tor = TorNet::start(&dir.join("tor"), server.address()).map_err(failed)?;
            (spec.base_urls, spec.tor, spec.arti) =
                (vec![tor.base_url()], Some("direct".into()), Some(tor.arti_settings()));
            network = Some((server, tor, false));
        }
        if cases.is_empty() {
            return Ok(());
        }
        let file_system = FileSystem::of_this_kernel().map_err(failed)?;
        Material::make(&dir, file_system, spec).map_err(failed)?;
        let material = prepare(&dir)?;
        for case in &cases {
            let real = match &mut network {
                Some((server, tor, ready)) if case.fault == Fault::KillFetcher => {
                    server.serve(&material.repository(Served::Released)).map_err(failed)?;
                    if !*ready {
                        tor.wait_ready(NETWORK).map_err(failed)?;
                        *ready = true;
                    }
                    Some(Real::new(server, &material.repository(Served::Released)).map_err(failed)?)
                }
                _ => None,
            };
            let name = case.to_string();
            let told: Told = run::run(&material, case, seed, &dir.join(&name), real);
            told.write(&dir, &name).map_err(failed)?;
        }
        Ok(())
    })
}
