//! One file of metadata: bytes to a verified role. Everything that reads metadata comes through here.

use serde_json::Value;

use crate::error::Error;
use crate::json;
use crate::limits::Limits;
use crate::policy::{Dates, Kind, Policy};
use crate::schema::{Flaw, Header, Role, Root, Signature};
use crate::signature::{self, Delegation, Signers};
use crate::time::Time;

/// The rules of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules<'a> {
    pub policy: &'a Policy,
    pub limits: &'a Limits,
}

/// A role's signed part, and who signed it.
#[derive(Debug, Clone)]
pub(crate) struct Verified<T> {
    pub signed: T,
    pub signers: Signers,
}

/// A well-formed file whose signatures nobody has looked at.
struct Document<T> {
    signatures: Vec<Signature>,
    message: Vec<u8>,
    signed: T,
}

/// Verifies a role's file: size, form, signatures, dates. Expiry is judged by the workflow, where it matters.
///
/// `root_expires`: no other role is issued later than the root lives; see [`Error::IssuedAfterRoot`].
pub(crate) fn open<T: Role>(
    kind: Kind,
    role: &str,
    bytes: &[u8],
    delegation: Option<Delegation<'_>>,
    root_expires: Option<Time>,
    rules: Rules<'_>,
) -> Result<Verified<T>, Error> {
    let document = Document::<T>::parse(kind, role, bytes, rules.limits)?;
    let delegation = delegation.ok_or_else(|| Error::DelegationMissing { role: role.to_owned() })?;
    let signers = document.verify(role, delegation, rules.policy)?;
    check_dates(kind, role, document.signed.header(), root_expires, rules.policy)?;
    Ok(Verified { signed: document.signed, signers })
}

/// Verifies a root by itself: the trust anchor (5.2).
pub(crate) fn open_anchor(bytes: &[u8], rules: Rules<'_>) -> Result<Verified<Root>, Error> {
    let document = Document::<Root>::parse(Kind::Root, Root::TYPE, bytes, rules.limits)?;
    document.verify_root(None, rules.policy)
}

/// Verifies the root that follows `trusted`: signed as the old and as the new one demand (5.3.4). Its version is the caller's.
pub(crate) fn open_next_root(bytes: &[u8], trusted: &Root, rules: Rules<'_>) -> Result<Verified<Root>, Error> {
    let document = Document::<Root>::parse(Kind::Root, Root::TYPE, bytes, rules.limits)?;
    document.verify_root(Some(trusted), rules.policy)
}

impl Document<Root> {
    fn verify_root(self, trusted: Option<&Root>, policy: &Policy) -> Result<Verified<Root>, Error> {
        let missing = || Error::DelegationMissing { role: Root::TYPE.to_owned() };
        if let Some(trusted) = trusted {
            self.verify(Root::TYPE, trusted.delegation(Root::TYPE).ok_or_else(missing)?, policy)?;
        }
        let signers = self.verify(Root::TYPE, self.signed.delegation(Root::TYPE).ok_or_else(missing)?, policy)?;
        check_dates(Kind::Root, Root::TYPE, &self.signed.header, None, policy)?;
        Ok(Verified { signed: self.signed, signers })
    }
}

