//! Who signs: a key file, a key that an agent holds, or a command that knows how to reach the key. Nobody's word is taken for it:
//! every signature is verified before it is passed on.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use super::agent::{Agent, Identity};
use super::error::Error;
use super::public::PublicKey;
use crate::keys::SigningKey;

/// A signature has at most 72 bytes.
const LONGEST_SIGNATURE: u64 = 256;

/// Something that can sign with one key.
#[derive(Debug)]
pub struct Signer {
    public: PublicKey,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Key(Box<SigningKey>),
    Agent(Box<(Agent, Identity)>),
    Command(String),
}

impl Signer {
    /// A key from a file.
    ///
    /// # Errors
    /// Never for a key that was made or loaded.
    pub fn key(key: SigningKey) -> Result<Self, Error> {
        let public = PublicKey::from_key(key.id(), key.public());
        let public = public.map_err(|why| crate::error::Error::MakeKey(why.to_owned()))?;
        Ok(Self { public, way: Way::Key(Box::new(key)) })
    }

    /// A key that an agent holds: the named one, or the only one that `asked` says may sign.
    ///
    /// # Errors
    /// When the agent does not hold it, or there is a choice.
    pub fn agent(
        mut agent: Agent,
        named: Option<&PublicKey>,
        asked: impl Fn(&PublicKey) -> bool,
    ) -> Result<Self, Error> {
        let mut held = agent.identities()?;
        match named {
            Some(named) => held.retain(|identity| identity.public.same_as(named)),
            None => held.retain(|identity| asked(&identity.public)),
        }
        match (held.pop(), held.len(), named) {
            (Some(identity), 0, _) => {
                Ok(Self { public: identity.public.clone(), way: Way::Agent(Box::new((agent, identity))) })
            }
            (None, _, Some(named)) => Err(Error::AgentKeyMissing(named.id().to_owned())),
            (last, others, _) => Err(Error::AgentKeys(others.saturating_add(usize::from(last.is_some())))),
        }
    }

    /// A shell command of the holder that reads the message on its input and writes the signature on its output: 64 bytes for
    /// ed25519, DER for ECDSA.
    #[must_use]
    pub fn command(public: PublicKey, command: String) -> Self {
        Self { public, way: Way::Command(command) }
    }

    /// The public half of its key.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// A hexadecimal signature, verified.
    pub(super) fn sign(&mut self, message: &[u8]) -> Result<String, Error> {
        let signature = match &mut self.way {
            Way::Key(key) => key.sign(message),
            Way::Agent(held) => {
                let (agent, identity) = &mut **held;
                agent.sign(identity, message)?
            }
            Way::Command(command) => run(command, message)?,
        };
        if !self.public.verifies(message, &signature) {
            return Err(Error::NotItsSignature(self.public.id().to_owned()));
        }
        Ok(signature)
    }
}

fn run(command: &str, message: &[u8]) -> Result<String, Error> {
    let failed = |e: std::io::Error| Error::Command(format!("cannot be run: {e}"));
    let mut child = Command::new("/bin/sh")
        .args(["-c", command])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    // Its input is closed at the end of this statement, so that it knows that the message is whole.
    let written = child.stdin.take().map_or(Ok(()), |mut input| input.write_all(message));
    let mut signature = Vec::new();
    let read = child.stdout.take().map_or(Ok(0), |out| out.take(LONGEST_SIGNATURE).read_to_end(&mut signature));
    let status = child.wait().map_err(failed)?;
    if !status.success() {
        return Err(Error::Command(format!("failed: {status}")));
    }
    written.map_err(failed)?;
    read.map_err(failed)?;
    Ok(hex::encode(signature))
}
