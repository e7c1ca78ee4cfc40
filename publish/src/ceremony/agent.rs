//! A client of `ssh-agent` (draft-ietf-sshm-ssh-agent): lists keys and asks for signatures, so that a token can hold the key.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::error::Error;
use super::public::PublicKey;
use super::ssh::{self, Reader, put_string};

const FAILURE: u8 = 5;
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;

/// OpenSSH's own ceiling for a message in either direction.
const LONGEST_MESSAGE: usize = 256 << 10;

/// OpenSSH's own ceiling for the keys of an agent.
const MOST_IDENTITIES: u32 = 2048;

/// A person may have to find the token, and touch it.
const PATIENCE: Duration = Duration::from_secs(120);

/// A connection to an agent.
#[derive(Debug)]
pub struct Agent(UnixStream);

/// A key that an agent holds and a role can use.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The public half.
    pub public: PublicKey,
    /// What its holder calls it.
    pub comment: String,
    blob: Vec<u8>,
}

impl Agent {
    /// Connects to the agent behind a socket.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn connect(socket: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Agent { action: "reach", source };
        let stream = UnixStream::connect(socket).map_err(failed)?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
        stream.set_write_timeout(Some(PATIENCE)).map_err(failed)?;
        Ok(Self(stream))
    }

    /// The keys that roles can use; an agent may hold others.
    ///
    /// # Errors
    /// When the agent breaks off or does not speak its protocol.
    pub fn identities(&mut self) -> Result<Vec<Identity>, Error> {
        let answer = self.ask(&[REQUEST_IDENTITIES])?;
        let mut reader = Reader(&answer);
        if reader.byte() != Some(IDENTITIES_ANSWER) {
            return Err(Error::AgentAnswer("not a list of keys"));
        }
        let cut_off = Error::AgentAnswer("the list of keys is cut off");
        let Some(count) = reader.number() else { return Err(cut_off) };
        if count > MOST_IDENTITIES {
            return Err(Error::AgentAnswer("it claims to hold thousands of keys"));
        }
        let mut found = Vec::new();
        for _ in 0..count {
            let (Some(blob), Some(comment)) = (reader.string(), reader.string()) else { return Err(cut_off) };
            if let Ok(public) = ssh::public_key(blob) {
                let comment = String::from_utf8_lossy(comment).into_owned();
                found.push(Identity { public, comment, blob: blob.to_vec() });
            }
        }
        Ok(found)
    }

    /// A signature over a message, in the form that metadata has, hexadecimal. The caller verifies it.
    ///
    /// # Errors
    /// When the agent refuses, breaks off or does not speak its protocol.
    pub fn sign(&mut self, identity: &Identity, message: &[u8]) -> Result<String, Error> {
        let mut request = vec![SIGN_REQUEST];
        put_string(&mut request, &identity.blob);
        put_string(&mut request, message);
        request.extend_from_slice(&0u32.to_be_bytes());
        if request.len() > LONGEST_MESSAGE {
            return Err(Error::AgentLimit(message.len()));
        }
        let answer = self.ask(&request)?;
        let mut reader = Reader(&answer);
        match reader.byte() {
            Some(SIGN_RESPONSE) => {}
            Some(FAILURE) => return Err(Error::AgentRefused),
            _ => return Err(Error::AgentAnswer("not a signature")),
        }
        let blob = reader.string().ok_or(Error::AgentAnswer("the signature is cut off"))?;
        let signature = ssh::signature(blob).ok_or(Error::AgentAnswer("not a signature that a role can have"))?;
        Ok(hex::encode(signature))
    }

    fn ask(&mut self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let mut frame = Vec::with_capacity(message.len().saturating_add(4));
        put_string(&mut frame, message);
        self.0.write_all(&frame).map_err(|source| Error::Agent { action: "ask", source })?;
        let failed = |source: io::Error| Error::Agent { action: "hear", source };
        let mut length = [0; 4];
        self.0.read_exact(&mut length).map_err(failed)?;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length == 0 || length > LONGEST_MESSAGE {
            return Err(Error::AgentAnswer("an impossible length"));
        }
        let mut answer = vec![0; length];
        self.0.read_exact(&mut answer).map_err(failed)?;
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    /// What a hostile agent answers must end in an error and nothing else.
    #[test]
    fn an_agent_that_lies_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let frame = |body: &[u8]| {
            let mut out = Vec::new();
            put_string(&mut out, body);
            out
        };
        let answers: Vec<(Vec<u8>, &str)> = vec![
            (Vec::new(), "hear"),
            (vec![0, 0], "hear"),
            (vec![0, 0, 0, 0], "length"),
            (vec![0xff; 8], "length"),
            (vec![0, 4, 0, 1, 12], "length"),
            (vec![0, 0, 0, 9, 12, 0], "hear"),
            (frame(&[FAILURE]), "not a list"),
            (frame(&[IDENTITIES_ANSWER]), "cut off"),
            (frame(&[IDENTITIES_ANSWER, 0, 0, 0, 2, 0, 0, 0, 0]), "cut off"),
            (frame(&[IDENTITIES_ANSWER, 0xff, 0xff, 0xff, 0xff]), "thousands"),
            (frame(&[IDENTITIES_ANSWER, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]), "cut off"),
        ];
        for (i, (answer, why)) in answers.into_iter().enumerate() {
            let socket = folder.path().join(format!("{i}"));
            let listener = UnixListener::bind(&socket).unwrap();
            let server = std::thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                let mut question = [0; 5];
                stream.read_exact(&mut question).unwrap();
                stream.write_all(&answer).unwrap();
            });
            let refusal = Agent::connect(&socket).unwrap().identities().unwrap_err().to_string();
            assert!(refusal.contains(why), "{i}: {refusal}");
            server.join().unwrap();
        }
        assert!(matches!(Agent::connect(&folder.path().join("none")), Err(Error::Agent { action: "reach", .. })));
    }
}