impl<T: Role> Document<T> {
    fn parse(kind: Kind, role: &str, bytes: &[u8], limits: &Limits) -> Result<Self, Error> {
        let malformed = |detail: String| Error::Malformed { role: role.to_owned(), detail };
        let limit = limits.of(kind);
        if u64::try_from(bytes.len()).map_or(true, |length| length > limit) {
            return Err(Error::TooLong { role: role.to_owned(), limit });
        }
        let file = json::parse(bytes, limits.json_depth, limits.json_values).map_err(|e| malformed(e.to_string()))?;
        let Value::Object(mut file) = file else { return Err(malformed("not an object".into())) };
        let (Some(signed), Some(signatures)) = (file.remove("signed"), file.remove("signatures")) else {
            return Err(malformed("no signed part or no signatures".into()));
        };
        let signatures = parse_signatures(role, signatures, limits)?;
        let message = json::canonical(&signed).map_err(|e| malformed(format!("the signed part {e}")))?;
        // These two are asked first, for the file of another role, or of another time, has another shape.
        let field = |name: &str| signed.get(name).and_then(Value::as_str).map(str::to_owned);
        match field("_type") {
            Some(found) if found == T::TYPE => {}
            Some(found) => return Err(Error::WrongRole { role: role.to_owned(), found }),
            None => return Err(malformed("no _type".into())),
        }
        match field("spec_version") {
            Some(found) if is_supported(&found) => {}
            Some(found) => return Err(Error::SpecVersion { role: role.to_owned(), found }),
            None => return Err(malformed("no spec_version".into())),
        }
        let signed: T = serde_json::from_value(signed).map_err(|e| malformed(e.to_string()))?;
        signed.check(limits).map_err(|flaw| flawed(role, flaw))?;
        Ok(Self { signatures, message, signed })
    }

    fn verify(&self, role: &str, delegation: Delegation<'_>, policy: &Policy) -> Result<Signers, Error> {
        signature::verify(role, &self.message, &self.signatures, delegation, policy.extra_scheme)
    }
}

fn parse_signatures(role: &str, signatures: Value, limits: &Limits) -> Result<Vec<Signature>, Error> {
    let malformed = |detail: &str| Error::Malformed { role: role.to_owned(), detail: detail.to_owned() };
    let Value::Array(list) = &signatures else { return Err(malformed("signatures are not a list")) };
    let (what, count, limit) = ("signatures", list.len(), limits.signatures);
    if count > limit {
        return Err(flawed(role, Flaw::TooMany { what, count, limit }));
    }
    let signatures: Vec<Signature> = serde_json::from_value(signatures).map_err(|e| malformed(&e.to_string()))?;
    let ids: std::collections::BTreeSet<_> = signatures.iter().map(|s| s.keyid.as_str()).collect();
    if ids.len() != signatures.len() {
        return Err(malformed("two signatures with one key id"));
    }
    Ok(signatures)
}

fn flawed(role: &str, flaw: Flaw) -> Error {
    let role = role.to_owned();
    let wide = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    match flaw {
        Flaw::Malformed(detail) => Error::Malformed { role, detail },
        Flaw::TooMany { what, count, limit } => Error::TooMany { role, what, count: wide(count), limit: wide(limit) },
    }
}

/// Any 1.x or 1.x.y: 4.2 promises that those are read alike.
fn is_supported(spec_version: &str) -> bool {
    let numeric = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let parts: Vec<_> = spec_version.split('.').collect();
    matches!(parts.as_slice(), ["1", minor] if numeric(minor))
        || matches!(parts.as_slice(), ["1", minor, patch] if numeric(minor) && numeric(patch))
}

fn check_dates(
    kind: Kind,
    role: &str,
    header: &Header,
    root_expires: Option<Time>,
    policy: &Policy,
) -> Result<(), Error> {
    let Dates::Issued(lifetimes) = &policy.dates else { return Ok(()) };
    let role = role.to_owned();
    let expires = header.expires;
    let Some(issued) = header.issued else {
        return if kind == Kind::Timestamp { Err(Error::IssuedMissing { role }) } else { Ok(()) };
    };
    if issued >= expires {
        return Err(Error::IssuedAfterExpiry { role, issued, expires });
    }
    let longest = lifetimes.of(kind);
    if expires > issued.plus_days(longest) {
        return Err(Error::Lifetime { role, issued, expires, longest_days: u64::from(longest) });
    }
    match root_expires {
        Some(root_expires) if issued >= root_expires => Err(Error::IssuedAfterRoot { role, issued, root_expires }),
        _ => Ok(()),
    }
}
