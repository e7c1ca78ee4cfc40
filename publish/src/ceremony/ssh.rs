//! SSH's own encodings (RFC 4251, section 5; RFC 8709; RFC 5656) of public keys and signatures, as far as a role can use them.

use base64ct::{Base64, Encoding as _};
use p256::ecdsa::Signature;
use p256::elliptic_curve::array::Array;

use super::public::PublicKey;

const ED25519: &[u8] = b"ssh-ed25519";
const P256: &[u8] = b"ecdsa-sha2-nistp256";
const CURVE: &[u8] = b"nistp256";

/// Length of a scalar of P-256.
const SCALAR: usize = 32;

/// Reads values from the front; none once something does not fit.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub(super) fn number(&mut self) -> Option<u32> {
        let (first, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*first))
    }

    pub(super) fn string(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (first, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(first)
    }

    pub(super) fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }

    /// A positive `mpint` of at most 32 bytes, filled up to 32.
    fn scalar(&mut self) -> Option<[u8; SCALAR]> {
        let mut digits = self.string()?;
        match digits {
            // A leading zero keeps a number positive whose first bit is set, and stands nowhere else.
            [0, next, ..] if *next >= 0x80 => digits = digits.get(1..)?,
            [0, ..] => return None,
            [first, ..] if *first < 0x80 => {}
            _ => return None,
        }
        let mut scalar = [0; SCALAR];
        let start = SCALAR.checked_sub(digits.len())?;
        scalar.get_mut(start..)?.copy_from_slice(digits);
        Some(scalar)
    }
}

pub(super) fn put_string(out: &mut Vec<u8>, value: &[u8]) {
    // Callers hold requests below an agent's limit, far from 2^32.
    let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(value);
}

/// A line of a `.pub` file: type, key, comment.
pub(super) fn public_line(line: &str) -> Result<PublicKey, &'static str> {
    let encoded = line.split_ascii_whitespace().nth(1).ok_or("the line holds no key")?;
    let blob = Base64::decode_vec(encoded).map_err(|_| "the key is not in base64")?;
    public_key(&blob)
}

/// A key as an agent lists it.
pub(super) fn public_key(blob: &[u8]) -> Result<PublicKey, &'static str> {
    let cut_off = "the key is cut off";
    let mut reader = Reader(blob);
    let kind = reader.string().ok_or(cut_off)?;
    match kind {
        ED25519 => {
            let key = reader.string().and_then(|key| key.try_into().ok()).ok_or(cut_off)?;
            reader.end().ok_or("something follows the key")?;
            PublicKey::ed25519(key)
        }
        P256 => {
            let curve = reader.string().ok_or(cut_off)?;
            let key = reader.string().ok_or(cut_off)?;
            reader.end().ok_or("something follows the key")?;
            if curve != CURVE {
                return Err("the key is on another curve than its type says");
            }
            PublicKey::p256(key)
        }
        kind if kind.starts_with(b"sk-") => {
            Err("a FIDO key signs more than the bytes it is given; use a token that holds a plain key")
        }
        _ => Err("only ed25519 and ECDSA P-256 keys can sign"),
    }
}

/// A signature as an agent gives it, in the form that metadata has: raw for ed25519, DER for ECDSA.
pub(super) fn signature(blob: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader(blob);
    let kind = reader.string()?;
    let value = reader.string()?;
    reader.end()?;
    match kind {
        ED25519 => Some(value.to_vec()),
        P256 => {
            let mut numbers = Reader(value);
            let (r, s) = (numbers.scalar()?, numbers.scalar()?);
            numbers.end()?;
            let signature = Signature::from_scalars(Array(r), Array(s)).ok()?;
            Some(signature.to_der().as_bytes().to_vec())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(values: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        values.iter().for_each(|value| put_string(&mut out, value));
        out
    }

    #[test]
    fn hostile_blobs_are_refused() {
        let point = [3; 65];
        for blob in [
            Vec::new(),
            vec![0xff; 4],
            vec![0xff; 64],
            strings(&[ED25519]),
            strings(&[ED25519, &[1; 31]]),
            strings(&[ED25519, &[0; 32]]),
            strings(&[ED25519, &[1; 32], b""]),
            strings(&[P256, CURVE, &point]),
            strings(&[P256, b"nistp384", &point]),
            strings(&[b"ssh-rsa", b"\x01", b"\x01"]),
            strings(&[b"sk-ssh-ed25519@openssh.com", &[1; 32], b"ssh:"]),
        ] {
            assert!(public_key(&blob).is_err(), "{blob:?}");
        }
        let ecdsa = |r: &[u8], s: &[u8]| strings(&[P256, &strings(&[r, s])]);
        assert!(signature(&ecdsa(&[1], &[0, 0x80])).is_some());
        for blob in [
            Vec::new(),
            strings(&[P256, b""]),
            ecdsa(&[], &[1]),
            ecdsa(&[0], &[1]),
            ecdsa(&[0, 1], &[1]),
            ecdsa(&[0x80], &[1]),
            ecdsa(&[1; 33], &[1]),
            ecdsa(&[0x7f; 4096], &[1]),
            strings(&[P256, &strings(&[&[1], &[1], &[1]])]),
            strings(&[b"ssh-rsa", b"x"]),
            [strings(&[ED25519, &[0; 64]]), vec![0]].concat(),
        ] {
            assert_eq!(signature(&blob), None, "{blob:?}");
        }
    }
}
