//! Keys that this program never sees: in a real `ssh-agent`, as a token would be, and behind a command.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

#[path = "ceremony/world.rs"]
mod world;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sameday_publish::ceremony::{Agent, Assemble, Error, PublicKey, Request, Signer, gather, sign};
use sameday_trust::Store;
use world::{World, add, day, remove, renew, threshold};

/// An agent in the foreground, which ends with the test.
struct RealAgent {
    child: Child,
    folder: tempfile::TempDir,
}

impl Drop for RealAgent {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl RealAgent {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let child = Command::new("ssh-agent")
            .arg("-D")
            .arg("-a")
            .arg(folder.path().join("socket"))
            // Where a key is to be confirmed, nobody does.
            .env("SSH_ASKPASS", "/bin/false")
            .env("SSH_ASKPASS_REQUIRE", "force")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let agent = Self { child, folder };
        let started = Instant::now();
        while !agent.socket().exists() {
            assert!(started.elapsed() < Duration::from_secs(10), "the agent does not come up");
            std::thread::sleep(Duration::from_millis(10));
        }
        agent
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    fn connect(&self) -> Agent {
        Agent::connect(&self.socket()).unwrap()
    }

    /// Makes a key, gives it to the agent alone, and keeps the public half.
    fn key(&self, name: &str, kind: &[&str], how: &[&str]) -> PathBuf {
        let path = self.folder.path().join(name);
        run(Command::new("ssh-keygen").args(["-q", "-N", "", "-C", name, "-f"]).arg(&path).args(kind));
        run(Command::new("ssh-add").arg("-q").args(how).arg(&path).env("SSH_AUTH_SOCK", self.socket()));
        std::fs::remove_file(&path).unwrap();
        path.with_extension("pub")
    }
}

fn run(command: &mut Command) {
    let out = command.stdin(Stdio::null()).output().unwrap();
    assert!(out.status.success(), "{command:?}: {}", String::from_utf8_lossy(&out.stderr));
}

fn with(world: &World, request: &Request, signer: &mut Signer) -> (PathBuf, sameday_publish::ceremony::SignatureFile) {
    let change = world.judge(request).unwrap();
    (PathBuf::from(signer.public().id()), sign(request, &change, signer).unwrap())
}

#[test]
fn a_real_ssh_agent_signs_for_a_role() {
    let world = World::new();
    let agent = RealAgent::start();
    let files = [agent.key("one", &["-t", "ed25519"], &[]), agent.key("two", &["-t", "ecdsa", "-b", "256"], &[])];
    for (name, kind) in [("three", ["-t", "rsa", "-b", "2048"]), ("four", ["-t", "ecdsa", "-b", "384"])] {
        let refused = PublicKey::read(&agent.key(name, &kind, &[])).unwrap_err();
        assert!(matches!(refused, Error::PublicKey { .. }), "{refused}");
    }
    let [one, two] = files.map(|file| PublicKey::read(&file).unwrap());
    assert_eq!((one.kind(), two.kind()), ("ed25519", "ECDSA P-256"));
    let held = agent.connect().identities().unwrap();
    let held: Vec<_> = held.iter().map(|identity| (identity.comment.as_str(), identity.public.id())).collect();
    assert_eq!(held, [("one", one.id()), ("two", two.id())], "what no role can use is left out");

    // The root goes over to the agent's two keys.
    let mut changes = vec![add("root", &one), add("root", &two)];
    changes.extend((1..=3).map(|n| remove("root", &world.id(&format!("root-{n}")))));
    let request = world.prepare(changes, day(1)).unwrap();
    let change = world.judge(&request).unwrap();
    let asked = Signer::agent(agent.connect(), None, |key| change.asks(key)).unwrap_err();
    assert!(matches!(asked, Error::AgentKeys(2)), "{asked}");
    let mut plan = world.signed(&request, &["root-1", "root-2"], day(1));
    for key in [&one, &two] {
        let mut signer = Signer::agent(agent.connect(), Some(key), |_| false).unwrap();
        plan.signatures.push(with(&world, &request, &mut signer));
    }
    world.publish(&plan).unwrap();
    world.check(Store::from_root(world.anchor()), day(1)).unwrap();

    // From now on it signs alone; an ECDSA signature is another one each time, and still one key's.
    let request = world.prepare(vec![renew("root")], day(2)).unwrap();
    let second = || with(&world, &request, &mut Signer::agent(agent.connect(), Some(&two), |_| false).unwrap());
    let twice = [second(), second()];
    assert_ne!(twice[0].1.signatures, twice[1].1.signatures);
    let mut plan = Assemble { signatures: twice.to_vec(), ..world.signed(&request, &[], day(2)) };
    assert!(matches!(gather(&plan), Err(Error::Incomplete(missing)) if missing[0].found == 1));
    let mut first = Signer::agent(agent.connect(), Some(&one), |_| false).unwrap();
    plan.signatures.push(with(&world, &request, &mut first));
    world.publish(&plan).unwrap();
    world.check(Store::from_root(world.anchor()), day(2)).unwrap();
}

#[test]
fn an_agent_without_the_key_or_the_will_signs_nothing() {
    let world = World::new();
    let agent = RealAgent::start();
    let unwilling = PublicKey::read(&agent.key("unwilling", &["-t", "ed25519"], &["-c"])).unwrap();
    let absent = Signer::key(world.key("root-1")).unwrap().public().clone();
    let refused = Signer::agent(agent.connect(), Some(&absent), |_| true).unwrap_err();
    assert!(matches!(refused, Error::AgentKeyMissing(id) if id == absent.id()));
    assert!(matches!(Signer::agent(agent.connect(), None, |_| false), Err(Error::AgentKeys(0))));
    let request = world.prepare(vec![add("root", &unwilling), threshold("root", 3)], day(1)).unwrap();
    let change = world.judge(&request).unwrap();
    // There is a choice of one: the key that the request asks for.
    let mut signer = Signer::agent(agent.connect(), None, |key| change.asks(key)).unwrap();
    let refused = sign(&request, &change, &mut signer).unwrap_err();
    assert!(matches!(refused, Error::AgentRefused), "{refused}");
}

#[test]
fn a_command_signs_with_a_p256_key_made_elsewhere() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for name in ["key", "other"] {
        run(Command::new("openssl").args(["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", &path(name)]));
    }
    run(Command::new("openssl").args(["ec", "-in", &path("key"), "-pubout", "-out", &path("public")]));
    let public = PublicKey::read(Path::new(&path("public"))).unwrap();
    assert_eq!(public.kind(), "ECDSA P-256");
    let request = world.prepare(vec![add("root", &public), threshold("root", 3)], day(1)).unwrap();
    let change = world.judge(&request).unwrap();
    type Expected = fn(&Error) -> bool;
    let bad: [(String, Expected); 5] = [
        (format!("openssl dgst -sha256 -sign {}", path("other")), |e| matches!(e, Error::NotItsSignature(_))),
        (format!("openssl dgst -sha512 -sign {}", path("key")), |e| matches!(e, Error::NotItsSignature(_))),
        ("cat > /dev/null".to_owned(), |e| matches!(e, Error::NotItsSignature(_))),
        ("cat > /dev/null; yes".to_owned(), |e| matches!(e, Error::Command(_))),
        ("cat > /dev/null; exit 3".to_owned(), |e| matches!(e, Error::Command(_))),
    ];
    for (command, expected) in bad {
        let refused = sign(&request, &change, &mut Signer::command(public.clone(), command.clone())).unwrap_err();
        assert!(expected(&refused), "{command}: {refused}");
    }
    let command = format!("openssl dgst -sha256 -sign {}", path("key"));
    let mut plan = world.signed(&request, &["root-1", "root-2"], day(1));
    plan.signatures.push(with(&world, &request, &mut Signer::command(public, command)));
    world.publish(&plan).unwrap();
    world.check(Store::from_root(world.anchor()), day(1)).unwrap();
}
