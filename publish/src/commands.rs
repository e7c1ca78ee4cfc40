//! The commands of ceremonies: arguments in, words out.

use std::io::{BufRead as _, Write as _};
use std::path::{Path, PathBuf};

use sameday_publish::ceremony::{
    Agent, Assemble, KeyChange, Prepare, PublicKey, Rehearsal, Request, SignatureFile, Signer, gather, list_keys,
    prepare, prepare_release, rehearse, sign, write_new,
};
use sameday_publish::keys::{Passphrase, SigningKey};
use sameday_publish::release::Release;
use sameday_publish::repository::Repository;

use crate::{Outcome, now, passphrase};
use sameday_publish::args::ceremony::{
    AssembleArgs, Ceremony, ExportArgs, ImportArgs, Keys, NewArgs, PrepareArgs, RehearseArgs, ShowArgs, SignArgs,
};

type Failure = Box<dyn std::error::Error>;

pub fn run(command: Ceremony) -> Outcome {
    match command {
        Ceremony::Keys(Keys::New(args)) => run_new(&args),
        Ceremony::Keys(Keys::Export(args)) => run_export(&args),
        Ceremony::Keys(Keys::Import(args)) => run_import(&args),
        Ceremony::Keys(Keys::List(args)) => {
            print!("{}", list_keys(&Repository::open(&args.repository)?));
            Ok(())
        }
        Ceremony::Prepare(args) => run_prepare(*args),
        Ceremony::Show(args) => judge(&Request::read(&args.request)?, &args).map(drop),
        Ceremony::Sign(args) => run_sign(*args),
        Ceremony::Assemble(args) => run_assemble(args),
        Ceremony::Rehearse(args) => run_rehearse(args),
    }
}

fn run_new(args: &NewArgs) -> Outcome {
    if args.file.extension().is_none_or(|extension| extension != "pem") {
        return Err("the name of a key file ends in .pem".into());
    }
    let key = SigningKey::generate()?;
    key.save(&args.file, &passphrase(&args.passphrase, true)?)?;
    write_public(&Signer::key(key)?, &args.file.with_extension("pub"))
}

fn run_export(args: &ExportArgs) -> Outcome {
    let key = SigningKey::load(&args.file, &passphrase(&args.passphrase, false)?)?;
    write_public(&Signer::key(key)?, &args.out)
}

fn write_public(signer: &Signer, path: &Path) -> Outcome {
    write_new(path, signer.public().to_text().as_bytes())?;
    println!("{} {}", signer.public().kind(), signer.public().id());
    Ok(())
}

fn run_import(args: &ImportArgs) -> Outcome {
    let key = PublicKey::read(&args.file)?;
    write_new(&args.out, key.to_text().as_bytes())?;
    println!("{} {}", key.kind(), key.id());
    Ok(())
}

fn run_prepare(args: PrepareArgs) -> Outcome {
    let mut changes = Vec::new();
    for (role, file) in args.add {
        changes.push(KeyChange::Add { role, key: PublicKey::read(Path::new(&file))? });
    }
    for (role, key) in args.remove {
        let is_id = key.bytes().all(|byte| byte.is_ascii_hexdigit());
        let id = if is_id { key } else { PublicKey::read(Path::new(&key))?.id().to_owned() };
        changes.push(KeyChange::Remove { role, id });
    }
    for (role, number) in args.threshold {
        let threshold = number.parse().map_err(|_| format!("the threshold of {role} is not a number: {number}"))?;
        changes.push(KeyChange::Threshold { role, threshold });
    }
    changes.extend(args.renew.into_iter().map(|role| KeyChange::Renew { role }));
    let plan = Prepare { repository: args.repository, keys: args.keys, changes, now: now(args.now) };
    write_request(&prepare(&plan)?, &args.out)
}

/// A release whose signatures come from elsewhere.
pub fn run_release_request(release: &Release, out: &Path) -> Outcome {
    write_request(&prepare_release(release)?, out)
}

fn write_request(request: &Request, out: &Path) -> Outcome {
    write_new(out, request.to_bytes())?;
    judge(request, &ShowArgs { request: out.to_owned(), anchor: None }).map(drop)
}

/// Judges a request and says what it is; whoever goes on from here has been told.
fn judge(request: &Request, args: &ShowArgs) -> Result<sameday_publish::ceremony::Change, Failure> {
    let anchor = match &args.anchor {
        Some(path) => Some(std::fs::read(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?),
        None => None,
    };
    let change = request.judge(anchor.as_deref())?;
    println!("request {}", request.digest());
    match &args.anchor {
        Some(path) => println!("follows from the root in {}", path.display()),
        None => println!("follows from a first root that you must know: {}", request.claimed_anchor()),
    }
    print!("{}", change.words());
    Ok(change)
}

fn run_sign(args: SignArgs) -> Outcome {
    let request = Request::read(&args.request)?;
    let change = judge(&request, &ShowArgs { request: args.request, anchor: args.anchor })?;
    let public = args.public.as_deref().map(PublicKey::read).transpose()?;
    if !args.yes {
        confirm()?;
    }
    let mut signer = match (args.key, args.command, public) {
        (Some(key), _, _) => Signer::key(SigningKey::load(&key, &passphrase(&args.passphrase, false)?)?)?,
        (None, Some(command), Some(public)) => Signer::command(public, command),
        (None, _, public) => {
            let socket = std::env::var_os("SSH_AUTH_SOCK").ok_or("no agent: SSH_AUTH_SOCK is not set")?;
            Signer::agent(Agent::connect(Path::new(&socket))?, public.as_ref(), |key| change.asks(key))?
        }
    };
    let signatures = sign(&request, &change, &mut signer)?;
    write_new(&args.out, &signatures.to_bytes()?)?;
    let roles: Vec<_> = signatures.signatures.iter().map(|signature| signature.role.as_str()).collect();
    println!("signed {} with key {}", roles.join(", "), signer.public().id());
    Ok(())
}

fn confirm() -> Outcome {
    print!("Sign this? Type yes: ");
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    if answer.trim() == "yes" { Ok(()) } else { Err("not signed".into()) }
}

fn run_assemble(args: AssembleArgs) -> Outcome {
    let request = Request::read(&args.request)?;
    let read = |path: PathBuf| SignatureFile::read(&path).map(|file| (path, file));
    let signatures = args.signatures.into_iter().map(read).collect::<Result<_, _>>()?;
    let at = now(args.signing.now);
    let plan = Assemble { repository: args.signing.repository, keys: args.signing.keys, request, signatures, now: at };
    let assembly = gather(&plan)?;
    print!("request {}\n{}", plan.request.digest(), assembly.change().words());
    let online = assembly.needs_online_keys();
    let passphrase = if online { Some(passphrase(&args.signing.passphrase, false)?) } else { None };
    for (role, version) in assembly.publish(passphrase.as_ref())?.0 {
        println!("published {role} {version}");
    }
    Ok(())
}

/// For keys that are thrown away, and that people who practise can type.
const REHEARSAL: &str = "rehearsal";

fn run_rehearse(args: RehearseArgs) -> Outcome {
    let passphrase = Passphrase::new(REHEARSAL.to_owned())?;
    let throw_away = tempfile::tempdir()?;
    let into = args.into.clone().unwrap_or_else(|| throw_away.path().to_owned());
    let rehearsal = Rehearsal { repository: args.repository, into, now: now(None) };
    rehearse(&rehearsal, &passphrase, &mut |words| println!("{words}"))?;
    if let Some(kept) = args.into {
        println!("the twin stays in {}, the passphrase of its keys is {REHEARSAL:?}", kept.display());
    }
    Ok(())
}
