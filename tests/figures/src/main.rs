//! Time and peak memory to verify metadata with ten thousand targets: this project's `trust`, the `tough` crate and python-tuf, each in a
//! process of its own, on the same repository. `figures [PYTHON]`; without an interpreter that has python-tuf, it is left out, and said so.

#[path = "../../../trust/tests/support/repo.rs"]
mod repo;

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use repo::{Repo, TestKey, day, target};
use sameday_trust::{Answer, Limits, Next, Policy, Store, Time, Updater};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const TARGETS: usize = 10_000;
/// Of each, the fastest of so many runs counts: the rest of the machine only ever adds to a time.
const RUNS: usize = 5;
/// The target that is looked up.
const WANTED: &str = "files/5000.bin";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--sameday", folder] => timed(|| sameday(Path::new(folder))),
        ["--tough", folder] => timed(|| tough(Path::new(folder))),
        [] => compare(None),
        [python] => compare(Some(python)),
        _ => Err("figures [PYTHON]".into()),
    }
}

/// Runs each, and prints a line for it.
fn compare(python: Option<&str>) -> Result<()> {
    let own = std::env::current_exe()?;
    let folder = own.ancestors().nth(2).ok_or("this program lies in no target folder")?.join("repository");
    make(&folder)?;
    let size = fs::metadata(folder.join("1.targets.json"))?.len();
    println!("{TARGETS} targets, targets.json of {size} bytes; the fastest of {RUNS} runs");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("verify.py");
    let mut rows = vec![("trust", vec![own.clone().into_os_string(), "--sameday".into()])];
    rows.push(("tough 0.24", vec![own.into_os_string(), "--tough".into()]));
    match python {
        Some(python) => rows.push(("python-tuf", vec![python.into(), script.into_os_string()])),
        None => println!("skipped: python-tuf (no interpreter was named)"),
    }
    for (name, command) in rows {
        let (mut fastest, mut least) = (f64::INFINITY, u64::MAX);
        for _ in 0..RUNS {
            let run = Command::new(&command[0]).args(&command[1..]).arg(&folder).stderr(Stdio::inherit()).output()?;
            let text = String::from_utf8(run.stdout)?;
            let numbers = text.trim().split_once(' ').filter(|_| run.status.success());
            let (seconds, kib) = numbers.ok_or_else(|| format!("{name}: {}", run.status))?;
            fastest = fastest.min(seconds.parse()?);
            least = least.min(kib.parse()?);
        }
        println!("{name:12} {:>8.1} ms {:>8.1} MiB at most", fastest * 1000.0, least as f64 / 1024.0);
    }
    Ok(())
}

/// Prints the seconds that it took, and the most KiB that this process had.
fn timed(work: impl FnOnce() -> Result<()>) -> Result<()> {
    let begun = Instant::now();
    work()?;
    let seconds = begun.elapsed().as_secs_f64();
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    println!("{seconds} {}", peak.trim().trim_end_matches(" kB"));
    Ok(())
}

fn make(folder: &Path) -> Result<()> {
    let mut repo = Repo::new();
    repo.keys.insert("root".to_owned(), [1, 2, 3].map(TestKey::ed25519).to_vec());
    repo.keys.insert("targets".to_owned(), [6, 7].map(TestKey::ed25519).to_vec());
    repo.root.keys.clear();
    for (role, threshold) in [("root", 2), ("timestamp", 1), ("snapshot", 1), ("targets", 2)] {
        repo.set_role_keys(role, threshold);
    }
    repo.delegated.clear();
    repo.targets.delegations = None;
    // Everybody else goes by the system's clock.
    let late: Time = day(36_500);
    for header in
        [&mut repo.root.header, &mut repo.targets.header, &mut repo.snapshot.header, &mut repo.timestamp.header]
    {
        header.expires = late;
    }
    for number in 0..TARGETS {
        let name = format!("files/{number}.bin");
        repo.targets.targets.insert(name.clone(), target(name.as_bytes()));
    }
    repo.publish_root();
    repo.publish();
    fs::create_dir_all(folder)?;
    for (path, bytes) in &repo.files {
        fs::write(folder.join(path), bytes)?;
    }
    Ok(())
}

fn sameday(folder: &Path) -> Result<()> {
    let store = Store::from_root(fs::read(folder.join("1.root.json"))?);
    let now = Time::from_unix(i64::try_from(std::time::UNIX_EPOCH.elapsed()?.as_secs())?);
    let mut updater = Updater::new(store, now, Time::EARLIEST, Policy::specification(), Limits::wide())?;
    while let Next::Fetch(request) = updater.next() {
        updater.supply(fs::read(folder.join(&request.path)).map_or(Answer::Absent, Answer::Bytes))?;
    }
    updater.target(WANTED, None)?;
    updater.found().ok_or("not found")?.verify(WANTED.as_bytes())?;
    Ok(())
}

fn tough(folder: &Path) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        let root = fs::read(folder.join("1.root.json"))?;
        let url = url::Url::from_directory_path(folder.canonicalize()?).map_err(|()| "no url")?;
        let loader = tough::RepositoryLoader::new(&root, url.clone(), url).transport(tough::FilesystemTransport);
        let repository = loader.load().await?;
        let name = tough::TargetName::new(WANTED)?;
        let found = repository.targets().signed.targets.get(&name).ok_or("not found")?;
        if found.length != u64::try_from(WANTED.len())? {
            return Err("found another".into());
        }
        Ok(())
    })
}
