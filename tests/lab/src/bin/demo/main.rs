//! The demo: a stick with a real Debian system is upgraded by a real month of security fixes, over a private Tor network; then its twin
//! from a kit, without any network. With `--app` it ends at the first stick, and shows the app on it.

mod app;
mod fixes;
mod show;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use sameday_lab::fetcher::Network;
use sameday_lab::machine::{Machine, Spec};
use sameday_lab::process::run;
use sameday_lab::repo::Repo;
use sameday_lab::roots::{BaseOptions, Roots, package_versions};
use sameday_lab::stick::{FileSystem, Stick};
use sameday_lab::tornet::TorNet;
use sameday_lab::world::{self, World};
use sameday_upgrade::boot_env::Choice;
use show::{say, step};

/// What the base is called, and the version after a month of fixes.
const OLD: &str = "12.0";
const NEW: &str = "12.1";
/// A stick of 4 GB, sparse on this disk.
const STICK: u64 = 4_000_000_000;
/// The user who consents: unprivileged, allowed by a polkit rule, since nobody is logged in on a seat here.
const USER: u32 = 65_534;
const RULE: &str =
    "if (action.id.indexOf('org.sameday.') == 0 && subject.user == 'nobody') { return polkit.Result.YES; }";
/// Packages whose versions are shown.
const SHOWN: [&str; 6] =
    ["openssl", "libssl3", "curl", "perl-base", "libpython3.11-minimal", "linux-image-cloud-amd64"];

fn main() -> ExitCode {
    let dir = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("target/demo"), PathBuf::from);
    let with_app = std::env::args_os().nth(2).is_some_and(|argument| argument == "--app");
    match demo(&dir, with_app) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo: {error}");
            ExitCode::FAILURE
        }
    }
}

fn demo(dir: &Path, with_app: bool) -> io::Result<()> {
    if with_app {
        app::desktop()?;
    }
    let began = Instant::now();
    fs::create_dir_all(dir)?;
    let dir = dir.canonicalize()?;
    let file_system = FileSystem::of_this_kernel()?;
    say("This upgrades a stick from a Debian system without security fixes to one with all of them.");
    match file_system {
        FileSystem::Vfat => say("The stick's file system is FAT32, as on real sticks."),
        FileSystem::Ext4 => {
            say(
                "The stick's file system is ext4: this machine's kernel has no FAT. `make test` runs the same code on FAT32.",
            );
        }
    }

    step("Two Debian systems, with the same packages");
    let roots = Roots::real(&dir.join("roots"), &mut |line| say(line))?;
    let (old, new) = (package_versions(&roots.old)?, package_versions(&roots.new)?);
    show::differences(&old, &new);

    let work = dir.join("run");
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    fs::create_dir_all(&work)?;
    let copies = copy_roots(&roots, &work)?;

    step("A private Tor network, and an onion service in front of the repository");
    let folder = work.join("world/repository");
    fs::create_dir_all(&folder)?;
    let repository = Repo::serve(&folder)?;
    let mut tor = TorNet::start(&work.join("tor"), repository.address())?;
    tor.wait_ready(Duration::from_secs(180))?;
    say(&format!("The repository is at {}", tor.base_url()));

    step("The release side: keys, the images, the layer, the release");
    let spec = world::Spec {
        base: OLD.into(),
        newer: vec![NEW.into()],
        base_urls: vec![tor.base_url()],
        tor: Some("direct".into()),
        arti: Some(tor.arti_settings()),
        ..world::Spec::default()
    };
    let world = World::new(&work.join("world"), spec, copies, &BaseOptions::default())?;
    let layer_began = Instant::now();
    let layer = world.layer(NEW)?;
    let size = fs::metadata(&layer)?.len();
    say(&format!("The layer has {}, made in {:.0} s", show::bytes(size), layer_began.elapsed().as_secs_f64()));
    let mut release = world.prepared(NEW, &[OLD])?;
    if let Some(upgrade) = &mut release.new {
        upgrade.fixes = fixes::between(&roots.new, &old, &new)?;
    }
    let released = world.publish(&release)?;
    say(&format!("Released {NEW} as {}", released.digest));

    step("The stick, and the computer that was started from it");
    let stick = world.stick("stick", file_system, STICK)?;
    let twin = stick.clone_to(&work.join("twin.img"))?;
    let rule = if with_app { app::RULE } else { RULE };
    let machine_spec =
        Spec { rule: Some(rule.into()), skeleton: skeleton(&dir)?, whole_system: true, ..Spec::default() };
    let machine = Machine::start(&work.join("online"), &stick, &machine_spec)?;
    let before = dpkg(&machine)?;
    show::stack(&machine, &before, &SHOWN)?;
    let fetcher = machine.start_fetcher(Network::Host)?;

    if with_app {
        step("The app");
        let _readers = machine.start_kit_readers()?;
        return app::run(&machine);
    }

    step("sameday check, sameday status, sameday upgrade: as an unprivileged user");
    repository.forget();
    for arguments in [&["check"][..], &["status"], &["upgrade", "--yes"]] {
        show::cli(&machine, USER, arguments)?;
    }
    show::cost(&repository, &tor, &fetcher, &machine, size)?;
    drop(fetcher);
    drop(machine);

    step("The next start");
    stick.fsck()?;
    let again = Machine::start(&work.join("again"), &stick, &machine_spec)?;
    expect(again.live().choice(), NEW)?;
    let after = dpkg(&again)?;
    show::stack(&again, &after, &SHOWN)?;
    changed(&before, &after)?;
    drop(again);

    step("The twin of the stick, from a kit, without any network");
    offline(&world, &twin, &work, &machine_spec)?;

    step("Done");
    say(&format!("It took {:.0} s. Where to look next:", began.elapsed().as_secs_f64()));
    say(&format!("  {}  the upgraded stick", stick.image().display()));
    say(&format!("  {}  the repository, {} the keys", world.repository().display(), world.keys().display()));
    say(&format!("  {}  the daemon's log", work.join("online/samedayd.log").display()));
    say("  docs/design.md, docs/formats.md");
    Ok(())
}

/// The demo prepares the roots as images, so it works on copies.
fn copy_roots(roots: &Roots, work: &Path) -> io::Result<BTreeMap<String, PathBuf>> {
    let mut copies = BTreeMap::new();
    for (version, root) in [(OLD, &roots.old), (NEW, &roots.new)] {
        let copy = work.join(format!("root-{version}"));
        run(Command::new("cp").args(["-a", "--reflink=auto", "--"]).arg(root).arg(&copy))?;
        copies.insert(version.to_owned(), copy);
    }
    Ok(copies)
}

/// What `make install` puts into an image, if `make demo` has done so.
fn skeleton(dir: &Path) -> io::Result<Option<PathBuf>> {
    let installed = dir.join("installed");
    Ok(installed.try_exists()?.then_some(installed))
}

/// What dpkg answers inside the stack.
fn dpkg(machine: &Machine) -> io::Result<BTreeMap<String, String>> {
    let output = machine.run("dpkg-query", &["-W", "-f", "${Package}\t${Version}\n"])?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let pair = |line: &str| line.split_once('\t').map(|(package, version)| (package.to_owned(), version.to_owned()));
    Ok(text.lines().filter_map(pair).collect())
}

fn expect(choice: &Choice, version: &str) -> io::Result<()> {
    if choice.to_string() == version {
        return Ok(());
    }
    Err(io::Error::other(format!("the stick starts {choice}, not {version}")))
}

fn changed(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> io::Result<()> {
    if before.get("openssl").is_some() && before.get("openssl") != after.get("openssl") {
        return Ok(());
    }
    Err(io::Error::other("openssl is the same before and after"))
}

fn offline(world: &World, twin: &Stick, work: &Path, spec: &Spec) -> io::Result<()> {
    let kit = world.kit()?;
    let name = kit.file_name().unwrap_or_default().to_string_lossy().into_owned();
    say(&format!("The kit is {name}, {}", show::bytes(fs::metadata(&kit)?.len())));
    let machine = Machine::start(&work.join("offline"), twin, spec)?;
    let inside = machine.shared().join(&name);
    // A hard link shows it inside; the CLI opens it there and hands its descriptor on.
    fs::hard_link(&kit, &inside)?;
    let readers = machine.start_kit_readers()?;
    show::cli(&machine, USER, &["install", &inside.to_string_lossy(), "--yes"])?;
    drop(readers);
    drop(machine);
    twin.fsck()?;
    let again = Machine::start(&work.join("offline-again"), twin, spec)?;
    expect(again.live().choice(), NEW)?;
    show::stack(&again, &dpkg(&again)?, &SHOWN)
}
